"""The separable natural evolution strategy: a mean and a step size per gene.

Wierstra, Schaul, Glasmachers, Sun, Peters & Schmidhuber, "Natural evolution strategies", JMLR 15
(2014), 949-980. It learns in few evaluations, and not that genes depend on each other.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from evo.ranks import shared_by_rank


@dataclass(frozen=True)
class Snes:
    """A normal distribution of independent genes.

    Parameters
    ----------
    mean, sigma : ndarray of float64, shape (n,)

    Examples
    --------
    >>> search, rng = Snes.begin(np.zeros(4), 0.2), np.random.default_rng(1)
    >>> for _ in range(200):
    ...     z = rng.standard_normal((8, 4))
    ...     loss = np.array([np.sum((search.genes(row) - 3.0) ** 2) for row in z])
    ...     search = search.learned(z, np.zeros(8), loss, floor=0.0)
    >>> search.mean.round(3)
    array([3., 3., 3., 3.])
    """

    name: ClassVar[str] = "snes"
    mean: NDArray[np.float64]
    sigma: NDArray[np.float64]

    @classmethod
    def begin(cls, mean: NDArray[np.float64], step: float, /) -> Snes:
        """Begin at `mean`, with the same step for every gene."""
        return cls(mean, np.full(len(mean), step))

    def genes(self, z: NDArray[np.float64], /) -> NDArray[np.float64]:
        """Return the sample behind which are the standard normal numbers `z` (n,)."""
        return self.mean + self.sigma * z

    def learned(
        self, z: NDArray[np.float64], violation: NDArray[np.float64], loss: NDArray[np.float64],
        /, floor: float,
    ) -> Snes:  # fmt: skip
        """Return the distribution moved towards the better samples.

        Parameters
        ----------
        z : ndarray of float64, shape (k, n)
            The numbers behind each sample.
        violation, loss : ndarray of float64, shape (k,)
            Samples are ranked by violation, then by loss. A plateau moves nothing.
        floor : float
            Least standard deviation of a gene.
        """
        utility = utilities(violation, loss)
        count = len(self.mean)
        rate = 0.5 * (3.0 + np.log(count)) / (5.0 * np.sqrt(count))
        grown = self.sigma * np.exp(rate * (utility @ (z * z - 1.0)))
        return Snes(self.mean + self.sigma * (utility @ z), np.maximum(grown, floor))


def utilities(violation: NDArray[np.float64], loss: NDArray[np.float64], /) -> NDArray[np.float64]:
    """Return rank-based utilities that sum to 0; equal samples have equal ones.

    Examples
    --------
    >>> utilities(np.array([0.0, 1.0, 0.0]), np.array([5.0, 2.0, 5.0])).round(3)
    array([ 0.167, -0.333,  0.167])
    """
    count = len(loss)
    worth = np.maximum(0.0, np.log(count / 2 + 1) - np.log(np.arange(1, count + 1)))
    return shared_by_rank(worth / worth.sum() - 1.0 / count, violation, loss)
