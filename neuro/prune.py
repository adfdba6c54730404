"""Pruning: what cannot influence an output is cut away; behaviour stays exactly the same."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neuro.network import InputSynapses, Network, Neurons, Synapses


def prune(network: Network, /) -> Network:
    """Keep the neurons and synapses on a path from a source of activity to an output.

    Sources are the inputs, the encoder's channels and neurons that may fire by themselves (a
    bias, a resting potential at the threshold, or a floor above rest). Inputs and outputs stay
    even when unconnected: they are how the network is wired to its task. What is kept and on
    such a path has the same spikes and voltages as before, and the score is the same: sums keep
    their order.

    Examples
    --------
    Neuron 2 leads nowhere:

    >>> from neuro import Network, prune
    >>> prune(Network.build(3, [(0, 1, 1.0, 1), (0, 2, 1.0, 1)], inputs=[0], outputs=[1]))
    <Network: 2 neurons, 1 synapse, 0 input synapses>
    """
    n, s, i = network.neurons, network.synapses, network.input_synapses
    # A floor above rest moves the potential from the first tick on.
    spontaneous = (n.bias != 0) | (n.v_leak >= n.v_threshold) | (n.v_min > n.v_leak)
    sources, sinks = spontaneous, np.zeros(len(n), dtype=bool)
    sources[network.inputs] = sources[i.post] = sinks[network.outputs] = True
    used = _reached(sources, s.pre, s.post) & _reached(sinks, s.post, s.pre)
    kept = used.copy()
    kept[network.inputs] = kept[network.outputs] = True
    if kept.all() and used[s.pre].all() and used[s.post].all() and used[i.post].all():
        return network
    index = np.cumsum(kept) - 1
    syn, ins = used[s.pre] & used[s.post], used[i.post]
    return replace(
        network,
        neurons=Neurons(**{f.name: _frozen(getattr(n, f.name)[kept]) for f in fields(n)}),
        synapses=Synapses(
            _frozen(index[s.pre[syn]]), _frozen(index[s.post[syn]]),
            _frozen(s.weight[syn]), _frozen(s.delay[syn]),
        ),
        input_synapses=InputSynapses(
            _frozen(i.channel[ins]), _frozen(index[i.post[ins]]), _frozen(i.weight[ins])
        ),
        inputs=_frozen(index[network.inputs]),
        outputs=_frozen(index[network.outputs]),
    )  # fmt: skip


def _frozen(array: NDArray[Any]) -> NDArray[Any]:
    array.setflags(write=False)
    return array


def _reached(
    begin: NDArray[np.bool_], source: NDArray[np.int64], target: NDArray[np.int64]
) -> NDArray[np.bool_]:
    """Which neurons can be reached along synapses: a step for all at a time, until no more."""
    while True:
        further = begin.copy()
        further[target[begin[source]]] = True
        if np.array_equal(further, begin):
            return begin
        begin = further
