"""How many of all possible faults to try, and which: statistical fault injection.

A *population* is every fault that a campaign could inject, one by one: each site, with each bit
and time where these matter. A campaign that tries all of them is exhaustive; one that tries a
sample has a margin of error, which `fitness.intervals` measures and this file plans.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtri

from fitness.intervals import tail
from neuro.errors import wrong
from neuro.hashing import hash_text, hash_words
from neuro.specs import real, whole

LARGEST = 2**62
"""Largest population."""


def sample_size(
    population: int | None, margin: float, confidence: float = 0.95, p: float = 0.5
) -> int:
    """Count the faults to try so that a rate is known within a margin.

    ``n = N / (1 + margin**2 (N - 1) / (t**2 p (1 - p)))``, rounded up, with t the quantile of the
    normal distribution (Leveugle et al., DATE 2009). Tables often take t as 1.96 (95 %) or 2.58
    (99 %) and round to the nearest: 384 and 16,641, where this says 385 and 16,588.

    Parameters
    ----------
    population : int or None
        How many faults there are; None if there is no end of them, as with random draws.
    margin : float
        Half of the interval's width, as a share: 0.01 for one percent.
    confidence : float
    p : float
        Expected rate; 0.5 is the worst case.

    Examples
    --------
    >>> sample_size(None, 0.05), sample_size(None, 0.01), sample_size(800, 0.01, 0.99)
    (385, 9604, 764)
    """
    size = needed(population, margin, _quantile(confidence), p)
    return min(math.ceil(size), population or LARGEST)


def needed(population: int | None, margin: float, t: float, p: float = 0.5) -> float:
    """Sample size before rounding, with a quantile `t` of one's own.

    Examples
    --------
    >>> round(needed(800, 0.01, 2.58), 2)
    763.35
    """
    margin, p = real(margin, "margin", 1e-9, 1.0), real(p, "p", 0.0, 1.0)
    endless = t * t * p * (1.0 - p) / margin**2
    if population is None:
        return max(1.0, endless)
    total = whole(population, "population", 1, LARGEST)
    # Leveugle's formula, arranged so that p of 0 or 1 does not divide by zero.
    return max(1.0, total * endless / (endless + total - 1))


def achieved_margin(
    population: int | None, sample: int, confidence: float = 0.95, p: float = 0.5
) -> float:
    """Return the margin of error that a sample of this size achieves: `sample_size` inverted.

    Examples
    --------
    >>> round(achieved_margin(None, 385), 4), achieved_margin(800, 800)
    (0.0499, 0.0)
    """
    sample, p = whole(sample, "sample", 1, population or LARGEST), real(p, "p", 0.0, 1.0)
    variance = p * (1.0 - p) / sample
    if population is not None:
        whole(population, "population", 1, LARGEST)
        variance *= (population - sample) / max(1, population - 1)
    return _quantile(confidence) * math.sqrt(variance)


def _quantile(confidence: float) -> float:
    return -float(ndtri(tail(confidence)))


def order(keys: ArrayLike, seed: int) -> NDArray[np.int64]:
    """Put sites into a random order that belongs to the sites, not to their places in the list.

    The order is that of the hashes of seed and key. So it does not matter how sites are listed, a
    larger sample begins with a smaller one, and a site that two networks share is early in both
    or late in both.

    Parameters
    ----------
    keys : array_like of uint64, shape (N,)
        A different one for each site; join several numbers with `neuro.hashing.hash_words`.
    seed : int

    Returns
    -------
    ndarray of int64, shape (N,)
        Indices into `keys`.

    Examples
    --------
    >>> sites = np.array([11, 22, 33, 44], dtype=np.uint64)
    >>> sites[order(sites, 1)].tolist() == sites[::-1][order(sites[::-1], 1)].tolist()
    True
    """
    return np.argsort(_hashes(keys, seed)).astype(np.int64)


def choose(keys: ArrayLike, n: int, seed: int) -> NDArray[np.int64]:
    """Choose `n` sites, each at most once and all equally likely: the first `n` of their `order`.

    Returns
    -------
    ndarray of int64, shape (n,)
        Indices into `keys`, ascending.

    Examples
    --------
    >>> few, more = choose(range(1000), 10, 7), choose(range(1000), 20, 7)
    >>> set(few) <= set(more), len(more)
    (True, 20)
    """
    hashed = _hashes(keys, seed)
    n = whole(n, "n", 0, len(hashed))
    first = np.argpartition(hashed, n - 1)[:n] if n else np.empty(0)
    return np.sort(first.astype(np.int64))


def _hashes(keys: ArrayLike, seed: int) -> NDArray[np.uint64]:
    sites = np.asarray(keys)
    if sites.ndim != 1 or sites.dtype.kind not in "iu" or (sites < 0).any():
        raise wrong("keys", "a list of whole numbers of at least 0", keys)
    # Different keys have different hashes: only what comes before them could make two alike.
    hashed = hash_words(whole(seed, "seed", 0, 2**64 - 1), hash_text("fault sites"), sites)
    if len(np.unique(sites)) < len(sites):
        raise wrong("keys", "a different key for each site", keys)
    return hashed


def looks(population: int | None = None, first: int = 100) -> Iterator[int]:
    """Yield the sizes at which a sample that grows may be looked at: 100, 200, 400, ...

    A sample that is looked at after each fault stops when its interval happens to be narrow, and
    then covers the truth less often than it says. Doubling leaves few occasions for that.

    Examples
    --------
    >>> list(looks(1000))
    [100, 200, 400, 800, 1000]
    """
    size = whole(first, "first", 1, LARGEST)
    while population is None or size < population:
        yield size
        size *= 2
    yield population
