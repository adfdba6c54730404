"""Readouts of continuous values: spike rates, and potentials of outputs that never spike."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from neuro.actions import Actions, Box
from neuro.errors import wrong
from neuro.jit import READ_OUT, KernelFunction, kernel_function
from neuro.readouts.contract import Readout, integrators
from neuro.specs import flag, real, reals, settle
from neuro.symmetry import Mirror, Symmetry

_GAIN = (-1e9, 1e9)


class _Bounded(Readout):
    """Continuous values within bounds, which are facts of the task."""

    low: tuple[float, ...]
    high: tuple[float, ...]

    def _check_bounds(self) -> None:
        box = Box(self.low, self.high)
        settle(self, low=box.low, high=box.high)

    @property
    def values(self) -> int:
        return len(self.low)

    @classmethod
    def for_actions(cls, actions: Actions) -> dict[str, Any]:
        if not isinstance(actions, Box):
            raise cls.refuse(actions, "continuous values")
        return {"low": list(actions.low), "high": list(actions.high)}

    def _check_even_bounds(self) -> None:
        for i, (low, high) in enumerate(zip(self.low, self.high, strict=True)):
            if low != -high:
                raise wrong(f"low[{i}]", f"{-high:g} for a mirrored value", low)

    def _check_actions(self, actions: Actions) -> None:
        if actions != Box(self.low, self.high):
            bounds = zip(self.low, self.high, strict=True)
            raise self.refuse(actions, " ".join(f"[{a:g}, {b:g}]" for a, b in bounds))


@kernel_function(READ_OUT)
def _rate(seen, parameters, action):
    count = len(action)
    gain, pairs = parameters[0], parameters[1] != 0.0
    for i in range(count):
        low, high = parameters[2 + i], parameters[2 + count + i]
        if pairs:
            share = gain * (seen[2 * i] - seen[2 * i + 1])
            share = min(max(share, -1.0), 1.0)
            action[i] = 0.5 * (low + high) + 0.5 * (high - low) * share
        else:
            action[i] = low + (high - low) * min(max(gain * seen[i], 0.0), 1.0)


@dataclass(frozen=True)
class SpikeRate(_Bounded):
    """Spike counts as values: a pair of outputs pulls each value up and down.

    With pairs, a value is ``middle + half * clip(gain * (n_up - n_down), -1, 1)``, where middle
    and half are those of its range; without, ``low + (high - low) * clip(gain * n, 0, 1)``.

    Parameters
    ----------
    low, high : tuple of float
        Bounds of each value.
    gain : float
        Share per spike.
    pairs : bool
        Two outputs per value (up, down), or one.

    Examples
    --------
    >>> readout, force = SpikeRate(low=[-10], high=[10]), np.empty(1)
    >>> SpikeRate.kernel(np.array([5.0, 2.0]), readout.parameters(), force); force.round(9)
    array([3.])
    """

    name: ClassVar[str] = "rate"
    kernel: ClassVar[KernelFunction] = _rate
    low: tuple[float, ...]
    high: tuple[float, ...]
    gain: float = 0.1
    pairs: bool = True

    def __post_init__(self) -> None:
        self._check_bounds()
        settle(self, gain=real(self.gain, "gain", *_GAIN), pairs=flag(self.pairs, "pairs"))

    @property
    def size(self) -> int:
        return len(self.low) * (2 if self.pairs else 1)

    def outputs(self, actions: Actions) -> int:
        self._check_actions(actions)
        return self.size

    def mirror(self, symmetry: Symmetry, outputs: int) -> Mirror:
        self._check_even_bounds()
        if not self.pairs:
            return super().mirror(symmetry, outputs)
        return Mirror(np.arange(outputs) ^ 1, np.ones(outputs, dtype=np.int64))

    def parameters(self) -> NDArray[np.float64]:
        return np.array([self.gain, self.pairs, *self.low, *self.high], dtype=np.float64)


@kernel_function(READ_OUT)
def _potential(seen, parameters, action):
    count = len(action)
    gain, traces = parameters[0], int(parameters[1])
    for i in range(count):
        low, high = parameters[2 + i], parameters[2 + count + i]
        total = 0.0
        for k in range(traces):
            total += seen[traces * i + k]
        share = min(max(gain * total, -1.0), 1.0)
        action[i] = 0.5 * (low + high) + 0.5 * (high - low) * share


@dataclass(frozen=True)
class Potential(_Bounded):
    """Potentials of outputs that never spike, as values: leaky integrators of their spikes.

    Each value has an output for each time constant in `traces`; it is ``middle + half *
    clip(gain * sum, -1, 1)``, where the sum is over the potentials of its outputs at the end of
    the decision. Traces of different speed let a network act on how something changes: weights
    of opposite sign onto a fast and a slow trace make a difference over time.

    Parameters
    ----------
    low, high : tuple of float
        Bounds of each value.
    traces : tuple of float
        Membrane time constants of a value's outputs, ms.
    gain : float
        Share per unit of potential.

    Examples
    --------
    >>> readout, force = Potential(low=[-10], high=[10], traces=[20, 100]), np.empty(1)
    >>> Potential.kernel(np.array([0.75, -0.5]), readout.parameters(), force); force
    array([2.5])
    """

    name: ClassVar[str] = "potential"
    sees: ClassVar[str] = "potential"
    kernel: ClassVar[KernelFunction] = _potential
    low: tuple[float, ...]
    high: tuple[float, ...]
    traces: tuple[float, ...] = (10.0,)
    gain: float = 1.0

    def __post_init__(self) -> None:
        self._check_bounds()
        settle(
            self,
            traces=reals(self.traces, "traces", 1e-9, 1e9),
            gain=real(self.gain, "gain", *_GAIN),
        )

    @property
    def size(self) -> int:
        return len(self.low) * len(self.traces)

    def outputs(self, actions: Actions) -> int:
        self._check_actions(actions)
        return self.size

    def mirror(self, symmetry: Symmetry, outputs: int) -> Mirror:
        self._check_even_bounds()
        return Mirror(np.arange(outputs), np.full(outputs, -1))

    def neurons(self, outputs: int) -> dict[str, NDArray[np.float64]]:
        tau = np.tile(np.array(self.traces), outputs // len(self.traces))
        return integrators(tau)

    def parameters(self) -> NDArray[np.float64]:
        return np.array([self.gain, len(self.traces), *self.low, *self.high], dtype=np.float64)
