"""Summaries of campaigns, with intervals."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from fitness.campaign import Outcome
from fitness.curves import CRITICAL, describe, normalised_area, outcomes, severity_of_drop
from fitness.intervals import Interval, mean_interval, wilson
from fitness.tasks import Task

__all__ = ["CRITICAL", "curve", "summarise"]

LOST = (0.01, 0.05, 0.1)
"""Shares of the golden score whose loss a curve tells the severity of."""


def summarise(outcome: Outcome, task: Task, /, *, seed: int = 0) -> dict[str, float]:
    """Reduce an outcome to the numbers a study reports.

    Intervals are 95 % and say how far a number would move with other draws or, of single faults,
    with other samples of them; where all have been tried, they are points. See
    `fitness.intervals.mean_interval` for the mean, and `fitness.intervals.wilson` for rates.
    """
    per_draw, population = outcome.scores.mean(axis=1), outcome.population
    # Scores can be worse than the task's worst, which is that of doing nothing useful.
    bounds = (
        min(task.worst, float(per_draw.min())),
        max(float(per_draw.max()), float(outcome.golden.mean())),
    )
    interval = mean_interval(per_draw, population=population, bounds=bounds, seed=seed)
    row = {"golden": float(outcome.golden.mean()), **describe(per_draw)}
    row |= {"mean_low": interval.low, "mean_high": interval.high}
    found = outcomes(outcome.golden, outcome.scores, task.worst)
    hits = {"masked": found.masked, "improved": found.improved, "degraded": found.degraded}
    hits |= {f"critical_{share:g}": found.critical(share) for share in CRITICAL}
    for name, hit in hits.items():
        count = int(hit.sum())
        low, high = wilson(count, len(hit), population=population)
        row |= {name: count / len(hit), f"{name}_low": low, f"{name}_high": high}
    return row


def curve(found: Sequence[Outcome], task: Task, /, *, seed: int = 0) -> dict[str, float]:
    """Reduce the outcomes of a model at several severities to a curve's numbers.

    Parameters
    ----------
    found : sequence of Outcome
        Of one network and model, by rising severities, with the same draws.
    task : Task
    seed : int
        Of the bootstrap over draws, which keeps all severities of a draw together.

    Returns
    -------
    dict
        ``auc`` with its 95 % interval: the mean share of the golden score that is kept, over the
        axis of severities (logarithmic where they span a factor of 30); and for each of `LOST`
        the severity at which that share is lost, NaN where it never is.
    """
    severities = np.array([o.severity for o in found], dtype=np.float64)
    kept = np.array([1.0 - o.drop(task) for o in found])  # severities, draws
    axis = axis_of(severities)
    usable = severities > 0.0 if axis == "log" else np.ones(len(severities), dtype=bool)
    x, y = severities[usable], kept[usable]
    row: dict[str, float] = {"severities": len(found), "draws": kept.shape[1]}
    if len(x) > 1:
        interval = _bootstrap_area(x, y, axis, seed)
        row |= {"auc": normalised_area(x, y.mean(axis=1), axis)}
        row |= {"auc_low": interval.low, "auc_high": interval.high}
    else:
        row |= {"auc": np.nan, "auc_low": np.nan, "auc_high": np.nan}
    for share in LOST:
        row[f"severity_at_{share:g}"] = severity_of_drop(x, y.mean(axis=1), share, axis)
    return row


def axis_of(severities: NDArray[np.float64]) -> str:
    """Whether severities are laid out on a linear or a logarithmic axis."""
    positive = severities[severities > 0.0]
    wide = len(positive) > 1 and float(positive.max() / positive.min()) >= 30.0
    return "log" if wide else "linear"


def _bootstrap_area(
    x: NDArray[np.float64], y: NDArray[np.float64], axis: str, seed: int, resamples: int = 2000
) -> Interval:
    draws = y.shape[1]
    rng = np.random.default_rng(seed)
    areas = []
    for begin in range(0, resamples, 200):
        weights = rng.multinomial(draws, np.full(draws, 1.0 / draws), min(200, resamples - begin))
        areas += [normalised_area(x, mean, axis) for mean in weights @ y.T / draws]
    low, high = np.quantile(areas, (0.025, 0.975))
    return Interval(float(low), float(high))
