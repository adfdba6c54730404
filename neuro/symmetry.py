"""The mirror symmetry of a task: what its left-right mirror image looks like."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from neuro.errors import wrong
from neuro.specs import settle


@dataclass(frozen=True)
class Symmetry:
    """How observations and actions change when a task is seen in a mirror.

    Continuous actions change their sign.

    Parameters
    ----------
    signs : tuple of int
        -1 for each value of the observation that changes its sign, 1 for each that does not.
    choices : tuple of int, optional
        Which option takes each one's place; left out, the options in reverse order.
    values : tuple of int, optional
        Which value of the observation takes each one's place, for instance where a left leg
        becomes a right one; left out, each its own.

    Examples
    --------
    A cart-pole with the options do nothing, left, right:

    >>> Symmetry((-1, -1, -1, -1), (0, 2, 1)).places
    (0, 1, 2, 3)

    An angle and the contacts of a left and a right foot:

    >>> Symmetry((-1, 1, 1), values=(0, 2, 1)).places
    (0, 2, 1)
    """

    signs: tuple[int, ...]
    choices: tuple[int, ...] = ()
    values: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        for name in ("signs", "choices", "values"):
            if not isinstance(getattr(self, name), list | tuple):
                raise wrong(name, "a tuple of whole numbers", getattr(self, name))
        if not self.signs or any(sign not in (-1, 1) for sign in self.signs):
            raise wrong("signs", "1 or -1 for each value", self.signs)
        if not _is_swap(self.choices):
            raise wrong("choices", "options that take each other's place", self.choices)
        if self.values and len(self.values) != len(self.signs):
            raise wrong("values", f"{len(self.signs)} numbers", len(self.values))
        if not _is_swap(self.values):
            raise wrong("values", "values that take each other's place", self.values)
        if any(self.signs[i] != self.signs[v] for i, v in enumerate(self.values)):
            raise wrong("signs", "the same for values that take each other's place", self.signs)
        settle(
            self, signs=tuple(self.signs), choices=tuple(self.choices), values=tuple(self.values)
        )

    @property
    def places(self) -> tuple[int, ...]:
        """Which value takes each one's place."""
        return self.values or tuple(range(len(self.signs)))

    def swap(self, count: int) -> NDArray[np.int64]:
        """Which of `count` options takes each one's place.

        Raises
        ------
        InputError
            There are not as many options as `choices` has.
        """
        if self.choices and len(self.choices) != count:
            raise wrong("choices", f"{len(self.choices)} options", count)
        return np.array(self.choices or range(count - 1, -1, -1), dtype=np.int64)


def _is_swap(places: Sequence[int]) -> bool:
    """Tell whether whatever takes a place has its own taken by what was there."""
    there = range(len(places))
    return all(place in there and places[place] == i for i, place in enumerate(places))


class Mirror(NamedTuple):
    """What takes the place of each channel or output neuron, and with which sign.

    Attributes
    ----------
    place, sign : ndarray of int64, shape (count,)
    """

    place: NDArray[np.int64]
    sign: NDArray[np.int64]
