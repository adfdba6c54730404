"""The covariance matrix adaptation evolution strategy: steps that know how genes depend.

Hansen, "The CMA evolution strategy: a tutorial", arXiv:1604.00772 (2016), with the constants of
`deap.cma.Strategy`, which draws from a global generator and ranks equal samples by their place.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from evo.ranks import shared_by_rank


@dataclass(frozen=True)
class CmaEs:
    """A normal distribution with a covariance matrix.

    Parameters
    ----------
    mean : ndarray of float64, shape (n,)
    step : ndarray of float64, shape ()
        Of which the standard deviations are multiples.
    covariance : ndarray of float64, shape (n, n)
    path : ndarray of float64, shape (n,)
        Where the mean has been going, a memory that fades.
    step_path : ndarray of float64, shape (n,)
        The same with all directions made equally long: whether `step` should grow or shrink.
    age : ndarray of float64, shape ()
        Times it has learned.

    Examples
    --------
    Here the genes' difference matters ten times more than their sum.

    >>> search, rng = CmaEs.begin(np.zeros(2), 0.2), np.random.default_rng(1)
    >>> for _ in range(60):
    ...     z = rng.standard_normal((8, 2))
    ...     x = np.array([search.genes(row) for row in z])
    ...     loss = (x.sum(axis=1) - 6.0) ** 2 + 100.0 * (x[:, 0] - x[:, 1]) ** 2
    ...     search = search.learned(z, np.zeros(8), loss, floor=0.0)
    >>> search.mean.round(3)
    array([3., 3.])
    """

    name: ClassVar[str] = "cma-es"
    mean: NDArray[np.float64]
    step: NDArray[np.float64]
    covariance: NDArray[np.float64]
    path: NDArray[np.float64]
    step_path: NDArray[np.float64]
    age: NDArray[np.float64]

    @classmethod
    def begin(cls, mean: NDArray[np.float64], step: float, /) -> CmaEs:
        """Begin at `mean`, with the same step for every gene."""
        nowhere = np.zeros(len(mean))
        return cls(mean, np.array(step), np.eye(len(mean)), nowhere, nowhere, np.array(0.0))

    def genes(self, z: NDArray[np.float64], /) -> NDArray[np.float64]:
        """Return the sample behind which are the standard normal numbers `z` (n,)."""
        sample: NDArray[np.float64] = self.mean + self.step * (self.root @ z)
        return sample

    @property
    def sigma(self) -> NDArray[np.float64]:
        """Standard deviation of each gene, shape (n,)."""
        spread: NDArray[np.float64] = self.step * np.sqrt(np.diag(self.covariance))
        return spread

    @cached_property
    def root(self) -> NDArray[np.float64]:
        """The symmetric square root of the covariance: the one that is unique."""
        value, vector = np.linalg.eigh(self.covariance)
        # Rounding can make the least ones negative.
        value = np.maximum(value, 1e-14 * value.max(initial=0.0))
        root: NDArray[np.float64] = (vector * np.sqrt(value)) @ vector.T
        return root

    def learned(
        self, z: NDArray[np.float64], violation: NDArray[np.float64], loss: NDArray[np.float64],
        /, floor: float,
    ) -> CmaEs:  # fmt: skip
        """Return the distribution moved towards the better samples, and what they have in common.

        Parameters
        ----------
        z : ndarray of float64, shape (k, n)
            The numbers behind each sample.
        violation, loss : ndarray of float64, shape (k,)
            Samples are ranked by violation, then by loss. A plateau moves nothing.
        floor : float
            Least root mean square of the genes' standard deviations.
        """
        weight = weights(violation, loss)
        n = len(self.mean)
        if (weight == weight[0]).all():
            return replace(self, step=_floored(self.step, self.covariance, floor))
        # How many samples the weighted mean is worth; all rates follow from it.
        worth = 1.0 / np.sum(weight**2)
        path_rate = 4.0 / (n + 4.0)
        step_rate = (worth + 2.0) / (n + worth + 3.0)
        rank_one = 2.0 / ((n + 1.3) ** 2 + worth)
        rank_mu = 2.0 * (worth - 2.0 + 1.0 / worth) / ((n + 2.0) ** 2 + worth)
        rank_mu = min(1.0 - rank_one, rank_mu)
        damping = 1.0 + 2.0 * max(0.0, np.sqrt((worth - 1.0) / (n + 1.0)) - 1.0) + step_rate

        age = self.age + 1
        better = weight @ z
        change = self.root @ better
        step_path = (1.0 - step_rate) * self.step_path
        step_path = step_path + np.sqrt(step_rate * (2.0 - step_rate) * worth) * better
        expected = np.sqrt(n) * (1.0 - 1.0 / (4.0 * n) + 1.0 / (21.0 * n**2))
        length = np.linalg.norm(step_path) / expected
        settled = np.sqrt(1.0 - (1.0 - step_rate) ** (2.0 * age))
        # While the step grows fast, the path would only tell how far there is still to go.
        steady = float(length / settled < 1.4 + 2.0 / (n + 1.0))
        path = (1.0 - path_rate) * self.path
        path = path + steady * np.sqrt(path_rate * (2.0 - path_rate) * worth) * change

        steps = z @ self.root
        keep = 1.0 - rank_one - rank_mu
        keep += (1.0 - steady) * rank_one * path_rate * (2.0 - path_rate)
        covariance = keep * self.covariance + rank_one * np.outer(path, path)
        covariance = covariance + rank_mu * (steps.T * weight) @ steps
        step = self.step * np.exp((length - 1.0) * step_rate / damping)
        # Step and covariance only mean something together, and at the floor they drift apart.
        spread = _spread(covariance)
        if not 1e-3 < spread < 1e3:
            covariance, path, step = covariance / spread**2, path / spread, step * spread
        return CmaEs(
            self.mean + self.step * change, _floored(step, covariance, floor),
            (covariance + covariance.T) / 2.0, path, step_path, age,
        )  # fmt: skip


def _spread(covariance: NDArray[np.float64]) -> np.float64:
    """Root mean square of the genes' standard deviations, in steps."""
    spread: np.float64 = np.sqrt(np.trace(covariance) / len(covariance))
    return spread


def _floored(
    step: NDArray[np.float64], covariance: NDArray[np.float64], floor: float
) -> NDArray[np.float64]:
    floored: NDArray[np.float64] = np.maximum(step, floor / _spread(covariance))
    return floored


def weights(violation: NDArray[np.float64], loss: NDArray[np.float64], /) -> NDArray[np.float64]:
    """Return rank-based weights that sum to 1, the worse half having none.

    Examples
    --------
    >>> weights(np.zeros(4), np.array([5.0, 2.0, 7.0, 9.0])).round(3)
    array([0.196, 0.804, 0.   , 0.   ])
    """
    better = len(loss) // 2
    worth = np.zeros(len(loss))
    worth[:better] = np.log(better + 0.5) - np.log(np.arange(1, better + 1))
    return shared_by_rank(worth / worth.sum(), violation, loss)
