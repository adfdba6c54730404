"""Flattening: many networks at once give what each gives alone, and what its columns say."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import JIT, controllers, examples, networks, random_network, same_bits

from neuro import Current, FlipFlop, Network, WinnerTakesAll
from neuro.columns import RESET_RULES
from neuro.program import Program, compile_batch, compile_network, leak_factor, program_of
from neuro.readouts import SEES

NUMBERS = ("channels", "ticks", "ring", "plain", "gain", "sees", "values")
ARRAYS = [name for name in Program._fields if name not in NUMBERS]
WHOLE = ("first", "post", "delay", "in_channel", "in_post", "inputs", "outputs")


def assert_same_program(found, expected):
    """The same shapes and bits in every field."""
    for name, a, b in zip(Program._fields, found, expected, strict=True):
        if name in ARRAYS:
            assert a.dtype == b.dtype == (np.int64 if name in WHOLE else np.float64), name
            assert a.flags.c_contiguous, name
            assert same_bits(a, b), name
        else:
            assert a == b, name


def assert_program_is_of(p, network):
    """Every field, from the network's tables by definition."""
    n, s, i, encoder = network.neurons, network.synapses, network.input_synapses, network.encoder
    al = [leak_factor(tau, network.dt) for tau in n.tau_mem.tolist()]
    be = [leak_factor(tau, network.dt) for tau in n.tau_syn.tolist()]
    assert same_bits(p.al, np.array(al, dtype=float))
    assert same_bits(p.be, np.array(be, dtype=float))
    for name in ("v_threshold", "v_reset", "v_leak", "v_min", "bias"):
        assert same_bits(getattr(p, name), getattr(n, name)), name
    assert p.refractory.tolist() == n.refractory.tolist()
    subtract = RESET_RULES.index("subtract")
    assert p.subtract.tolist() == [float(rule == subtract) for rule in n.reset.tolist()]

    assert len(p.first) == len(n) + 1
    senders = [j for j in range(len(n)) for _ in range(p.first[j], p.first[j + 1])]
    assert senders == s.pre.tolist()
    assert (p.first[0], p.first[-1]) == (0, len(s))
    assert (p.post.tolist(), p.delay.tolist()) == (s.post.tolist(), s.delay.tolist())
    assert same_bits(p.weight, s.weight)
    assert p.in_channel.tolist() == i.channel.tolist()
    assert p.in_post.tolist() == i.post.tolist()
    assert same_bits(p.in_weight, i.weight)
    assert p.outputs.tolist() == network.outputs.tolist()

    pulsed = encoder is not None and not encoder.graded
    assert p.inputs.tolist() == (network.inputs.tolist() if pulsed else [])
    assert p.gain == (encoder.gain if pulsed else 0.0)
    assert p.encoder.tolist() == (encoder.parameters().tolist() if encoder else [])
    assert p.readout.tolist() == (network.readout.parameters().tolist() if network.readout else [])
    assert p.channels == (encoder.channels if encoder else 0)
    assert p.ticks == (encoder.ticks if encoder else 1)
    assert SEES[p.sees] == (network.readout.sees if network.readout else "counts")
    assert p.values == (network.readout.values if network.readout else 0)

    longest = max(s.delay.tolist(), default=1)
    assert longest <= p.ring
    assert p.ring == 1 or p.ring < 2 * longest
    assert p.ring & (p.ring - 1) == 0
    assert bool(p.plain) == plain_by_definition(network)


def plain_by_definition(network):
    """No synaptic current, other rest, floor, refractory time or subtraction in any neuron."""
    n = network.neurons
    return all(
        leak_factor(tau_syn, network.dt) == 0.0
        and v_leak == 0.0
        and v_min == -math.inf
        and refractory == 0
        and RESET_RULES[rule] == "to_value"
        for tau_syn, v_leak, v_min, refractory, rule in zip(
            n.tau_syn.tolist(), n.v_leak.tolist(), n.v_min.tolist(), n.refractory.tolist(),
            n.reset.tolist(), strict=True,
        )
    )  # fmt: skip


def assert_batch_is_all(chosen):
    batch = compile_batch(chosen)
    assert len(batch.gain) == len(batch.counts) == len(batch.at) - 1 == len(chosen)
    for m, network in enumerate(chosen):
        alone = compile_network(network)
        assert_program_is_of(alone, network)
        assert_same_program(Program(*program_of(batch, m)), alone)


@examples(150)
@given(st.lists(networks() | controllers() | controllers(observations=1, actions=3), min_size=1,
                max_size=6))  # fmt: skip
def test_a_batch_holds_each_network_as_if_it_were_alone(chosen):
    """Spiking and graded encoders, none at all, networks without neurons, in any order."""
    assert_batch_is_all(chosen)


def test_batches_of_many_sizes():
    rng = np.random.default_rng(3)
    for count in (1, 2, 17, 100 if JIT else 30):
        assert_batch_is_all([random_network(rng, 40) for _ in range(count)])


def test_the_same_network_twice_and_order():
    rng = np.random.default_rng(4)
    chosen = [random_network(rng) for _ in range(5)]
    forth, back = compile_batch(chosen * 2), compile_batch(chosen[::-1])
    for m in range(5):
        assert_same_program(program_of(forth, m), program_of(forth, m + 5))
        assert_same_program(program_of(forth, m), program_of(back, 4 - m))


def test_empty_networks_between_others():
    """Slices of length zero must not shift what follows."""
    full = Network.build(
        {"bias": [0.1, 0.2]}, [(0, 1, 0.5, 3), (1, 1, -0.5, 1)], input_synapses=[(1, 0, 2.0)],
        inputs=[0], outputs=[1], encoder=Current(scale=[1.0]), readout=WinnerTakesAll(),
    )  # fmt: skip
    empty = Network.build(0)
    assert_batch_is_all([empty])
    assert_batch_is_all([empty, full, empty, empty, full, empty])


