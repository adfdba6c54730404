"""Who lives on: the feasible before the rest, and among them NSGA-II or NSGA-III.

Objectives must be finite and violations at least 0: NaN would be ranked best, and infinity leaves
distances undefined. The engine makes sure of both.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import moocore
from deap import tools

from evo.individual import Individual
from evo.selection.fronts import distinct, losses
from evo.selection.nsga3 import choose_by_direction


def select_survivors(individuals: Sequence[Individual], count: int, /) -> list[Individual]:
    """Choose who lives on: constraint domination (Deb 2000) on top of NSGA-II (Deb et al. 2002).

    Feasible individuals come first, by front and crowding; the places left go to infeasible
    ones, least violation first. Individuals with equal objectives are kept once as long as
    there are enough others. Sets rank and crowding distance of those chosen.

    Examples
    --------
    >>> from evo.individual import Fitness, Individual
    >>> line = [Individual(None, Fitness((-1.0, -1.0), (x, -x))) for x in (0.0, 1.0, 2.0, 9.0)]
    >>> sorted(i.fitness.values[0] for i in select_survivors(line, 3))
    [0.0, 2.0, 9.0]
    """
    return _constrained(individuals, count, _choose_by_crowding)


def select_survivors_nsga3(individuals: Sequence[Individual], count: int, /) -> list[Individual]:
    """Choose who lives on: constraint domination on top of NSGA-III (Deb & Jain 2014).

    For four objectives and more, where crowding distances no longer tell who has company. Differs
    from `select_survivors` only in whom it chooses from the front that does not fit as a whole,
    and in the crowding distance, which is 1 over the number of survivors that share the reference
    direction; see `evo.selection.nsga3`.

    Examples
    --------
    >>> from evo.individual import Fitness, Individual
    >>> line = [Individual(None, Fitness((-1.0, -1.0), (x, -x))) for x in (0.0, 4.0, 5.0, 9.0)]
    >>> [i.fitness.values[0] for i in select_survivors_nsga3(line, 2)]
    [0.0, 9.0]
    """
    return _constrained(individuals, count, choose_by_direction)


def _constrained(
    individuals: Sequence[Individual],
    count: int,
    choose: Callable[[Sequence[Individual], int], list[Individual]],
) -> list[Individual]:
    """Let `choose` decide among the feasible, and fill up with those who repeat or fail."""
    unique = distinct(individuals)
    repeated = _others(individuals, unique)
    feasible = [i for i in unique if i.feasible]
    chosen = choose(feasible, min(count, len(feasible))) if feasible else []
    rest = [i for i in repeated if i.feasible]
    for infeasible in (unique, repeated):
        rest += sorted(
            (i for i in infeasible if not i.feasible),
            key=lambda i: (i.fitness.violation, *(-w for w in i.fitness.wvalues)),
        )
    rest = rest[: count - len(chosen)]
    for individual in rest:
        individual.fitness.rank, individual.fitness.crowding_dist = 0, 0.0
    ranked = [i for i in [*chosen, *rest] if i.feasible]
    if ranked:
        for individual, rank in zip(ranked, moocore.pareto_rank(losses(ranked)), strict=True):
            individual.fitness.rank = int(rank)
    return [*chosen, *rest]


def _choose_by_crowding(feasible: Sequence[Individual], count: int) -> list[Individual]:
    # DEAP's faster sort does not know of a single objective.
    sort = "log" if len(feasible[0].fitness.wvalues) > 1 else "standard"
    chosen: list[Individual] = tools.selNSGA2(feasible, count, nd=sort)
    return chosen


def _others(individuals: Sequence[Individual], chosen: Sequence[Individual]) -> list[Individual]:
    known = {id(i) for i in chosen}
    return [i for i in individuals if id(i) not in known]
