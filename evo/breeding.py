"""Breeding: the offspring of a generation, from variation and from refinement."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from deap import base
from numpy.random import Generator, SeedSequence
from numpy.typing import NDArray

from evo import refine
from evo.genome import Genome
from evo.individual import Individual
from evo.refine import Strategy
from evo.settings import Settings
from evo.space import SearchSpace
from evo.state import State
from neuro.errors import wrong


class Child(NamedTuple):
    """A genome to be evaluated, and where it comes from.

    Attributes
    ----------
    genome : Genome
    parents : tuple of int
        Numbers of the individuals it comes from.
    operators : tuple of str
    strategy : int
        Which strategy it is a sample of; -1 for none.
    z : ndarray of float64, or None
        The numbers behind the sample.
    """

    genome: Genome
    parents: tuple[int, ...]
    operators: tuple[str, ...]
    strategy: int = -1
    z: NDArray[np.float64] | None = None


@dataclass(frozen=True)
class Breeder:
    """Makes offspring; child i of generation g draws from ``SeedSequence(seed, (g, i))``."""

    space: SearchSpace
    settings: Settings
    toolbox: base.Toolbox
    seed: int
    objectives: int

    def first(self, seeds: Sequence[Genome]) -> list[Child]:
        """Make the first population: given genomes, then random ones."""
        count = self.settings.population
        if len(seeds) > count:
            raise wrong("seeds", f"at most {count}, the population", len(seeds))
        given = [Child(genome, (), ("seed",)) for genome in seeds]
        fresh = [self._fresh(0, i, "first") for i in range(len(given), count)]
        return given + fresh

    def offspring(self, state: State) -> list[Child]:
        """Make the children of the next generation."""
        generation = state.generation + 1
        children = self._samples(state, generation)
        children += [
            self._varied(state, self.rng(generation, i))
            for i in range(len(children), self.settings.population)
        ]
        return children

    def rng(self, generation: int, place: int) -> Generator:
        """Make the generator of one child."""
        return np.random.default_rng(SeedSequence(self.seed, spawn_key=(generation, place)))

    def _fresh(self, generation: int, place: int, how: str) -> Child:
        return Child(self.toolbox.initialise(self.rng(generation, place)), (), (how,))

    def _varied(self, state: State, rng: Generator) -> Child:
        toolbox = self.toolbox
        parent = toolbox.select_parent(state.population, rng)
        genome = parent.genome
        parents: tuple[int, ...] = (parent.number,)
        how: tuple[str, ...] = ()
        if rng.random() < self.settings.mate:
            other = toolbox.select_parent(state.population, rng)
            genome = toolbox.mate(genome, other.genome, rng)
            parents, how = (*parents, other.number), ("mate",)
        # A mutation of the user's own may say nothing of what it did.
        made: Any = toolbox.mutate(genome, rng)
        genome, done = made if isinstance(made, tuple) else (made, ("mutate",))
        return Child(genome, parents, (*how, *done))

    def _samples(self, state: State, generation: int) -> list[Child]:
        """Let every strategy draw its samples, a new one where one has ended."""
        refinement = self.settings.refine
        children: list[Child] = []
        kept = [s for s in state.strategies if s.idle < refinement.patience]
        while len(kept) < self.settings.strategies:
            # Past the children's own places.
            place = self.settings.population + len(kept)
            kept.append(self._begin(state, self.rng(generation, place)))
        state.strategies = kept
        for number, strategy in enumerate(kept):
            how = ("refine",) if strategy.parent >= 0 else ("restart", "refine")
            parents = (strategy.parent,) if strategy.parent >= 0 else ()
            for _ in range(self.settings.samples):
                rng = self.rng(generation, len(children))
                genome, z = refine.sample(strategy, self.space, self.settings.refine, rng)
                children.append(Child(genome, parents, how, number, z))
        return children

    def _begin(self, state: State, rng: Generator) -> Strategy:
        """Begin a strategy: at a good parent, or, where there is no progress, anywhere new."""
        refinement = self.settings.refine
        emphasis = rng.dirichlet(np.ones(self.objectives))
        chosen: Individual | None = None
        moving = state.idle < refinement.patience
        if moving and any(i.feasible for i in state.population):
            chosen = self.toolbox.select_parent(state.population, rng)
        elif rng.random() >= refinement.restart or not state.refined:
            new = [i for i in state.population if i.structure not in state.refined]
            chosen = min(new, key=lambda i: (i.fitness.violation, i.fitness.rank), default=None)
        if chosen is None:
            genome, parent = self.toolbox.initialise(rng), -1
        else:
            genome, parent = chosen.genome, chosen.number
        state.refined.add(refine.structure(genome))
        return refine.begin(genome, parent, self.space, refinement, emphasis)
