"""Structural faults of synapses: lost, stuck, late."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from neuro.faults.analogue import largest_weight
from neuro.faults.contract import FaultModel, SiteFault
from neuro.faults.draws import Draws
from neuro.faults.times import FaultTime, Redrawn
from neuro.faults.values import Values
from neuro.specs import real, settle, whole


@dataclass(frozen=True)
class DeadSynapse(SiteFault):
    """Each synapse is lost (stuck at zero) with a probability; losses are nested in severity."""

    name: ClassVar[str] = "dead-synapse"
    family: ClassVar[str] = "structural"
    severity: ClassVar[str] = "probability that a synapse is dead"

    def damage(self, values: Values, draws: Draws) -> dict[str, NDArray[np.float64]]:
        return {"weight": np.zeros(values["weight"].shape)}


@dataclass(frozen=True)
class StuckSynapse(SiteFault):
    """Weights are stuck at `value` times the network's largest magnitude."""

    name: ClassVar[str] = "stuck-synapse"
    family: ClassVar[str] = "structural"
    value: float = 1.0

    def __post_init__(self) -> None:
        settle(self, value=real(self.value, "value", -1e6, 1e6))

    def damage(self, values: Values, draws: Draws) -> dict[str, NDArray[np.float64]]:
        weights = values["weight"]
        return {"weight": np.broadcast_to(self.value * largest_weight(weights), weights.shape)}


@dataclass(frozen=True)
class SaturatedSynapse(SiteFault):
    """Weights are stuck at the end of the network's range, on the side of their sign.

    The range is Tukey's: quartiles and `fence` times the distance between them (1.5 for
    outliers, 3 for far ones), as in SpikeFI. Weights beyond it stay as they are.
    """

    name: ClassVar[str] = "saturated-synapse"
    family: ClassVar[str] = "structural"
    fence: float = 1.5

    def __post_init__(self) -> None:
        settle(self, fence=real(self.fence, "fence", 0.0, 1000.0))

    def damage(self, values: Values, draws: Draws) -> dict[str, NDArray[np.float64]]:
        weights = values["weight"]
        if weights.size == 0:
            return {"weight": weights}
        low, high = np.quantile(weights, (0.25, 0.75), axis=1)[:, :, None]
        reach = self.fence * (high - low)
        lowest, highest = np.minimum(low - reach, weights), np.maximum(high + reach, weights)
        return {"weight": np.where(weights < 0.0, lowest, highest)}


@dataclass(frozen=True)
class LowResistance(SiteFault):
    """Memory cells are stuck in their low-resistance state: full weight, signs kept."""

    name: ClassVar[str] = "stuck-low-resistance"
    family: ClassVar[str] = "structural"

    def damage(self, values: Values, draws: Draws) -> dict[str, NDArray[np.float64]]:
        weights = values["weight"]
        return {"weight": np.where(weights < 0.0, -1.0, 1.0) * largest_weight(weights)}


@dataclass(frozen=True)
class HighResistance(SiteFault):
    """Memory cells are stuck in their high-resistance state: the largest weight over `ratio`."""

    name: ClassVar[str] = "stuck-high-resistance"
    family: ClassVar[str] = "structural"
    ratio: float = 100.0

    def __post_init__(self) -> None:
        settle(self, ratio=real(self.ratio, "ratio", 1.0, 1e9))

    def damage(self, values: Values, draws: Draws) -> dict[str, NDArray[np.float64]]:
        weights = values["weight"]
        return {"weight": np.where(weights < 0.0, -1.0, 1.0) * largest_weight(weights) / self.ratio}


@dataclass(frozen=True)
class SynapticFailure(DeadSynapse):
    """Spikes are lost on their way over a synapse, each with a probability."""

    name: ClassVar[str] = "synaptic-failure"
    severity: ClassVar[str] = "probability that a synapse does not pass on a spike"
    time: ClassVar[FaultTime] = Redrawn()


@dataclass(frozen=True)
class DelayShift(SiteFault):
    """Synapses deliver `ticks` ticks later (earlier if negative, but after one tick at least)."""

    name: ClassVar[str] = "delay-shift"
    family: ClassVar[str] = "structural"
    within: ClassVar[str] = "synapses"
    ticks: int = 1

    def __post_init__(self) -> None:
        settle(self, ticks=whole(self.ticks, "ticks", -1000, 1000))

    def damage(self, values: Values, draws: Draws) -> dict[str, NDArray[np.float64]]:
        return {"delay": np.maximum(values["delay"] + self.ticks, 1.0)}


@dataclass(frozen=True)
class StuckDelay(SiteFault):
    """Synapses deliver after `ticks` ticks, whatever their delay."""

    name: ClassVar[str] = "stuck-delay"
    family: ClassVar[str] = "structural"
    within: ClassVar[str] = "synapses"
    ticks: int = 1

    def __post_init__(self) -> None:
        settle(self, ticks=whole(self.ticks, "ticks", 1, 1000))

    def damage(self, values: Values, draws: Draws) -> dict[str, NDArray[np.float64]]:
        delay = values["delay"]
        return {"delay": np.where(np.isnan(delay), np.nan, float(self.ticks))}


@dataclass(frozen=True)
class DelayJitter(FaultModel):
    """Each spike is delivered early or late by a normal error, rounded to ticks."""

    name: ClassVar[str] = "delay-jitter"
    family: ClassVar[str] = "structural"
    within: ClassVar[str] = "synapses"
    severity: ClassVar[str] = "standard deviation of delays in ticks"
    severities: ClassVar[tuple[float, ...]] = (0.25, 0.5, 1.0, 1.5, 2.0, 3.0)
    typical: ClassVar[float] = 1.0
    largest: ClassVar[float] = 100.0
    time: ClassVar[FaultTime] = Redrawn()

    def strike(
        self, values: Values, severity: float, draws: Draws
    ) -> dict[str, NDArray[np.float64]]:
        return {"delay": np.maximum(values["delay"] + np.rint(severity * draws.normal()), 1.0)}
