"""Summaries of campaigns, with intervals. Apart because scipy.stats takes long to import."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from fitness.campaign import Outcome
from fitness.objectives import aggregate_scores
from fitness.tasks import Task

CRITICAL = (0.01, 0.05, 0.1)
"""Drops, as shares of the golden score, from which a fault counts as critical."""


def summarise(outcome: Outcome, task: Task, /, *, seed: int = 0) -> dict[str, float]:
    """Reduce an outcome to the numbers a study reports.

    Intervals are 95 %: percentile bootstrap over draws for the mean (the starts are fixed),
    Wilson for rates (Wilson 1927).
    """
    per_draw = outcome.scores.mean(axis=1)
    low, high = bootstrap_mean(per_draw, seed)
    row = {
        "golden": float(outcome.golden.mean()),
        "mean": float(per_draw.mean()),
        "mean_low": low,
        "mean_high": high,
        "min": float(per_draw.min()),
        **{f"q{q:02d}": float(np.quantile(per_draw, q / 100)) for q in (5, 25, 50, 75, 95)},
        "cvar10": aggregate_scores(per_draw, "cvar:0.1"),
    }
    drop = outcome.drop(task)
    rates = {"masked": outcome.masked, **{f"critical_{c:g}": drop > c for c in CRITICAL}}
    for name, hits in rates.items():
        count = int(hits.sum())
        interval = stats.binomtest(count, len(hits)).proportion_ci(method="wilson")
        row[name] = count / len(hits)
        row[f"{name}_low"], row[f"{name}_high"] = float(interval.low), float(interval.high)
    return row


def bootstrap_mean(values: NDArray[np.float64], seed: int) -> tuple[float, float]:
    """95 % percentile bootstrap interval of a mean, 2,000 resamples (Efron 1979)."""
    if len(values) < 2:
        return float(values[0]), float(values[0])
    found = stats.bootstrap(
        (values,), np.mean, n_resamples=2000, method="percentile", batch=200,
        rng=np.random.default_rng(seed),
    ).confidence_interval  # fmt: skip
    return float(found.low), float(found.high)
