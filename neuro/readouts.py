"""Readouts: from the output neurons' spikes of one decision to an action."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from neuro.jit import READ_OUT, KernelFunction, kernel_function


class Readout(ABC):
    """Contract of a readout; a frozen dataclass whose fields are its parameters.

    Attributes
    ----------
    name : str
        What configs and files call it.
    kernel : KernelFunction
        ``(counts, parameters, action)``: reads the number of spikes of each output during the
        decision and writes the action.
    """

    name: ClassVar[str]
    kernel: ClassVar[KernelFunction]

    @abstractmethod
    def outputs(self, actions: int) -> int:
        """Number of output neurons it needs for a task with `actions` discrete actions."""

    @abstractmethod
    def parameters(self) -> NDArray[np.float64]:
        """What the kernel function is handed as `parameters`."""


@kernel_function(READ_OUT)
def _winner_takes_all(counts, parameters, action):
    best = 0
    for i in range(1, len(counts)):
        if counts[i] > counts[best]:
            best = i
    action[0] = best


@dataclass(frozen=True)
class WinnerTakesAll(Readout):
    """The action is the index of the output that spiked most; a tie goes to the lowest index.

    Examples
    --------
    >>> action = np.empty(1)
    >>> WinnerTakesAll.kernel(np.array([2, 5, 5]), np.empty(0), action); action
    array([1.])
    """

    name: ClassVar[str] = "winner-takes-all"
    kernel: ClassVar[KernelFunction] = _winner_takes_all

    def outputs(self, actions: int) -> int:
        return actions

    def parameters(self) -> NDArray[np.float64]:
        return np.empty(0)


READOUTS: dict[str, type[Readout]] = {cls.name: cls for cls in (WinnerTakesAll,)}
"""Readouts by name; add your own class to use it in configs and network files."""
