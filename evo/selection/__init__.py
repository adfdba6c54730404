"""Selection: who lives on, and who has offspring.

The schemes by name, each kind with one signature: ``survivors(individuals, count)`` and
``parent(population, rng)``. To add one: write the function, register it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from numpy.random import Generator

from evo.individual import Individual
from evo.selection.fronts import distinct, losses, non_dominated
from evo.selection.parents import select_parent, select_parent_lexicase
from evo.selection.survivors import select_survivors, select_survivors_nsga3

SURVIVORS: dict[str, Callable[[Sequence[Individual], int], list[Individual]]] = {
    "nsga2": select_survivors,
    "nsga3": select_survivors_nsga3,
}
"""Who lives on, by name."""

PARENTS: dict[str, Callable[[Sequence[Individual], Generator], Individual]] = {
    "tournament": select_parent,
    "lexicase": select_parent_lexicase,
}
"""Who has offspring, by name."""

__all__ = [
    "PARENTS", "SURVIVORS", "distinct", "losses", "non_dominated", "select_parent",
    "select_parent_lexicase", "select_survivors", "select_survivors_nsga3",
]  # fmt: skip
