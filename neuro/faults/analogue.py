"""Analogue faults of synapses: weights that are off by more or less."""

from __future__ import annotations

import math
from abc import abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from neuro.faults.contract import FaultModel
from neuro.faults.draws import Draws
from neuro.faults.times import FaultTime, Redrawn
from neuro.faults.values import Values
from neuro.specs import real, settle

_RELATIVE = (0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5)


def largest_weight(weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """Largest magnitude in each row, shape (K, 1); 1 where all are 0."""
    top = np.abs(weights).max(axis=1, keepdims=True, initial=0.0)
    scale: NDArray[np.float64] = np.where(top > 0.0, top, 1.0)
    return scale


class _Perturbation(FaultModel):
    """A weight plus an error: severity times a scale times a random number."""

    severities: ClassVar[tuple[float, ...]] = _RELATIVE
    typical: ClassVar[float] = 0.5
    largest: ClassVar[float] = 100.0

    @staticmethod
    @abstractmethod
    def noise(draws: Draws) -> NDArray[np.float64]:
        """Random numbers of variance 1."""

    @staticmethod
    @abstractmethod
    def scale(weights: NDArray[np.float64]) -> NDArray[np.float64]:
        """Scale of each weight's error."""

    def weights(
        self, weights: NDArray[np.float64], severity: float, draws: Draws
    ) -> NDArray[np.float64]:
        return weights + severity * self.scale(weights) * self.noise(draws)


class _Normal(_Perturbation):
    @staticmethod
    def noise(draws: Draws) -> NDArray[np.float64]:
        return draws.normal()


class _Uniform(_Perturbation):
    @staticmethod
    def noise(draws: Draws) -> NDArray[np.float64]:
        return (2.0 * draws.uniform() - 1.0) * math.sqrt(3.0)


class _Proportional(_Perturbation):
    severity: ClassVar[str] = "relative standard deviation of the weights"

    @staticmethod
    def scale(weights: NDArray[np.float64]) -> NDArray[np.float64]:
        return weights


class _Independent(_Perturbation):
    severity: ClassVar[str] = "standard deviation as a share of the largest weight"
    typical: ClassVar[float] = 0.2

    @staticmethod
    def scale(weights: NDArray[np.float64]) -> NDArray[np.float64]:
        return largest_weight(weights)


class _Inverse(_Perturbation):
    severity: ClassVar[str] = "standard deviation of a weight as large as the root mean square"
    typical: ClassVar[float] = 0.2

    @staticmethod
    def scale(weights: NDArray[np.float64]) -> NDArray[np.float64]:
        square = (weights**2).mean(axis=1, keepdims=True) if weights.size else weights
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            inverse = square / np.abs(weights)
        capped: NDArray[np.float64] = np.fmin(inverse, largest_weight(weights))
        return capped


@dataclass(frozen=True)
class Gaussian(_Proportional, _Normal):
    """Every weight is off by a normal error in proportion to it: w (1 + severity * xi)."""

    name: ClassVar[str] = "gaussian"

    def weights(
        self, weights: NDArray[np.float64], severity: float, draws: Draws
    ) -> NDArray[np.float64]:
        return weights * (1.0 + severity * draws.normal())


@dataclass(frozen=True)
class GaussianIndependent(_Independent, _Normal):
    """Every weight is off by a normal error of the same size."""

    name: ClassVar[str] = "gaussian-independent"


@dataclass(frozen=True)
class GaussianInverse(_Inverse, _Normal):
    """Small weights are off by more: the error goes with the mean square over the magnitude.

    It is at most that of `GaussianIndependent`, which a weight of 0 has.
    """

    name: ClassVar[str] = "gaussian-inverse"


@dataclass(frozen=True)
class Uniform(_Proportional, _Uniform):
    """Every weight is off by a uniform error in proportion to it."""

    name: ClassVar[str] = "uniform"


@dataclass(frozen=True)
class UniformIndependent(_Independent, _Uniform):
    """Every weight is off by a uniform error of the same size."""

    name: ClassVar[str] = "uniform-independent"


@dataclass(frozen=True)
class UniformInverse(_Inverse, _Uniform):
    """As `GaussianInverse`, with a uniform error."""

    name: ClassVar[str] = "uniform-inverse"


@dataclass(frozen=True)
class Lognormal(FaultModel):
    """Every weight is off by a factor exp(severity * xi); signs stay."""

    name: ClassVar[str] = "lognormal"
    severity: ClassVar[str] = "standard deviation of the logarithm of the weights"
    severities: ClassVar[tuple[float, ...]] = _RELATIVE
    typical: ClassVar[float] = 0.5
    largest: ClassVar[float] = 20.0

    def weights(
        self, weights: NDArray[np.float64], severity: float, draws: Draws
    ) -> NDArray[np.float64]:
        factor: NDArray[np.float64] = np.exp(severity * draws.normal())
        return weights * factor


@dataclass(frozen=True)
class WeightLoss(FaultModel):
    """All weights shrink alike, as with a falling supply voltage: w (1 - severity)."""

    name: ClassVar[str] = "weight-loss"
    severity: ClassVar[str] = "share of every weight that is lost"
    severities: ClassVar[tuple[float, ...]] = (0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.5)
    typical: ClassVar[float] = 0.1
    largest: ClassVar[float] = 1.0

    def weights(
        self, weights: NDArray[np.float64], severity: float, draws: Draws
    ) -> NDArray[np.float64]:
        return weights * (1.0 - severity)


@dataclass(frozen=True)
class ProgrammingNoise(FaultModel):
    """Weights written into phase-change memory, with the error measured there.

    A conductance g, as a share of the largest, is off by a normal error of
    ``max(-1.1731 g**2 + 1.965 g + 0.2635, 0)`` microsiemens of 25 (Joshi et al., Nature
    Communications 2020). A weight is one device with a sign, which no error turns: conductances
    are not negative.
    """

    name: ClassVar[str] = "programming-noise"
    severity: ClassVar[str] = "multiple of the error of phase-change memory"
    severities: ClassVar[tuple[float, ...]] = (0.25, 0.5, 1.0, 2.0, 3.0, 5.0)
    typical: ClassVar[float] = 2.0
    largest: ClassVar[float] = 1000.0

    def weights(
        self, weights: NDArray[np.float64], severity: float, draws: Draws
    ) -> NDArray[np.float64]:
        top = largest_weight(weights)
        g = np.abs(weights) / top
        sigma = np.maximum(-1.1731 * g**2 + 1.965 * g + 0.2635, 0.0) / 25.0
        written = weights + severity * sigma * top * draws.normal()
        return np.where(weights < 0.0, np.minimum(written, 0.0), np.maximum(written, 0.0))


@dataclass(frozen=True)
class Drift(FaultModel):
    """Conductances fall with time: w (t / t0)**-nu, nu normal and not below 0.

    Nothing has changed up to t0 seconds after programming. The law is that of phase-change memory
    (Le Gallo et al. 2018), where Joshi et al. (2020) measured means of 0.049 to 0.1 and deviations
    of 0.008 to 0.045, the larger ones in small conductances.
    """

    name: ClassVar[str] = "drift"
    severity: ClassVar[str] = "seconds since programming"
    severities: ClassVar[tuple[float, ...]] = (20.0, 100.0, 1e3, 1e4, 1e5, 1e6, 3e7)
    typical: ClassVar[float] = 1e4
    largest: ClassVar[float] = 1e12
    nu: float = 0.1
    spread: float = 0.05
    t0: float = 20.0

    def __post_init__(self) -> None:
        settle(self, nu=real(self.nu, "nu", 0.0, 10.0))
        settle(self, spread=real(self.spread, "spread", 0.0, 10.0))
        settle(self, t0=real(self.t0, "t0", 1e-9, 1e9))

    def weights(
        self, weights: NDArray[np.float64], severity: float, draws: Draws
    ) -> NDArray[np.float64]:
        nu = np.maximum(self.nu + self.spread * draws.normal(), 0.0)
        return weights * (max(severity, self.t0) / self.t0) ** -nu


@dataclass(frozen=True)
class ReadNoise(Gaussian):
    """As `Gaussian`, with new errors at every tick, hence for every spike."""

    name: ClassVar[str] = "read-noise"
    severity: ClassVar[str] = "relative standard deviation of the weights at each reading"
    time: ClassVar[FaultTime] = Redrawn()


@dataclass(frozen=True)
class DeviceMismatch(FaultModel):
    """Neurons as they come from a factory: thresholds and time constants off by normal factors.

    Thresholds count from rest. The errors of one draw are one chip's. Factors are not below 0.05.
    """

    name: ClassVar[str] = "device-mismatch"
    family: ClassVar[str] = "neuron"
    severity: ClassVar[str] = "relative standard deviation of thresholds and time constants"
    severities: ClassVar[tuple[float, ...]] = _RELATIVE
    typical: ClassVar[float] = 0.2
    largest: ClassVar[float] = 100.0
    owner: ClassVar[str] = "neurons"

    def strike(
        self, values: Values, severity: float, draws: Draws
    ) -> dict[str, NDArray[np.float64]]:
        factor = [np.maximum(1.0 + severity * draws.normal(which), 0.05) for which in range(3)]
        rest = values["v_leak"]
        return {
            "v_threshold": rest + (values["v_threshold"] - rest) * factor[0],
            "tau_mem": values["tau_mem"] * factor[1],
            "tau_syn": values["tau_syn"] * factor[2],
        }
