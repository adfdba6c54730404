"""What the kernels run: networks flattened into plain arrays, all decisions already made."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from neuro.jit import kernel
from neuro.network import Network
from neuro.readouts import SEES


class Program(NamedTuple):
    """A network as kernels read it; N neurons, E synapses, I input synapses.

    Attributes
    ----------
    al, be : ndarray of float64, shape (N,)
        Membrane and synaptic factors per tick, exp(-dt/tau), from `math.exp`.
    v_threshold, v_reset, v_leak, v_min, bias : ndarray of float64, shape (N,)
    refractory, subtract : ndarray of float64, shape (N,)
        Ticks, and 1 for the reset rule `subtract`; floats, so that vectors hold them.
    first : ndarray of int64, shape (N + 1,)
        Neuron j sends synapses ``first[j] .. first[j + 1] - 1``.
    post, delay : ndarray of int64; weight : ndarray of float64, shape (E,)
    in_channel, in_post : ndarray of int64; in_weight : ndarray of float64, shape (I,)
    inputs, outputs : ndarray of int64
        Neurons that receive pulses (none with a graded encoder) and that are read.
    encoder, readout : ndarray of float64
        Their parameters.
    channels, ticks, ring : int
        Encoder channels, ticks per decision, length of the delay ring (a power of two).
    plain : bool
        Every neuron only leaks to 0, adds, compares and resets to a value: no synaptic current,
        other rest, floor, refractory time or subtraction. Kernels leave these out for such
        networks: adding and subtracting zeros changes nothing.
    gain : float
        Input of an input neuron per pulse.
    sees : int
        What the readout sees of an output, as an index into `neuro.readouts.SEES`.
    values : int
        Numbers in an action.
    """

    al: NDArray[np.float64]
    be: NDArray[np.float64]
    v_threshold: NDArray[np.float64]
    v_reset: NDArray[np.float64]
    v_leak: NDArray[np.float64]
    v_min: NDArray[np.float64]
    bias: NDArray[np.float64]
    refractory: NDArray[np.float64]
    subtract: NDArray[np.float64]
    first: NDArray[np.int64]
    post: NDArray[np.int64]
    delay: NDArray[np.int64]
    weight: NDArray[np.float64]
    in_channel: NDArray[np.int64]
    in_post: NDArray[np.int64]
    in_weight: NDArray[np.float64]
    inputs: NDArray[np.int64]
    outputs: NDArray[np.int64]
    encoder: NDArray[np.float64]
    readout: NDArray[np.float64]
    channels: int
    ticks: int
    ring: int
    plain: bool
    gain: float
    sees: int
    values: int


class Batch(NamedTuple):
    """M networks, one after another in the same few arrays, so that one call can run them all.

    Attributes
    ----------
    neurons : ndarray of float64, shape (9, sum of N)
        The first nine fields of `Program`.
    first : ndarray of int64, shape (sum of N + 1,)
    synapses : ndarray of int64, shape (2, sum of E)
        post, delay.
    weight : ndarray of float64, shape (sum of E,)
    input_synapses : ndarray of int64, shape (2, sum of I)
        channel, post.
    in_weight : ndarray of float64, shape (sum of I,)
    inputs, outputs : ndarray of int64
    encoder, readout : ndarray of float64
    at : ndarray of int64, shape (M + 1, 7)
        Where each network's neurons, synapses, input synapses, inputs, outputs, encoder and
        readout parameters begin.
    counts : ndarray of int64, shape (M, 6)
        channels, ticks, ring, plain, sees, values.
    gain : ndarray of float64, shape (M,)
    """

    neurons: NDArray[np.float64]
    first: NDArray[np.int64]
    synapses: NDArray[np.int64]
    weight: NDArray[np.float64]
    input_synapses: NDArray[np.int64]
    in_weight: NDArray[np.float64]
    inputs: NDArray[np.int64]
    outputs: NDArray[np.int64]
    encoder: NDArray[np.float64]
    readout: NDArray[np.float64]
    at: NDArray[np.int64]
    counts: NDArray[np.int64]
    gain: NDArray[np.float64]


def leak_factor(tau: float, dt: float) -> float:
    """Decay per tick: exp(-dt/tau), 0 for tau = 0 and 1 for tau = inf."""
    return math.exp(-dt / tau) if tau > 0.0 else 0.0


def compile_batch(networks: Sequence[Network], /) -> Batch:
    """Flatten networks for the kernels.

    The arrays are copies: Numba compiles a kernel anew for read-only arrays.
    """
    neurons = [n.neurons for n in networks]
    synapses = [n.synapses for n in networks]
    ins = [n.input_synapses for n in networks]
    pulsed = [n.inputs if n.encoder and not n.encoder.graded else _NONE for n in networks]
    outputs = [n.outputs for n in networks]
    encoders = [n.encoder.parameters() if n.encoder else _EMPTY for n in networks]
    readouts = [n.readout.parameters() if n.readout else _EMPTY for n in networks]
    sizes = [
        [len(part) for part in parts]
        for parts in (neurons, synapses, ins, pulsed, outputs, encoders, readouts)
    ]
    at = np.zeros((len(networks) + 1, len(sizes)), dtype=np.int64)
    np.cumsum(np.array(sizes, dtype=np.int64).T, axis=0, out=at[1:])

    dt = np.repeat([n.dt for n in networks], sizes[0])
    columns = np.array(
        [
            _leak_factors(_join([n.tau_mem for n in neurons]), dt),
            _leak_factors(_join([n.tau_syn for n in neurons]), dt),
            *(
                _join([getattr(n, name) for n in neurons])
                for name in ("v_threshold", "v_reset", "v_leak", "v_min", "bias", "refractory")
            ),
            _join([n.reset for n in neurons]) == 1,
        ],
        dtype=np.float64,
    )
    _, be, _, _, v_leak, v_min, _, refractory, subtract = columns
    odd = (be != 0.0) | (v_leak != 0.0) | (v_min != -np.inf) | (refractory != 0.0) | (subtract != 0)
    plain = [not odd[a:b].any() for a, b in zip(at[:-1, 0], at[1:, 0], strict=True)]
    return Batch(
        neurons=columns,
        first=_join(
            [
                np.searchsorted(s.pre, np.arange(n + 1))
                for s, n in zip(synapses, sizes[0], strict=True)
            ],
            int,
        ),
        synapses=np.array(
            [_join([s.post for s in synapses], int), _join([s.delay for s in synapses], int)]
        ),
        weight=_join([s.weight for s in synapses]),
        input_synapses=np.array(
            [_join([i.channel for i in ins], int), _join([i.post for i in ins], int)]
        ),
        in_weight=_join([i.weight for i in ins]),
        inputs=_join(pulsed, int),
        outputs=_join(outputs, int),
        encoder=_join(encoders),
        readout=_join(readouts),
        at=at,
        counts=np.array(
            [
                (
                    n.encoder.channels if n.encoder else 0,
                    n.encoder.ticks if n.encoder else 1,
                    1 << (int(n.synapses.delay.max(initial=1)) - 1).bit_length(),
                    p,
                    SEES.index(n.readout.sees) if n.readout else 0,
                    n.readout.values if n.readout else 0,
                )
                for n, p in zip(networks, plain, strict=True)
            ],
            dtype=np.int64,
        ).reshape(-1, 6),
        gain=np.array(
            [n.encoder.gain if n.encoder and not n.encoder.graded else 0.0 for n in networks]
        ),
    )


def _program_of(batch, m):  # type: ignore[no-untyped-def]  # a kernel
    """Return network `m` of a batch as a `Program`."""
    here, there = batch.at[m], batch.at[m + 1]
    n, s, i = slice(here[0], there[0]), slice(here[1], there[1]), slice(here[2], there[2])
    counts = batch.counts[m]
    return Program(
        batch.neurons[0, n], batch.neurons[1, n], batch.neurons[2, n],
        batch.neurons[3, n], batch.neurons[4, n], batch.neurons[5, n],
        batch.neurons[6, n], batch.neurons[7, n], batch.neurons[8, n],
        batch.first[here[0] + m : there[0] + m + 1],
        batch.synapses[0, s], batch.synapses[1, s], batch.weight[s],
        batch.input_synapses[0, i], batch.input_synapses[1, i], batch.in_weight[i],
        batch.inputs[here[3] : there[3]], batch.outputs[here[4] : there[4]],
        batch.encoder[here[5] : there[5]], batch.readout[here[6] : there[6]],
        counts[0], counts[1], counts[2], counts[3] != 0, batch.gain[m], counts[4], counts[5],
    )  # fmt: skip


program_of = kernel(_program_of)


def compile_network(network: Network, /) -> Program:
    """Flatten one network for the kernels."""
    return Program(*_program_of(compile_batch([network]), 0))


_NONE = np.empty(0, dtype=np.int64)
_EMPTY = np.empty(0)


def _join(parts: Sequence[NDArray[Any]], kind: type = np.float64) -> NDArray[Any]:
    """Lay arrays one after another; of none, an empty one of the given type."""
    return np.concatenate(parts) if parts else np.empty(0, dtype=kind)


def _leak_factors(tau: NDArray[np.float64], dt: NDArray[np.float64]) -> NDArray[np.float64]:
    """`leak_factor` of many; not `numpy.exp`, whose last bit may differ."""
    known: dict[tuple[float, float], float] = {}
    factors = np.empty(len(tau))
    for i, pair in enumerate(zip(tau.tolist(), dt.tolist(), strict=True)):
        if pair not in known:
            known[pair] = leak_factor(*pair)
        factors[i] = known[pair]
    return factors
