"""Where and when faults strike, and putting them into copies of a network.

The words are those of SpikeFI (Spyrou et al.): a *fault model* says what, a *fault site*
where; a *fault* is both together with a severity and a time; a *fault round* is a set of
faults injected together.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray

from neuro.errors import wrong
from neuro.faults.draws import Draws
from neuro.faults.models import FaultModel
from neuro.kernels import Copies
from neuro.network import Network
from neuro.specs import real, settle, whole

KINDS = ("all", "synapses", "input-synapses")


@dataclass(frozen=True)
class FaultSite:
    """Where: which synapses a fault may strike.

    Parameters
    ----------
    kind : {"all", "synapses", "input-synapses"}
    index : tuple of int, optional
        Only these, counted within the kind; all of them if left out.
    """

    kind: str = "all"
    index: tuple[int, ...] | None = None

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise wrong("site", f"one of {', '.join(KINDS)}", self.kind)
        for k in self.index or ():
            whole(k, "site index", -(2**63), 2**63 - 1)

    def mask(self, network: Network) -> NDArray[np.bool_]:
        """Which of the network's weights (synapses, then input synapses) it covers."""
        e, i = len(network.synapses), len(network.input_synapses)
        low, high = {"all": (0, e + i), "synapses": (0, e), "input-synapses": (e, e + i)}[self.kind]
        covered = np.zeros(e + i, dtype=bool)
        if self.index is None:
            covered[low:high] = True
        else:
            for k in self.index:
                if not 0 <= k < high - low:
                    raise wrong("site", f"an index below {high - low} of {self.kind}", k)
                covered[low + k] = True
        return covered


@dataclass(frozen=True)
class FaultTime:
    """When: faults are there from the first tick to the last."""

    name: str = "permanent"

    def __post_init__(self) -> None:
        if self.name != "permanent":
            raise wrong("time", "permanent", self.name)


@dataclass(frozen=True)
class Fault:
    """What, how bad, where and when.

    Examples
    --------
    >>> from neuro.faults import DeadSynapse, Fault
    >>> Fault(DeadSynapse(), 0.1).model.name
    'dead-synapse'
    """

    model: FaultModel
    severity: float
    site: FaultSite = field(default_factory=FaultSite)
    time: FaultTime = field(default_factory=FaultTime)

    def __post_init__(self) -> None:
        name = f"severity of {self.model.name}"
        settle(self, severity=real(self.severity, name, 0.0, self.model.largest))


FaultRound = Sequence[Fault]
"""Faults that are injected together, in this order."""


def inject(network: Network, faults: FaultRound, seed: int, draws: ArrayLike, /) -> Copies:
    """Make one faulty copy of a network for each draw.

    Parameters
    ----------
    network : Network
    faults : sequence of Fault
        Injected together, each into the result of the one before.
    seed : int
    draws : array_like of int, shape (K,)
        Numbers of the draws; the same number always gives the same faults.

    Returns
    -------
    Copies
        For `neuro.simulate_copies` or a closed-loop evaluation.

    Examples
    --------
    >>> from neuro import Network
    >>> from neuro.faults import DeadSynapse, Fault, inject
    >>> network = Network.build(2, [(0, 1, 0.5, 1), (1, 0, 0.5, 1)])
    >>> inject(network, [Fault(DeadSynapse(), 0.5)], 1, range(4)).weight.shape
    (4, 2)
    """
    whole(seed, "seed", 0, 2**64 - 1)
    numbers = _check_draws(draws)
    keys, nominal = network.synapse_keys(), network.weights
    weights = np.repeat(nominal[None, :], len(numbers), axis=0)
    for fault in faults:
        stream = Draws(seed, numbers, keys, fault.model.name)
        struck = fault.model.weights(weights, fault.severity, stream)
        weights = np.where(fault.site.mask(network), struck, weights)
    e = len(network.synapses)
    return Copies(
        np.ascontiguousarray(weights[:, :e]),
        np.ascontiguousarray(weights[:, e:]),
        np.repeat(network.neurons.v_threshold[None, :], len(numbers), axis=0),
    )


def _check_draws(draws: ArrayLike) -> NDArray[np.uint64]:
    numbers = np.asarray(draws)
    if numbers.size == 0:
        return np.empty(0, dtype=np.uint64)
    if numbers.ndim != 1 or numbers.dtype.kind not in "iu" or (numbers < 0).any():
        raise wrong("draws", "a list of whole numbers of at least 0", draws)
    return numbers.astype(np.uint64)
