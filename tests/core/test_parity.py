"""The keel: the plain-Python twin and both compiled kernels agree bit for bit, open loop.

Potentials are compared as bits, so that -0.0 is not 0.0: a simulator that loses the sign of a
zero has done something else than the documented tick.
"""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import (
    JIT,
    LANES,
    RESET_RULES,
    copy_as_network,
    examples,
    inputs_for,
    networks,
    random_copies,
    random_network,
    same_bits,
)

from neuro import (
    InputError,
    Network,
    golden_copies,
    kernels,
    simulate,
    simulate_copies,
    simulate_twin,
)
from neuro.kernels import Copies
from neuro.program import compile_network
from neuro.slots import pick


def assert_equal(recording, spikes, voltage):
    assert np.array_equal(recording.spikes, spikes)
    assert same_bits(recording.voltage, voltage)


@examples(500)
@given(st.data())
def test_scalar_kernel_equals_twin(data):
    network = data.draw(networks())
    ext = data.draw(inputs_for(network))
    assert_equal(simulate(network, ext), *simulate_twin(network, ext))


@examples(300)
@given(st.data(), st.sampled_from(LANES), st.integers(0, 2**32))
def test_lane_kernel_equals_twin(data, count, seed):
    network = data.draw(networks(max_neurons=8))
    rng = np.random.default_rng(seed)
    copies = random_copies(rng, network, count)
    ext = data.draw(inputs_for(network))[:, :, None] * rng.choice((1.0, 0.7), count)
    result = simulate_copies(network, copies, ext)
    for f in range(count):
        spikes, voltage = simulate_twin(copy_as_network(network, copies, f), ext[:, :, f])
        assert np.array_equal(result.spikes[:, :, f], spikes)
        assert same_bits(result.voltage[:, :, f].copy(), voltage)


@examples(200)
@given(st.data(), st.integers(0, 2**32))
def test_a_lane_does_not_depend_on_the_others(data, seed):
    network = data.draw(networks())
    rng = np.random.default_rng(seed)
    copies = random_copies(rng, network, 13)
    ext = data.draw(inputs_for(network))[:, :, None] * rng.choice((1.0, 0.7), 13)
    together = simulate_copies(network, copies, ext)
    for chosen in (rng.permutation(13), rng.permutation(13)[:3], np.array([12])):
        some = simulate_copies(network, pick(copies, chosen), ext[:, :, chosen])
        assert_equal(some, together.spikes[:, :, chosen], together.voltage[:, :, chosen].copy())


def test_thousands_of_networks():
    """Bulk: twin, scalar kernel and lanes on random networks; enough of them must spike."""
    rng = np.random.default_rng(20240601)
    count = 4000 if JIT else 500
    active = 0
    for _ in range(count):
        network = random_network(rng)
        n = len(network.neurons)
        ticks = 90 if network.synapses.delay.max(initial=1) > 9 and rng.random() < 0.2 else 25
        ext = np.where(rng.random((ticks, n)) < 0.3, rng.normal(0.0, 2.0, (ticks, n)), 0.0)
        twin = simulate_twin(network, ext)
        assert_equal(simulate(network, ext), *twin)
        lanes = simulate_copies(network, golden_copies(network, 3), np.stack([ext] * 3, axis=2))
        for f in range(3):
            assert np.array_equal(lanes.spikes[:, :, f], twin[0])
            assert same_bits(lanes.voltage[:, :, f].copy(), twin[1])
        active += bool(twin[0].any())
    assert active > 0.7 * count


@pytest.mark.parametrize("count", [1, 8, 9, 32, 33, 70] if JIT else [1, 9, 33])
@pytest.mark.parametrize("own_thresholds", [False, True])
@pytest.mark.parametrize("share_plain", [1.0, 0.9])
def test_every_variant_of_the_lane_kernel(share_plain, own_thresholds, count):
    """Plain neurons or any, own thresholds or the network's, 8 or 32 lanes, several blocks.

    Up to 150 neurons, because spikes are gathered 64 neurons at a time; the copies have either
    inputs of their own or all the same.
    """
    rng = np.random.default_rng([count, own_thresholds, int(10 * share_plain)])
    seen = 0
    for _ in range(40 if JIT else 4):
        network = random_network(rng, 150 if JIT else 70, share_plain)
        program = compile_network(network)
        assert program.plain == (share_plain == 1.0 or plain_by_definition(network))
        copies = random_copies(rng, network, count, own_thresholds)
        assert kernels.edits_neurons(program, copies) == (len(copies.slot) > 0)
        n, same = len(network.neurons), rng.random() < 0.5
        ext = rng.normal(0.0, 2.0, (20, n)) * (rng.random((20, n)) < 0.3)
        each = ext[:, :, None] * (np.ones(count) if same else rng.choice((1.0, 0.7), count))
        result = simulate_copies(network, copies, ext if same else each)
        for f in rng.choice(count, min(count, 5), replace=False):
            spikes, voltage = simulate_twin(copy_as_network(network, copies, f), each[:, :, f])
            assert np.array_equal(result.spikes[:, :, f], spikes)
            assert same_bits(result.voltage[:, :, f].copy(), voltage)
            seen += int(spikes.sum())
    assert seen > 100


