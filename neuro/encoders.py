"""Encoders: from an observation to what a network receives during one decision.

An encoder has *channels*. A spike encoder (``graded = False``) drives one input neuron per
channel: it says at which ticks of the decision that neuron receives `gain`. A graded encoder
gives each channel a value that stays constant during the decision and reaches neurons through
input synapses. To add one: subclass `Encoder`, write its kernel function, register it.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from neuro.jit import ENCODE, KernelFunction, kernel_function
from neuro.specs import real, reals, settle, whole

MAX_TICKS = 10_000
_SCALE = (1e-9, 1e9)


class Encoder(ABC):
    """Contract of an encoder; a frozen dataclass whose fields are its parameters.

    Attributes
    ----------
    name : str
        What configs and files call it.
    graded : bool
        Whether channels carry values (True) or spikes (False).
    kernel : KernelFunction
        ``(observation, parameters, current, pulses)``: writes ``current[c]`` for graded
        channels, or sets bit ``tick % 64`` of ``pulses[c, tick // 64]``; both arrive zeroed.
    ticks : int
        Ticks per decision.
    gain : float
        What an input neuron receives per pulse; spike encoders only.
    """

    name: ClassVar[str]
    graded: ClassVar[bool]
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


@kernel_function(ENCODE)
def _flip_flop(observation, parameters, current, pulses):
    spikes, period = int(parameters[0]), int(parameters[1])
    one = np.uint64(1)
    for word in range(pulses.shape[1]):
        # The pattern of all pulses, once; a value takes those before its end. Setting them one
        # by one for each value was a fifth of the time of a closed loop.
        pattern = np.uint64(0)
        for n in range(spikes):
            tick = n * period - 64 * word
            if 0 <= tick < 64:
                pattern |= one << np.uint64(tick)
        for i in range(len(observation)):
            share = abs(observation[i]) / parameters[2 + i]
            count = math.ceil(min(share, 1.0) * spikes)
            end = count * period - 64 * word
            channel = 2 * i + (0 if observation[i] < 0.0 else 1)
            if end >= 64:
                pulses[channel, word] = pattern
            elif end > 0:
                pulses[channel, word] = pattern & ((one << np.uint64(end)) - one)


@dataclass(frozen=True)
class FlipFlop(Encoder):
    """Two channels per value, one for each sign; the size of the value is a number of spikes.

    A value x of scale s makes ``ceil(min(|x|/s, 1) * spikes)`` pulses at ticks 0, period,
    2 period, ... on channel 2i (x < 0) or 2i + 1 (x >= 0); zero makes none. The defaults are
    those of the TENNLab cart-pole benchmark (Plank, Rizzo, White & Schuman 2025).

    Examples
    --------
    >>> FlipFlop(scale=(2.4, 2.0)).channels
    4
    """

    name: ClassVar[str] = "flip-flop"
    graded: ClassVar[bool] = False
    kernel: ClassVar[KernelFunction] = _flip_flop
    scale: tuple[float, ...]
    ticks: int = 24
    spikes: int = 8
    period: int = 3
    gain: float = 1.0

    def __post_init__(self) -> None:
        settle(
            self,
            scale=reals(self.scale, "scale", *_SCALE),
            ticks=whole(self.ticks, "ticks", 1, MAX_TICKS),
            period=whole(self.period, "period", 1, self.ticks),
            spikes=whole(self.spikes, "spikes", 1, (self.ticks - 1) // self.period + 1),
            gain=real(self.gain, "gain", -1e9, 1e9),
        )

    @property
    def observations(self) -> int:
        return len(self.scale)

    @property
    def channels(self) -> int:
        return 2 * len(self.scale)

    def parameters(self) -> NDArray[np.float64]:
        return np.array([self.spikes, self.period, *self.scale], dtype=np.float64)


@kernel_function(ENCODE)
def _current(observation, parameters, current, pulses):
    for i in range(len(observation)):
        current[i] = min(max(observation[i] / parameters[i], -1.0), 1.0)
    current[len(observation)] = 1.0


@dataclass(frozen=True)
class Current(Encoder):
    """One channel per value with ``x / scale`` clipped to [-1, 1], and one that is always 1.

    The constant last channel lets a network learn an offset with an ordinary input synapse.

    Examples
    --------
    >>> Current(scale=(2.4, 2.0)).channels
    3
    """

    name: ClassVar[str] = "current"
    graded: ClassVar[bool] = True
    kernel: ClassVar[KernelFunction] = _current
    scale: tuple[float, ...]
    ticks: int = 10

    def __post_init__(self) -> None:
        settle(
            self,
            scale=reals(self.scale, "scale", *_SCALE),
            ticks=whole(self.ticks, "ticks", 1, MAX_TICKS),
        )

    @property
    def observations(self) -> int:
        return len(self.scale)

    @property
    def channels(self) -> int:
        return len(self.scale) + 1

    def parameters(self) -> NDArray[np.float64]:
        return np.array(self.scale, dtype=np.float64)


ENCODERS: dict[str, type[Encoder]] = {cls.name: cls for cls in (FlipFlop, Current)}
"""Encoders by name; add your own class to use it in configs and network files."""
