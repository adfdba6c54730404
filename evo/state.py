"""The state of an evolution: everything it needs to go on, what a checkpoint holds."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

from deap import tools

from evo.individual import Individual
from evo.lineage import Birth
from evo.refine import Strategy
from evo.selection import non_dominated


@dataclass
class State:
    """Everything evolution needs to go on: what a checkpoint holds.

    Attributes
    ----------
    generation : int
        Generations completed; 0 is the first population.
    population : list of Individual
    evaluations, steps : int
        Networks evaluated and environment steps spent so far.
    history : deap.tools.Logbook
        One record per generation.
    archive : list of Individual
        Non-dominated ones, alive or not; see `Settings.archive`.
    strategies : list of Strategy
        Evolution strategies at work.
    refined : set of int
        Structures that strategies have begun at.
    lineage : dict of int to Birth
        Births of the living and of their ancestors, by number.
    born : int
        Individuals so far.
    seconds : float
        Time spent, where there is a clock.
    progress : float
        1 + the largest hypervolume so far, or, if nobody was feasible, - the least violation.
    idle : int
        Generations without progress; see `Settings.stagnation`.
    """

    generation: int = -1
    population: list[Individual] = field(default_factory=list)
    evaluations: int = 0
    steps: int = 0
    history: Any = field(default_factory=tools.Logbook)
    archive: list[Individual] = field(default_factory=list)
    strategies: list[Strategy] = field(default_factory=list)
    refined: set[int] = field(default_factory=set)
    lineage: dict[int, Birth] = field(default_factory=dict)
    born: int = 0
    seconds: float = 0.0
    progress: float = -math.inf
    idle: int = 0

    @property
    def found(self) -> list[Individual]:
        """Population and archive, each individual once."""
        known = {i.number for i in self.population}
        return self.population + [i for i in self.archive if i.number not in known]

    @property
    def front(self) -> list[Individual]:
        """The feasible non-dominated individuals."""
        return non_dominated(self.found)