def plain_by_definition(network):
    n = network.neurons
    odd = (n.tau_syn > 0) | (n.v_leak != 0) | (n.v_min > -np.inf) | (n.refractory > 0)
    return not (odd | (n.reset == RESET_RULES.index("subtract"))).any()


def test_voltage_need_not_be_recorded():
    network = Network.build(3, [(0, 1, 1.0, 1), (1, 2, 1.0, 2)])
    ext = np.eye(5, 3)
    full, lean = simulate(network, ext), simulate(network, ext, record_voltage=False)
    assert np.array_equal(full.spikes, lean.spikes)
    assert lean.voltage.shape == (0, 3)
    copies = golden_copies(network, 2)
    lean = simulate_copies(network, copies, ext, record_voltage=False)
    assert np.array_equal(lean.spikes, np.repeat(full.spikes[:, :, None], 2, axis=2))
    assert lean.voltage.shape == (0, 3, 2)


def run_all(network, ext):
    """Potentials and spikes from the twin, after checking that both kernels give the same."""
    ext = np.array(ext, dtype=float).reshape(len(ext), -1)
    spikes, voltage = simulate_twin(network, ext)
    assert_equal(simulate(network, ext), spikes, voltage)
    lanes = simulate_copies(network, golden_copies(network), ext[:, :, None])
    assert_equal(lanes, spikes[:, :, None], voltage[:, :, None])
    return spikes.astype(int)[:, 0].tolist(), voltage[:, 0].tolist()


def one_neuron(**columns):
    return Network.build({name: [value] for name, value in columns.items()})


def test_leak_towards_rest():
    """With tau = 1/ln 2 ms the distance from rest halves each tick."""
    network = one_neuron(tau_mem=1.0 / np.log(2.0), v_threshold=9.0, v_leak=1.0)
    assert run_all(network, [4.0, 0.0, 0.0])[1] == pytest.approx([5.0, 3.0, 2.0])


@pytest.mark.parametrize(("tau", "dt"), [(20.0, 1.0), (3.3, 0.1), (0.7, 3.0), (1e100, 1.0)])
def test_factors_come_from_the_c_library(tau, dt):
    """The `exp` of NumPy's arrays may differ in the last bit."""
    network = Network.build({"tau_mem": [tau, np.inf, 0.0], "tau_syn": [tau, 0.0, 5e-324]}, dt=dt)
    program = compile_network(network)
    assert program.al.tolist() == [math.exp(-dt / tau), 1.0, 0.0]
    assert program.be.tolist() == [math.exp(-dt / tau), 0.0, 0.0]


def test_full_leak_and_no_leak():
    assert run_all(one_neuron(tau_mem=0.0, v_threshold=9.0), [4.0, 1.0, 0.0])[1] == [4.0, 1.0, 0.0]
    assert run_all(one_neuron(v_threshold=9.0), [4.0, 1.0, 0.0])[1] == [4.0, 5.0, 5.0]


def test_synaptic_current_decays():
    network = Network.build(
        {"v_threshold": [1.0, 99.0], "tau_syn": [0.0, 1.0 / np.log(2.0)]}, [(0, 1, 8.0, 1)]
    )
    _, voltage = simulate_twin(network, np.array([[1.0, 0.0]] + [[0.0, 0.0]] * 3))
    assert voltage[:, 1] == pytest.approx([0.0, 8.0, 12.0, 14.0])


def test_reset_rules():
    """After reaching 1.5 with threshold 1 and reset 0.25: to 0.25, or down by 0.75."""
    to_value = one_neuron(v_reset=0.25, reset="to_value")
    subtract = one_neuron(v_reset=0.25, reset="subtract")
    assert run_all(to_value, [1.5, 0.0]) == ([1, 0], [0.25, 0.25])
    assert run_all(subtract, [1.5, 0.0]) == ([1, 0], [0.75, 0.75])


