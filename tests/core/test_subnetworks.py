"""What is left of a network with fewer synapses: each choice of them once, and nothing new."""

from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import examples, networks

from neuro import InputError, Network, prune, same_network, subnetworks


def synapses_of(network):
    """Who is connected with whom and how, told by the neurons' keys."""
    key, s, i = network.neurons.key.tolist(), network.synapses, network.input_synapses
    inside = zip(s.pre.tolist(), s.post.tolist(), s.weight, s.delay, strict=True)
    outside = zip(i.channel.tolist(), i.post.tolist(), i.weight, strict=True)
    found = {(key[a], key[b], float(w), int(d)) for a, b, w, d in inside}
    return found | {(c, key[b], float(w)) for c, b, w in outside}


@examples(100)
@given(data=st.data())
def test_each_choice_that_pruning_leaves_alone_is_met_once(data):
    network = data.draw(networks(max_neurons=4))
    everything = synapses_of(network)
    count = data.draw(st.integers(1, max(1, min(3, len(everything)))))
    found = list(subnetworks(network, count))
    chosen = [frozenset(synapses_of(small)) for small in found]
    assert len(set(chosen)) == len(chosen)
    assert set(chosen) <= {frozenset(c) for c in combinations(everything, count)}
    for small in found:
        assert same_network(prune(small), small)
        assert (small.encoder, small.readout, small.dt) == (
            network.encoder, network.readout, network.dt
        )  # fmt: skip
        assert len(small.outputs) == len(network.outputs)


def test_all_of_a_pruned_network_is_the_network():
    network = Network.build(
        3, [(0, 1, 1.0, 1), (1, 2, -1.0, 2), (2, 1, 0.5, 3)], inputs=[0], outputs=[2]
    )
    (whole,) = subnetworks(network, 3)
    assert same_network(whole, network)
    assert not list(subnetworks(network, 4))
    # Without its first synapse nothing drives the others.
    assert len(list(subnetworks(network, 2))) == 1


@pytest.mark.parametrize("count", [0, -1, 1.5])
def test_refuses_a_number_that_is_none(count):
    network = Network.build(2, [(0, 1, 1.0, 1)], inputs=[0], outputs=[1])
    with pytest.raises(InputError, match=r"^synapses: expected a whole number from 1"):
        next(subnetworks(network, count))
