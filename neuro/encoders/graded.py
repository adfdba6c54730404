"""Encoders whose channels carry values that hold for a decision: current and population."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from neuro.encoders.contract import ScaledEncoder
from neuro.jit import ENCODE, KernelFunction, kernel_function
from neuro.specs import real, settle, whole
from neuro.symmetry import Mirror, Symmetry


@kernel_function(ENCODE)
def _current(observation, parameters, current, pulses):
    count = np.uint64(len(observation))  # unsigned: no test for an index counted from the end
    for i in range(count):
        x = observation[i] - parameters[count + i]
        current[i] = min(max(x / parameters[i], -1.0), 1.0)
    current[count] = 1.0


@dataclass(frozen=True)
class Current(ScaledEncoder):
    """One channel per value with ``(x - center) / scale`` clipped to [-1, 1], and a constant 1.

    The constant last channel lets a network learn an offset with an ordinary input synapse.
    Values as input currents are the "direct" coding of neuroevolution and of deep spiking
    networks (Rueckauer, Lungu, Hu, Pfeiffer & Liu 2017).

    Parameters
    ----------
    scale : tuple of float
        What counts as full size, for each value.
    ticks : int
        Ticks per decision.
    center : tuple of float
        What counts as zero, for each value; left out, 0.

    Examples
    --------
    >>> encoder, current = Current(scale=[2.4, 2.0]), np.zeros(3)
    >>> pulses = np.zeros((3, 1), dtype=np.uint64)
    >>> encoder.kernel(np.array([0.6, -5.0]), encoder.parameters(), current, pulses); current
    array([ 0.25, -1.  ,  1.  ])
    """

    name: ClassVar[str] = "current"
    graded: ClassVar[bool] = True
    constants: ClassVar[int] = 1
    kernel: ClassVar[KernelFunction] = _current
    scale: tuple[float, ...]
    ticks: int = 10
    center: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        settle(self, **self.checked())

    @property
    def channels(self) -> int:
        return len(self.scale) + 1

    def mirror(self, symmetry: Symmetry) -> Mirror:
        self.check_range(symmetry)
        place = np.array([*symmetry.places, len(self.scale)])
        return Mirror(place, np.array([*symmetry.signs, 1]))

    def parameters(self) -> NDArray[np.float64]:
        return self.vector()


@kernel_function(ENCODE)
def _population(observation, parameters, current, pulses):
    fields, width = int(parameters[0]), parameters[1]
    count = len(observation)
    sigma = width * (2.0 / (fields - 1))
    for i in range(count):
        x = observation[i] - parameters[2 + count + i]
        z = min(max(x / parameters[2 + i], -1.0), 1.0)
        for k in range(fields):
            d = (z - (2 * k - (fields - 1)) / (fields - 1)) / sigma
            current[fields * i + k] = math.exp(-0.5 * (d * d))
    current[fields * count] = 1.0


@dataclass(frozen=True)
class Population(ScaledEncoder):
    """Overlapping Gaussian fields along the range of each value, and a constant 1.

    With z from -1 to 1 along the range, channel ``fields i + k`` carries ``exp(-((z - m_k) /
    sigma)^2 / 2)``; the middles m_k are evenly spaced from -1 to 1, and sigma is `width` times
    the space between them. A weight per field lets one layer learn a curve, not only a slope.
    Fields as in Bohte, Kok & La Poutre 2002 ("Error-backpropagation in temporally encoded
    networks of spiking neurons"); their responses are currents here, not spike times.

    Parameters
    ----------
    scale : tuple of float
        Half of the range of each value.
    ticks : int
        Ticks per decision.
    fields : int
        Fields per value.
    width : float
        Standard deviation of a field, in spaces between fields.
    center : tuple of float
        Middle of the range of each value; left out, 0.

    Examples
    --------
    >>> encoder, current = Population(scale=[2.0], fields=3), np.zeros(4)
    >>> pulses = np.zeros((4, 1), dtype=np.uint64)
    >>> encoder.kernel(np.array([2.0]), encoder.parameters(), current, pulses); current.round(3)
    array([0.029, 0.411, 1.   , 1.   ])
    """

    name: ClassVar[str] = "population"
    graded: ClassVar[bool] = True
    constants: ClassVar[int] = 1
    kernel: ClassVar[KernelFunction] = _population
    scale: tuple[float, ...]
    ticks: int = 10
    fields: int = 4
    width: float = 0.75
    center: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        settle(
            self,
            **self.checked(),
            fields=whole(self.fields, "fields", 2, 1000),
            width=real(self.width, "width", 1e-3, 1e3),
        )

    @property
    def channels(self) -> int:
        return self.fields * len(self.scale) + 1

    def parameters(self) -> NDArray[np.float64]:
        return self.vector(self.fields, self.width)
