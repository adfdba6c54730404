"""Refinement: evolution strategies that move the weights of one structure.

Topology is found by mutation and crossover; what weights a topology needs is a continuous
problem, which rank-based evolution strategies solve in far fewer evaluations. Their samples are
whole genomes (Lamarckian), so nothing that was learned has to be told.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from evo.contrast import from_contrast, to_contrast
from evo.genome import Genome, tunable
from evo.settings import METHODS, Refinement, Search
from evo.space import SearchSpace
from neuro.hashing import hash_words


@dataclass
class Strategy:
    """One evolution strategy at work: a distribution over the genes of a structure.

    Attributes
    ----------
    genome : Genome
        Structure, and the genes that are not refined.
    parent : int
        Number of the individual it began at.
    search : Snes or CmaEs
        The distribution; see `evo.settings.METHODS`.
    emphasis : ndarray of float64, shape (m,)
        What each objective counts when feasible samples are ranked.
    best : tuple of float
        Violation and loss of the best sample so far.
    idle : int
        Generations since the best one improved.
    """

    genome: Genome
    parent: int
    search: Search
    emphasis: NDArray[np.float64]
    best: tuple[float, float] = (np.inf, np.inf)
    idle: int = 0


def begin(
    genome: Genome, parent: int, space: SearchSpace, settings: Refinement,
    emphasis: NDArray[np.float64], /,
) -> Strategy:  # fmt: skip
    """Begin a strategy at a genome."""
    mean = genes_of(genome, space, settings)
    # On a grid, steps of less than one of its own would mostly be rounded away.
    step = max(settings.step, space.weights.step)
    return Strategy(genome, parent, METHODS[settings.method].begin(mean, step), emphasis)


def sample(
    strategy: Strategy, space: SearchSpace, settings: Refinement, rng: Generator, /
) -> tuple[Genome, NDArray[np.float64]]:
    """Draw a genome; also return the standard normal numbers behind it."""
    z = rng.standard_normal(len(strategy.search.mean))
    return with_genes(strategy.genome, space, settings, strategy.search.genes(z)), z


def learn(
    strategy: Strategy, z: NDArray[np.float64], violation: NDArray[np.float64],
    loss: NDArray[np.float64], settings: Refinement, /,
) -> None:  # fmt: skip
    """Let the distribution learn from its samples, and note whether the best one is better.

    Parameters
    ----------
    z : ndarray of float64, shape (k, n)
        The numbers behind each sample.
    violation, loss : ndarray of float64, shape (k,)
        Samples are ranked by violation, then by loss; equal ones count alike, so that a plateau
        moves nothing.
    """
    if not z.shape[1]:
        strategy.idle += 1
        return
    strategy.search = strategy.search.learned(z, violation, loss, floor=settings.floor)
    first = np.lexsort((loss, violation))[0]
    found = float(violation[first]), float(loss[first])
    if found < strategy.best:
        strategy.best, strategy.idle = found, 0
    else:
        strategy.idle += 1


def genes_of(genome: Genome, space: SearchSpace, settings: Refinement, /) -> NDArray[np.float64]:
    """Genes as one vector: weights, then thresholds and logarithms of time constants.

    Weights of a neuron onto several traces of a value are told as their `contrast`.
    """
    weight = to_contrast(genome, space, settings.contrast, genome.weight)
    if not settings.neurons:
        return weight
    own = tunable(genome, space)
    tau = np.clip(genome.tau_mem[own], space.tau_low, space.tau_high)
    return np.concatenate([weight, genome.v_threshold[own], np.log(tau)])


def with_genes(
    genome: Genome, space: SearchSpace, settings: Refinement, genes: NDArray[np.float64], /
) -> Genome:
    """Return a genome with other genes, clipped to the search space."""
    count = len(genome.weight)
    weight = from_contrast(genome, space, settings.contrast, genes[:count])
    changed = replace(genome, weight=np.clip(weight, space.weights.low, space.weights.high))
    if settings.neurons:
        own = tunable(genome, space)
        threshold, tau = genome.v_threshold.copy(), genome.tau_mem.copy()
        low, high = space.thresholds.low, space.thresholds.high
        threshold[own] = np.clip(genes[count : count + len(own)], low, high)
        if space.hardware.leaks is None:
            stretched = np.exp(np.clip(genes[count + len(own) :], -700.0, 700.0))
            stretched = np.clip(stretched, space.tau_low, space.tau_high)
            tau[own] = np.where(np.isfinite(tau[own]), stretched, np.inf)
        changed = replace(changed, v_threshold=threshold, tau_mem=tau)
    return space.hardware.conform(changed, space)


def structure(genome: Genome, /) -> int:
    """Hash of which neurons and synapses a genome has, whatever their values."""
    words = np.concatenate([genome.key, genome.pre, genome.post])
    places = np.arange(len(words), dtype=np.uint64)
    mixed = hash_words(places, words)
    return int(hash_words(np.bitwise_xor.reduce(mixed), len(genome.key), len(genome.pre)))