def test_inputs_count_only_where_pulses_arrive():
    """A graded encoder reaches neurons by input synapses, whatever is listed as an input."""
    graded = Network.build(3, inputs=[2, 0], outputs=[1], encoder=Current(scale=[1.0]))
    pulsed = Network.build(3, inputs=[2, 0], outputs=[1], encoder=FlipFlop([1.0], gain=0.7))
    driven = Network.build(3, inputs=[2, 0], outputs=[1])
    batch = compile_batch([graded, pulsed, driven])
    assert [program_of(batch, m).inputs.tolist() for m in range(3)] == [[], [2, 0], []]
    assert [program_of(batch, m).gain for m in range(3)] == [0.0, 0.7, 0.0]
    assert_batch_is_all([graded, pulsed, driven])


def test_arrays_are_copies():
    """Networks are frozen: who writes to a program changes nothing but the program."""
    columns = {"bias": [0.1, 0.2, 0.3], "tau_mem": 5.0, "refractory": 2}
    ends = {"inputs": [0, 2], "outputs": [1, 2], "readout": WinnerTakesAll()}
    synapses = [(0, 1, 0.5, 3), (1, 2, -0.5, 1)]
    graded = Network.build(
        columns, synapses, input_synapses=[(1, 0, 2.0)], encoder=Current([2.0, 3.0]), **ends
    )
    pulsed = Network.build(columns, synapses, encoder=FlipFlop([2.0], gain=0.5), **ends)
    for one in (graded, pulsed):
        tables = (one.neurons, one.synapses, one.input_synapses)
        arrays = [a for t in tables for a in vars(t).values()] + [one.inputs, one.outputs]
        before = [array.copy() for array in arrays]
        kept = compile_network(one)
        kept = Program(*(np.copy(f) if isinstance(f, np.ndarray) else f for f in kept))
        for program in (compile_network(one), Program(*program_of(compile_batch([one]), 0))):
            for name in ARRAYS:
                array = getattr(program, name)
                assert array.flags.writeable, name
                assert not any(np.shares_memory(array, own) for own in arrays), name
                array[:] = 77
        assert all(np.array_equal(a, b) for a, b in zip(arrays, before, strict=True))
        assert_same_program(compile_network(one), kept)


@pytest.mark.parametrize(
    ("columns", "plain"),
    [
        ({}, True),
        ({"tau_mem": 3.0, "v_threshold": -1.0, "v_reset": 0.4, "bias": [-0.2, 0.0]}, True),
        ({"v_leak": -0.0}, True),
        ({"tau_syn": 5e-324}, True),  # as good as none: it decays within the tick
        ({"tau_syn": [0.0, 1.0]}, False),
        ({"v_leak": [0.0, 1e-300]}, False),
        ({"v_min": [-np.inf, -1e100]}, False),
        ({"v_min": [0.0, -np.inf]}, False),
        ({"refractory": [0, 1]}, False),
        ({"reset": ["to_value", "subtract"]}, False),
    ],
)
def test_plain_networks(columns, plain):
    network = Network.build({"bias": [0.0, 0.0], **columns})
    assert bool(compile_network(network).plain) == plain == plain_by_definition(network)
    # One network's neurons say nothing about its neighbours'.
    others = [Network.build(2), Network.build({"refractory": [3]}), Network.build(0)]
    batch = compile_batch([others[0], network, others[1], others[2]])
    assert [bool(program_of(batch, m).plain) for m in range(4)] == [True, plain, False, True]


@pytest.mark.parametrize("dt", [1.0, 0.1, 1e-9, 1e9, 0.37])
def test_leak_factors_come_from_the_c_library(dt):
    """Thousands of time constants, many of them twice: `numpy.exp` differs in some last bits."""
    rng = np.random.default_rng(9)
    tau = np.concatenate([
        [0.0, 5e-324, 1e-300, np.inf, 1e100], rng.uniform(0.05, 50.0, 2000),
        10.0 ** rng.uniform(-9, 9, 2000),
    ])  # fmt: skip
    tau = np.concatenate([tau, rng.choice(tau, 500)])
    finite = np.where(np.isinf(tau), 1e100, tau)
    network = Network.build({"tau_mem": tau, "tau_syn": finite[::-1]}, dt=dt)
    expected = np.array([math.exp(-dt / t) if t > 0.0 else 0.0 for t in tau.tolist()])
    syn = np.array([math.exp(-dt / t) if t > 0.0 else 0.0 for t in finite.tolist()])
    program = compile_network(network)
    assert same_bits(program.al, expected)
    assert same_bits(program.be, syn[::-1].copy())


def test_the_same_time_constant_decays_by_its_own_networks_tick():
    """Factors that are known already must not be taken from a network with another tick."""
    ticks = (1.0, 0.1, 3.0)
    batch = compile_batch([Network.build({"tau_mem": [7.0, 2.0]}, dt=dt) for dt in ticks])
    found = [program_of(batch, m).al.tolist() for m in range(3)]
    assert found == [[math.exp(-dt / 7.0), math.exp(-dt / 2.0)] for dt in ticks]


@pytest.mark.parametrize(
    ("delay", "ring"),
    [(1, 1), (2, 2), (3, 4), (4, 4), (5, 8), (63, 64), (64, 64), (65, 128), (4096, 4096)],
)
def test_the_ring_holds_the_longest_delay(delay, ring):
    batch = compile_batch(
        [Network.build(1), Network.build(2, [(0, 1, 1.0, 1), (1, 0, 1.0, delay)])]
    )
    assert [int(program_of(batch, m).ring) for m in range(2)] == [1, ring]
