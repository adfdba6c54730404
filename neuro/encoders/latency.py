"""The latency encoder: how early a single pulse comes says how large the value is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from neuro.encoders.contract import ScaledEncoder
from neuro.jit import ENCODE, KernelFunction, kernel_function
from neuro.specs import flag, settle


@kernel_function(ENCODE)
def _latency(observation, parameters, current, pulses):
    last, signed = parameters[0] - 1.0, parameters[1] != 0.0
    count = len(observation)
    for i in range(count):
        x = observation[i] - parameters[2 + count + i]
        z = min(max(x / parameters[2 + i], -1.0), 1.0)
        if signed:
            channel, share = 2 * i + (0 if z < 0.0 else 1), abs(z)
        else:
            channel, share = i, (z + 1.0) * 0.5
        if share > 0.0 or not signed:
            tick = int((1.0 - share) * last + 0.5)
            pulses[channel, tick // 64] = np.uint64(1) << np.uint64(tick % 64)


@dataclass(frozen=True)
class Latency(ScaledEncoder):
    """One pulse per value; the larger the value, the earlier.

    A value at full size makes its pulse at tick 0, the smallest at the last tick, linearly
    between. Time to first spike: Thorpe, Delorme & Van Rullen 2001 ("Spike-based strategies for
    rapid processing").

    Parameters
    ----------
    scale : tuple of float
        Half of the range of each value.
    ticks : int
        Ticks per decision.
    signed : bool
        Two channels per value, for values below and above the center, whose size is the
        distance from it (none, no pulse); or one, for the place in the whole range.
    gain : float
        What an input neuron receives per pulse.
    center : tuple of float
        Middle of the range of each value; left out, 0.

    Examples
    --------
    >>> encoder, pulses = Latency(scale=[2.0], ticks=9), np.zeros((2, 1), dtype=np.uint64)
    >>> encoder.kernel(np.array([1.5]), encoder.parameters(), np.zeros(2), pulses)
    >>> [f"{word:09b}"[::-1] for word in pulses[:, 0].tolist()]
    ['000000000', '001000000']
    """

    name: ClassVar[str] = "latency"
    graded: ClassVar[bool] = False
    kernel: ClassVar[KernelFunction] = _latency
    scale: tuple[float, ...]
    ticks: int = 24
    signed: bool = True
    gain: float = 1.0
    center: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        settle(self, **self.checked(), signed=flag(self.signed, "signed"))

    @property
    def channels(self) -> int:
        return len(self.scale) * (2 if self.signed else 1)

    def parameters(self) -> NDArray[np.float64]:
        return self.vector(self.ticks, self.signed)
