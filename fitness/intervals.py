"""Intervals for rates and means of fault campaigns, sampled without replacement or drawn anew.

Which method covers the truth how often is measured by ``make study-coverage``.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import betainc, betaln, ndtri

from neuro.errors import wrong
from neuro.specs import real, whole

BLOCK = 2_000_000
"""Random numbers held at a time."""


class Interval(NamedTuple):
    """From `low` to `high`, both included."""

    low: float
    high: float

    @property
    def margin(self) -> float:
        """Half of the width."""
        return (self.high - self.low) / 2.0


def narrow_enough(interval: Interval, margin: float) -> bool:
    """Tell whether a sample that grows may stop; ask at `fitness.sampling.looks` only.

    Examples
    --------
    >>> [narrow_enough(rate_interval(5, n), 0.05) for n in (50, 100)]
    [False, True]
    """
    return interval.margin <= real(margin, "margin", 0.0, math.inf)


# --- rates ------------------------------------------------------------------------------------


def rate_interval(
    hits: int,
    n: int,
    *,
    population: int | None = None,
    confidence: float = 0.95,
    tie: float = 0.5,
) -> Interval:
    """Return the interval of a rate by inverting the exact test, mid-p by default.

    The limits are the smallest and largest rate at which so many hits, or so few, are not too
    unlikely: ``P(more) + tie P(as many)`` is above ``(1 - confidence) / 2``, with the binomial
    distribution or, for a sample without replacement, the hypergeometric one.

    Hits are whole numbers, so no rule without chance covers every rate equally often. With `tie` 1
    the interval covers each at least as often as it says, most of them more often (Clopper &
    Pearson 1934). With 0.5 it is right on average over rates (mid-p: Lancaster 1961; Agresti &
    Gottard 2007). With a random number, uniform between 0 and 1, it is right for each rate (Stevens
    1950), but the same hits may get different intervals.

    Parameters
    ----------
    hits, n : int
        Faults with the outcome, and faults tried.
    population : int, optional
        Number of faults there are, if the sample was drawn from them without replacement. If it
        is `n`, the interval is the rate.
    confidence : float
    tie : float
        From 0 to 1.

    Examples
    --------
    >>> low, high = rate_interval(0, 100, tie=1.0)
    >>> low, round(high, 4)
    (0.0, 0.0362)
    >>> rate_interval(3, 100, population=100)
    Interval(low=0.03, high=0.03)
    >>> rate_interval(3, 100, population=400).margin < rate_interval(3, 100).margin
    True
    """
    hits, n, total = _counts(hits, n, population)
    tie = real(tie, "tie", 0.0, 1.0)
    least = tail(confidence)

    # As many misses as there would be hits: the upper limit is the lower one, mirrored.
    misses = n - hits
    if total is not None:
        fewest = _fewest(hits, n, total, tie, least)
        return Interval(fewest / total, (total - _fewest(misses, n, total, tie, least)) / total)
    return Interval(_lowest(hits, n, tie, least), 1.0 - _lowest(misses, n, tie, least))


def clopper_pearson(
    hits: int, n: int, *, population: int | None = None, confidence: float = 0.95
) -> Interval:
    """Return the interval that covers every rate at least as often as it says.

    Examples
    --------
    >>> [round(limit, 4) for limit in clopper_pearson(10, 20)]
    [0.272, 0.728]
    """
    return rate_interval(hits, n, population=population, confidence=confidence, tie=1.0)


def wilson(
    hits: int, n: int, *, population: int | None = None, confidence: float = 0.95
) -> Interval:
    """Return the score interval (Wilson 1927), also for a sample without replacement.

    A sample of n from N says as much as one of ``n (N - 1) / (N - n)`` from an endless population
    (O'Neill 2021, "Mathematical properties and finite-population correction for the Wilson score
    interval"). What the sample has seen is certain, so the interval is cut to that.

    Examples
    --------
    >>> [round(limit, 4) for limit in wilson(10, 20)]
    [0.2993, 0.7007]
    >>> wilson(3, 100, population=100)
    Interval(low=0.03, high=0.03)
    """
    hits, n, total = _counts(hits, n, population)
    rate, z = hits / n, -float(ndtri(tail(confidence)))
    least, most, size = 0.0, 1.0, float(n)
    if total is not None:
        if total == n:
            return Interval(rate, rate)
        least, most = hits / total, 1.0 - (n - hits) / total
        size = n * (total - 1) / (total - n)
    middle = (rate + z * z / (2 * size)) / (1 + z * z / size)
    half = z / (1 + z * z / size) * math.sqrt(rate * (1 - rate) / size + (z / (2 * size)) ** 2)
    low = least if hits == 0 else max(least, middle - half)
    return Interval(low, most if rate == 1.0 else min(most, middle + half))


def _counts(hits: int, n: int, population: int | None) -> tuple[int, int, int | None]:
    n = whole(n, "n", 1, 2**62)
    total = None if population is None else whole(population, "population", n, 2**62)
    return whole(hits, "hits", 0, n), n, total


def tail(confidence: float) -> float:
    """Return the probability that is left on either side of an interval.

    Examples
    --------
    >>> tail(0.5)
    0.25
    """
    return (1.0 - real(confidence, "confidence", 0.01, 0.999999)) / 2.0


def _binomial_more(hits: int, n: int, p: float, tie: float) -> float:
    """``P(X > hits) + tie P(X = hits)``; the tail as an incomplete beta function."""
    above = betainc(hits + 1, n - hits, p) if hits < n else 0.0
    return float(tie * betainc(hits, n - hits + 1, p) + (1.0 - tie) * above)


def _lowest(hits: int, n: int, tie: float, least: float) -> float:
    """Return the smallest rate at which so many hits are likely enough, by bisection."""
    low, high = 0.0, 1.0 if hits else 0.0
    while low < (middle := (low + high) / 2) < high:
        likely = _binomial_more(hits, n, middle, tie) > least
        low, high = (low, middle) if likely else (middle, high)
    return low


def _more(hits: int, n: int, marked: int, total: int, tie: float) -> float:
    """``P(X > hits) + tie P(X = hits)``, `n` drawn from `total` of which `marked` would hit."""
    x = np.arange(hits, min(n, marked) + 1, dtype=np.float64)
    x = x[x >= n - (total - marked)]
    if not len(x):
        return 0.0
    chances = np.exp(
        _log_ways(marked, x) + _log_ways(total - marked, n - x) - _log_ways(total, float(n))
    )
    return float(chances.sum() - (1.0 - tie) * chances[0] * (x[0] == hits))


def _log_ways(of: int, some: ArrayLike) -> NDArray[np.float64]:
    """Logarithm of the binomial coefficient; by betaln, which keeps its digits for many faults."""
    ways: NDArray[np.float64] = -np.log1p(of) - betaln(of - np.asarray(some) + 1, np.add(some, 1))
    return ways


def _fewest(hits: int, n: int, total: int, tie: float, least: float) -> int:
    """Return the smallest number of marked faults at which so many hits are likely enough."""
    low, high = hits, total - n + hits
    while low < high:
        middle = (low + high) // 2
        likely = _more(hits, n, middle, total, tie) > least
        low, high = (low, middle) if likely else (middle + 1, high)
    return low


# --- means ------------------------------------------------------------------------------------


def mean_interval(
    values: ArrayLike,
    *,
    population: int | None = None,
    bounds: tuple[float, float] | None = None,
    confidence: float = 0.95,
    tie: float = 0.5,
    resamples: int = 4000,
    seed: int = 0,
) -> Interval:
    """Return the interval of a mean of bounded values, such as drops, however skewed.

    A bootstrap for finite populations: what was not tried is drawn from what was, each fault
    drawn going back with a copy of itself (the Polya posterior: Lo 1988; Ghosh & Meeden 1997).
    By itself this knows nothing of outcomes that the sample missed, like any bootstrap; and where
    one fault in a hundred is fatal, fifty faults usually miss it. So one observation is made up:
    for the upper limit, `tie` of it is at the upper bound and the rest at the smallest value seen;
    for the lower limit, `tie` is at the lower bound and the rest at the largest value seen.

    Values that are 0 or 1 are hits. With `tie` 0.5 their interval is that of Jeffreys' prior, close
    to `rate_interval`. With 1 it is Clopper & Pearson's, which this extends to bounded values
    (Gaffke 2005; Learned-Miller & Thomas 2020).

    Parameters
    ----------
    values : array_like of float, shape (n,)
    population : int, optional
        Number of faults there are, if the sample was drawn from them without replacement.
    bounds : (float, float), optional
        What the smallest and largest value could be, by the rules of the task; a value beyond is
        a bound itself. If left out, the extremes of the sample: then the interval is silent about
        rare faults that are worse than all seen.
    confidence : float
    tie : float
        From 0 to 1, as in `rate_interval`.
    resamples, seed : int

    Examples
    --------
    >>> nothing_happened = np.zeros(50)
    >>> mean_interval(nothing_happened)
    Interval(low=0.0, high=0.0)
    >>> interval = mean_interval(nothing_happened, bounds=(0.0, 1.0))
    >>> interval.low, 0.03 < interval.high < 0.07
    (0.0, True)
    >>> mean_interval([0.0, 0.5, 1.0, 0.5], population=4)
    Interval(low=0.5, high=0.5)
    """
    seen, counts = np.unique(_numbers(values), return_counts=True)
    n, least = int(counts.sum()), tail(confidence)
    left = None if population is None else whole(population, "population", n, 2**62) - n
    whole(resamples, "resamples", 1, 10_000_000)
    low, high = bounds if bounds is not None else (seen[0], seen[-1])
    if not low <= high:
        raise wrong("bounds", "the lower one first", bounds)
    tie = real(tie, "tie", 0.0, 1.0)
    if left == 0:
        mean = float(seen @ counts / n)
        return Interval(mean, mean)
    wide = min(low, seen[0]), max(high, seen[-1])
    for_low, for_high = np.append(seen, [wide[0], seen[-1]]), np.append(seen, [wide[1], seen[0]])
    weights, certain = np.append(counts, [tie, 1.0 - tie]), np.append(counts, [0, 0])
    rng = np.random.default_rng(whole(seed, "seed", 0, 2**64 - 1))
    means, block = [], max(1, BLOCK // len(weights))
    for begin in range(0, resamples, block):
        shares = rng.standard_gamma(weights, (min(block, resamples - begin), len(weights)))
        shares /= shares.sum(axis=1, keepdims=True)
        if left is not None:
            shares = (certain + rng.multinomial(left, shares)) / (n + left)
        means.append(shares @ np.transpose([for_low, for_high]))
    # Rounding alone could leave the bounds, by the last bit.
    lows, highs = np.clip(np.concatenate(means).T, *wide)
    return Interval(float(np.quantile(lows, least)), float(np.quantile(highs, 1.0 - least)))


def _numbers(values: ArrayLike) -> NDArray[np.float64]:
    numbers = np.asarray(values, dtype=np.float64)
    if numbers.ndim != 1 or not len(numbers) or not np.isfinite(numbers).all():
        raise wrong("values", "a list of at least one finite number", values)
    return numbers
