"""NSGA-III's choice from a front that does not fit: a few along each of many directions.

K. Deb & H. Jain, "An evolutionary many-objective optimization algorithm using
reference-point-based nondominated sorting approach, part I", IEEE Transactions on Evolutionary
Computation 18(4), 2014. What differs from the paper, and why:

- Objectives are normalised with least and greatest values among the fronts considered. The
  hyperplane through extreme points has no solution, or negative intercepts, whenever fewer extreme
  points than objectives are distinct, which small fronts often are (J. Blank, K. Deb & P. C. Roy,
  "Investigating the normalization procedure of NSGA-III", 2019). Spans that are fixed in advance,
  as for hypervolumes, would press everything into a corner: the feasible all have a score near or
  beyond the best, and most of them a small part of the size.
- The best individual of each objective is chosen before all others. The paper remembers the ideal
  point instead; so nothing has to be remembered, and the best score is never lost.
- Nothing is drawn at random. Where the paper does, the individual nearest to its direction comes
  first, then the one whose objectives come first. Hence the order of individuals has no influence.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from math import comb

import moocore
import numpy as np
from deap import tools
from numpy.typing import NDArray

from evo.individual import Individual
from evo.selection.fronts import losses


def choose_by_direction(feasible: Sequence[Individual], count: int, /) -> list[Individual]:
    """Choose `count` of some feasible individuals that all differ in objectives.

    Sets the crowding distance of those chosen to 1 over the number that share a direction.
    """
    if count < 1:
        return []
    points = losses(feasible)
    order = np.lexsort(points.T[::-1])
    ranks = np.asarray(moocore.pareto_rank(points[order]))
    last = np.sort(ranks)[count - 1]
    order, ranks = order[ranks <= last], ranks[ranks <= last]
    points = points[order]
    span = np.ptp(points, axis=0)
    points = (points - points.min(axis=0)) / np.where(span > 0.0, span, 1.0)
    niche, distance = nearest_directions(points, reference_directions(points.shape[1], count))

    best = np.isin(np.arange(len(points)), points.argmin(axis=0))
    safe, split = np.flatnonzero(ranks < last), np.flatnonzero(ranks == last)
    split = split[np.lexsort((distance[split], ~best[split], niche[split]))]
    # How many others have their direction before it is their turn; fewest first.
    homes = niche[split]
    before = np.bincount(niche[safe], minlength=niche.max() + 1)[homes]
    before += np.arange(len(split)) - np.searchsorted(homes, homes)
    before[best[split]] = -1
    split = split[np.lexsort((split, distance[split], before))]
    kept = np.concatenate((safe, split[: count - len(safe)]))

    chosen = [feasible[i] for i in order[kept].tolist()]
    company = np.bincount(niche[kept])[niche[kept]]
    for individual, number in zip(chosen, company.tolist(), strict=True):
        individual.fitness.crowding_dist = 1.0 / number
    return chosen


@lru_cache(maxsize=16)
def reference_directions(objectives: int, count: int, /) -> NDArray[np.float64]:
    """Unit vectors through the points of Das & Dennis (1998), at most `count`, but all the axes.

    Where all of them lie on faces, a second layer lies half-way inside, as in the paper.

    Returns
    -------
    ndarray of float64, shape (r, objectives)
        Not to be written to.

    Examples
    --------
    >>> reference_directions(2, 3).round(2).tolist()
    [[0.0, 1.0], [0.71, 0.71], [1.0, 0.0]]
    >>> [len(reference_directions(m, 100)) for m in (3, 4, 5, 8)]
    [91, 84, 85, 72]
    """
    if objectives == 1:
        return np.ones((1, 1))
    outer = max(1, _partitions(objectives, count))
    points = tools.uniform_reference_points(objectives, outer)
    inner = _partitions(objectives, count - len(points)) if outer < objectives else 0
    if inner:
        within = tools.uniform_reference_points(objectives, inner, scaling=0.5)
        points = np.concatenate((points, within))
    directions: NDArray[np.float64] = points / np.sqrt((points * points).sum(axis=1))[:, None]
    directions.setflags(write=False)
    return directions


def _partitions(objectives: int, limit: int) -> int:
    """Parts into which each axis can be cut so that there are at most `limit` points."""
    parts = 0
    while comb(parts + objectives, objectives - 1) <= limit:
        parts += 1
    return parts


def nearest_directions(
    points: NDArray[np.float64], directions: NDArray[np.float64], /
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """For each point (n, m) the nearest line among directions (r, m), and its squared distance.

    Examples
    --------
    >>> nearest_directions(np.array([[2.0, 0.5]]), np.array([[0.0, 1.0], [1.0, 0.0]]))
    (array([1]), array([0.25]))
    """
    niche = np.empty(len(points), dtype=np.int64)
    rows = max(1, 2**20 // len(directions))  # what is held at once stays small
    for k in range(0, len(points), rows):
        # Column by column: a matrix product is rounded differently from machine to machine.
        along = np.zeros((len(points[k : k + rows]), len(directions)))
        for column, components in zip(points[k : k + rows].T, directions.T, strict=True):
            along += column[:, None] * components
        niche[k : k + rows] = along.argmax(axis=1)
    own = directions[niche]
    length, distance = np.zeros(len(points)), np.zeros(len(points))
    for column, components in zip(points.T, own.T, strict=True):
        length += column * components
    for column, components in zip(points.T, own.T, strict=True):
        distance += (column - length * components) ** 2
    return niche, distance
