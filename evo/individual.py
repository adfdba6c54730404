"""DEAP's individual and fitness as classes of this module.

`deap.creator` makes classes at run time that another process makes anew; objects then stop
being instances of their own class. A module-level class has no such trouble.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from deap import base
from numpy.typing import NDArray

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
    """A genome with its fitness.

    Attributes
    ----------
    number : int
        Individuals of a run are numbered in the order of their birth.
    structure : int
        Hash of which neurons and synapses it has.
    young_since : int
        Generation in which its structure was new to the living.
    cases : ndarray of float64, shape (k,), or None
        Score from each start and under each fault draw, where the evaluator tells. Greater is
        better; NaN is a case not met.
    """

    def __init__(
        self,
        genome: Genome,
        fitness: Fitness,
        *,
        number: int = 0,
        structure: int = 0,
        young_since: int = 0,
        cases: NDArray[np.float64] | None = None,
    ) -> None:
        self.genome = genome
        self.fitness = fitness
        self.number = number
        self.structure = structure
        self.young_since = young_since
        self.cases = cases

    @property
    def feasible(self) -> bool:
        """Whether it passes the nominal task."""
        return self.fitness.violation == 0.0
