"""From faulty quantities to the slots of running copies; see `neuro.slots`."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from neuro.faults.values import LONGEST, OWNERS, Values
from neuro.network import Network
from neuro.program import leak_factor
from neuro.slots import Slots


class Carrier:
    """A network with room for faulty delays.

    A kernel's delays are those of the topology, which all copies share. So a synapse that any copy
    has with another delay gets a *shadow*: a synapse with that delay and weight 0. A faulty copy
    has its weight in the shadow instead. Adding 0 changes no sum, and sums keep their order, so
    copies run bit for bit as networks with those delays would.

    Parameters
    ----------
    network : Network
    delays : iterable of ndarray of float64, shape (K, S)
        All delays that copies will have.

    Attributes
    ----------
    network : Network
        The given one if no copy has other delays.
    places : ndarray of int64, shape (E, D)
        Where synapse e is among those of the carrier if its delay is d: ``places[e, d]``; -1 if
        no copy has it with that delay.
    """

    def __init__(self, network: Network, delays: Iterable[NDArray[np.float64]] = ()) -> None:
        self.network, s, e = network, network.synapses, len(network.synapses)
        row = np.arange(e) * (LONGEST + 1)
        wanted = row + s.delay
        for table in delays:
            wanted = np.union1d(wanted, row + table[:, :e].astype(np.int64))
        of, delay = np.divmod(wanted, LONGEST + 1)
        # Parallel synapses that meet keep the order that their networks would have.
        order = np.lexsort((of, delay, s.post[of], s.pre[of]))
        of, delay = of[order], delay[order]
        self.places = np.full((e, int(delay.max(initial=0)) + 1), -1)
        self.places[of, delay] = np.arange(len(of))
        if len(of) > e:
            weight = np.where(delay == s.delay[of], s.weight[of], 0.0)
            shadowed = replace(s, pre=s.pre[of], post=s.post[of], delay=delay, weight=weight)
            self.network = replace(network, synapses=shadowed)

    def _at(self, values: Values) -> NDArray[np.int64]:
        """Place of each synapse of each copy, shape (K, E)."""
        e, longest = self.places.shape
        delay = values["delay"][:, :e].astype(np.int64)
        at: NDArray[np.int64] = self.places[np.arange(e), np.minimum(delay, longest - 1)]
        return np.where(delay < longest, at, -1)

    def fits(self, values: Values) -> bool:
        """Whether there is room for all delays of some copies."""
        return "delay" not in values.changed or bool((self._at(values) >= 0).all())

    def weights(self, values: Values) -> NDArray[np.float64]:
        """Weights of the carrier's synapses, then of input synapses, shape (K, S)."""
        weight, e, count = values["weight"], len(self.places), len(self.network.synapses)
        if count == e:
            return weight
        laid = np.zeros((values.copies, count + weight.shape[1] - e))
        laid[:, count:] = weight[:, e:]
        np.put_along_axis(laid, self._at(values), weight[:, :e], axis=1)
        return laid


class Image:
    """What each slot of faulty copies holds.

    Parameters
    ----------
    carrier : Carrier
    network : Network
        That the carrier was made of.

    Attributes
    ----------
    golden : ndarray of float64, shape (1, slots)
        Of a copy without faults; NaN for states, which are left alone.
    """

    def __init__(self, network: Network, carrier: Carrier) -> None:
        self._carrier, self._slots = carrier, Slots(carrier.network)
        self.golden = np.full((1, self._slots.total), np.nan)
        self._lay(self.golden, Values(network, 1), set(OWNERS))

    def of(self, values: Values) -> NDArray[np.float64]:
        """What copies with these quantities hold, shape (K, slots)."""
        laid = np.repeat(self.golden, values.copies, axis=0)
        self._lay(laid, values, set(values.changed))
        return laid

    def mark(self, places: NDArray[np.bool_], parts: dict[str, NDArray[np.bool_]]) -> None:
        """Mark parts of the slots, shape (K, slots), besides those that are marked."""
        for name, part in parts.items():
            begin = self._slots.begin[name]
            places[:, begin : begin + self._slots.count[name]] |= part

    def _lay(self, laid: NDArray[np.float64], values: Values, changed: set[str]) -> None:
        """Fill in what depends on the changed quantities."""
        begin, count, network = self._slots.begin, self._slots.count, values.network
        encoder, i = network.encoder, network.input_synapses

        def put(name: str, part: NDArray[np.float64]) -> None:
            laid[:, begin[name] : begin[name] + count[name]] = part

        for name in changed & begin.keys() - {"weight", "bias", "gain"}:
            put(name, values[name])
        for factor, tau in (("al", "tau_mem"), ("be", "tau_syn")):
            if tau in changed:
                put(factor, _leak(values[tau], network.dt))
        if changed & {"subtract", "v_threshold"}:
            # Below every potential there is nothing to subtract.
            put("subtract", np.where(values["v_threshold"] == -np.inf, 0.0, values["subtract"]))
        incoming = values["weight"][:, len(network.synapses) :]
        if changed & {"weight", "delay"}:
            weight = self._carrier.weights(values)
            put("weight", weight[:, : weight.shape[1] - len(i)])
        if changed & {"weight", "gain"}:
            if encoder is not None:
                put("in_weight", incoming * values["gain"][:, i.channel])
            else:
                put("in_weight", incoming)
        if "gain" in changed and encoder is not None and not encoder.graded:
            put("gain", encoder.gain * values["gain"])
        if changed & {"bias", "offset"}:
            put("bias", _bias(values, incoming))


def _bias(values: Values, incoming: NDArray[np.float64]) -> NDArray[np.float64]:
    """Input at every tick: the bias, and what channels say besides their signals."""
    network, bias, offset = values.network, values["bias"], values["offset"]
    encoder, i = network.encoder, network.input_synapses
    if not offset.any() or encoder is None:
        return bias
    bias = bias.copy()
    if encoder.graded:
        for place, (channel, post) in enumerate(zip(i.channel, i.post, strict=True)):
            bias[:, post] += incoming[:, place] * offset[:, channel]
    else:
        bias[:, network.inputs] += encoder.gain * offset
    return bias


def _leak(tau: NDArray[np.float64], dt: float) -> NDArray[np.float64]:
    """`leak_factor` of many; not `numpy.exp`, whose last bit may differ."""
    unique, place = np.unique(tau, return_inverse=True)
    factors = np.array([leak_factor(t, dt) for t in unique.tolist()])
    return factors[place.reshape(tau.shape)] if tau.size else tau
