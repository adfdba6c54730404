"""What every encoder is: from an observation to what a network receives during one decision."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from neuro.errors import InputError, wrong
from neuro.jit import KernelFunction
from neuro.specs import real, reals, whole
from neuro.symmetry import Mirror, Symmetry

MAX_TICKS = 10_000


class Encoder(ABC):
    """Contract of an encoder; a frozen dataclass whose fields are its parameters.

    Configurations fill the fields `scale` and, if there is one, `center` from the task: they say
    that ``center - scale`` to ``center + scale`` is the range of each value of the observation.

    Attributes
    ----------
    name : str
        What configs and files call it.
    graded : bool
        Whether channels carry values (True) or spikes (False).
    kernel : KernelFunction
        ``(observation, parameters, current, pulses)``: writes ``current[c]`` for graded
        channels, or sets bit ``tick % 64`` of ``pulses[c, tick // 64]``; both arrive zeroed.
        Nothing is remembered from decision to decision.
    ticks : int
        Ticks per decision.
    gain : float
        What an input neuron receives per pulse; spike encoders only.
    """

    name: ClassVar[str]
    graded: ClassVar[bool]
    constants: ClassVar[int] = 0
    """Channels after those of the values that are always 1."""
    kernel: ClassVar[KernelFunction]
    ticks: int
    gain: float

    @property
    @abstractmethod
    def observations(self) -> int:
        """Number of values in an observation."""

    @property
    @abstractmethod
    def channels(self) -> int:
        """Number of channels."""

    @abstractmethod
    def parameters(self) -> NDArray[np.float64]:
        """What the kernel function is handed as `parameters`."""

    def mirror(self, symmetry: Symmetry) -> Mirror:
        """Say which channel shows in the mirror what each one shows, and with which sign.

        Raises
        ------
        InputError
            Its channels are not such that a mirror image could be made of others.
        """
        raise InputError(f"encoder {self.name}: expected one with mirrored channels")


class ScaledEncoder(Encoder):
    """What the encoders here share: a scale and a center per value.

    A value x becomes ``z = min(max((x - center) / scale, -1), 1)``. Kernels find scales and
    centers at the end of their parameters.
    """

    scale: tuple[float, ...]
    center: tuple[float, ...]

    @property
    def observations(self) -> int:
        return len(self.scale)

    def mirror(self, symmetry: Symmetry) -> Mirror:
        """Swap the channels of values, and reverse those of each that changes its sign."""
        self.check_range(symmetry)
        each = (self.channels - self.constants) // len(self.scale)
        if each < 2:
            return super().mirror(symmetry)
        swapped = zip(symmetry.places, symmetry.signs, strict=True)
        order = [np.arange(each)[::sign] + each * place for place, sign in swapped]
        place = np.concatenate([*order, np.arange(self.channels - self.constants, self.channels)])
        return Mirror(place, np.ones(self.channels, dtype=np.int64))

    def check_range(self, symmetry: Symmetry) -> None:
        """Make sure that ranges look the same in the mirror: about 0 where signs change."""
        if any(c != 0.0 and s < 0 for c, s in zip(self.center, symmetry.signs, strict=True)):
            raise wrong("center", "0 where the mirror changes the sign", list(self.center))
        for name in ("scale", "center"):
            numbers = getattr(self, name)
            if any(numbers[place] != numbers[i] for i, place in enumerate(symmetry.places)):
                expected = "the same for values that the mirror swaps"
                raise wrong(name, expected, list(numbers))

    def vector(self, *first: float) -> NDArray[np.float64]:
        """Parameters of a kernel: some of its own, then the scales, then the centers."""
        return np.array([*first, *self.scale, *self.center], dtype=np.float64)

    def checked(self) -> dict[str, Any]:
        """`scale`, `center`, `ticks` and, for spikes, `gain`; an empty center means zeros."""
        scale = reals(self.scale, "scale", 1e-9, 1e9)
        left_out = isinstance(self.center, list | tuple) and not self.center
        center = (0.0,) * len(scale) if left_out else reals(self.center, "center", -1e9, 1e9)
        if len(center) != len(scale):
            raise wrong("center", f"as many numbers as scale has, {len(scale)}", len(center))
        ticks = whole(self.ticks, "ticks", 1, MAX_TICKS)
        gain = {} if self.graded else {"gain": real(self.gain, "gain", -1e9, 1e9)}
        return {"scale": scale, "center": center, "ticks": ticks, **gain}
