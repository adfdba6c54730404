"""Peers: other simulators on the same networks, each set up for its best speed on one core.

Nothing heavy is imported here. To time one in a process of its own, where neither its imports
nor its thread settings meet those of another: ``python -m benchmarks.peers --help``.
"""

from benchmarks.peers.contract import (
    CLOSED_LOOP,
    EVALUATION,
    OPEN_LOOP,
    Entry,
    NotInstalledError,
    Peer,
    Prepared,
)

_STEP, _DECISION, _CONTROL = "network-step", "decision", "control step"
_BRIAN2 = "one network, float64"
_FLAGS = "default compiler flags"
_TORCH = "256 copies, shared dense weights, float32, no gradients, every delay one tick"
_COMPILED = f"{_TORCH}; torch.compile, 25 ticks per call"
_EAGER = f"{_TORCH}; eager"
_JAX = "256 copies, float32, one jitted scan"
_JAX_CARTPOLE = f"{_JAX} with CartPole-v1, fallen poles play on"
_MATRIX = "shared weights in one matrix"
_SUM = "shared weights, segment_sum"
_OWN = "weights of its own for every copy, segment_sum"

_CC = ("cc", "gcc")
_CXX = ("g++", "clang++")

_ALL = (
    Peer("c", programs=_CC, entries={
        OPEN_LOOP: Entry(
            "c_reference:open_loop", _STEP,
            "one network, float64, -O3 -march=native; leaky neurons only",
        ),
    }),
    Peer("brian2-numpy", package="brian2", distributions=("Brian2", "numpy"), entries={
        OPEN_LOOP: Entry("brian2_runtime:open_loop_numpy", _STEP, f"{_BRIAN2}; run loop only"),
    }),
    Peer("brian2-cython", package="brian2", distributions=("Brian2", "Cython"), programs=_CXX,
         entries={
        OPEN_LOOP: Entry(
            "brian2_runtime:open_loop_cython", _STEP, f"{_BRIAN2}; {_FLAGS}, run loop only"
        ),
    }),
    Peer("brian2-standalone", package="brian2", distributions=("Brian2",), programs=_CXX, entries={
        OPEN_LOOP: Entry(
            "brian2_standalone:open_loop", _STEP, f"{_BRIAN2}; {_FLAGS}, run loop only"
        ),
    }),
    Peer("neat-python", package="neat", distributions=("neat-python",), entries={
        OPEN_LOOP: Entry(
            "neat_izhikevich:open_loop", _STEP,
            "one network of Izhikevich neurons, pure Python, every delay one tick",
        ),
        CLOSED_LOOP: Entry(
            "neat_single_pole:closed_loop", _CONTROL,
            "its single-pole example: evolved feed-forward networks, pure Python",
        ),
        EVALUATION: Entry(
            "neat_cartpole:evaluation", _CONTROL,
            "a feed-forward network of 4 inputs and 1 output, 8 episodes of 500 steps of "
            "CartPole-v1, pure Python",
        ),
    }),
    Peer("snntorch", package="snntorch", distributions=("snntorch", "torch"), programs=_CXX,
         entries={OPEN_LOOP: Entry("snntorch_leaky:open_loop_compiled", _STEP, _COMPILED)}),
    Peer("snntorch-eager", package="snntorch", distributions=("snntorch", "torch"),
         entries={OPEN_LOOP: Entry("snntorch_leaky:open_loop_eager", _STEP, _EAGER)}),
    Peer("norse", package="norse", distributions=("norse", "torch"), programs=_CXX,
         entries={OPEN_LOOP: Entry("norse_lif:open_loop_compiled", _STEP, _COMPILED)}),
    Peer("norse-eager", package="norse", distributions=("norse", "torch"),
         entries={OPEN_LOOP: Entry("norse_lif:open_loop_eager", _STEP, _EAGER)}),
    Peer("jax-dense", package="jax", distributions=("jax", "jaxlib"), entries={
        OPEN_LOOP: Entry("jax_open_loop:open_loop_dense", _STEP, f"{_JAX}; {_MATRIX}"),
        CLOSED_LOOP: Entry(
            "jax_cartpole:closed_loop_dense", _DECISION, f"{_JAX_CARTPOLE}; {_MATRIX}"
        ),
    }),
    Peer("jax-sparse", package="jax", distributions=("jax", "jaxlib"), entries={
        OPEN_LOOP: Entry("jax_open_loop:open_loop_sparse", _STEP, f"{_JAX}; {_SUM}"),
        CLOSED_LOOP: Entry(
            "jax_cartpole:closed_loop_sparse", _DECISION, f"{_JAX_CARTPOLE}; {_SUM}"
        ),
    }),
    Peer("jax-sparse-copies", package="jax", distributions=("jax", "jaxlib"), entries={
        OPEN_LOOP: Entry("jax_open_loop:open_loop_copies", _STEP, f"{_JAX}; {_OWN}"),
        CLOSED_LOOP: Entry(
            "jax_cartpole:closed_loop_copies", _DECISION, f"{_JAX_CARTPOLE}; {_OWN}"
        ),
    }),
)  # fmt: skip

PEERS: dict[str, Peer] = {peer.name: peer for peer in _ALL}
"""Peers by name."""

__all__ = [
    "CLOSED_LOOP", "EVALUATION", "OPEN_LOOP", "PEERS", "Entry", "NotInstalledError", "Peer",
    "Prepared",
]  # fmt: skip
