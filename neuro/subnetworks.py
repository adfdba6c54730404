"""Subnetworks: what is left of a network with fewer synapses."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, replace
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neuro.network import InputSynapses, Network, Synapses
from neuro.prune import prune
from neuro.specs import whole


def subnetworks(network: Network, synapses: int, /) -> Iterator[Network]:
    """Find the networks that keep so many of a network's synapses, and whatever these need.

    Those of which pruning would leave fewer synapses are left out. They behave otherwise than the
    network does; evolution may begin with them and find what they lack.

    Parameters
    ----------
    network : Network
    synapses : int
        How many are kept, input synapses included.

    Raises
    ------
    InputError
        `synapses` is not a whole number from 1; at once, not when the first one is asked for.

    Examples
    --------
    >>> from neuro import Network
    >>> chain = Network.build(
    ...     3, [(0, 1, 1.0, 1), (1, 2, 1.0, 1), (0, 2, 1.0, 1)], inputs=[0], outputs=[2])
    >>> [small.synapses.post.tolist() for small in subnetworks(chain, 2)]
    [[1, 2]]
    >>> [small.synapses.pre.tolist() for small in subnetworks(chain, 1)]
    [[0]]
    """
    whole(synapses, "synapses", 1, 1_000_000)
    return _subnetworks(network, synapses)


def _subnetworks(network: Network, synapses: int) -> Iterator[Network]:
    inside, outside = network.synapses, network.input_synapses
    count = len(inside)
    for chosen in combinations(range(count + len(outside)), synapses):
        kept = np.array(chosen)
        small = prune(replace(
            network,
            synapses=Synapses(**_rows(inside, kept[kept < count])),
            input_synapses=InputSynapses(**_rows(outside, kept[kept >= count] - count)),
        ))  # fmt: skip
        if len(small.synapses) + len(small.input_synapses) == synapses:
            yield small


def _rows(table: Synapses | InputSynapses, rows: NDArray[np.int64]) -> dict[str, NDArray[Any]]:
    return {f.name: getattr(table, f.name)[rows] for f in fields(table)}
