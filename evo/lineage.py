"""Lineage: who descends from whom, and by which operators."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple


class Birth(NamedTuple):
    """How an individual came to be.

    Attributes
    ----------
    number : int
        Individuals are numbered in the order of their birth.
    generation : int
    parents : tuple of int
        Numbers of none, one or two parents.
    operators : tuple of str
        What made it: "first", "seed", "restart", mutations in order, "mate", "refine".
    """

    number: int
    generation: int
    parents: tuple[int, ...]
    operators: tuple[str, ...]


def ancestors(births: Mapping[int, Birth], numbers: Iterable[int], /) -> dict[int, Birth]:
    """Find the births of individuals and of all their ancestors, in the order of their numbers.

    Lines that died out are left out, so what remains stays small: all lines meet in a few
    ancestors after some generations.
    """
    found: dict[int, Birth] = {}
    wanted = list(numbers)
    while wanted:
        number = wanted.pop()
        if number not in found and number in births:
            found[number] = births[number]
            wanted += births[number].parents
    return dict(sorted(found.items()))


def line_of_descent(births: Mapping[int, Birth], number: int, /) -> list[Birth]:
    """Follow first parents, those whose structure is handed down, from an individual to the root.

    Returns
    -------
    list of Birth
        The root first.

    Examples
    --------
    >>> births = [Birth(0, 0, (), ("first",)), Birth(1, 0, (), ("first",)),
    ...           Birth(5, 1, (1, 0), ("mate",)), Birth(9, 2, (5,), ("refine",))]
    >>> [birth.number for birth in line_of_descent({b.number: b for b in births}, 9)]
    [1, 5, 9]
    """
    line = [births[number]]
    while line[-1].parents and line[-1].parents[0] in births:
        line.append(births[line[-1].parents[0]])
    return line[::-1]
