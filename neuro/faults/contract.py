"""The contract of fault models, and the two common kinds: noise on weights, and hits on sites."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from neuro.errors import wrong
from neuro.faults.draws import Draws
from neuro.faults.times import FaultTime, Permanent
from neuro.faults.values import OWNERS, Values, as_numbers, site_keys


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
        return self._damaged(values, draws, draws.uniform() < severity)

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
        return self._damaged(values, draws, np.arange(sites) == (numbers // self.ways())[:, None])

    def _damaged(
        self, values: Values, draws: Draws, hit: NDArray[np.bool_]
    ) -> dict[str, NDArray[np.float64]]:
        struck = {}
        for name, damaged in check_quantities(self, self.damage(values, draws)).items():
            where, golden = f"model {self.name}: faulty {name}", values[name]
            array = as_numbers(damaged, where)
            try:
                fitting = np.broadcast_to(array, golden.shape)
            except ValueError:
                raise wrong(where, f"shape {golden.shape}", array.shape) from None
            struck[name] = np.where(hit, fitting, golden)
        return struck


def check_quantities(model: FaultModel, changed: Any) -> Mapping[str, Any]:
    """Refuse what a model returned unless it is a dictionary of what its sites have."""
    if not isinstance(changed, Mapping):
        raise wrong(f"model {model.name}", "a dictionary of quantities by name", changed)
    for name in changed:
        if OWNERS.get(name) != model.owner:
            raise wrong(f"model {model.name}", f"what {model.owner} have", name)
    return changed
