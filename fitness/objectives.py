"""Objectives: what a measured network is worth.

An objective is a name, a direction, a range for normalised hypervolumes and one function of a
`Measurement`. To add one: write the function, register it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fitness.tasks import Task
from neuro import Network
from neuro.errors import wrong


@dataclass(frozen=True)
class Measurement:
    """What the evaluator measured of one network.

    Attributes
    ----------
    network : Network
        Pruned.
    task : Task
    scores : ndarray of float64, shape (S,)
        Score from each start, without faults.
    faulty : ndarray of float64, shape (K,), or None
        Score under each fault draw; None if the network failed the nominal task.
    aggregate : str
        How `faulty` becomes one number; see `aggregate_scores`.
    """

    network: Network
    task: Task
    scores: NDArray[np.float64]
    faulty: NDArray[np.float64] | None
    aggregate: str = "mean"


def aggregate_scores(scores: NDArray[np.float64], how: str) -> float:
    """Reduce scores under faults to one number.

    Parameters
    ----------
    scores : ndarray of float64, shape (K,)
    how : str
        "mean", "quantile:Q" (Q between 0 and 1), or "cvar:Q": the mean of the worst share Q
        (conditional value at risk; Rockafellar & Uryasev 2000), at least one score.

    Examples
    --------
    >>> scores = np.array([1.0, 2.0, 3.0, 4.0])
    >>> [aggregate_scores(scores, how) for how in ("mean", "quantile:0.5", "cvar:0.5")]
    [2.5, 2.5, 1.5]
    """
    name, share = parse_aggregate(how)
    if name == "mean":
        return float(np.mean(scores))
    if name == "quantile":
        return float(np.quantile(scores, share))
    # Rounding must not make 0.07 of 100 scores eight of them.
    count = max(1, int(np.ceil(share * len(scores) - 1e-9)))
    return float(np.mean(np.sort(scores)[:count]))


def parse_aggregate(how: str) -> tuple[str, float]:
    """Split "mean", "quantile:Q" or "cvar:Q"; raise `InputError` on anything else."""
    name, _, text = str(how).partition(":")
    try:
        share = float(text) if name in ("quantile", "cvar") else 1.0
    except ValueError:
        share = np.nan
    if (
        name not in ("mean", "quantile", "cvar")
        or (name == "mean" and how != "mean")
        or not 0 < share <= 1
    ):
        raise wrong("aggregate", "mean, quantile:Q or cvar:Q with Q above 0 and up to 1", how)
    return name, share


@dataclass(frozen=True)
class Objective:
    """One objective.

    Parameters
    ----------
    name : str
    maximise : bool
    measure : callable
        ``measure(measurement) -> float``, finite.
    span : callable
        ``span(task) -> (worst, best)``: the values that count as 0 and 1 in a normalised
        hypervolume; fixed in advance, so that hypervolumes of different runs compare.
    """

    name: str
    maximise: bool
    measure: Callable[[Measurement], float]
    span: Callable[[Task], tuple[float, float]]


def score(m: Measurement) -> float:
    """Mean score over the starts, in the task's own units."""
    return float(np.mean(m.scores))


def size(m: Measurement) -> float:
    """Neurons + synapses + input synapses, inputs and outputs counted."""
    return float(m.network.size)


def resilience(m: Measurement) -> float:
    """Score kept under faults, as a fraction of solved; 0 where the nominal task is failed."""
    if m.faulty is None:
        return 0.0
    return float(m.task.fraction(aggregate_scores(m.faulty, m.aggregate)))


SIZE_REFERENCE = 100.0
"""Size at which a network adds nothing to the hypervolume."""

OBJECTIVES: dict[str, Objective] = {
    o.name: o
    for o in (
        Objective("score", True, score, lambda task: (task.worst, task.solved_at)),
        Objective("size", False, size, lambda task: (SIZE_REFERENCE, 0.0)),
        Objective("resilience", True, resilience, lambda task: (0.0, 1.0)),
    )
}
"""Objectives by name; add your own to use it in configs."""
