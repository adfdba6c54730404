"""Comparing samples of runs: rank test, correction for many tests, effect size."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import ArrayLike

Key = TypeVar("Key", bound=Hashable)


class Comparison(NamedTuple):
    """How one sample compares with another.

    Attributes
    ----------
    p : float
        Two-sided Mann-Whitney U test, after Holm's correction where there are several.
    a12 : float
        Vargha and Delaney's A12: the probability that a value of the first sample is larger, ties
        counted half (Vargha & Delaney 2000).
    """

    p: float
    a12: float


def compare(first: ArrayLike, second: ArrayLike, /) -> Comparison:
    """Compare two samples.

    Examples
    --------
    >>> compare([3, 4, 5, 6], [1, 2, 3, 1]).a12
    0.96875
    """
    from scipy import stats  # takes long to import

    a, b = np.asarray(first, dtype=float), np.asarray(second, dtype=float)
    larger = (a[:, None] > b).mean() + 0.5 * (a[:, None] == b).mean()
    p = stats.mannwhitneyu(a, b, alternative="two-sided").pvalue
    return Comparison(float(p) if np.isfinite(p) else 1.0, float(larger))


def compare_pairs(first: ArrayLike, second: ArrayLike, /) -> Comparison:
    """Compare two samples pair by pair: Wilcoxon's signed-rank test, two-sided.

    Its effect size is A12 for pairs: the share of pairs in which the first value is larger, ties
    counted half.

    Examples
    --------
    >>> compare_pairs([3, 4, 5, 6, 7, 8], [1, 2, 3, 1, 7, 9]).a12
    0.75
    """
    from scipy import stats

    a, b = np.asarray(first, dtype=float), np.asarray(second, dtype=float)
    larger = float(((a > b) + 0.5 * (a == b)).mean())
    p = 1.0 if (a == b).all() else float(stats.wilcoxon(a, b).pvalue)
    return Comparison(p if np.isfinite(p) else 1.0, larger)


def holm(found: Mapping[Key, Comparison], /) -> dict[Key, Comparison]:
    """Correct the p values of several tests (Holm 1979).

    Examples
    --------
    >>> [c.p for c in holm({"a": Comparison(0.01, 0.9), "b": Comparison(0.04, 0.2)}).values()]
    [0.02, 0.04]
    """
    corrected: dict[Key, Comparison] = {}
    least = 0.0
    for rank, (name, plain) in enumerate(sorted(found.items(), key=lambda item: item[1].p)):
        least = max(least, min(1.0, (len(found) - rank) * plain.p))
        corrected[name] = plain._replace(p=least)
    return {name: corrected[name] for name in found}


def compare_with_all(
    first: Sequence[float], others: Mapping[str, Sequence[float]], /
) -> dict[str, Comparison]:
    """Compare a sample with several others; Holm's correction (Holm 1979) over all of them.

    Examples
    --------
    >>> low, high = list(range(10)), list(range(10, 20))
    >>> found = compare_with_all(high, {"low": low, "same": high})
    >>> found["low"].p < 0.001, found["same"].p
    (True, 1.0)
    """
    return holm({name: compare(first, other) for name, other in others.items()})
