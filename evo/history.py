"""History: one record per generation, so that users see how a run goes and why it stalls."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from evo.breeding import Child
from evo.hypervolume import ObjectiveSpec, hypervolume
from evo.individual import Individual
from evo.operators import MUTATIONS
from evo.state import State

PARTS = ("vary", "evaluate", "select")
"""What a generation's time goes into."""


def operator_names() -> tuple[str, ...]:
    """Names of what makes children; "mutate" is a whole function of the user's own."""
    return ("first", "seed", "restart", "refine", "mate", *MUTATIONS, "mutate")


class Stopwatch:
    """Seconds spent in each part of the loop; without a clock, none are told.

    Parameters
    ----------
    clock : callable, optional
        ``clock() -> float``, seconds.
    """

    def __init__(self, clock: Callable[[], float] | None) -> None:
        self._clock = clock
        self._spent: dict[str, float] = {}

    @contextmanager
    def __call__(self, part: str) -> Iterator[None]:
        """Time a part of the loop."""
        begun = self._clock() if self._clock else 0.0
        yield
        self._spent[part] = (self._clock() if self._clock else 0.0) - begun

    @property
    def total(self) -> float:
        """Seconds of the last generation."""
        return sum(self._spent.values())

    def columns(self) -> dict[str, float]:
        """Return the record's columns; none without a clock."""
        if self._clock is None:
            return {}
        return {f"seconds_{part}": round(self._spent[part], 6) for part in PARTS}


def describe_generation(
    state: State, objectives: Sequence[ObjectiveSpec], children: Sequence[Child],
    newcomers: Sequence[Individual], /,
) -> dict[str, Any]:  # fmt: skip
    """Make the record of a generation.

    For each operator there are two columns: ``tried_X``, the children it had a part in, and
    ``kept_X``, those of them that live on.
    """
    shown = [i for i in state.population if i.feasible] or state.population
    values = np.array([i.fitness.values for i in shown])
    front = state.front
    record: dict[str, Any] = {
        "generation": state.generation,
        "evaluations": state.evaluations,
        "env_steps": state.steps,
        "feasible": sum(i.feasible for i in state.population),
        "least_violation": min(i.fitness.violation for i in state.found),
    }
    for column, o in enumerate(objectives):
        best = values[:, column].max() if o.maximise else values[:, column].min()
        record[f"best_{o.name}"] = float(best)
        record[f"median_{o.name}"] = float(np.median(values[:, column]))
    record["front_size"] = len(front)
    points = np.array([i.fitness.values for i in front]).reshape(-1, len(objectives))
    record["hypervolume"] = hypervolume(points, objectives)
    record["structures"] = len({i.structure for i in state.population})
    living = {i.number for i in state.population}
    tried, kept = Counter[str](), Counter[str]()
    for child, newcomer in zip(children, newcomers, strict=True):
        names = set(child.operators)
        tried.update(names)
        if newcomer.number in living:
            kept.update(names)
    for name in operator_names():
        record[f"tried_{name}"], record[f"kept_{name}"] = tried[name], kept[name]
    return record
