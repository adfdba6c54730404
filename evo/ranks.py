"""What the ranks of samples are worth to an evolution strategy."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def shared_by_rank(
    worth: NDArray[np.float64], violation: NDArray[np.float64], loss: NDArray[np.float64], /
) -> NDArray[np.float64]:
    """Give each sample what its rank is worth, and equal samples the mean of their ranks.

    Otherwise chance would lead where all are alike, as they are on a plateau.

    Parameters
    ----------
    worth : ndarray of float64, shape (k,)
        Of the best rank first.
    violation, loss : ndarray of float64, shape (k,)
        Samples are ranked by violation, then by loss.

    Examples
    --------
    >>> shared_by_rank(np.array([4.0, 2.0, 0.0]), np.zeros(3), np.array([7.0, 9.0, 7.0]))
    array([3., 0., 3.])
    """
    order = np.lexsort((loss, violation))
    rows = np.stack([violation, loss], axis=1)[order]
    group = np.concatenate([[0], np.cumsum((rows[1:] != rows[:-1]).any(axis=1))])
    mean = np.bincount(group, worth) / np.bincount(group)
    shared = np.empty(len(worth))
    shared[order] = mean[group]
    return shared
