"""DEAP's individual and fitness as classes of this module.

`deap.creator` makes classes at run time that another process makes anew; objects then stop
being instances of their own class. A module-level class has no such trouble.
"""

from __future__ import annotations

from typing import Any

from deap import base

from evo.genome import Genome


class Fitness(base.Fitness):
    """DEAP's fitness with the weights (+1 maximise, -1 minimise) of this run, and a rank.

    Attributes
    ----------
    violation : float
        Distance from feasibility; 0 is feasible.
    rank : int
        Non-dominated front among the feasible, 0 the best; set by survivor selection.
    crowding_dist : float
        Set by survivor selection.
    """

    def __init__(self, weights: tuple[float, ...], values: tuple[float, ...] = ()) -> None:
        self.weights = weights
        self.violation = 0.0
        self.rank = 0
        self.crowding_dist = 0.0
        super().__init__(values)

    def __deepcopy__(self, memo: Any) -> Fitness:
        copy = Fitness(self.weights, self.values)
        copy.violation, copy.rank = self.violation, self.rank
        copy.crowding_dist = self.crowding_dist
        return copy


class Individual:
    """A genome with its fitness."""

    def __init__(self, genome: Genome, fitness: Fitness) -> None:
        self.genome = genome
        self.fitness = fitness

    @property
    def feasible(self) -> bool:
        """Whether it passes the nominal task."""
        return self.fitness.violation == 0.0