def test_refractory_neuron_is_held_and_discards_its_input():
    network = one_neuron(refractory=2)
    spikes, voltage = run_all(network, [1.0, 5.0, 0.5, 0.5, 1.0])
    assert spikes == [1, 0, 0, 0, 1]
    assert voltage == [0.0, 0.0, 0.0, 0.5, 0.0]


def test_threshold_is_inclusive_and_infinity_never_reached():
    assert run_all(one_neuron(v_threshold=1.0), [1.0])[0] == [1]
    assert run_all(one_neuron(v_threshold=1.0), [np.nextafter(1.0, 0.0)])[0] == [0]
    assert run_all(one_neuron(v_threshold=np.inf), [1e100] * 3)[0] == [0, 0, 0]


def test_floor_holds_before_the_comparison():
    network = one_neuron(v_min=-1.0, v_threshold=-1.0, v_reset=7.0)
    assert run_all(network, [-50.0]) == ([1], [7.0])


def test_floor_of_minus_zero_leaves_zero_alone():
    """Only what is below the floor is raised: 0.0 is not below -0.0, so its sign stays."""
    assert np.signbit(run_all(one_neuron(v_min=-0.0), [-1.0])[1]).all()
    assert not np.signbit(run_all(one_neuron(v_min=-0.0), [0.0])[1]).any()
    assert not np.signbit(run_all(one_neuron(v_min=0.0), [-1.0])[1]).any()


@pytest.mark.parametrize("delay", [1, 2, 3, 8, 9, 63, 64, 65])
def test_delay(delay):
    network = Network.build(2, [(0, 1, 1.0, delay)])
    ext = np.zeros((delay + 2, 2))
    ext[0, 0] = 1.0
    spikes, _ = simulate_twin(network, ext)
    assert np.flatnonzero(spikes[:, 1]).tolist() == [delay]
    assert_equal(simulate(network, ext), *simulate_twin(network, ext))


def test_sums_go_by_tick_then_sender_then_delay():
    """1e100 swallows 1: the result tells in which order the weights were added.

    Arriving together at tick 3: 1 sent by neuron 0 two ticks before, then at tick 2 what
    neurons 0 and 1 send. (1 + 1e100) - 1e100 = 0, and not 1.
    """
    network = Network.build(
        {"v_threshold": [1.0, 1.0, 5.0]}, [(0, 2, 1.0, 2), (0, 2, 1e100, 1), (1, 2, -1e100, 1)]
    )
    ext = np.zeros((4, 3))
    ext[1, 0] = ext[2, 0] = ext[2, 1] = 1.0
    # Tick 2 already brings 1e100 from neuron 0's first spike, which fires and resets neuron 2.
    spikes, voltage = simulate_twin(network, ext)
    assert spikes[:, 2].tolist() == [False, False, True, False]
    assert voltage[3, 2] == 0.0
    assert_equal(simulate(network, ext), spikes, voltage)


def test_input_is_left_untouched():
    network = Network.build(2, [(0, 1, 1.0, 1)])
    ext = np.ones((3, 2))
    ext.setflags(write=False)
    simulate(network, ext)
    copies = golden_copies(network, 2)
    lanes = np.ones((3, 2, 2))
    before = [array.copy() for array in (*copies, lanes)]
    simulate_copies(network, copies, lanes)
    assert all(np.array_equal(a, b) for a, b in zip(before, (*copies, lanes), strict=True))


@pytest.mark.parametrize(
    ("ext", "expected"),
    [
        (np.zeros((3, 3)), "ext: expected an array of shape"),
        (np.zeros(2), "ext: expected an array of shape"),
        ([[np.nan, 0.0]], "ext: expected finite numbers"),
        ([[np.inf, 0.0]], "ext: expected finite numbers"),
        ([["a", "b"]], "ext: expected"),
        ([[0.0, 0.0], [0.0]], "ext: expected"),
        # Beyond the limit of every other parameter, sums overflow and infinity fires an
        # infinite threshold.
        ([[1.7e308, 0.0]], "ext: expected"),
    ],
)
def test_bad_input_is_one_line(ext, expected):
    with pytest.raises(InputError) as error:
        simulate(Network.build(2), ext)
    assert str(error.value).startswith(expected)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("column", range(len(Copies._fields)))
def test_copies_of_another_network_are_refused(column):
    """Kernels check no bounds: the shapes must be right before they run."""
    network = Network.build(2, [(0, 1, 1.0, 1)], input_synapses=[(0, 0, 1.0)])
    copies = list(golden_copies(network, 2))
    copies[column] = copies[column][..., :-1] if copies[column].size else np.zeros((1, 1))
    with pytest.raises(InputError, match="copies"):
        simulate_copies(network, Copies(*copies), np.zeros((1, 2, 2)))
