"""Slots: the places of a running network that an edit can set.

Copies of a network may differ from it in more than weights, and they may change while they run.
An *edit* says that at a tick a slot is set to a value. Slots are numbered: first synapse weights,
then input weights, then the state, then gains and neuron parameters.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from neuro.columns import LIMIT
from neuro.errors import wrong
from neuro.kernels import Copies
from neuro.network import Network
from neuro.program import compile_network

STATE = ("v", "g", "held")
PARAMETERS = (
    "al", "v_threshold", "v_reset", "be", "v_leak", "v_min", "refractory", "subtract", "bias",
)  # fmt: skip
"""Of each neuron, in the order of `neuro.kernels.Lanes.own`; as in `neuro.program.Program`."""
NAMES = ("weight", "in_weight", *STATE, "gain", *PARAMETERS)

_BOUNDLESS = ("held", "v_threshold", "v_min")


class Slots:
    """Where each quantity of a network lies; S slots in all.

    Examples
    --------
    >>> slots = Slots(Network.build(2, [(0, 1, 0.5, 1)]))
    >>> slots.begin["v_threshold"], slots.count["v_threshold"], slots.total
    (9, 2, 25)
    >>> slots.name_of(10)
    'v_threshold[1]'
    """

    def __init__(self, network: Network) -> None:
        n, encoder = len(network.neurons), network.encoder
        pulsed = 0 if encoder is None or encoder.graded else len(network.inputs)
        sizes = [len(network.synapses), len(network.input_synapses), n, n, n, pulsed]
        sizes += [n] * len(PARAMETERS)
        ends = np.cumsum(sizes).tolist()
        self.count: dict[str, int] = dict(zip(NAMES, sizes, strict=True))
        self.begin: dict[str, int] = dict(zip(NAMES, [0, *ends], strict=False))
        self.total: int = ends[-1]

    def at(self, name: str) -> NDArray[np.int64]:
        """Slots of a quantity, one for each synapse, neuron or channel."""
        slots: NDArray[np.int64] = self.begin[name] + np.arange(self.count[name])
        return slots

    def name_of(self, slot: int) -> str:
        """Name a slot, for messages."""
        name = [n for n in NAMES if self.begin[n] <= slot and self.count[n]][-1]
        return f"{name}[{slot - self.begin[name]}]"

    def check(self, slot: NDArray[np.int64], value: NDArray[np.float64]) -> None:
        """Make sure that slots exist and can have these values.

        Raises
        ------
        InputError
            A number beyond the last slot, NaN, or a magnitude beyond what networks may have;
            infinity is fine for thresholds, floors and the ticks that a neuron is held.
        """
        bad = (slot < 0) | (slot >= self.total)
        if bad.any():
            raise wrong("edit", f"a slot from 0 to {self.total - 1}", int(slot[bad][0]))
        free = np.zeros(self.total, dtype=bool)
        for name in _BOUNDLESS:
            free[self.begin[name] : self.begin[name] + self.count[name]] = True
        bad = np.isnan(value) | (~free[slot] & ~(np.abs(value) <= LIMIT))
        if bad.any():
            where = self.name_of(int(slot[bad][0]))
            expected = f"a number of magnitude at most {LIMIT:g}"
            raise wrong(f"edit of {where}", expected, float(value[bad][0]))


def golden_slots(network: Network, /) -> NDArray[np.float64]:
    """What each slot of a network holds at rest, shape (S,); NaN for potentials and currents."""
    p, slots = compile_network(network), Slots(network)
    laid = np.empty(slots.total)
    for name, begin in slots.begin.items():
        part = slice(begin, begin + slots.count[name])
        if name in ("v", "g"):
            laid[part] = np.nan
        else:
            laid[part] = 0.0 if name == "held" else getattr(p, name)
    return laid


def with_edits(
    copies: Copies, copy: ArrayLike, tick: ArrayLike, slot: ArrayLike, value: ArrayLike, /
) -> Copies:
    """Return copies with these edits instead of their own.

    Parameters
    ----------
    copies : Copies
    copy, tick, slot, value : array_like, shape (D,)
        Which copy is edited, at which tick of its episode, where, and what it is set to. Of
        several edits of one place at one tick the last one counts.

    Examples
    --------
    A neuron that is dead from tick 5 on:

    >>> from neuro import Network, golden_copies, simulate_copies
    >>> network = Network.build({"bias": [1.0]})
    >>> copies = with_edits(golden_copies(network), [0], [5], Slots(network).at("held"), [np.inf])
    >>> simulate_copies(network, copies, np.zeros((8, 1))).spikes[:, 0, 0].astype(int)
    array([1, 1, 1, 1, 1, 0, 0, 0])
    """
    copy, tick, slot = (np.asarray(a, dtype=np.int64) for a in (copy, tick, slot))
    order = np.lexsort((tick, copy))
    first = np.searchsorted(copy[order], np.arange(len(copies.weight) + 1))
    ordered = (tick[order], slot[order], np.asarray(value, dtype=np.float64)[order])
    return Copies(copies.weight, copies.in_weight, first, *ordered)


def pick(copies: Copies, chosen: ArrayLike, /) -> Copies:
    """Return the chosen copies, in their order; one may be chosen several times.

    Examples
    --------
    >>> from neuro import Network, golden_copies
    >>> pick(golden_copies(Network.build(1), 5), [4, 0, 0]).weight.shape
    (3, 0)
    """
    chosen = np.asarray(chosen)
    begins, counts = copies.first[:-1][chosen], np.diff(copies.first)[chosen]
    first = np.concatenate([[0], np.cumsum(counts)])
    edits = np.arange(first[-1]) + np.repeat(begins - first[:-1], counts)
    return Copies(
        copies.weight[chosen], copies.in_weight[chosen], first, copies.tick[edits],
        copies.slot[edits], copies.value[edits],
    )  # fmt: skip


def joined(copies: Copies, more: Copies, /) -> Copies:
    """Return copies, and after these some more of the same network.

    Examples
    --------
    >>> from neuro import Network, golden_copies
    >>> network = Network.build(2, [(0, 1, 0.5, 1)])
    >>> len(joined(golden_copies(network, 3), golden_copies(network, 2)).weight)
    5
    """
    first = np.append(copies.first, copies.first[-1] + more.first[1:])
    pairs = zip(copies, more, strict=True)
    return Copies(*(np.concatenate(pair) for pair in pairs))._replace(first=first)


def dense(copies: Copies, /) -> NDArray[np.float64]:
    """All weights that copies begin with, as slots are numbered; shape (K, E + I).

    Examples
    --------
    >>> from neuro import Network, golden_copies
    >>> dense(golden_copies(Network.build(2, [(0, 1, 0.5, 1)]), 3)).shape
    (3, 1)
    """
    return np.concatenate([copies.weight, copies.in_weight], axis=1)
