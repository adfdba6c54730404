"""Digital faults of weight memories: words, bits and signs."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from neuro.faults.analogue import largest_weight
from neuro.faults.contract import FaultModel, SiteFault
from neuro.faults.draws import Draws
from neuro.faults.values import Values
from neuro.specs import real, settle, whole

_SMALLEST = 1e-300
"""Of steps, so that they never lose digits: weights that all are as small count as zero."""


@dataclass(frozen=True)
class _Bits(SiteFault):
    """Weights are held as signed fixed-point words; each bit is hit with a probability.

    The words are two's complement with `bits` bits; one step is the network's largest absolute
    weight divided by 2**(bits-1) - 1. Severity 0 therefore is the quantised network.
    """

    family: ClassVar[str] = "digital"
    severity: ClassVar[str] = "bit error rate of the weight memory"
    severities: ClassVar[tuple[float, ...]] = (1e-3, 2e-3, 5e-3, 0.01, 0.02, 0.05, 0.1)
    typical: ClassVar[float] = 0.02
    bits: int = 8
    protected: int = 0

    def __post_init__(self) -> None:
        settle(self, bits=whole(self.bits, "bits", 2, 32))
        settle(self, protected=whole(self.protected, "protected", 0, self.bits))

    @abstractmethod
    def alter(self, words: NDArray[np.int64], hit: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return words after the bits of `hit` were hit."""

    def quantise(
        self, weights: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the words as whole numbers, shape (K, S), and the step of each row, (K, 1)."""
        top = float(2 ** (self.bits - 1) - 1)
        largest = np.abs(weights).max(axis=1, keepdims=True, initial=0.0)
        step = np.where(largest > 0.0, np.maximum(largest / top, _SMALLEST), 1.0)
        return np.rint(weights / step), step

    def weights(
        self, weights: NDArray[np.float64], severity: float, draws: Draws
    ) -> NDArray[np.float64]:
        hit = np.zeros(weights.shape, dtype=np.int64)
        for bit in range(self.bits - self.protected):
            hit |= (draws.uniform(bit) < severity).astype(np.int64) << bit
        return self._struck(weights, hit)

    def strike(
        self, values: Values, severity: float, draws: Draws
    ) -> dict[str, NDArray[np.float64]]:
        return {"weight": self.weights(values["weight"], severity, draws)}

    def damage(self, values: Values, draws: Draws) -> dict[str, NDArray[np.float64]]:
        every = np.full(values["weight"].shape, (1 << self.ways()) - 1)
        return {"weight": self._struck(values["weight"], every)}

    def ways(self) -> int:
        """Bits that are not protected, the lowest first."""
        return self.bits - self.protected

    def single(
        self, values: Values, numbers: NDArray[np.int64], draws: Draws
    ) -> dict[str, NDArray[np.float64]]:
        weights = values["weight"]
        hit = np.zeros(weights.shape, dtype=np.int64)
        ways = self.ways()
        hit[np.arange(len(numbers)), numbers // ways] = 1 << (numbers % ways)
        return {"weight": self._struck(weights, hit)}

    def _struck(self, weights: NDArray[np.float64], hit: NDArray[np.int64]) -> NDArray[np.float64]:
        words, step = self.quantise(weights)
        low = self.alter(words.astype(np.int64), hit)
        # Keep the low bits and let the highest of them be the sign again.
        sign = 1 << (self.bits - 1)
        low &= (1 << self.bits) - 1
        return ((low ^ sign) - sign).astype(np.float64) * step


@dataclass(frozen=True)
class BitFlip(_Bits):
    """Bits of weights are inverted; the `protected` highest ones are not.

    Memory often errs in one direction more than in the other: the probability that a 0 becomes a 1
    is the severity times `zeros`, that a 1 becomes a 0 the severity times `ones`.

    Examples
    --------
    >>> BitFlip(bits=4).quantise(np.array([[0.7, -0.31]]))[0]
    array([[ 7., -3.]])
    """

    name: ClassVar[str] = "bit-flip"
    zeros: float = 1.0
    ones: float = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        settle(self, zeros=real(self.zeros, "zeros", 0.0, 1.0))
        settle(self, ones=real(self.ones, "ones", 0.0, 1.0))

    def weights(
        self, weights: NDArray[np.float64], severity: float, draws: Draws
    ) -> NDArray[np.float64]:
        words = self.quantise(weights)[0].astype(np.int64)
        hit = np.zeros(weights.shape, dtype=np.int64)
        for bit in range(self.bits - self.protected):
            rate = severity * np.where(words >> bit & 1, self.ones, self.zeros)
            hit |= (draws.uniform(bit) < rate).astype(np.int64) << bit
        return self._struck(weights, hit)

    def alter(self, words: NDArray[np.int64], hit: NDArray[np.int64]) -> NDArray[np.int64]:
        return words ^ hit


@dataclass(frozen=True)
class StuckBit0(_Bits):
    """Bits of weights are 0 whatever is written; the `protected` highest ones are not."""

    name: ClassVar[str] = "stuck-bit-0"

    def alter(self, words: NDArray[np.int64], hit: NDArray[np.int64]) -> NDArray[np.int64]:
        return words & ~hit


@dataclass(frozen=True)
class StuckBit1(_Bits):
    """Bits of weights are 1 whatever is written; the `protected` highest ones are not."""

    name: ClassVar[str] = "stuck-bit-1"

    def alter(self, words: NDArray[np.int64], hit: NDArray[np.int64]) -> NDArray[np.int64]:
        return words | hit


@dataclass(frozen=True)
class Quantisation(FaultModel):
    """Weights are rounded to multiples of a step."""

    name: ClassVar[str] = "quantisation"
    family: ClassVar[str] = "digital"
    severity: ClassVar[str] = "step as a share of the largest weight"
    severities: ClassVar[tuple[float, ...]] = (2**-7, 2**-5, 2**-4, 2**-3, 2**-2, 0.5, 1.0)
    typical: ClassVar[float] = 0.25
    largest: ClassVar[float] = 2.0

    def weights(
        self, weights: NDArray[np.float64], severity: float, draws: Draws
    ) -> NDArray[np.float64]:
        if severity == 0.0:
            return weights.copy()
        step: NDArray[np.float64] = np.maximum(severity * largest_weight(weights), _SMALLEST)
        return np.rint(weights / step) * step


@dataclass(frozen=True)
class SignFlip(SiteFault):
    """Weights change their sign."""

    name: ClassVar[str] = "sign-flip"
    family: ClassVar[str] = "digital"
    typical: ClassVar[float] = 0.05

    def damage(self, values: Values, draws: Draws) -> dict[str, NDArray[np.float64]]:
        return {"weight": 0.0 - values["weight"]}  # a weight of 0 does not become -0


@dataclass(frozen=True)
class RandomWeight(SiteFault):
    """Weights become any value, evenly up to the network's largest magnitude."""

    name: ClassVar[str] = "random-weight"
    family: ClassVar[str] = "digital"
    typical: ClassVar[float] = 0.05

    def damage(self, values: Values, draws: Draws) -> dict[str, NDArray[np.float64]]:
        return {"weight": (2.0 * draws.uniform(1) - 1.0) * largest_weight(values["weight"])}
