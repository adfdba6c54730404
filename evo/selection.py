"""Selection: NSGA-II among the feasible, and the feasible before the rest."""

from __future__ import annotations

from collections.abc import Sequence

import moocore
import numpy as np
from deap import tools
from numpy.random import Generator
from numpy.typing import NDArray

from evo.individual import Individual


def losses(individuals: Sequence[Individual]) -> NDArray[np.float64]:
    """Objectives with every direction turned to "less is better", shape (n, m)."""
    return -np.array([i.fitness.wvalues for i in individuals], dtype=np.float64)


def select_survivors(individuals: Sequence[Individual], count: int, /) -> list[Individual]:
    """Choose who lives on: constraint domination (Deb 2000) on top of NSGA-II (Deb et al. 2002).

    Feasible individuals come first, by front and crowding; the places left go to infeasible
    ones, least violation first. Individuals with equal objectives are kept once as long as
    there are enough others. Sets rank and crowding distance of those chosen.
    """
    unique = distinct(individuals)
    repeated = _others(individuals, unique)
    feasible = [i for i in unique if i.feasible]
    chosen: list[Individual] = []
    if feasible:
        # DEAP's faster sort does not know of a single objective.
        sort = "log" if len(feasible[0].fitness.wvalues) > 1 else "standard"
        chosen = tools.selNSGA2(feasible, min(count, len(feasible)), nd=sort)
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


def select_parent(population: Sequence[Individual], rng: Generator, /) -> Individual:
    """Binary tournament: less violation, then better front, then more room, then the first."""
    a, b = (population[int(i)] for i in rng.integers(len(population), size=2))
    return a if _tournament_key(a) <= _tournament_key(b) else b


def non_dominated(individuals: Sequence[Individual], /) -> list[Individual]:
    """Feasible individuals that no other dominates, each objective vector once."""
    feasible = [i for i in individuals if i.feasible]
    if not feasible:
        return []
    keep = moocore.is_nondominated(losses(feasible), keep_weakly=False)
    return [i for i, kept in zip(feasible, keep, strict=True) if kept]


def _tournament_key(individual: Individual) -> tuple[float, int, float]:
    f = individual.fitness
    return f.violation, f.rank, -f.crowding_dist


def distinct(individuals: Sequence[Individual], /) -> list[Individual]:
    """Keep the first individual with each objective vector, feasible or not."""
    found: dict[tuple[object, ...], Individual] = {}
    for individual in individuals:
        found.setdefault((individual.feasible, *individual.fitness.values), individual)
    return list(found.values())


def _others(individuals: Sequence[Individual], chosen: Sequence[Individual]) -> list[Individual]:
    known = {id(i) for i in chosen}
    return [i for i in individuals if id(i) not in known]
