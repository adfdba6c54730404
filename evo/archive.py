"""The archive: the best that was ever found, bounded, apart from who lives now."""

from __future__ import annotations

from collections.abc import Sequence

from evo.individual import Individual
from evo.selection import non_dominated, select_survivors


def update_archive(
    archive: Sequence[Individual], newcomers: Sequence[Individual], size: int, /
) -> list[Individual]:
    """Keep the feasible individuals that no other dominates, at most `size` of them.

    Where there are more, those with the least room around them go (crowding distance).

    Returns
    -------
    list of Individual
        In the order of their numbers.
    """
    best = non_dominated([*archive, *newcomers]) if size else []
    if len(best) > size:
        marks = [(i.fitness.rank, i.fitness.crowding_dist) for i in best]
        kept = {id(i) for i in select_survivors(best, size)}
        # Ranks and crowding distances belong to the population, in which they were found.
        for individual, (rank, crowding) in zip(best, marks, strict=True):
            individual.fitness.rank, individual.fitness.crowding_dist = rank, crowding
        best = [i for i in best if id(i) in kept]
    return sorted(best, key=lambda i: i.number)
