"""Separable natural evolution strategy: a normal distribution with a step size for each number.

Wierstra, Schaul, Glasmachers, Sun, Peters & Schmidhuber, "Natural evolution strategies", JMLR 15
(2014), 949-980: algorithm 6, with the rank-based utilities and the defaults of table 1.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from evo.snes import Snes
from neuro.specs import real, whole


@dataclass(frozen=True)
class SnesSettings:
    """How the strategy searches.

    Parameters
    ----------
    step : float
        Step size at the beginning, for all numbers alike.
    population : int, optional
        Points per generation; ``4 + floor(3 ln d)`` for d numbers where left out.
    floor : float
        Step sizes do not fall below this.
    patience : int
        Generations without a new best after which a search has stalled.
    """

    step: float = 1.0
    population: int | None = None
    floor: float = 0.0
    patience: int = 30

    def __post_init__(self) -> None:
        real(self.step, "step", 1e-300, 1e9)
        real(self.floor, "floor", 0.0, self.step)
        whole(self.patience, "patience", 1, 10**9)
        if self.population is not None:
            whole(self.population, "population", 2, 10**6)


def climb(
    evaluate: Callable[[NDArray[np.float64]], float],
    mean: NDArray[np.float64],
    rng: Generator,
    settings: SnesSettings,
    /,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Climb until the search has stalled.

    Parameters
    ----------
    evaluate : callable
        ``evaluate(point) -> score``, more is better.
    mean : ndarray of float64, shape (d,)
        Where to begin.
    rng : numpy.random.Generator
    settings : SnesSettings

    Returns
    -------
    mean, step : ndarray of float64, shape (d,)
        Where it ended, and with which step sizes.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> mean, step = climb(lambda x: -np.sum((x - 3.0) ** 2), np.zeros(4), rng, SnesSettings())
    >>> mean.round(3), bool(step.max() < 0.01)
    (array([3., 3., 3., 3.]), True)
    """
    d = len(mean)
    count = settings.population or 4 + int(3 * np.log(d))
    search = Snes.begin(mean, settings.step)
    best, stalled = -np.inf, 0
    while stalled < settings.patience:
        noise = rng.standard_normal((count, d))
        scores = np.array([evaluate(search.genes(row)) for row in noise])
        search = search.learned(noise, np.zeros(count), -scores, floor=settings.floor)
        stalled = 0 if max(scores) > best else stalled + 1
        best = max(best, scores.max())
    return search.mean, search.sigma
