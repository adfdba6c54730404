"""Degradation in a few numbers: along severities, and over the draws of one severity."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fitness.objectives import aggregate_scores
from neuro.errors import wrong
from neuro.specs import real

CRITICAL = (0.0, 0.01, 0.05, 0.1)
"""Drops, as shares of the golden score, above which a fault counts as critical."""

QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)

AXES = ("linear", "log")


# --- along severities -------------------------------------------------------------------------


def normalised_area(severities: ArrayLike, values: ArrayLike, axis: str = "linear") -> float:
    """Return the area under values against severity, divided by the range of severities.

    By the trapezoidal rule; the result is in the unit of the values: their mean over the axis. With
    shares of the golden score that are kept, 1 is no degradation.

    Parameters
    ----------
    severities : array_like of float, shape (n,)
        At least two, ascending.
    values : array_like of float, shape (n,)
    axis : {"linear", "log"}
        On which the severities are laid out; "log" for rates that span decades.

    Examples
    --------
    >>> round(normalised_area([0.0, 0.1, 0.3], [1.0, 0.8, 0.2]), 4)
    0.6333
    >>> round(normalised_area([0.001, 0.01, 0.1], [1.0, 0.5, 0.0], "log"), 4)
    0.5
    """
    x, y = _curve(severities, values, axis)
    if len(x) < 2:
        raise wrong("severities", "at least two", severities)
    return float(np.trapezoid(y, x) / (x[-1] - x[0]))


def severity_of_drop(
    severities: ArrayLike, kept: ArrayLike, drop: float, axis: str = "linear"
) -> float:
    """Return the severity at which a share of the score is first lost, NaN if it never is.

    Between severities, the kept share is interpolated on the same axis. If the share is lost at
    the first severity already, that one is the result: put severity 0 in front where it is known.

    Parameters
    ----------
    severities : array_like of float, shape (n,)
        Ascending.
    kept : array_like of float, shape (n,)
        Mean share of the golden score that is kept: 1 minus the drop.
    drop : float
        Such as 0.05.
    axis : {"linear", "log"}

    Examples
    --------
    >>> round(severity_of_drop([0.0, 0.1, 0.2], [1.0, 0.98, 0.88], 0.05), 4)
    0.13
    >>> severity_of_drop([0.0, 0.1, 0.2], [1.0, 0.98, 0.88], 0.2)
    nan
    """
    x, y = _curve(severities, kept, axis)
    threshold = 1.0 - real(drop, "drop", 0.0, np.inf)
    # 1 - 0.1 is not 0.9: what differs by rounding alone has dropped.
    low = np.flatnonzero(y <= threshold + 1e-12)
    if not len(low):
        return float("nan")
    k = int(low[0])
    if k == 0 or y[k] >= threshold:
        return float(np.asarray(severities, dtype=np.float64)[k])
    place = x[k - 1] + (x[k] - x[k - 1]) * (y[k - 1] - threshold) / (y[k - 1] - y[k])
    return float(np.exp(place) if axis == "log" else place)


def _curve(
    severities: ArrayLike, values: ArrayLike, axis: str
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    if axis not in AXES:
        raise wrong("axis", f"one of {', '.join(AXES)}", axis)
    x, y = np.asarray(severities, dtype=np.float64), np.asarray(values, dtype=np.float64)
    ascending = x.ndim == 1 and len(x) and np.isfinite(x).all() and (np.diff(x) > 0).all()
    if not ascending or (axis == "log" and x[0] <= 0):
        kind = "positive numbers" if axis == "log" else "numbers"
        raise wrong("severities", f"{kind}, ascending", severities)
    if y.shape != x.shape or not np.isfinite(y).all():
        raise wrong("values", f"{len(x)} finite numbers", values)
    return (np.log(x) if axis == "log" else x), y


# --- over draws -------------------------------------------------------------------------------


class Outcomes(NamedTuple):
    """What faults did, one by one; see ``docs/faults.md`` for the words.

    Attributes
    ----------
    drop : ndarray of float64, shape (draws,)
        Share of the golden score that is lost; negative if the fault helped.
    masked, improved, degraded : ndarray of bool, shape (draws,)
        No score changed; some did, and the mean is as good or better; the mean is worse.
    """

    drop: NDArray[np.float64]
    masked: NDArray[np.bool_]
    improved: NDArray[np.bool_]
    degraded: NDArray[np.bool_]

    def critical(self, share: float) -> NDArray[np.bool_]:
        """Draws that lost more than a share of the golden score."""
        return self.drop > share

    def rates(self, critical: Sequence[float] = CRITICAL) -> dict[str, float]:
        """Shares of draws: masked, improved, degraded, and critical for each threshold."""
        named = {name: getattr(self, name) for name in ("masked", "improved", "degraded")}
        named |= {f"critical_{share:g}": self.critical(share) for share in critical}
        return {name: float(hit.mean()) for name, hit in named.items()}


def outcomes(golden: ArrayLike, scores: ArrayLike, worst: float = 0.0) -> Outcomes:
    """Sort fault draws by what they did to the scores.

    Parameters
    ----------
    golden : array_like of float, shape (episodes,)
        Scores without faults.
    scores : array_like of float, shape (draws, episodes)
        With faults, from the same starts.
    worst : float
        Score from which shares are counted.

    Examples
    --------
    >>> found = outcomes([500, 500], [[500, 500], [500, 500], [500, 480], [500, 0]])
    >>> found.drop.round(4).tolist()
    [0.0, 0.0, 0.02, 0.5]
    >>> found.rates(critical=[0.1])
    {'masked': 0.5, 'improved': 0.0, 'degraded': 0.5, 'critical_0.1': 0.25}
    """
    fine, faulty = np.asarray(golden, dtype=np.float64), np.asarray(scores, dtype=np.float64)
    if fine.ndim != 1 or not len(fine):
        raise wrong("golden", "a list of at least one score", golden)
    if faulty.ndim != 2 or faulty.shape[1] != len(fine) or not len(faulty):
        raise wrong("scores", f"shape (draws, {len(fine)})", faulty.shape)
    masked = (faulty == fine).all(axis=1)
    best, kept = fine.mean() - worst, faulty.mean(axis=1) - worst
    drop = 1.0 - kept / best if best > 0.0 else np.zeros(len(faulty))
    return Outcomes(drop, masked, ~masked & (drop <= 0.0), ~masked & (drop > 0.0))


def describe(values: ArrayLike) -> dict[str, float]:
    """Return mean, minimum, quantiles, and the mean of the worst tenth (`cvar10`).

    Examples
    --------
    >>> list(describe([4.0, 1.0, 3.0]))
    ['mean', 'min', 'q05', 'q25', 'q50', 'q75', 'q95', 'cvar10']
    """
    numbers = np.asarray(values, dtype=np.float64)
    if numbers.ndim != 1 or not len(numbers):
        raise wrong("values", "a list of at least one number", values)
    return {
        "mean": float(numbers.mean()),
        "min": float(numbers.min()),
        **{f"q{100 * q:02.0f}": float(np.quantile(numbers, q)) for q in QUANTILES},
        "cvar10": aggregate_scores(numbers, "cvar:0.1"),
    }
