"""What faults act on: the quantities of K copies of a network, and where each of them lies."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from neuro.errors import wrong
from neuro.hashing import hash_text, hash_words
from neuro.network import Network

OWNERS = {
    "weight": "synapses", "delay": "synapses",
    **dict.fromkeys(
        ("tau_mem", "tau_syn", "v_threshold", "v_reset", "v_leak", "v_min", "bias", "refractory",
         "subtract", "held", "v"), "neurons"),
    "gain": "channels", "offset": "channels",
}  # fmt: skip
"""Quantities by name, and what has one of each.

``subtract`` is 1 for neurons that are reset by subtraction. ``v`` is the potential, and ``held``
the number of ticks that a neuron still ignores its input, infinite for as long as the fault is
there; both are states, which are set when a fault begins and NaN where they are left alone. A
channel's signal is multiplied by ``gain`` and has ``offset`` added; for a channel of pulses, an
offset of 1 is a pulse in every tick. Delays are those of the synapses between neurons; input
synapses have none, and NaN stands for them.
"""

LONGEST = 10_000
"""Of faulty delays in ticks."""

STATES = ("v", "held")
_NONE = ("delay", *STATES)


class Values:
    """Quantities of K copies, golden to begin with.

    ``values[name]`` is an array of float64, shape (K, sites), with a column for each of what the
    quantity belongs to (see `OWNERS`): synapses, then input synapses; neurons; channels.
    Treat it as read-only, and hand new arrays to `change`.

    Examples
    --------
    >>> values = Values(Network.build(2, [(0, 1, 0.5, 3)]), 4)
    >>> values["weight"].shape, values["v_threshold"].shape, values["delay"][0]
    ((4, 1), (4, 2), array([3.]))
    """

    def __init__(self, network: Network, copies: int) -> None:
        self.network, self.copies = network, copies
        self.changed: dict[str, NDArray[np.float64]] = {}
        self.renewed: dict[str, NDArray[np.bool_]] = {}

    def golden(self, name: str) -> NDArray[np.float64]:
        """Value of each site in the golden network."""
        network, neurons = self.network, self.network.neurons
        n, channels = len(neurons), network.encoder.channels if network.encoder else 0
        if name == "weight":
            return network.weights
        if name == "delay":
            inputs = np.full(len(network.input_synapses), np.nan)
            return np.concatenate([network.synapses.delay, inputs])
        if name == "gain":
            return np.ones(channels)
        if name == "offset":
            return np.zeros(channels)
        if name in ("held", "v"):
            return np.full(n, np.nan)
        if name == "subtract":
            return np.where(neurons.reset == 1, 1.0, 0.0)
        column: NDArray[np.float64] = np.asarray(getattr(neurons, name), dtype=np.float64)
        return column

    def __getitem__(self, name: str) -> NDArray[np.float64]:
        if name not in self.changed:
            golden = self.golden(name)
            return np.broadcast_to(golden, (self.copies, len(golden)))
        return self.changed[name]

    def change(self, name: str, values: NDArray[np.float64], where: NDArray[np.bool_]) -> None:
        """Give a quantity new values, shape (K, sites), at some sites: (sites,) or (K, sites)."""
        if name not in OWNERS:
            raise wrong("faulty quantity", f"one of {', '.join(OWNERS)}", name)
        values = as_numbers(values, f"faulty {name}")
        if values.shape != self[name].shape:
            raise wrong(f"faulty {name}", f"shape {self[name].shape}", values.shape)
        if name not in _NONE and np.isnan(values).any():
            raise wrong(f"faulty {name}", "numbers", "nan")
        if name == "delay":
            good = (values >= 1) & (values <= LONGEST) & (values == np.rint(values))
            bad = ~good & ~np.isnan(self.golden(name))
            if bad.any():
                raise wrong("faulty delay", f"whole ticks from 1 to {LONGEST}", values[bad][0])
        self.changed[name] = np.where(where, values, self[name])

    def renew(self, before: dict[str, NDArray[np.float64]], copies: NDArray[np.bool_]) -> None:
        """Note in which copies a fault has come anew, so that states are set once more.

        They may be set to what they were set to before, and be something else by then.
        """
        for name in STATES:
            if name in self.changed:
                now = self.changed[name]
                again = copies[:, None] & (now != before[name]) & ~np.isnan(now)
                self.renewed[name] = self.renewed.get(name, False) | again


def as_numbers(values: Any, where: str) -> NDArray[np.float64]:
    """Read what should be an array of numbers; NumPy would take None for one."""
    try:
        if values is not None:
            return np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError):
        pass
    raise wrong(where, "an array of numbers", values)


def site_keys(network: Network, owner: str) -> NDArray[np.uint64]:
    """Stable keys of all synapses (input synapses last), neurons or channels of a network."""
    if owner == "synapses":
        return network.synapse_keys()
    if owner == "neurons":
        return network.neurons.key
    channels = network.encoder.channels if network.encoder else 0
    return hash_words(hash_text("channel"), np.arange(channels, dtype=np.uint64))


def site_names(network: Network, owner: str) -> list[str]:
    """Names of the sites for tables, in the order of `site_keys`.

    Examples
    --------
    >>> from neuro import Network
    >>> site_names(Network.build(2, [(0, 1, 0.5, 3)], input_synapses=[(0, 1, 1.0)]), "synapses")
    ['synapse 0>1', 'input 0>1']
    """
    if owner == "synapses":
        s, i = network.synapses, network.input_synapses
        pairs = list(zip(s.pre.tolist(), s.post.tolist(), strict=True))
        names = [
            f"synapse {a}>{b}" if pairs.count((a, b)) == 1 else f"synapse {a}>{b} after {d}"
            for (a, b), d in zip(pairs, s.delay.tolist(), strict=True)
        ]
        ends = zip(i.channel.tolist(), i.post.tolist(), strict=True)
        return names + [f"input {c}>{j}" for c, j in ends]
    return [f"{owner[:-1]} {k}" for k in range(len(site_keys(network, owner)))]
