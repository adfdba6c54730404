"""What a controller may do: one choice, several choices, or continuous values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from neuro.errors import wrong
from neuro.specs import real, reals, settle, whole


@dataclass(frozen=True)
class Box:
    """Continuous values, each with bounds.

    Parameters
    ----------
    low, high : tuple of float
        Bounds of each value, in the task's units.

    Examples
    --------
    A force of up to 10 N to either side:

    >>> Box([-10], [10])
    Box(low=(-10.0,), high=(10.0,))
    """

    low: tuple[float, ...]
    high: tuple[float, ...]

    def __post_init__(self) -> None:
        low, high = reals(self.low, "low", -1e9, 1e9), reals(self.high, "high", -1e9, 1e9)
        if len(low) != len(high):
            raise wrong("high", f"{len(low)} numbers as in low", len(high))
        for i, (a, b) in enumerate(zip(low, high, strict=True)):
            real(b, f"high[{i}]", a, 1e9)
        settle(self, low=low, high=high)


Actions = int | tuple[int, ...] | Box
"""A number of choices; one number for each of several choices; or continuous values.

An action is an array of float64: the index of the choice, the index of each, or the values.
"""


def count_values(actions: Actions) -> int:
    """Count the numbers in an action.

    Examples
    --------
    >>> count_values(4), count_values((3, 2)), count_values(Box([-1, -1, 0], [1, 1, 1]))
    (1, 2, 3)
    """
    if isinstance(actions, Box):
        return len(actions.low)
    return len(actions) if isinstance(actions, tuple) else 1


def describe_actions(actions: Actions) -> str:
    """Describe actions in a few words.

    Examples
    --------
    >>> describe_actions(2), describe_actions((3, 2)), describe_actions(Box([-1, 0], [1, 1]))
    ('2', '3 x 2', '[-1, 1] [0, 1]')
    """
    if isinstance(actions, Box):
        return " ".join(
            f"[{a:g}, {b:g}]" for a, b in zip(actions.low, actions.high, strict=True)
        )  # fmt: skip
    return " x ".join(map(str, actions if isinstance(actions, tuple) else (actions,)))


def check_actions(actions: Any, name: str = "actions") -> Actions:
    """Check what somebody gave as actions.

    Raises
    ------
    InputError
        Neither a whole number, nor a tuple of some, nor a `Box`.
    """
    if isinstance(actions, Box):
        return actions
    if isinstance(actions, tuple) and actions:
        return tuple(whole(a, f"{name}[{i}]", 1, 1_000_000) for i, a in enumerate(actions))
    if isinstance(actions, int):
        return whole(actions, name, 1, 1_000_000)
    raise wrong(name, "a number of choices, a tuple of some or a Box", actions)
