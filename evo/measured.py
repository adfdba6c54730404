"""What an evaluator returns, and the individuals that are made of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from evo.genome import Genome
from evo.hypervolume import ObjectiveSpec
from evo.individual import Fitness, Individual


class Measured(Protocol):
    """What an evaluator returns for n networks; see `Evaluate`.

    It may also have `cases`, an array of shape (n, k): scores from each start and under each
    fault draw, which lexicase selection looks at.
    """

    @property
    def objectives(self) -> NDArray[np.float64]:
        """Finite values, shape (n, m)."""

    @property
    def violation(self) -> NDArray[np.float64]:
        """Distance from feasibility, shape (n,); 0 is feasible."""

    @property
    def steps(self) -> int:
        """Environment steps spent."""


Evaluate = Callable[..., Measured]
"""``evaluate(networks)``, or ``evaluate(networks, epoch)`` where `Settings.refresh` is not 0."""


def individuals(
    genomes: Sequence[Genome], measured: Measured, objectives: Sequence[ObjectiveSpec], /
) -> list[Individual]:
    """Join genomes and what was measured of them to individuals.

    Raises
    ------
    ValueError
        NaN, infinity or the wrong shape; names the column.
    """
    count = len(genomes)
    values = np.asarray(measured.objectives, dtype=float)
    violation = np.asarray(measured.violation, dtype=float)
    shapes = {"objectives": (values, (count, len(objectives))), "violation": (violation, (count,))}
    for name, (array, shape) in shapes.items():
        if array.shape != shape:
            raise ValueError(f"evaluate: expected {name} of shape {shape}, got {array.shape}")
    columns = [(o.name, values[:, c], -np.inf) for c, o in enumerate(objectives)]
    for name, column, low in [*columns, ("violation", violation, 0.0)]:
        bad = np.flatnonzero(~(np.isfinite(column) & (column >= low)))
        if bad.size:  # NaN would be ranked best, infinity spoils crowding distances
            what = "finite values" if low < 0 else "finite values of at least 0"
            raise ValueError(
                f"evaluate: expected {what} of {name}, got {column[bad[0]]} for network {bad[0]}"
            )
    weights = tuple(1.0 if o.maximise else -1.0 for o in objectives)
    cases = getattr(measured, "cases", None)
    if cases is not None:
        cases = np.asarray(cases, dtype=float)
        if cases.ndim != 2 or len(cases) != count:
            raise ValueError(f"evaluate: expected cases of shape ({count}, any), got {cases.shape}")
        if np.isinf(cases).any():
            raise ValueError("evaluate: expected cases that are finite or NaN, got infinity")
    people = []
    for i, genome in enumerate(genomes):
        fitness = Fitness(weights, tuple(values[i].tolist()))
        fitness.violation = float(violation[i])
        people.append(Individual(genome, fitness, cases=None if cases is None else cases[i]))
    return people
