"""The size of what a front has conquered, on a scale fixed in advance."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import moocore
import numpy as np
from numpy.typing import NDArray


class ObjectiveSpec(NamedTuple):
    """What the engine needs to know of an objective.

    Attributes
    ----------
    name : str
    maximise : bool
    worst, best : float
        Values that count as 1 and 0 on the normalised scale; a point at `worst` or beyond
        adds nothing to the hypervolume.
    """

    name: str
    maximise: bool
    worst: float
    best: float


def hypervolume(values: NDArray[np.float64], objectives: Sequence[ObjectiveSpec], /) -> float:
    """Hypervolume of points, each objective mapped to 0 (best) .. 1 (worst, the reference).

    Parameters
    ----------
    values : ndarray of float64, shape (n, m)
        In the objectives' own units.

    Examples
    --------
    A single point half-way in both objectives conquers a quarter:

    >>> specs = [ObjectiveSpec("score", True, 0.0, 500.0), ObjectiveSpec("size", False, 10.0, 0.0)]
    >>> hypervolume(np.array([[250.0, 5.0]]), specs)
    0.25
    """
    if not len(values):
        return 0.0
    worst = np.array([o.worst for o in objectives])
    best = np.array([o.best for o in objectives])
    points = (np.asarray(values, dtype=np.float64) - best) / (worst - best)
    return float(moocore.hypervolume(points, ref=np.ones(len(objectives))))
