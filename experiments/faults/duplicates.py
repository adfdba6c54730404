"""Networks in which some neurons are there twice."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neuro import Network
from neuro.columns import RESET_RULES
from neuro.errors import wrong
from neuro.hashing import hash_text, hash_words
from neuro.specs import real


def hidden_neurons(network: Network, /) -> NDArray[np.int64]:
    """Indices of neurons that are neither inputs nor outputs.

    Examples
    --------
    >>> hidden_neurons(Network.build(4, inputs=[0], outputs=[3]))
    array([1, 2])
    """
    return np.setdiff1d(np.arange(len(network.neurons)), [*network.inputs, *network.outputs])


def duplicate(network: Network, neurons: Sequence[int], /, share: float = 0.5) -> Network:
    """Put a copy beside each of some hidden neurons.

    A copy has the parameters and incoming synapses of the neuron. Whatever one of them sends to,
    the other does as well, each with a share of the weight. With one half, the two together do what
    the one did before, up to the rounding of sums, and if one dies half of its drive is left.
    With 1, all of it is left, but as long as both live they drive twice as hard.

    Parameters
    ----------
    network : Network
    neurons : sequence of int
        Indices of hidden neurons, each at most once. Copies come last, in this order, with keys
        hashed from those of the originals.
    share : float
        Above 0 and at most 1.

    Examples
    --------
    >>> network = Network.build(3, [(0, 1, 0.4, 1), (1, 2, 0.6, 2)], inputs=[0], outputs=[2])
    >>> twice = duplicate(network, [1])
    >>> twice.synapses.pre, twice.synapses.post, twice.synapses.weight
    (array([0, 0, 1, 3]), array([1, 3, 2, 2]), array([0.4, 0.4, 0.3, 0.3]))
    """
    share = real(share, "share", 1e-6, 1.0)
    chosen, hidden = list(neurons), set(hidden_neurons(network).tolist())
    if len(set(chosen)) < len(chosen) or not set(chosen) <= hidden:
        raise wrong("neurons to duplicate", "hidden neurons, each once", chosen)
    n = len(network.neurons)
    columns: dict[str, Any] = {}
    for f in fields(network.neurons):
        column = getattr(network.neurons, f.name)
        columns[f.name] = np.concatenate([column, column[chosen]])
    columns["reset"] = [RESET_RULES[rule] for rule in columns["reset"]]
    columns["key"][n:] = _fresh(network.neurons.key, columns["key"][n:])
    both = {j: [j] for j in range(n)} | {int(j): [j, n + k] for k, j in enumerate(chosen)}
    s, i = network.synapses, network.input_synapses
    table = zip(s.pre.tolist(), s.post.tolist(), s.weight.tolist(), s.delay.tolist(), strict=True)
    synapses = [
        (a, b, w * share if len(both[pre]) == 2 else w, d)
        for pre, post, w, d in table
        for a in both[pre]
        for b in both[post]
    ]
    entries = zip(i.channel.tolist(), i.post.tolist(), i.weight.tolist(), strict=True)
    return Network.build(
        columns,
        synapses,
        input_synapses=[(c, b, w) for c, post, w in entries for b in both[post]],
        inputs=network.inputs,
        outputs=network.outputs,
        dt=network.dt,
        encoder=network.encoder,
        readout=network.readout,
        task=network.task,
        provenance=network.provenance,
    )


def _fresh(taken: NDArray[np.uint64], keys: NDArray[np.uint64]) -> list[int]:
    """Hash keys until they are new; a neuron may have been duplicated before."""
    known = set(taken.tolist())
    found: list[int] = []
    for key in keys:
        copy = hash_words(hash_text("copy"), key)
        while int(copy) in known:
            copy = hash_words(hash_text("copy"), copy)
        known.add(int(copy))
        found.append(int(copy))
    return found
