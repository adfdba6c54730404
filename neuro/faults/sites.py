"""Where faults strike: which sites, and which of them share their fate."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from neuro.errors import wrong
from neuro.faults.values import site_keys
from neuro.hashing import hash_text, hash_words
from neuro.network import Network
from neuro.specs import settle, whole

KINDS = ("all", "synapses", "input-synapses", "neurons", "hidden", "inputs", "outputs", "channels")
KINDS_OF = {
    "synapses": ("all", "synapses", "input-synapses"),
    "neurons": ("all", "neurons", "hidden", "inputs", "outputs"),
    "channels": ("all", "channels"),
}
GROUPS = ("site", "row", "column", "cluster", "network")


@dataclass(frozen=True)
class FaultSite:
    """Where a fault may strike, and what is struck together.

    Parameters
    ----------
    kind : str
        ``all`` sites of the kind that the model acts on; of synapses only those between neurons
        (``synapses``) or from channels (``input-synapses``); of neurons only ``inputs``,
        ``outputs`` or ``hidden`` ones.
    index : tuple of int, optional
        Only these, counted within the kind; all of them if left out.
    group : {"site", "row", "column", "cluster", "network"}
        What shares its random numbers: nothing, the synapses that leave a neuron or channel (a
        row of a crossbar), those that reach a neuron (a column), `size` neighbours in memory, or
        everything. Neurons and channels know clusters only.
    size : int
        Of a cluster.

    Examples
    --------
    >>> from neuro import Network
    >>> FaultSite("synapses", (1,)).mask(Network.build(2, [(0, 1, 1.0, 1), (1, 0, 1.0, 1)]))
    array([False,  True])
    """

    kind: str = "all"
    index: tuple[int, ...] | None = None
    group: str = "site"
    size: int = 4

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise wrong("site", f"one of {', '.join(KINDS)}", self.kind)
        if self.group not in GROUPS:
            raise wrong("site group", f"one of {', '.join(GROUPS)}", self.group)
        for k in self.index or ():
            whole(k, "site index", -(2**63), 2**63 - 1)
        settle(self, size=whole(self.size, "site size", 1, 2**31 - 1))

    def fits(self, owner: str) -> bool:
        """Whether a model that acts on `owner` (synapses, neurons, channels) has such sites."""
        groups = GROUPS if owner == "synapses" else ("site", "cluster", "network")
        return self.kind in KINDS_OF[owner] and self.group in groups

    def check(self, owner: str, where: str = "site") -> None:
        """Refuse, by a name for the place, a model's `owner` that has no such sites."""
        if owner not in KINDS_OF:
            raise wrong(f"{where}: owner", f"one of {', '.join(KINDS_OF)}", owner)
        if not self.fits(owner):
            kinds = f" ({', '.join(KINDS_OF[owner])})" if self.kind not in KINDS_OF[owner] else ""
            shown = self.kind if self.group == "site" else f"{self.kind} by {self.group}"
            raise wrong(where, f"one that {owner} have{kinds}", shown)

    def mask(self, network: Network, owner: str = "synapses") -> NDArray[np.bool_]:
        """Which sites it covers: a column for each synapse (input synapses last), neuron, ..."""
        self.check(owner)
        count = len(site_keys(network, owner))
        e = len(network.synapses)
        if self.kind == "synapses":
            sites = np.arange(e)
        elif self.kind == "input-synapses":
            sites = np.arange(e, count)
        elif self.kind in ("inputs", "outputs"):
            sites = np.asarray(getattr(network, self.kind))
        elif self.kind == "hidden":
            sites = np.setdiff1d(np.arange(count), [*network.inputs, *network.outputs])
        else:
            sites = np.arange(count)
        covered = np.zeros(count, dtype=bool)
        if self.index is None:
            covered[sites] = True
        for k in self.index or ():
            if not 0 <= k < len(sites):
                raise wrong("site", f"an index below {len(sites)} of {self.kind}", k)
            covered[sites[k]] = True
        return covered

    def keys(self, network: Network, owner: str) -> NDArray[np.uint64]:
        """Keys that random numbers are drawn by: equal ones for what is struck together."""
        keys = site_keys(network, owner)
        if self.group == "site":
            return keys
        if self.group == "network":
            return np.zeros_like(keys)
        if self.group == "cluster":
            place = np.arange(len(keys), dtype=np.uint64) // np.uint64(self.size)
            return hash_words(hash_text("cluster"), place)
        neuron, s, i = network.neurons.key, network.synapses, network.input_synapses
        # Not `site_keys`: a network may have input synapses and no encoder.
        channel = hash_words(hash_text("channel"), i.channel.astype(np.uint64))
        ends = [neuron[s.pre], channel]
        if self.group == "column":
            ends = [neuron[s.post], neuron[i.post]]
        return np.concatenate(ends)
