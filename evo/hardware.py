"""Hardware profiles: what a chip can hold, and genomes made to fit."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from functools import cached_property
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from evo.mirror import twins_of
from neuro.columns import MAX_DELAY
from neuro.errors import InputError, wrong
from neuro.specs import flag, lookup, real, reals, settle, unknown, whole

if TYPE_CHECKING:
    from evo.genome import Genome
    from evo.space import SearchSpace

SIGNS = ("any", "dale", "excitatory")
_LARGEST = 2**31 - 1


@dataclass(frozen=True)
class Range:
    """The values that a gene may have: all from low to high, or the multiples of a step there.

    Parameters
    ----------
    low, high : float
        Multiples of the step, if there is one.
    step : float
        0 for none.

    Examples
    --------
    >>> Range(-1.0, 1.0, 0.25).nearest(np.array([0.3, -7.0]))
    array([ 0.25, -1.  ])
    """

    low: float
    high: float
    step: float = 0.0

    @property
    def single(self) -> bool:
        """Whether there is one value only."""
        return self.low == self.high

    @property
    def reach(self) -> float:
        """Largest magnitude."""
        return max(abs(self.low), abs(self.high))

    @property
    def _ends(self) -> tuple[int, int]:
        return round(self.low / self.step), round(self.high / self.step)

    def draw(self, rng: Generator, size: int | None = None) -> Any:
        """Draw values, all equally likely."""
        if not self.step:
            return rng.uniform(self.low, self.high, size)
        low, high = self._ends
        return rng.integers(low, high + 1, size) * self.step

    def nearest(self, values: Any) -> Any:
        """Take the nearest possible values."""
        if not self.step:
            return np.clip(values, self.low, self.high)
        return self._at(np.rint(np.divide(values, self.step)))

    def at_least(self, value: float) -> float:
        """Take the smallest possible value that is not below, or the largest of all."""
        if not self.step:
            return min(value, self.high)
        found = float(self.nearest(value))
        return found if found >= value else float(self.nearest(found + self.step))

    def moved(self, values: Any, change: Any) -> Any:
        """Add a change; on a grid whatever is not 0 moves a value by at least one step.

        At the end of a grid, a value that would leave it moves inwards.
        """
        if not self.step:
            return np.clip(values + change, self.low, self.high)
        place, way = np.rint(np.divide(values, self.step)), np.sign(change)
        moved = place + way * np.maximum(1.0, np.rint(np.abs(change) / self.step))
        stuck = np.clip(moved, *self._ends) == place
        return self._at(np.where(stuck, place - way, moved))

    def _at(self, place: Any) -> Any:
        # Not -0.0: equal weights have equal bytes.
        return np.clip(place, *self._ends) * self.step + 0.0


@dataclass(frozen=True)
class HardwareProfile:
    """What a chip can hold; what is left out is not restricted beyond the search space.

    What it says of weights, thresholds, delays, time constants and the floor takes the place of
    the limits of the `SearchSpace`. `conform` makes a genome fit, and all operators return
    genomes that do.

    Parameters
    ----------
    weight_bits : int, optional
        Weights are signed words: k times weight_limit / (2**(bits-1) - 1), with the same number
        of steps on both sides of 0.
    weight_low, weight_high : int, optional
        Weights are k times `weight_step` with k from low to high, instead of words.
    weight_step : float
    threshold_low, threshold_high : int, optional
        Thresholds are k times `threshold_step` with k from low to high.
    threshold_step : float
    delay_low : int
        Shortest delay, ticks.
    delay_high : int, optional
        Longest delay, ticks.
    leaks : tuple of float, optional
        The membrane time constants there are, ms: inf is no leak, 0 is full leak.
    fan_in : int, optional
        Most synapses onto a neuron, input synapses included.
    fan_out : int, optional
        Most synapses from a neuron.
    signs : {"any", "dale", "excitatory"}
        "dale": the weights of all synapses from a neuron are at least 0, or all at most 0;
        "excitatory": no weight is below 0.
    v_min : float, optional
        Floor of the potential.
    plain : bool
        Neurons rest at 0, are reset to 0 and are not held after a spike.

    Notes
    -----
    Limits hold for the decoded network, mirror image included. Channels of a graded encoder are
    not neurons: `fan_out` and "dale" do not concern them.

    Examples
    --------
    >>> HardwareProfile(weight_bits=3).weights(limit=1.5)
    Range(low=-1.5, high=1.5, step=0.5)
    >>> from evo import SearchSpace
    >>> from evo.operators import random_genome
    >>> from neuro import FlipFlop, WinnerTakesAll
    >>> chip = HardwareProfile(weight_low=-1, weight_high=1, fan_in=1)
    >>> space = SearchSpace(FlipFlop([1.0]), WinnerTakesAll(), 2, hardware=chip)
    >>> first = random_genome(space, np.random.default_rng(1))
    >>> len(first.weight), set(first.weight.tolist()) <= {-1.0, 0.0, 1.0}
    (2, True)
    """

    weight_bits: int | None = None
    weight_low: int | None = None
    weight_high: int | None = None
    weight_step: float = 1.0
    threshold_low: int | None = None
    threshold_high: int | None = None
    threshold_step: float = 1.0
    delay_low: int = 1
    delay_high: int | None = None
    leaks: tuple[float, ...] | None = None
    fan_in: int | None = None
    fan_out: int | None = None
    signs: str = "any"
    v_min: float | None = None
    plain: bool = False

    def __post_init__(self) -> None:
        if self.weight_bits is not None:
            whole(self.weight_bits, "weight_bits", 2, 32)
            if (self.weight_low, self.weight_high) != (None, None):
                raise wrong("weight_bits", "none beside weight_low", self.weight_bits)
        self._check_grid("weight", -_LARGEST)
        self._check_grid("threshold", 1)
        if self.delay_high is not None:
            whole(self.delay_low, "delay_low", 1, MAX_DELAY)
            whole(self.delay_high, "delay_high", self.delay_low, MAX_DELAY)
        elif self.delay_low != 1:
            raise wrong("delay_high", "a whole number beside delay_low", "none")
        if self.leaks is not None:
            settle(self, leaks=reals(self.leaks, "leaks", 0.0, np.inf))
            for i, tau in enumerate(self.leaks):
                if 1e9 < tau < np.inf:
                    raise wrong(f"leaks[{i}]", "a number from 0 to 1e+09, or inf", tau)
            if len(set(self.leaks)) < len(self.leaks):
                raise wrong("leaks", "distinct time constants", list(self.leaks))
        for name in ("fan_in", "fan_out"):
            if getattr(self, name) is not None:
                whole(getattr(self, name), name, 1, _LARGEST)
        if self.signs not in SIGNS:
            raise unknown("signs", SIGNS, self.signs)
        if self.v_min is not None:
            settle(self, v_min=real(self.v_min, "v_min", -np.inf, 1e9))
        flag(self.plain, "plain")
        if self.weight_high is not None:
            if self.signs == "excitatory" and self.weight_high < 1:
                raise wrong("weight_high", "at least 1 for excitatory signs", self.weight_high)
            if self.weight_low == self.weight_high == 0:
                raise wrong("weight_high", "a weight other than 0", 0)

    def _check_grid(self, gene: str, lowest: int) -> None:
        names = f"{gene}_low", f"{gene}_high"
        low, high = (getattr(self, name) for name in names)
        step = real(getattr(self, f"{gene}_step"), f"{gene}_step", 1e-9, 1e9)
        settle(self, **{f"{gene}_step": step})
        if low is not None and high is not None:
            whole(low, names[0], lowest, _LARGEST)
            whole(high, names[1], low, _LARGEST)
        elif low is not None or high is not None:
            missing, given = names if low is None else names[::-1]
            raise wrong(missing, f"a whole number beside {given}", "none")
        elif step != 1.0:
            raise wrong(names[0], f"a whole number beside {gene}_step", "none")

    @cached_property
    def free(self) -> bool:
        """Whether nothing is restricted."""
        return self == FLOAT

    def weights(self, limit: float) -> Range:
        """What weights there are in a search space with a limit."""
        if self.weight_low is not None and self.weight_high is not None:
            low, high, step = self.weight_low, self.weight_high, self.weight_step
        elif self.weight_bits is not None:
            high = 2 ** (self.weight_bits - 1) - 1
            low, step = -high, limit / high
        else:
            return Range(0.0 if self.signs == "excitatory" else -limit, limit)
        if self.signs == "excitatory":
            low = max(low, 0)
        return Range(low * step, high * step, step)

    def thresholds(self, low: float, high: float) -> Range:
        """What thresholds there are in a search space with limits."""
        if self.threshold_low is None or self.threshold_high is None:
            return Range(low, high)
        step = self.threshold_step
        return Range(self.threshold_low * step, self.threshold_high * step, step)

    def check(self, space: SearchSpace, /) -> None:
        """Refuse a search space whose networks the chip could not hold.

        Raises
        ------
        InputError
            Names what does not fit.
        """
        if self.plain:
            plain = {"v_reset": 0.0, "v_leak": 0.0, "refractory": 0, "reset": "to_value"}
            for name, value in plain.items():
                if getattr(space, name) != value:
                    got = f"{name} {getattr(space, name)}"
                    raise wrong("plain", f"a search space with {name} {value}", got)
        for limit, column, held in (
            ("threshold_high", "v_threshold", space.thresholds.nearest),
            ("leaks", "tau_mem", lambda tau: self._nearest_leaks(tau, space.dt)),
            ("v_min", "v_min", lambda floor: np.full_like(floor, self.v_min)),
        ):
            needed = space.output_columns.get(column)
            if getattr(self, limit) is not None and needed is not None:
                for value, nearest in zip(needed, held(needed), strict=True):
                    if value != nearest:
                        got = f"{space.readout.name}: {column} {value:g}"
                        raise wrong(limit, "a readout whose outputs the chip can hold", got)
        if space.odd and space.weights.low != -space.weights.high:
            where = "signs" if self.signs == "excitatory" else "weight_low"
            weights = f"weights from {space.weights.low:g} to {space.weights.high:g}"
            raise wrong(where, "the opposite of each weight, for mirrored networks", weights)
        if self.signs == "dale" and not space.odd.isdisjoint(space.output_keys.tolist()):
            what = "any, for mirrored networks whose outputs change their sign"
            raise wrong("signs", what, self.signs)

    def conform(self, genome: Genome, space: SearchSpace, /) -> Genome:
        """Make a genome fit: the nearest values, without the smallest weights too many.

        Deterministic, and idempotent: a genome that fits comes back with the same values.

        Parameters
        ----------
        space : SearchSpace
            One with this profile.
        """
        if self.free:
            return genome
        genome = replace(
            genome,
            tau_mem=self._nearest_leaks(genome.tau_mem, space.dt),
            v_threshold=space.thresholds.nearest(genome.v_threshold),
            weight=space.weights.nearest(genome.weight),
            delay=np.clip(genome.delay, *space.delays),
        )
        wires = self.wires(genome, space, none=True)
        if wires is not None:
            keep = np.zeros(len(genome.pre), dtype=bool)
            for e in np.argsort(-np.abs(genome.weight), kind="stable").tolist():
                keep[e] = wires.admit(genome.pre[e], genome.post[e])
            genome = genome.keep_synapses(keep)
        if self.signs == "dale":
            genome = replace(genome, weight=_one_sign_each(genome, space))
        return genome

    def _nearest_leaks(self, tau: NDArray[np.float64], dt: float) -> NDArray[np.float64]:
        """Time constants by what is left of the potential after a tick."""
        if self.leaks is None:
            return tau
        leaks = np.array(self.leaks)
        distance = np.abs(_kept(tau, dt)[:, None] - _kept(leaks, dt))
        exact = tau[:, None] == leaks  # two may keep the same
        found: NDArray[np.float64] = leaks[np.where(exact, -1.0, distance).argmin(axis=1)]
        return found

    def wires(self, genome: Genome, space: SearchSpace, /, *, none: bool = False) -> Wires | None:
        """Count a genome's synapses against the limits of fan-in and fan-out, if there are any.

        Parameters
        ----------
        none : bool
            Begin with the genome's neurons and none of its synapses.
        """
        if self.fan_in is None and self.fan_out is None:
            return None
        wires = Wires(self, genome, space)
        if not none:
            for pre, post in zip(genome.pre, genome.post, strict=True):
                wires.admit(pre, post)
        return wires


class Wires:
    """Synapses per neuron of the decoded network, as genes are admitted one after the other."""

    def __init__(self, profile: HardwareProfile, genome: Genome, space: SearchSpace) -> None:
        self._most_heard = profile.fan_in or _LARGEST
        self._most_sent = profile.fan_out or _LARGEST
        self._twins = twins_of(genome, space)
        self._channels = frozenset(space.channel_keys.tolist())
        self._heard: dict[int, int] = defaultdict(int)
        self._sent: dict[int, int] = defaultdict(int)
        self._known: set[tuple[int, int]] = set()

    def admit(self, pre: Any, post: Any) -> bool:
        """Count the synapses that a gene stands for, unless they are too many for a neuron."""
        a, b = here = int(pre), int(post)
        there = self._twins.get(a, a), self._twins.get(b, b)
        new = {here, there} - self._known
        self._count(new, 1)
        for a, b in new:
            if self._heard[b] > self._most_heard or self._sent[a] > self._most_sent:
                self._count(new, -1)
                return False
        self._known |= new
        return True

    def _count(self, pairs: set[tuple[int, int]], by: int) -> None:
        for a, b in pairs:
            self._heard[b] += by
            self._sent[a] += by if a not in self._channels else 0


def _kept(tau: NDArray[np.float64], dt: float) -> NDArray[np.float64]:
    with np.errstate(divide="ignore"):
        return np.exp(-dt / tau)


def _one_sign_each(genome: Genome, space: SearchSpace) -> NDArray[np.float64]:
    """Give the weights of each neuron the sign of their sum; it shares it with its twin."""
    twins = twins_of(genome, space)
    senders = np.array([min(k, twins.get(k, k)) for k in genome.pre.tolist()], dtype=np.uint64)
    _, sender = np.unique(senders, return_inverse=True)
    total = np.bincount(sender, genome.weight)[sender]
    low, high = space.weights.low, space.weights.high
    down = (total < 0.0) & (low < 0.0) | (high <= 0.0)
    size = np.abs(genome.weight)
    signed = np.where(
        down, np.clip(-size, low, min(high, 0.0)), np.clip(size, max(low, 0.0), max(high, 0.0))
    )
    return np.where(np.isin(genome.pre, space.channel_keys), genome.weight, signed) + 0.0


FLOAT = HardwareProfile()
"""No restriction."""

PROFILES: Mapping[str, HardwareProfile] = MappingProxyType({
    "float": FLOAT,
    "int8": HardwareProfile(weight_bits=8),
    # Plank et al., "The case for RISP: a reduced instruction spiking processor" (2022), and the
    # parameters of TENNLab's open framework. A threshold of 0 is left out: it fires by itself.
    "risp-15": HardwareProfile(
        weight_low=-15, weight_high=15, threshold_low=1, threshold_high=15, delay_high=15,
        leaks=(np.inf, 0.0), v_min=-15.0, plain=True,
    ),
    "risp-1+": HardwareProfile(
        weight_low=1, weight_high=1, threshold_low=1, threshold_high=1, delay_high=15,
        leaks=(np.inf,), signs="excitatory", v_min=0.0, plain=True,
    ),
})  # fmt: skip
"""Profiles by name."""


def find_profile(given: Any, where: str = "hardware") -> HardwareProfile:
    """Make a profile from its name, or from a table of its fields.

    A table may have a `name`: that of the profile whose other fields are kept.

    Raises
    ------
    InputError
        Unknown name or field, or a value the profile refuses.

    Examples
    --------
    >>> find_profile("int8")  # doctest: +ELLIPSIS
    HardwareProfile(weight_bits=8, ...)
    >>> find_profile({"name": "risp-15", "fan_in": 8}).fan_in
    8
    """
    if not isinstance(given, Mapping):
        return lookup(PROFILES, given, where)
    table = dict(given)
    known = lookup(PROFILES, table.pop("name", "float"), f"{where}.name")
    names = [f.name for f in fields(HardwareProfile)]
    for name in table:
        if name not in names:
            raise unknown(where, names, name)
    try:
        return replace(known, **table)
    except InputError as error:
        raise InputError(f"{where}.{error}") from None


def describe_profile(profile: HardwareProfile, /) -> str | dict[str, Any]:
    """Return a profile's name, or the table that `find_profile` makes it from.

    Examples
    --------
    >>> describe_profile(HardwareProfile(weight_bits=8))
    'int8'
    >>> describe_profile(HardwareProfile(weight_bits=5, leaks=(0.0,)))
    {'weight_bits': 5, 'leaks': [0.0]}
    """
    for name, known in PROFILES.items():
        if profile == known:
            return name
    values = {f.name: getattr(profile, f.name) for f in fields(profile)}
    return {
        name: list(value) if isinstance(value, tuple) else value
        for name, value in values.items()
        if value != getattr(FLOAT, name)
    }
