"""What goes wrong: fault models.

A model says what happens to the values it acts on; where it strikes is a `FaultSite`, when a
`FaultTime`. To add one: subclass `FaultModel`, write one method, register it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, fields
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from neuro.errors import InputError, wrong
from neuro.faults.draws import Draws
from neuro.specs import lookup, settle, whole


class FaultModel(ABC):
    """Contract of a fault model; a frozen dataclass whose fields are its parameters.

    Attributes
    ----------
    name : str
        What the command line, configs and results call it.
    severity : str
        What its severity means, with the unit, for axes and tables.
    severities : tuple of float
        A sensible range to sweep.
    typical : float
        A severity at which networks can be told apart: the default of a resilience objective.
    largest : float
        Largest severity that makes sense; the smallest is 0.
    """

    name: ClassVar[str]
    severity: ClassVar[str]
    severities: ClassVar[tuple[float, ...]]
    typical: ClassVar[float]
    largest: ClassVar[float]

    @abstractmethod
    def weights(
        self, weights: NDArray[np.float64], severity: float, draws: Draws
    ) -> NDArray[np.float64]:
        """Return the faulty weights.

        Parameters
        ----------
        weights : ndarray of float64, shape (K, S)
            Weights of every synapse of the network (input synapses last), once per draw.
        severity : float
        draws : Draws
            Random numbers of shape (K, S).

        Returns
        -------
        ndarray of float64, shape (K, S)
            A new array; `weights` is left untouched. Each draw depends on its own row only.
        """


@dataclass(frozen=True)
class Gaussian(FaultModel):
    """Every weight is off by a normal error in proportion to it: w (1 + severity * xi)."""

    name: ClassVar[str] = "gaussian"
    severity: ClassVar[str] = "relative standard deviation of the weights"
    severities: ClassVar[tuple[float, ...]] = (0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5)
    typical: ClassVar[float] = 0.5
    largest: ClassVar[float] = 100.0

    def weights(
        self, weights: NDArray[np.float64], severity: float, draws: Draws
    ) -> NDArray[np.float64]:
        return weights * (1.0 + severity * draws.normal())


@dataclass(frozen=True)
class DeadSynapse(FaultModel):
    """Each synapse is lost (stuck at zero) with a probability; losses are nested in severity."""

    name: ClassVar[str] = "dead-synapse"
    severity: ClassVar[str] = "probability that a synapse is dead"
    severities: ClassVar[tuple[float, ...]] = (0.01, 0.02, 0.05, 0.1, 0.15, 0.2, 0.3)
    typical: ClassVar[float] = 0.1
    largest: ClassVar[float] = 1.0

    def weights(
        self, weights: NDArray[np.float64], severity: float, draws: Draws
    ) -> NDArray[np.float64]:
        return np.where(draws.uniform() < severity, 0.0, weights)


@dataclass(frozen=True)
class BitFlip(FaultModel):
    """Weights are held as signed fixed-point words, and each bit is inverted with a probability.

    The words are two's complement with `bits` bits; one step is the network's largest absolute
    weight divided by 2**(bits-1) - 1. Severity 0 therefore is the quantised network.

    Examples
    --------
    >>> BitFlip(bits=4).quantise(np.array([[0.7, -0.31]]))[0]
    array([[ 7., -3.]])
    """

    name: ClassVar[str] = "bit-flip"
    severity: ClassVar[str] = "bit error rate of the weight memory"
    severities: ClassVar[tuple[float, ...]] = (1e-3, 2e-3, 5e-3, 0.01, 0.02, 0.05, 0.1)
    typical: ClassVar[float] = 0.02
    largest: ClassVar[float] = 1.0
    bits: int = 8

    def __post_init__(self) -> None:
        settle(self, bits=whole(self.bits, "bits", 2, 32))

    def quantise(
        self, weights: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the words as whole numbers, shape (K, S), and the step of each row, (K, 1)."""
        top = float(2 ** (self.bits - 1) - 1)
        largest = np.abs(weights).max(axis=1, keepdims=True, initial=0.0)
        # Never so small that it loses digits: weights that all are as small count as zero.
        step = np.where(largest > 0.0, np.maximum(largest / top, 1e-300), 1.0)
        return np.rint(weights / step), step

    def weights(
        self, weights: NDArray[np.float64], severity: float, draws: Draws
    ) -> NDArray[np.float64]:
        words, step = self.quantise(weights)
        flips = np.zeros(words.shape, dtype=np.int64)
        for bit in range(self.bits):
            flips |= (draws.uniform(bit) < severity).astype(np.int64) << bit
        low = words.astype(np.int64) ^ flips
        # Keep the low bits and let the highest of them be the sign again.
        sign = 1 << (self.bits - 1)
        low &= (1 << self.bits) - 1
        return ((low ^ sign) - sign).astype(np.float64) * step


MODELS: dict[str, type[FaultModel]] = {cls.name: cls for cls in (Gaussian, DeadSynapse, BitFlip)}
"""Fault models by name; add your own class to use it on the command line and in configs."""


def parse_model(text: str) -> FaultModel:
    """Make a model from ``name`` or ``name:parameter=value,...``.

    Examples
    --------
    >>> parse_model("bit-flip:bits=6")
    BitFlip(bits=6)

    Raises
    ------
    InputError
        Unknown model or parameter, or a value the model refuses.
    """
    name, _, rest = text.partition(":")
    model = lookup(MODELS, name, "model")
    parameters: dict[str, int | float] = {}
    for item in filter(None, rest.split(",")):
        key, _, value = item.partition("=")
        allowed = [f.name for f in fields(model)]  # type: ignore[arg-type]
        if key not in allowed:
            raise wrong(f"model {name}", f"parameters {', '.join(allowed) or '(none)'}", item)
        if key in parameters:
            raise wrong(f"model {name}", "each parameter once", rest)
        try:
            parameters[key] = int(value) if value.lstrip("+-").isdigit() else float(value)
        except ValueError:
            raise wrong(f"model {name}: {key}", "a number", value) from None
    try:
        return model(**parameters)
    except InputError as error:
        raise InputError(f"model {name}: {error}") from None
