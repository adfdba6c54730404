"""Faults of neurons and of input channels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from neuro.faults.contract import SiteFault
from neuro.faults.draws import Draws
from neuro.faults.times import FaultTime, Redrawn, Upset
from neuro.faults.values import Values
from neuro.specs import real, settle, whole

_NOISE = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1)


class NeuronFault(SiteFault):
    """A fault that neurons have or have not; see `SiteFault`."""

    family: ClassVar[str] = "neuron"
    severity: ClassVar[str] = "probability that a neuron is hit"
    owner: ClassVar[str] = "neurons"


@dataclass(frozen=True)
class DeadNeuron(NeuronFault):
    """Neurons never fire, and their potential stays where it is."""

    name: ClassVar[str] = "dead-neuron"

    def damage(self, values: Values, draws: Draws) -> dict[str, NDArray[np.float64]]:
        return {"held": np.full(values["held"].shape, np.inf)}


@dataclass(frozen=True)
class SaturatedNeuron(NeuronFault):
    """Neurons fire at every tick, and their potential is that of reset."""

    name: ClassVar[str] = "saturated-neuron"
    typical: ClassVar[float] = 0.05

    def damage(self, values: Values, draws: Draws) -> dict[str, NDArray[np.float64]]:
        zero = np.zeros(values["held"].shape)
        return {"v_threshold": zero - np.inf, "refractory": zero, "held": zero}


def _way(values: Values) -> NDArray[np.float64]:
    """Distance between rest and threshold; 0 where the threshold is infinite."""
    way = np.abs(values["v_threshold"] - values["v_leak"])
    return np.where(np.isfinite(way), way, 0.0)


@dataclass(frozen=True)
class ParametricThreshold(NeuronFault):
    """Thresholds are shifted, from rest to `factor` times as far; up if `factor` is above 1."""

    name: ClassVar[str] = "parametric-threshold"
    factor: float = 1.5

    def __post_init__(self) -> None:
        settle(self, factor=real(self.factor, "factor", 0.0, 1e6))

    def damage(self, values: Values, draws: Draws) -> dict[str, NDArray[np.float64]]:
        # By adding: a threshold below rest, too, is harder to reach when it is shifted up.
        return {"v_threshold": values["v_threshold"] + (self.factor - 1.0) * _way(values)}


@dataclass(frozen=True)
class ParametricLeak(NeuronFault):
    """Membrane time constants are shifted to `factor` times their value."""

    name: ClassVar[str] = "parametric-leak"
    factor: float = 0.5

    def __post_init__(self) -> None:
        settle(self, factor=real(self.factor, "factor", 0.0, 1e6))

    def damage(self, values: Values, draws: Draws) -> dict[str, NDArray[np.float64]]:
        tau = values["tau_mem"]
        return {"tau_mem": np.where(np.isinf(tau), tau, tau * self.factor)}


@dataclass(frozen=True)
class ParametricReset(NeuronFault):
    """Reset potentials are shifted by `share` of the distance between rest and threshold."""

    name: ClassVar[str] = "parametric-reset"
    share: float = 0.3

    def __post_init__(self) -> None:
        settle(self, share=real(self.share, "share", -1e6, 1e6))

    def damage(self, values: Values, draws: Draws) -> dict[str, NDArray[np.float64]]:
        return {"v_reset": values["v_reset"] + self.share * _way(values)}


@dataclass(frozen=True)
class ParametricRefractory(NeuronFault):
    """Neurons stay refractory for `ticks` ticks more."""

    name: ClassVar[str] = "parametric-refractory"
    ticks: int = 5

    def __post_init__(self) -> None:
        settle(self, ticks=whole(self.ticks, "ticks", 0, 1_000_000))

    def damage(self, values: Values, draws: Draws) -> dict[str, NDArray[np.float64]]:
        return {"refractory": values["refractory"] + self.ticks}


@dataclass(frozen=True)
class FaultyLeak(NeuronFault):
    """Neurons do not leak any more: they add up all they receive."""

    name: ClassVar[str] = "faulty-leak"

    def damage(self, values: Values, draws: Draws) -> dict[str, NDArray[np.float64]]:
        return {"tau_mem": np.full(values["tau_mem"].shape, np.inf)}


@dataclass(frozen=True)
class FaultyIntegrate(NeuronFault):
    """Neurons forget at every tick what they have received before."""

    name: ClassVar[str] = "faulty-integrate"

    def damage(self, values: Values, draws: Draws) -> dict[str, NDArray[np.float64]]:
        return {"tau_mem": np.zeros(values["tau_mem"].shape)}


@dataclass(frozen=True)
class FaultyReset(NeuronFault):
    """Neurons keep their potential when they fire; in a round, put it behind other thresholds."""

    name: ClassVar[str] = "faulty-reset"

    def damage(self, values: Values, draws: Draws) -> dict[str, NDArray[np.float64]]:
        threshold = values["v_threshold"]
        # Reset by subtraction of the difference between the two, which is none.
        stays = np.where(np.isfinite(threshold), threshold, values["v_reset"])
        return {"subtract": np.ones(threshold.shape), "v_reset": stays}


@dataclass(frozen=True)
class PotentialUpset(NeuronFault):
    """Potentials change to anything from reset to threshold, once."""

    name: ClassVar[str] = "potential-upset"
    time: ClassVar[FaultTime] = Upset()

    def damage(self, values: Values, draws: Draws) -> dict[str, NDArray[np.float64]]:
        low, high = values["v_reset"], values["v_threshold"]
        high = np.where(np.isfinite(high), high, low + 1.0)
        return {"v": low + (high - low) * draws.uniform(1)}


@dataclass(frozen=True)
class SpikeInsertion(SaturatedNeuron):
    """Neurons fire when they should not, at any tick with a probability, and are reset by it."""

    name: ClassVar[str] = "spike-insertion"
    severity: ClassVar[str] = "probability that a neuron fires at a tick"
    severities: ClassVar[tuple[float, ...]] = _NOISE
    typical: ClassVar[float] = 0.01
    time: ClassVar[FaultTime] = Redrawn()

    def damage(self, values: Values, draws: Draws) -> dict[str, NDArray[np.float64]]:
        zero = np.zeros(values["held"].shape)
        return {"v_threshold": zero - np.inf, "held": zero}


@dataclass(frozen=True)
class SpikeDeletion(NeuronFault):
    """Neurons cannot fire at a tick, with a probability; they may a tick later."""

    name: ClassVar[str] = "spike-deletion"
    severity: ClassVar[str] = "probability that a neuron cannot fire at a tick"
    severities: ClassVar[tuple[float, ...]] = (0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5)
    time: ClassVar[FaultTime] = Redrawn()

    def damage(self, values: Values, draws: Draws) -> dict[str, NDArray[np.float64]]:
        return {"v_threshold": np.full(values["v_threshold"].shape, np.inf)}


class ChannelFault(SiteFault):
    """A fault that input channels have or have not; see `SiteFault`."""

    family: ClassVar[str] = "channel"
    severity: ClassVar[str] = "probability that an input channel is hit"
    owner: ClassVar[str] = "channels"


@dataclass(frozen=True)
class DeadChannel(ChannelFault):
    """Nothing comes from input channels."""

    name: ClassVar[str] = "dead-channel"

    def damage(self, values: Values, draws: Draws) -> dict[str, NDArray[np.float64]]:
        zero = np.zeros(values["gain"].shape)
        return {"gain": zero, "offset": zero}


@dataclass(frozen=True)
class StuckChannel(ChannelFault):
    """Input channels always say `value`: a current, or with pulses, that many at every tick."""

    name: ClassVar[str] = "stuck-channel"
    value: float = 1.0

    def __post_init__(self) -> None:
        settle(self, value=real(self.value, "value", -1e6, 1e6))

    def damage(self, values: Values, draws: Draws) -> dict[str, NDArray[np.float64]]:
        shape = values["gain"].shape
        return {"gain": np.zeros(shape), "offset": np.full(shape, self.value)}


@dataclass(frozen=True)
class ChannelDropout(DeadChannel):
    """Input channels fall silent for a tick at a time, with a probability."""

    name: ClassVar[str] = "channel-dropout"
    severity: ClassVar[str] = "probability that a channel is silent at a tick"
    severities: ClassVar[tuple[float, ...]] = (0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5)
    time: ClassVar[FaultTime] = Redrawn()


@dataclass(frozen=True)
class ChannelNoise(StuckChannel):
    """Input channels say `value` for a tick when they should not, with a probability."""

    name: ClassVar[str] = "channel-noise"
    severity: ClassVar[str] = "probability of a false signal of a channel at a tick"
    severities: ClassVar[tuple[float, ...]] = _NOISE
    typical: ClassVar[float] = 0.02
    time: ClassVar[FaultTime] = Redrawn()
