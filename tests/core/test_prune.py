"""Pruning cuts what cannot influence an output, and nothing else."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import controllers, examples, inputs_for, networks, same_bits

from neuro import Current, Network, Twin, prune, same_network, simulate


def reach(edges, starts):
    """Every neuron that can be reached from `starts`, those included."""
    found = set(starts)
    while more := {b for a, b in edges if a in found} - found:
        found |= more
    return found


def edges_of(network):
    s = network.synapses
    return list(zip(s.pre.tolist(), s.post.tolist(), strict=True))


def reaching_an_output(network):
    return reach([(b, a) for a, b in edges_of(network)], network.outputs.tolist())


def fires_alone(network, j, ticks=60):
    """Whether a neuron ever fires without any input."""
    columns = {name: array[[j]] for name, array in vars(network.neurons).items()}
    return simulate(Network.build(columns, dt=network.dt), np.zeros((ticks, 1))).spikes.any()


def only_inputs(network, ext):
    """Input that reaches the network the way it is wired."""
    driven = np.zeros_like(ext)
    driven[:, network.inputs] = ext[:, network.inputs]
    return driven


@examples(300)
@given(st.data())
def test_behaviour_stays_exactly_the_same(data):
    network = data.draw(networks())
    small = prune(network)
    place = {key: j for j, key in enumerate(network.neurons.key.tolist())}
    kept = np.array([place[key] for key in small.neurons.key.tolist()], dtype=int)
    ext = only_inputs(network, data.draw(inputs_for(network)))
    before, after = simulate(network, ext), simulate(small, ext[:, kept])
    assert np.array_equal(after.spikes[:, small.outputs], before.spikes[:, network.outputs])
    # An input that leads nowhere is kept as a terminal only: what drove it may be gone.
    alive = reaching_an_output(network)
    for new, old in enumerate(kept.tolist()):
        if old in alive:
            assert np.array_equal(after.spikes[:, new], before.spikes[:, old])
            assert same_bits(after.voltage[:, new].copy(), before.voltage[:, old].copy())


@examples(120)
@given(st.data())
def test_decisions_stay_the_same(data):
    network = data.draw(controllers(observations=2))
    golden, pruned = Twin(network), Twin(prune(network))
    outputs = [t.network.outputs.tolist() for t in (golden, pruned)]
    value = st.floats(-3.0, 3.0)
    for observation in data.draw(st.lists(st.tuples(value, value), min_size=1, max_size=4)):
        (a, before), (b, after) = golden.act(observation), pruned.act(observation)
        assert a.tolist() == b.tolist()
        for row, small_row in zip(before, after, strict=True):
            assert [row[j] for j in outputs[0]] == [small_row[j] for j in outputs[1]]


@examples(150)
@given(networks() | controllers())
def test_nothing_superfluous_is_left(network):
    small = prune(network)
    ends = {*small.inputs.tolist(), *small.outputs.tolist()}
    n = small.neurons
    # A floor above rest lifts the potential: such a neuron may count as active by itself.
    spontaneous = [
        j for j in range(len(n)) if fires_alone(small, j) or n.bias[j] or n.v_min[j] > n.v_leak[j]
    ]
    starts = {*small.inputs.tolist(), *small.input_synapses.post.tolist(), *spontaneous}
    on_path = reach(edges_of(small), starts) & reaching_an_output(small)
    assert set(range(len(n))) <= on_path | ends
    assert {j for edge in edges_of(small) for j in edge} <= on_path
    assert set(small.input_synapses.post.tolist()) <= on_path


@examples(150)
@given(networks() | controllers())
def test_pruning_again_changes_nothing(network):
    small = prune(network)
    assert same_network(prune(small), small)
    assert small.size <= network.size


@examples(150)
@given(networks() | controllers())
def test_terminals_and_settings_stay(network):
    small = prune(network)
    for name in ("inputs", "outputs"):
        before, after = getattr(network, name), getattr(small, name)
        assert network.neurons.key[before].tolist() == small.neurons.key[after].tolist()
    assert (small.dt, small.encoder, small.readout) == (
        network.dt, network.encoder, network.readout,
    )  # fmt: skip
    assert set(small.synapse_keys().tolist()) <= set(network.synapse_keys().tolist())


@examples(150)
@given(networks())
def test_neurons_that_fire_by_themselves_stay_if_they_reach_an_output(network):
    alive = reaching_an_output(network)
    kept = set(prune(network).neurons.key.tolist())
    for j in alive:
        if fires_alone(network, j):
            assert int(network.neurons.key[j]) in kept


def kept_keys(network):
    return prune(network).neurons.key.tolist()


def test_dead_ends_and_unreachable_neurons_go():
    """0 -> 1 is the path; 2 leads nowhere, 3 is reached from nowhere, 4 is alone."""
    network = Network.build(
        5, [(0, 1, 1.0, 1), (0, 2, 1.0, 1), (3, 1, 1.0, 1)], inputs=[0], outputs=[1]
    )
    small = prune(network)
    assert small.neurons.key.tolist() == [1, 2]
    assert edges_of(small) == [(0, 1)]


def test_loops_on_the_path_stay_and_others_go():
    network = Network.build(
        4, [(0, 1, 1.0, 1), (1, 0, 1.0, 1), (1, 1, 1.0, 2), (2, 3, 1.0, 1), (3, 2, 1.0, 1)],
        inputs=[0], outputs=[1],
    )  # fmt: skip
    assert kept_keys(network) == [1, 2]
    assert len(prune(network).synapses) == 3


def test_unconnected_terminals_stay():
    network = Network.build(4, inputs=[3, 1], outputs=[0])
    small = prune(network)
    assert small.neurons.key.tolist() == [1, 2, 4]
    assert (small.inputs.tolist(), small.outputs.tolist()) == ([2, 1], [0])


def test_synapses_of_terminals_that_lead_nowhere_go():
    network = Network.build(3, [(0, 1, 1.0, 1), (2, 0, 1.0, 1)], inputs=[0, 1], outputs=[2])
    small = prune(network)
    assert len(small.neurons) == 3
    assert len(small.synapses) == 0


@pytest.mark.parametrize(
    "column",
    [
        {"bias": [0.0, 0.1]},
        {"bias": [0.0, -0.1]},  # sums keep their order, so even an inhibited neuron stays
        {"v_leak": [0.0, 1.0]},
        {"v_threshold": [1.0, 0.0]},
        {"v_min": [-1.0, 2.0]},
    ],
)
def test_spontaneous_neurons_stay(column):
    network = Network.build(column, [(1, 0, 1.0, 1)], outputs=[0])
    assert kept_keys(network) == [1, 2]
    silent = Network.build(2, [(1, 0, 1.0, 1)], outputs=[0])
    assert kept_keys(silent) == [1]


def test_a_neuron_lifted_over_its_threshold_by_rounding_stays():
    """-1e16 + (1.5 + 1e16) is 2, not 1.5: held up by its floor, the neuron fires at tick 1."""
    network = Network.build(
        {"v_leak": [0.0, -1e16], "v_min": [-1.0, 1.5], "v_threshold": [1.0, 2.0]},
        [(1, 0, 1.0, 1)], outputs=[0],
    )  # fmt: skip
    assert simulate(network, np.zeros((3, 2))).spikes[1, 1]
    assert kept_keys(network) == [1, 2]


def test_input_synapses_are_sources_and_are_cut_with_their_neuron():
    network = Network.build(
        3, [(0, 1, 1.0, 1)], input_synapses=[(0, 0, 1.0), (1, 2, 1.0)], outputs=[1],
        encoder=Current(scale=[1.0]),
    )  # fmt: skip
    small = prune(network)
    assert small.neurons.key.tolist() == [1, 2]
    assert small.input_synapses.channel.tolist() == [0]


def test_nothing_to_do_returns_the_network_itself():
    network = Network.build(2, [(0, 1, 1.0, 1)], inputs=[0], outputs=[1])
    assert prune(network) is network
    assert len(prune(Network.build(0)).neurons) == 0


def test_arrays_of_the_pruned_network_are_read_only():
    small = prune(Network.build(3, [(0, 1, 1.0, 1), (0, 2, 1.0, 1)], inputs=[0], outputs=[1]))
    for table in (small.neurons, small.synapses, small.input_synapses, small):
        for array in vars(table).values():
            if isinstance(array, np.ndarray):
                assert not array.flags.writeable
