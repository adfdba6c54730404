"""Mirrored networks: the genome holds one half, this adds its mirror image.

Tied weights halve the search on symmetric tasks, and the network is symmetric by construction
(Igel 2003 for pole balancing with evolution strategies).
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from neuro.hashing import hash_text, hash_words

if TYPE_CHECKING:
    from evo.genome import Genome
    from evo.space import SearchSpace


def twin_keys(keys: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Keys of the twins of hidden neurons: hashes of theirs."""
    return hash_words(hash_text("mirror"), keys)


def twins_of(genome: Genome, space: SearchSpace) -> dict[int, int]:
    """Keys of what takes the place of everything in the mirror; empty if nothing is mirrored."""
    twins = dict(space.twins)
    if space.symmetry is not None:
        hidden = genome.key[space.fixed :]
        for key, other in zip(hidden.tolist(), twin_keys(hidden).tolist(), strict=True):
            twins[key], twins[other] = other, key
    return twins


def unfold(genome: Genome, space: SearchSpace) -> Genome:
    """Return a genome with the mirror image of every hidden neuron and every synapse.

    Fixed neurons take their genes from the first of their pair. A synapse that would have to be
    its own opposite (an odd channel onto an output that is its own twin, say) is left out.
    """
    fixed, twins = space.fixed, twins_of(genome, space)
    hidden = genome.key[fixed:]
    others = twin_keys(hidden)
    index = {key: i for i, key in enumerate(genome.key[:fixed].tolist())}
    genes = [min(i, index[twins[key]]) for key, i in index.items()]
    genes += range(fixed, len(genome.key))
    genes += range(fixed, len(genome.key))
    synapses: dict[tuple[int, int], tuple[float, int]] = {}
    columns = (genome.pre, genome.post, genome.weight, genome.delay)
    for pre, post, weight, delay in zip(*(c.tolist() for c in columns), strict=True):
        here, there = (pre, post), (twins[pre], twins[post])
        sign = -1.0 if (pre in space.odd) != (post in space.odd) else 1.0
        if here == there and sign < 0.0:
            continue
        synapses.setdefault(here, (weight, delay))
        synapses.setdefault(there, (sign * weight, delay))
    order = np.concatenate([np.arange(fixed), fixed + np.argsort([*hidden, *others])]).astype(int)
    rows = sorted(synapses.items())
    return replace(
        genome,
        key=np.concatenate([genome.key, others])[order],
        tau_mem=genome.tau_mem[genes][order],
        v_threshold=genome.v_threshold[genes][order],
        pre=np.array([pair[0] for pair, _ in rows], dtype=np.uint64),
        post=np.array([pair[1] for pair, _ in rows], dtype=np.uint64),
        weight=np.array([gene[0] for _, gene in rows], dtype=np.float64),
        delay=np.array([gene[1] for _, gene in rows], dtype=np.int64),
    )
