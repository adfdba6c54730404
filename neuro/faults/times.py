"""When faults are there: schedules of (tick, level, occasion).

A level of 0 is the golden network, 1 the fault at its severity, and between them the fault at
that share of it. Faults of different occasions have random numbers of their own.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, ClassVar, NamedTuple

import numpy as np

from neuro.errors import InputError, wrong
from neuro.faults.draws import Draws
from neuro.hashing import hash_text
from neuro.specs import lookup, settle, whole

NEVER = 2**62


class Change(NamedTuple):
    """From `tick` on, a fault is there at a level.

    Attributes
    ----------
    tick : int
    level : float
        From 0 (golden) to 1.
    occasion : int
        Tells random numbers of the same fault apart.
    """

    tick: int
    level: float
    occasion: int = 0


class FaultTime(ABC):
    """Contract of a fault time: a frozen dataclass whose fields are its parameters.

    Attributes
    ----------
    name : str
    """

    name: ClassVar[str]

    @property
    def same(self) -> bool:
        """Whether all draws change at the same ticks; then they need not be asked one by one."""
        return False

    @abstractmethod
    def changes(self, horizon: int, seed: int, draw: int) -> list[Change]:
        """List the changes of one draw, by rising ticks.

        `horizon` is the number of ticks that an episode has at most; from there on, changes do not
        count.
        """


@dataclass(frozen=True)
class Permanent(FaultTime):
    """From the first tick to the last."""

    name: ClassVar[str] = "permanent"

    @property
    def same(self) -> bool:
        return True

    def changes(self, horizon: int, seed: int, draw: int) -> list[Change]:
        return [Change(0, 1.0)]


@dataclass(frozen=True)
class Upset(FaultTime):
    """A single event: from a tick on; a random one of each draw if `tick` is -1."""

    name: ClassVar[str] = "upset"
    tick: int = -1

    def __post_init__(self) -> None:
        settle(self, tick=whole(self.tick, "tick", -1, NEVER))

    @property
    def same(self) -> bool:
        return self.tick >= 0

    def changes(self, horizon: int, seed: int, draw: int) -> list[Change]:
        return [Change(_begin(self.tick, horizon, seed, draw), 1.0)]


@dataclass(frozen=True)
class Window(FaultTime):
    """For `ticks` ticks from a tick on; a random one of each draw if `tick` is -1."""

    name: ClassVar[str] = "window"
    tick: int = -1
    ticks: int = 100

    def __post_init__(self) -> None:
        settle(self, tick=whole(self.tick, "tick", -1, NEVER))
        settle(self, ticks=whole(self.ticks, "ticks", 1, NEVER))

    @property
    def same(self) -> bool:
        return self.tick >= 0

    def changes(self, horizon: int, seed: int, draw: int) -> list[Change]:
        begin = _begin(self.tick, horizon, seed, draw)
        return [Change(begin, 1.0), Change(begin + self.ticks, 0.0)]


@dataclass(frozen=True)
class Intermittent(FaultTime):
    """Comes and goes: present for `on` and absent for `off` ticks on average, geometrically."""

    name: ClassVar[str] = "intermittent"
    on: int = 50
    off: int = 200

    def __post_init__(self) -> None:
        settle(self, on=whole(self.on, "on", 1, NEVER), off=whole(self.off, "off", 1, NEVER))

    def changes(self, horizon: int, seed: int, draw: int) -> list[Change]:
        least = 2 * horizon // (self.on + self.off) + 8
        count, tick, found = least, 0, [Change(0, 0.0)]
        while True:
            numbers = np.arange(count, dtype=np.uint64)
            u = Draws(seed, [draw], numbers, "intermittent").uniform()[0]
            mean = np.where(numbers % 2 == 0, self.off, self.on).astype(np.float64)
            # Geometric, at least one tick; a mean of 1 is always 1.
            with np.errstate(divide="ignore"):
                lasts = np.where(mean == 1, 1.0, np.ceil(np.log(u) / np.log1p(-1.0 / mean)))
            ends = np.cumsum(np.maximum(lasts, 1.0))
            if ends[-1] >= horizon:
                break
            count *= 2
        for k, end in enumerate(ends.tolist()):
            tick = int(end)
            if tick >= horizon:
                break
            found.append(Change(tick, float(k % 2 == 0)))
        return found


@dataclass(frozen=True)
class Accumulating(FaultTime):
    """Grows in `steps` equal steps from nothing to the severity, over an episode."""

    name: ClassVar[str] = "accumulating"
    steps: int = 10

    def __post_init__(self) -> None:
        settle(self, steps=whole(self.steps, "steps", 1, 100_000))

    @property
    def same(self) -> bool:
        return True

    def changes(self, horizon: int, seed: int, draw: int) -> list[Change]:
        places = range(self.steps)
        return [Change(horizon * k // self.steps, (k + 1) / self.steps) for k in places]


@dataclass(frozen=True)
class Redrawn(FaultTime):
    """There all the time, with new random numbers every `every` ticks: noise."""

    name: ClassVar[str] = "redrawn"
    every: int = 1

    def __post_init__(self) -> None:
        settle(self, every=whole(self.every, "every", 1, NEVER))

    @property
    def same(self) -> bool:
        return True

    def changes(self, horizon: int, seed: int, draw: int) -> list[Change]:
        return [Change(t, 1.0, k) for k, t in enumerate(range(0, horizon, self.every))]


TIMES: dict[str, type[FaultTime]] = {
    cls.name: cls for cls in (Permanent, Upset, Window, Intermittent, Accumulating, Redrawn)
}
"""Fault times by name; add your own to use it on the command line and in configs."""


def parse_time(text: str) -> FaultTime:
    """Make a time from ``name`` or ``name:parameter=value,...``.

    Examples
    --------
    >>> parse_time("window:ticks=20")
    Window(tick=-1, ticks=20)
    """
    time: FaultTime = parse_part(TIMES, text, "time")
    return time


def parse_part(registry: Mapping[str, type[Any]], text: str, kind: str) -> Any:
    """Make a model or a time from ``name`` or ``name:parameter=value,...``.

    Raises
    ------
    InputError
        Unknown name or parameter, or a value that is refused.
    """
    name, _, rest = text.partition(":")
    part = lookup(registry, name, kind)
    parameters: dict[str, int | float] = {}
    for item in filter(None, rest.split(",")):
        key, _, value = item.partition("=")
        allowed = [f.name for f in fields(part)]
        if key not in allowed:
            raise wrong(f"{kind} {name}", f"parameters {', '.join(allowed) or '(none)'}", item)
        if key in parameters:
            raise wrong(f"{kind} {name}", "each parameter once", rest)
        try:
            parameters[key] = int(value) if value.lstrip("+-").isdigit() else float(value)
        except ValueError:
            raise wrong(f"{kind} {name}: {key}", "a number", value) from None
    try:
        return part(**parameters)
    except InputError as error:
        raise InputError(f"{kind} {name}: {error}") from None


def _begin(tick: int, horizon: int, seed: int, draw: int) -> int:
    if tick >= 0:
        return tick
    u = Draws(seed, [draw], np.array([hash_text("tick")], dtype=np.uint64), "time").uniform()
    return int(u[0, 0] * horizon)
