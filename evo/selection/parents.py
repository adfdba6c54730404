"""Who has offspring: binary tournament, or epsilon-lexicase over single cases."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from evo.individual import Individual
from neuro.errors import wrong


def select_parent(population: Sequence[Individual], rng: Generator, /) -> Individual:
    """Binary tournament: less violation, then better front, then more room, then the first.

    Rank and crowding distance must be those that survivor selection has set.
    """
    a, b = (population[int(i)] for i in rng.integers(len(population), size=2))
    return a if _tournament_key(a) <= _tournament_key(b) else b


def _tournament_key(individual: Individual) -> tuple[float, int, float]:
    f = individual.fitness
    return f.violation, f.rank, -f.crowding_dist


def select_parent_lexicase(population: Sequence[Individual], rng: Generator, /) -> Individual:
    """Semi-dynamic epsilon-lexicase (La Cava et al. 2016, 2019): one case after the other.

    The cases come in random order. Each keeps those of the remaining who are within epsilon of the
    best of the remaining; who is left over in the end is drawn from. Epsilon is the median absolute
    deviation of the case in the whole population. Whoever is best at something that others find
    hard has offspring, however bad the mean.

    Infeasible individuals compete like all others. Feasibility is a threshold for the mean of some
    of these cases, and to ask it first would bring back the mean that lexicase does without: as
    long as nobody is feasible, only the best mean would have offspring. Nor do they get in the
    way: they have not met the faults, which counts as worst in each of these cases, and survivor
    selection drops them as soon as there are enough others.

    Objectives that are no cases, such as size, have no influence here. Leave them to the choice
    of survivors.

    Parameters
    ----------
    population : sequence of Individual
        All with `cases`, of the same starts and faults: equally many, none of them infinite.
    rng : numpy.random.Generator

    Raises
    ------
    InputError
        Somebody has no cases: the evaluator does not return them.

    References
    ----------
    W. La Cava, L. Spector & K. Danai, "Epsilon-lexicase selection for regression", GECCO 2016.
    W. La Cava, T. Helmuth, L. Spector & J. H. Moore, "A probabilistic and multi-objective analysis
    of lexicase selection and epsilon-lexicase selection", Evolutionary Computation 27(3), 2019.

    Examples
    --------
    Two specialists, and three who are better on average but best at nothing:

    >>> from evo.individual import Fitness, Individual
    >>> rows = np.array([[9.0, 0.0], [0.0, 9.0], [5.0, 5.0], [5.0, 5.0], [5.0, 5.0]])
    >>> people = [Individual(None, Fitness((1.0,), (row.mean(),)), cases=row) for row in rows]
    >>> rng = np.random.default_rng(1)
    >>> {people.index(select_parent_lexicase(people, rng)) for _ in range(100)}
    {0, 1}
    """
    scores = _cases(population)
    epsilon = deviations(scores)
    scores[np.isnan(scores)] = -np.inf
    order = rng.permutation(scores.shape[1])
    scores, epsilon = scores[:, order], epsilon[order]
    pool = np.arange(len(scores))
    # A case that drops nobody now never will, as the best of fewer is no better. So all cases are
    # asked at once and the first that drops somebody decides: 5 to 10 steps in place of 40.
    while len(pool) > 1 and len(epsilon):
        least = scores.max(axis=0) - epsilon
        drops = scores.min(axis=0) < least
        case = int(drops.argmax())
        if not drops[case]:
            break
        stay = scores[:, case] >= least[case]
        pool, scores, epsilon = pool[stay], scores[stay, case + 1 :], epsilon[case + 1 :]
    return population[int(pool[rng.integers(len(pool))])]


def deviations(scores: NDArray[np.float64], /) -> NDArray[np.float64]:
    """Median absolute deviation of each column, among those who have met the case (not NaN).

    Examples
    --------
    >>> deviations(np.array([[10.0, np.nan], [8.0, 3.0], [4.0, np.nan]]))
    array([2., 0.])
    """
    columns = np.ascontiguousarray(scores.T)
    met = columns.shape[1] - np.isnan(columns).sum(axis=1)
    distances = np.abs(columns - _medians(columns, met)[:, None])
    return np.where(met > 0, _medians(distances, met), 0.0)


def _medians(rows: NDArray[np.float64], met: NDArray[np.int64]) -> NDArray[np.float64]:
    """Median of what is not NaN in each row; five times as fast as `numpy.nanmedian`."""
    ordered = np.sort(rows, axis=1)  # NaN last
    each = np.arange(len(rows))
    middle: NDArray[np.float64] = ordered[each, (met - 1) // 2] + ordered[each, met // 2]
    return 0.5 * middle


def _cases(population: Sequence[Individual]) -> NDArray[np.float64]:
    rows = [i.cases for i in population]
    if any(row is None for row in rows):
        raise wrong("lexicase", "an evaluator that returns the cases of each network", None)
    return np.array(rows, dtype=np.float64)
