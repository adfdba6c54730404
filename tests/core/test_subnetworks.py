"""What is left of a network with fewer synapses: each choice of them once, and nothing new."""

from itertools import combinations

import numpy as np
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


def lasts(network, chosen):
    """Whether pruning leaves a choice of synapses as it is: each on a path to an output.

    Told another way than pruning does: synapse by synapse, those that are driven by nothing or
    lead nowhere are taken out until none is.
    """
    n, key = network.neurons, network.neurons.key.tolist()
    alone = (n.bias != 0) | (n.v_leak >= n.v_threshold) | (n.v_min > n.v_leak)
    driven = {key[j] for j in [*np.flatnonzero(alone), *network.inputs]}
    driven |= {s[1] for s in chosen if len(s) == 3}
    ends = {key[j] for j in network.outputs}
    while more := {s[1] for s in chosen if len(s) == 4 and s[0] in driven} - driven:
        driven |= more
    while more := {s[0] for s in chosen if len(s) == 4 and s[1] in ends} - ends:
        ends |= more
    return all(s[1] in ends and (len(s) == 3 or s[0] in driven) for s in chosen)


@examples(100)
@given(data=st.data())
def test_each_choice_that_pruning_leaves_alone_is_met_once(data):
    network = data.draw(networks(max_neurons=4))
    everything = synapses_of(network)
    count = data.draw(st.integers(1, max(1, min(3, len(everything)))))
    found = list(subnetworks(network, count))
    chosen = [frozenset(synapses_of(small)) for small in found]
    assert len(set(chosen)) == len(chosen)
    needed = {frozenset(c) for c in combinations(everything, count) if lasts(network, set(c))}
    assert set(chosen) == needed
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
        subnetworks(network, count)
