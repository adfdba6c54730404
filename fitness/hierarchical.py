"""The bootstrap over networks, fault draws and episodes: how far a method's score would move."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import ndtr, stdtrit

from fitness.intervals import BLOCK, Interval, tail
from neuro.errors import wrong
from neuro.specs import whole

LEVELS = ("networks", "draws", "episodes")


def hierarchical_bootstrap(
    scores: ArrayLike,
    *,
    levels: Sequence[str] = LEVELS,
    shared: Sequence[str] = ("episodes",),
    confidence: float = 0.95,
    resamples: int = 4000,
    seed: int = 0,
) -> Interval:
    """Return the interval of the mean score over networks, fault draws and episodes.

    Each level is resampled with replacement, and a score counts as often as its network, its draw
    and its episode together were drawn. Draws and episodes are crossed, not nested: every draw
    plays every start, so rows and columns are resampled apart (the pigeonhole bootstrap: Owen
    2007). Networks are on top: one network is one evolution. The quantiles are those of a
    t distribution with as many degrees of freedom as the smallest level has, less one (expanded
    percentiles: Hesterberg 2015), for ten networks vary less than ten thousand would.

    Parameters
    ----------
    scores : array_like of float, shape (M, K, S)
        Of M networks, K draws and S episodes.
    levels : sequence of {"networks", "draws", "episodes"}
        Which are samples of more; the others stay as they are. The interval tells how the mean
        would move if these were drawn again; a level of one element cannot tell.
    shared : sequence of {"draws", "episodes"}
        Levels whose elements are the same in all networks; of the others, each network has its
        own. All networks of a study play the same starts, but a draw strikes other synapses.
    confidence : float
    resamples, seed : int

    Examples
    --------
    >>> scores = np.random.default_rng(1).normal(size=(8, 30, 5)) + np.arange(8.0)[:, None, None]
    >>> everything = hierarchical_bootstrap(scores)
    >>> same_networks = hierarchical_bootstrap(scores, levels=("draws", "episodes"))
    >>> everything.margin > 5 * same_networks.margin
    True
    """
    table = np.asarray(scores, dtype=np.float64)
    if table.ndim != 3 or not table.size or not np.isfinite(table).all():
        raise wrong("scores", "finite numbers of shape (networks, draws, episodes)", table.shape)
    for name, given, known in (("levels", levels, LEVELS), ("shared", shared, LEVELS[1:])):
        if isinstance(given, str) or not set(given) <= set(known):
            raise wrong(name, f"some of {', '.join(known)}", given)
    whole(resamples, "resamples", 1, 10_000_000)
    networks, draws, episodes = table.shape
    sizes = [size for name, size in zip(LEVELS, table.shape, strict=True) if name in levels]
    least = _expanded(tail(confidence), min((size for size in sizes if size > 1), default=1))
    rng = np.random.default_rng(whole(seed, "seed", 0, 2**64 - 1))
    means, block = [], max(1, BLOCK // table.size)
    for begin in range(0, resamples, block):
        count = min(block, resamples - begin)
        picked = table[None]
        if "networks" in levels:
            picked = table[rng.integers(networks, size=(count, networks))]
        own = count, 1 if "episodes" in shared else networks
        weights = np.full((*own, episodes), 1.0 / episodes)
        if "episodes" in levels:
            weights = rng.multinomial(episodes, weights) / episodes
        by_draw = (picked @ weights[..., None])[..., 0]
        if "draws" in levels:
            own = count, 1 if "draws" in shared else networks
            by_draw = np.take_along_axis(by_draw, rng.integers(draws, size=(*own, draws)), axis=2)
        means.append(by_draw.mean(axis=(1, 2)))
    low, high = np.quantile(np.concatenate(means), [least, 1.0 - least])
    return Interval(float(low), float(high))


def _expanded(least: float, size: int) -> float:
    """Turn the quantile of a normal distribution into that of a sample of `size` (Hesterberg)."""
    if size < 2:
        return least
    return float(ndtr(math.sqrt(size / (size - 1)) * stdtrit(size - 1, least)))
