"""Encoders that make regular trains of pulses: flip-flop, bins and argyle.

A train has pulses at ticks 0, period, 2 period, ... All three compute the pattern of a whole
train once for each word of 64 ticks and cut it where a channel's train ends: setting the pulses
one by one was a fifth of the time of a closed loop.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numba.extending import register_jitable
from numpy.typing import NDArray

from neuro.encoders.contract import ScaledEncoder
from neuro.jit import ENCODE, KernelFunction, kernel_function
from neuro.specs import settle, whole


# These two stay in the file of the kernels that call them: Numba's cache of a kernel function
# notices a change of its own file only.
@register_jitable
def _pattern(spikes, period, word):
    """Pulses of a train in a word of 64 ticks."""
    bits = np.uint64(0)
    for n in range(spikes):
        tick = n * period - 64 * word
        if 0 <= tick < 64:
            bits |= np.uint64(1) << np.uint64(tick)
    return bits


@register_jitable
def _before(end, pattern):
    """Pulses of a pattern before a tick, counted from the start of the word."""
    if end >= 64:
        return pattern
    if end <= 0:
        return np.uint64(0)
    return pattern & ((np.uint64(1) << np.uint64(end)) - np.uint64(1))


class _Trains(ScaledEncoder):
    graded: ClassVar[bool] = False
    spikes: int
    period: int

    def _check(self, fewest: int, spare: int = 0) -> None:
        """`spare` is how many of the pulses are never in the same train as the others."""
        settle(self, **self.checked())
        settle(self, period=whole(self.period, "period", 1, self.ticks))
        longest = (self.ticks - 1) // self.period + 1
        settle(self, spikes=whole(self.spikes, "spikes", fewest, longest + spare))


@kernel_function(ENCODE)
def _flip_flop(observation, parameters, current, pulses):
    spikes, period = int(parameters[0]), int(parameters[1])
    count = len(observation)
    for word in range(pulses.shape[1]):
        pattern = _pattern(spikes, period, word)
        for i in range(count):
            x = observation[i] - parameters[2 + count + i]
            share = min(abs(x) / parameters[2 + i], 1.0)
            channel = 2 * i + (0 if x < 0.0 else 1)
            end = math.ceil(share * spikes) * period - 64 * word
            pulses[channel, word] = _before(end, pattern)


@dataclass(frozen=True)
class FlipFlop(_Trains):
    """Two channels per value, one for each sign; the size of the value is a number of spikes.

    A value x makes ``ceil(min(|x - center| / scale, 1) * spikes)`` pulses at ticks 0, period,
    2 period, ... on channel 2i (x < center) or 2i + 1 (x >= center); none if x is the center.
    The defaults are those of the TENNLab cart-pole benchmark (Plank, Rizzo, White & Schuman
    2025, "The Cart-Pole Application as a Benchmark for Neuromorphic Computing").

    Parameters
    ----------
    scale : tuple of float
        What counts as full size, for each value.
    ticks : int
        Ticks per decision.
    spikes : int
        Pulses at full size.
    period : int
        Ticks from pulse to pulse.
    gain : float
        What an input neuron receives per pulse.
    center : tuple of float
        What counts as zero, for each value; left out, 0.

    Examples
    --------
    Half of the scale is half of the pulses:

    >>> encoder, pulses = FlipFlop(scale=[2.0]), np.zeros((2, 1), dtype=np.uint64)
    >>> encoder.kernel(np.array([-1.0]), encoder.parameters(), np.zeros(2), pulses)
    >>> [f"{word:024b}"[::-1] for word in pulses[:, 0].tolist()]
    ['100100100100000000000000', '000000000000000000000000']
    """

    name: ClassVar[str] = "flip-flop"
    kernel: ClassVar[KernelFunction] = _flip_flop
    scale: tuple[float, ...]
    ticks: int = 24
    spikes: int = 8
    period: int = 3
    gain: float = 1.0
    center: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        self._check(1)

    @property
    def channels(self) -> int:
        return 2 * len(self.scale)

    def parameters(self) -> NDArray[np.float64]:
        return self.vector(self.spikes, self.period)


@kernel_function(ENCODE)
def _bins(observation, parameters, current, pulses):
    spikes, period, bins = int(parameters[0]), int(parameters[1]), int(parameters[2])
    count = len(observation)
    for word in range(pulses.shape[1]):
        pattern = _pattern(spikes, period, word)
        for i in range(count):
            x = observation[i] - parameters[3 + count + i]
            z = min(max(x / parameters[3 + i], -1.0), 1.0)
            index = min(int((z + 1.0) * 0.5 * bins), bins - 1)
            pulses[bins * i + index, word] = pattern


@dataclass(frozen=True)
class Bins(_Trains):
    """One channel for each of some equal intervals; the one that holds the value spikes.

    The range of a value is cut into `bins` intervals that are closed on the left, the last on
    both sides; channel ``bins i + k`` makes all `spikes` pulses if value i is in interval k.
    It is the one-hot binning of Schuman, Plank, Bruer & Anantharaj 2019 ("Non-Traditional Input
    Encoding Schemes for Spiking Neuromorphic Systems").

    Parameters
    ----------
    scale : tuple of float
        Half of the range of each value.
    ticks : int
        Ticks per decision.
    bins : int
        Intervals per value.
    spikes : int
        Pulses of a decision.
    period : int
        Ticks from pulse to pulse.
    gain : float
        What an input neuron receives per pulse.
    center : tuple of float
        Middle of the range of each value; left out, 0.

    Examples
    --------
    >>> encoder, pulses = Bins(scale=[2.0]), np.zeros((4, 1), dtype=np.uint64)
    >>> encoder.kernel(np.array([0.5]), encoder.parameters(), np.zeros(4), pulses)
    >>> np.flatnonzero(pulses)
    array([2])
    """

    name: ClassVar[str] = "bins"
    kernel: ClassVar[KernelFunction] = _bins
    scale: tuple[float, ...]
    ticks: int = 24
    bins: int = 4
    spikes: int = 8
    period: int = 3
    gain: float = 1.0
    center: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        self._check(1)
        settle(self, bins=whole(self.bins, "bins", 2, 1000))

    @property
    def channels(self) -> int:
        return self.bins * len(self.scale)

    def parameters(self) -> NDArray[np.float64]:
        return self.vector(self.spikes, self.period, self.bins)


@kernel_function(ENCODE)
def _argyle(observation, parameters, current, pulses):
    spikes, period, fields = int(parameters[0]), int(parameters[1]), int(parameters[2])
    count = len(observation)
    steps = spikes - 1
    regions = steps * (fields - 1)
    for word in range(pulses.shape[1]):
        pattern = _pattern(steps, period, word)
        for i in range(count):
            x = observation[i] - parameters[3 + count + i]
            z = min(max(x / parameters[3 + i], -1.0), 1.0)
            region = min(int((z + 1.0) * 0.5 * regions), regions - 1)
            channel = fields * i + region // steps
            right = region % steps + 1
            pulses[channel, word] = _before((spikes - right) * period - 64 * word, pattern)
            pulses[channel + 1, word] = _before(right * period - 64 * word, pattern)


@dataclass(frozen=True)
class Argyle(_Trains):
    """Channels along the range of a value; the two around it share a fixed number of spikes.

    The range of a value is cut into ``(spikes - 1) (fields - 1)`` equal regions, ``spikes - 1``
    from each channel to the next. From region to region, one pulse moves from the left channel
    to the right; both make at least one. A network receives the same number of pulses whatever
    the values are. This is the argyle encoder of TENNLab's open framework (github.com/
    TENNLab-UTK/framework-open, markdown/sine_example.md, with 3 fields and 61 spikes).

    Parameters
    ----------
    scale : tuple of float
        Half of the range of each value.
    ticks : int
        Ticks per decision.
    fields : int
        Channels per value.
    spikes : int
        Pulses of the two channels together.
    period : int
        Ticks from pulse to pulse.
    gain : float
        What an input neuron receives per pulse.
    center : tuple of float
        Middle of the range of each value; left out, 0.

    Examples
    --------
    >>> encoder, pulses = Argyle(scale=[2.0]), np.zeros((4, 1), dtype=np.uint64)
    >>> encoder.kernel(np.array([-1.0]), encoder.parameters(), np.zeros(4), pulses)
    >>> [word.bit_count() for word in pulses[:, 0].tolist()]
    [2, 6, 0, 0]
    """

    name: ClassVar[str] = "argyle"
    kernel: ClassVar[KernelFunction] = _argyle
    scale: tuple[float, ...]
    ticks: int = 24
    fields: int = 4
    spikes: int = 8
    period: int = 3
    gain: float = 1.0
    center: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        self._check(2, spare=1)
        settle(self, fields=whole(self.fields, "fields", 2, 1000))

    @property
    def channels(self) -> int:
        return self.fields * len(self.scale)

    def parameters(self) -> NDArray[np.float64]:
        return self.vector(self.spikes, self.period, self.fields)
