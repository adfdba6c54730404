"""Who dominates whom, and who repeats whom."""

from __future__ import annotations

from collections.abc import Sequence

import moocore
import numpy as np
from numpy.typing import NDArray

from evo.individual import Individual


def losses(individuals: Sequence[Individual]) -> NDArray[np.float64]:
    """Objectives with every direction turned to "less is better", shape (n, m)."""
    return -np.array([i.fitness.wvalues for i in individuals], dtype=np.float64)


def non_dominated(individuals: Sequence[Individual], /) -> list[Individual]:
    """Feasible individuals that no other dominates, each objective vector once."""
    feasible = [i for i in individuals if i.feasible]
    if not feasible:
        return []
    keep = moocore.is_nondominated(losses(feasible), keep_weakly=False)
    return [i for i, kept in zip(feasible, keep, strict=True) if kept]


def distinct(individuals: Sequence[Individual], /) -> list[Individual]:
    """Keep the first individual with each objective vector, feasible or not."""
    found: dict[tuple[object, ...], Individual] = {}
    for individual in individuals:
        found.setdefault((individual.feasible, *individual.fitness.values), individual)
    return list(found.values())
