"""What every readout is: from what the output neurons did in a decision to an action."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from neuro.actions import Actions, Box, describe_actions
from neuro.errors import InputError
from neuro.jit import KernelFunction
from neuro.symmetry import Mirror, Symmetry

SEES = ("counts", "first", "potential")
"""What a readout may look at; the order is what kernels know them by."""


class Readout(ABC):
    """Contract of a readout; a frozen dataclass whose fields are its parameters.

    Attributes
    ----------
    name : str
        What configs and files call it.
    kernel : KernelFunction
        ``(seen, parameters, action)``: reads one number per output and writes the action.
    sees : {"counts", "first", "potential"}
        What `seen` holds of each output: its number of spikes during the decision, the tick of
        its first spike (the number of ticks if there was none), or its potential at the end.
    """

    name: ClassVar[str]
    kernel: ClassVar[KernelFunction]
    sees: ClassVar[str] = "counts"

    @property
    def values(self) -> int:
        """Number of numbers in an action."""
        return 1

    @property
    def size(self) -> int | None:
        """Number of output neurons it reads; None where any number will do."""
        return None

    @abstractmethod
    def outputs(self, actions: Actions) -> int:
        """Number of output neurons it needs for a task with these actions.

        Raises
        ------
        InputError
            It cannot take such actions; see `refuse`.
        """

    @abstractmethod
    def parameters(self) -> NDArray[np.float64]:
        """What the kernel function is handed as `parameters`."""

    @classmethod
    def for_actions(cls, actions: Actions) -> dict[str, Any]:
        """Parameters that follow from a task's actions; configurations fill them in.

        Raises
        ------
        InputError
            Nothing could follow from actions of this kind; see `refuse`.
        """
        return {}

    def neurons(self, outputs: int) -> dict[str, NDArray[np.float64]]:
        """Neuron columns that output neurons must have for this readout, by name."""
        return {}

    def mirror(self, symmetry: Symmetry, outputs: int) -> Mirror:
        """Say which output does in the mirror what each one does, and with which sign.

        Raises
        ------
        InputError
            No output does what another one does in the mirror.
        """
        raise InputError(f"readout {self.name}: expected one with mirrored outputs")

    @classmethod
    def refuse(cls, actions: Actions, kind: str) -> InputError:
        """Make the complaint that a task's actions are not what this readout produces."""
        what = "continuous values" if isinstance(actions, Box) else "choices"
        return InputError(
            f"readout {cls.name}: expected {kind}, got {what}: {describe_actions(actions)}"
        )


def as_choices(actions: Actions) -> tuple[int, ...]:
    """Number of options of each choice; none for continuous values."""
    if isinstance(actions, Box):
        return ()
    return actions if isinstance(actions, tuple) else (actions,)


def integrators(tau: NDArray[np.float64]) -> dict[str, NDArray[np.float64]]:
    """Columns of outputs that never spike and, unlike others, have no floor.

    A floor would let them tell how much there is of what raises them, but not of what lowers
    them; in a mirrored network the one is the image of the other.
    """
    never = np.full(len(tau), np.inf)
    return {"tau_mem": tau, "v_threshold": never, "v_min": -never}
