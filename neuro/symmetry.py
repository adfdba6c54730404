"""The mirror symmetry of a task: what its left-right mirror image looks like."""

from __future__ import annotations

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

    Examples
    --------
    A cart-pole with the options do nothing, left, right:

    >>> Symmetry((-1, -1, -1, -1), (0, 2, 1))
    Symmetry(signs=(-1, -1, -1, -1), choices=(0, 2, 1))
    """

    signs: tuple[int, ...]
    choices: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        if not self.signs or any(sign not in (-1, 1) for sign in self.signs):
            raise wrong("signs", "1 or -1 for each value", self.signs)
        places = list(range(len(self.choices)))
        if [self.choices[c] if c in places else -1 for c in self.choices] != places:
            raise wrong("choices", "options that take each other's place", self.choices)
        settle(self, signs=tuple(self.signs), choices=tuple(self.choices))

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


class Mirror(NamedTuple):
    """What takes the place of each channel or output neuron, and with which sign.

    Attributes
    ----------
    place, sign : ndarray of int64, shape (count,)
    """

    place: NDArray[np.int64]
    sign: NDArray[np.int64]
