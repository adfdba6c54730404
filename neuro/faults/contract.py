"""The contract of fault models, and the two common kinds: noise on weights, and hits on sites."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from neuro.faults.draws import Draws
from neuro.faults.times import FaultTime, Permanent
from neuro.faults.values import Values, site_keys


class FaultModel(ABC):
    """Contract of a fault model; a frozen dataclass whose fields are its parameters.

    It says what goes wrong; where it strikes is a `FaultSite`, when a `FaultTime`. To add one that
    acts on weights, subclass this and write `weights`; for anything else write `strike`, or
    subclass `SiteFault` for faults that a site either has or has not.

    Attributes
    ----------
    name : str
        What the command line, configs and results call it.
    family : str
        What it stands for: "analogue", "digital", "structural", "neuron" or "channel".
    severity : str
        What its severity means, with the unit, for axes and tables.
    severities : tuple of float
        A sensible range to sweep.
    typical : float
        A severity at which networks can be told apart: the default of a resilience objective.
    largest : float
        Largest severity that makes sense; the smallest is 0.
    owner : {"synapses", "neurons", "channels"}
        What has the sites that it strikes.
    within : str
        Kind of `FaultSite` that it can act on at all.
    time : FaultTime
        When such faults are there, unless a `Fault` says otherwise.
    """

    name: ClassVar[str]
    family: ClassVar[str] = "analogue"
    severity: ClassVar[str]
    severities: ClassVar[tuple[float, ...]]
    typical: ClassVar[float]
    largest: ClassVar[float]
    owner: ClassVar[str] = "synapses"
    within: ClassVar[str] = "all"
    time: ClassVar[FaultTime] = Permanent()

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
        raise NotImplementedError(f"{type(self).__name__} has neither weights() nor strike()")

    def strike(
        self, values: Values, severity: float, draws: Draws
    ) -> dict[str, NDArray[np.float64]]:
        """Return what quantities become, by name, each of shape (K, sites); see `Values`."""
        return {"weight": self.weights(values["weight"], severity, draws)}


class SiteFault(FaultModel):
    """A fault that each site has or has not; severity is the probability that it has.

    Hits are nested: what is hit at a severity is hit at any higher one. Because single faults can
    be counted, they can also be tried one by one (see `single`).
    """

    severity: ClassVar[str] = "probability that a site is hit"
    severities: ClassVar[tuple[float, ...]] = (0.01, 0.02, 0.05, 0.1, 0.15, 0.2, 0.3)
    typical: ClassVar[float] = 0.1
    largest: ClassVar[float] = 1.0

    @abstractmethod
    def damage(self, values: Values, draws: Draws) -> dict[str, NDArray[np.float64]]:
        """Return what quantities become where a site is hit, by name, each of shape (K, sites)."""

    def strike(
        self, values: Values, severity: float, draws: Draws
    ) -> dict[str, NDArray[np.float64]]:
        hit = draws.uniform() < severity
        return {
            name: np.where(hit, struck, values[name])
            for name, struck in self.damage(values, draws).items()
        }

    def ways(self) -> int:
        """Number of ways in which a site can be hit, such as its bits."""
        return 1

    def single(
        self, values: Values, numbers: NDArray[np.int64], draws: Draws
    ) -> dict[str, NDArray[np.float64]]:
        """Return what quantities become with one fault in each copy.

        Fault number f is at site ``f // ways``, and there the way ``f % ways``.
        """
        sites = len(site_keys(values.network, self.owner))
        hit = np.arange(sites) == (numbers // self.ways())[:, None]
        return {
            name: np.where(hit, struck, values[name])
            for name, struck in self.damage(values, draws).items()
        }
