"""A niche for young structures, which need some generations to find their weights.

A structure that nobody had before rarely beats those whose weights have been tuned for long.
NEAT protects it by speciation (Stanley & Miikkulainen 2002), age-fitness Pareto optimisation by
age (Schmidt & Lipson 2011); here some places among the survivors are given to the young alone,
so that the ranking of the others stays what it is.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from evo.individual import Individual

Select = Callable[[Sequence[Individual], int], Sequence[Individual]]


def select_with_niche(
    individuals: Sequence[Individual], count: int, places: int, since: int, select: Select, /
) -> list[Individual]:
    """Choose who lives on: the best, then the best of the other young ones, then the next best.

    Parameters
    ----------
    count : int
        Survivors.
    places : int
        How many of them the young have for themselves.
    since : int
        First generation whose structures count as young.
    select : callable
        ``select(individuals, count)``.
    """
    chosen = list(select(individuals, count - places))
    for young, room in ((True, places), (False, count)):
        known = {i.number for i in chosen}
        others = [i for i in individuals if i.number not in known]
        if young:
            others = [i for i in others if i.young_since >= since]
        room = min(room, count - len(chosen), len(others))
        chosen += select(others, room) if room else []
    return chosen
