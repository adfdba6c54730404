"""Readouts that choose: the output that spiked most or first, or has the highest potential."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from neuro.actions import Actions
from neuro.jit import READ_OUT, KernelFunction, kernel_function
from neuro.readouts.contract import Readout, as_choices, integrators
from neuro.specs import real, settle, whole
from neuro.symmetry import Mirror, Symmetry


@kernel_function(READ_OUT)
def _highest(seen, parameters, action):
    begin = 0
    for choice in range(len(action)):
        end = begin + int(parameters[choice]) if len(parameters) > 0 else len(seen)
        best = begin
        for i in range(begin + 1, end):
            if seen[i] > seen[best]:
                best = i
        action[choice] = best - begin
        begin = end


@kernel_function(READ_OUT)
def _lowest(seen, parameters, action):
    begin = 0
    for choice in range(len(action)):
        end = begin + int(parameters[choice]) if len(parameters) > 0 else len(seen)
        best = begin
        for i in range(begin + 1, end):
            if seen[i] < seen[best]:
                best = i
        action[choice] = best - begin
        begin = end


class _Choosing(Readout):
    """One output per option; several choices have their outputs one after another."""

    choices: tuple[int, ...]

    def _check(self) -> None:
        given = tuple(self.choices) if isinstance(self.choices, list | tuple) else (self.choices,)
        settle(self, choices=tuple(
            whole(c, f"choices[{i}]", 1, 1_000_000) for i, c in enumerate(given)
        ))  # fmt: skip

    @property
    def values(self) -> int:
        return len(self.choices) or 1

    @property
    def size(self) -> int | None:
        return sum(self.choices) or None

    def outputs(self, actions: Actions) -> int:
        options = as_choices(actions)
        if not options or (self.choices and self.choices != options):
            raise self.refuse(
                actions, f"choices {list(self.choices)}" if self.choices else "one choice"
            )
        if not self.choices and len(options) > 1:
            raise self.refuse(actions, "one choice (see its parameter `choices`)")
        return sum(options)

    @classmethod
    def for_actions(cls, actions: Actions) -> dict[str, Any]:
        return {"choices": list(actions)} if isinstance(actions, tuple) else {}

    def mirror(self, symmetry: Symmetry, outputs: int) -> Mirror:
        if len(self.choices) > 1:
            return super().mirror(symmetry, outputs)
        return Mirror(symmetry.swap(outputs), np.ones(outputs, dtype=np.int64))

    def parameters(self) -> NDArray[np.float64]:
        return np.array(self.choices, dtype=np.float64)


@dataclass(frozen=True)
class WinnerTakesAll(_Choosing):
    """The action is the index of the output that spiked most; a tie goes to the lowest index.

    Parameters
    ----------
    choices : tuple of int
        Options of each of several choices, whose outputs follow one another; left out for one
        choice among all outputs.

    Examples
    --------
    >>> action = np.empty(1)
    >>> WinnerTakesAll.kernel(np.array([2.0, 5.0, 5.0]), np.empty(0), action); action
    array([1.])
    """

    name: ClassVar[str] = "winner-takes-all"
    kernel: ClassVar[KernelFunction] = _highest
    choices: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        self._check()


@dataclass(frozen=True)
class HighestPotential(_Choosing):
    """The action is the index of the output with the highest potential at the decision's end.

    Outputs never spike: they are leaky integrators of the spikes they receive. A tie goes to
    the lowest index.

    Parameters
    ----------
    choices : tuple of int
        As in `WinnerTakesAll`.
    tau : float
        Membrane time constant of the outputs, ms.

    Examples
    --------
    >>> action = np.empty(1)
    >>> HighestPotential.kernel(np.array([-0.5, 0.25, 0.1]), np.empty(0), action); action
    array([1.])
    """

    name: ClassVar[str] = "highest-potential"
    sees: ClassVar[str] = "potential"
    kernel: ClassVar[KernelFunction] = _highest
    choices: tuple[int, ...] = ()
    tau: float = 10.0

    def __post_init__(self) -> None:
        self._check()
        settle(self, tau=real(self.tau, "tau", 1e-9, 1e9))

    def neurons(self, outputs: int) -> dict[str, NDArray[np.float64]]:
        return integrators(np.full(outputs, self.tau))


@dataclass(frozen=True)
class FirstToSpike(_Choosing):
    """The action is the index of the output that spiked first; a tie goes to the lowest index.

    If none spiked, that is index 0.

    Parameters
    ----------
    choices : tuple of int
        As in `WinnerTakesAll`.

    Examples
    --------
    Outputs that first spiked at ticks 7, 3 and 3:

    >>> action = np.empty(1)
    >>> FirstToSpike.kernel(np.array([7.0, 3.0, 3.0]), np.empty(0), action); action
    array([1.])
    """

    name: ClassVar[str] = "first-to-spike"
    sees: ClassVar[str] = "first"
    kernel: ClassVar[KernelFunction] = _lowest
    choices: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        self._check()
