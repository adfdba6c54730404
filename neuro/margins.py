"""For which weights golden episodes stay the same, bit for bit: margins, and their proof.

Take one golden episode, and let weights change while every spike stays what it was. Then the
potential of a neuron is linear in the weights onto it. What a unit of weight adds is the
synapse's trace c: it leaks like the potential, collects what arrives (through a trace of its own
where there is a synaptic current), is held with the potential, and is zero after a reset to a
value and where the floor is hit. Every tick bounds the potential v before the reset:

- no spike: v stays below the threshold; a spike: v stays at or above it;
- the floor is hit: v stays at or below it; it is not: v stays at or above it.

Each is ``f(change) <= room`` with a room that is not negative and f linear. A weight's margins are
how far it can move alone, up and down, through all ticks of the episode. As long as no spike
changes, what comes next does not change either, so the bounds hold from tick to tick; equal spikes
mean equal counts and first spikes of the outputs, hence actions, hence episodes. Weights that were
used onto outputs whose *potential* is read have no margin.

**Several weights.** The changes that one bound permits are convex, and those of different
receivers do not meet: changes are harmless if, for each receiver, the changes in shares of their
margins sum up to at most 1. There are two kinds of bounds, for potentials that must not be too high
and too low, with margins and sums of their own: a synapse whose weight falls, for instance, makes
no potential higher. Nor does it matter then whether weights of synapses change for good, for some
time or to and fro, as long as they stay within bounds that are harmless.

**Rounding.** All operations of a tick (sums, products with a factor from 0 to 1, the floor) are
monotone, rounding included. Spikes bring 0 or the weight, so what must stay low does stay low
when weights of spikes fall, whatever is rounded, and likewise for rising. Elsewhere the
computed potential may differ from the linear one.

- A tick rounds at most r = n + 2 m + 12 times for n synapses and m input synapses. What it rounds
  is at most |v| + y in magnitude, where y is 2 |v_leak| and all that can arrive at once; y is
  multiplied by 1 + B for what is summed up in a synaptic current, B = min(T, 1 / (1 - be)) in an
  episode of T ticks. Each rounding is off by 2**-53 of that, leaks like the potential from then
  on, and counts twice, golden and changed. The *slack* that is taken from every room is a running
  sum of that kind, with r 2**-50 (|v| + y) for each tick, which is twice what is needed at least.
- A change d of a synapse's weight adds up to d c to the potential, hence errors in proportion. They
  leak like c, which never has less than what was left of it, so all of them together are at most
  r T 2**-52 d c; so is d times the error of c itself. Margins are shortened by r T 2**-50 of
  themselves, and by 2**-40 for the rounding of rooms, quotients and sums of shares.
- The trace of an input synapse has either sign, so what is left of it can cancel. There the errors
  are bounded by a running sum again, with r 2**-50 times a bound of |c| for each tick. This *creep*
  is added to c where a change moves the potential towards the bound, and stands for it where it
  moves it away: that is no safe way if there is no room. Creep is for currents up to 1, like y,
  and both grow with larger ones.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from neuro.errors import wrong
from neuro.network import Network
from neuro.program import Program
from neuro.readouts import SEES
from neuro.trace import NEVER, Incoming, Notes


class Margins(NamedTuple):
    """Within which bounds S golden episodes of a network stay the same; M = E + I weights.

    Attributes
    ----------
    weights : ndarray of float64, shape (M,)
        Those of the network: synapses, then input synapses.
    post : ndarray of int64, shape (M,)
        Their receivers.
    up_high, up_low, down_high, down_low : ndarray of float64, shape (S, M)
        How far each of them alone can go up and down before a potential is too high or too low;
        infinite where it is never used.
    first : ndarray of int64, shape (S, M)
        The first decision in which the weight is used: its sender spikes, or its channel is not
        zero. `NEVER` if there is none.
    threshold_low, threshold_high : ndarray of float64, shape (S, N)
        Thresholds from the one to the other, both included, make no difference to a neuron with
        golden weights.
    """

    weights: NDArray[np.float64]
    post: NDArray[np.int64]
    up_high: NDArray[np.float64]
    up_low: NDArray[np.float64]
    down_high: NDArray[np.float64]
    down_low: NDArray[np.float64]
    first: NDArray[np.int64]
    threshold_low: NDArray[np.float64]
    threshold_high: NDArray[np.float64]

    @property
    def up(self) -> NDArray[np.float64]:
        """How far each weight alone can rise, shape (S, M)."""
        return np.minimum(self.up_high, self.up_low)

    @property
    def down(self) -> NDArray[np.float64]:
        """How far each weight alone can fall, shape (S, M)."""
        return np.minimum(self.down_high, self.down_low)

    @property
    def low(self) -> NDArray[np.float64]:
        """The lowest harmless value of each weight, shape (S, M)."""
        down = self.down
        moved = np.nextafter(self.weights - down, self.weights)
        return np.where(down == np.inf, -np.inf, moved)

    @property
    def high(self) -> NDArray[np.float64]:
        """The highest harmless value of each weight, shape (S, M)."""
        up = self.up
        moved = np.nextafter(self.weights + up, self.weights)
        return np.where(up == np.inf, np.inf, moved)


def harmless(margins: Margins, weights: NDArray[np.float64], /) -> NDArray[np.bool_]:
    """Say which copies of a network are proven to play which episodes as the network does.

    False means that there is no proof, not that there is a difference. Changes of synapse
    weights (not of input synapses) may also come and go during the episode; if they go both
    ways, ask for the lowest and for the highest weights.

    Parameters
    ----------
    margins : Margins
        Of S episodes.
    weights : ndarray of float64, shape (K, M)
        Those of K copies that have nothing else changed.

    Returns
    -------
    ndarray of bool, shape (K, S)
    """
    if weights.ndim != 2 or weights.shape[1] != len(margins.weights):
        raise wrong("weights", f"shape (any, {len(margins.weights)})", weights.shape)
    proven = np.ones((len(weights), len(margins.first)), dtype=np.bool_)
    copy, column = np.nonzero(weights != margins.weights)
    if not len(copy):
        return proven
    post = margins.post[column]
    order = np.lexsort((post, copy))
    copy, column, post = copy[order], column[order], post[order]
    begin = np.flatnonzero(np.diff(copy, prepend=-1) | np.diff(post, prepend=-1))
    copy_of = copy[begin]
    change = weights[copy, column] - margins.weights[column]
    size, rises = np.abs(change), change > 0.0
    for up, down in (margins.up_high, margins.down_high), (margins.up_low, margins.down_low):
        for s in range(len(up)):
            with np.errstate(divide="ignore", invalid="ignore"):
                share = size / np.where(rises, up[s, column], down[s, column])
            proven[copy_of[~(np.add.reduceat(share, begin) <= 1.0)], s] = False
    return proven


def first_use(margins: Margins, weights: NDArray[np.float64], /) -> NDArray[np.int64]:
    """Return the first decision in which a changed weight of a copy is used.

    Parameters
    ----------
    margins : Margins
        Of S episodes.
    weights : ndarray of float64, shape (K, M)

    Returns
    -------
    ndarray of int64, shape (K, S)
        `NEVER` where there is none.
    """
    first = np.full((len(weights), len(margins.first)), NEVER)
    copy, column = np.nonzero(weights != margins.weights)
    if len(copy):
        begin = np.flatnonzero(np.diff(copy, prepend=-1))
        first[copy[begin]] = np.minimum.reduceat(margins.first[:, column], begin, axis=1).T
    return first


def rounding(p: Program, ticks: int) -> tuple[NDArray[np.float64], ...]:
    """Bound what rounding can do to potentials in so many ticks; see the proof of this module.

    Returns
    -------
    unit, added, shortening : ndarray of float64, shape (N,)
        What a tick adds to the slack, in proportion to the potential and otherwise; what is
        taken from margins of synapses, in proportion to them.
    """
    n = len(p.al)

    def onto(post: NDArray[np.int64], values: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.bincount(post, values, n).astype(np.float64)

    with np.errstate(divide="ignore"):
        gathered = np.minimum(ticks, 1.0 / (1.0 - p.be))
    r = onto(p.post, np.ones(len(p.post))) + 2.0 * onto(p.in_post, np.ones(len(p.in_post))) + 12.0
    unit = r * 2.0**-50
    y = 2.0 * np.abs(p.v_leak) + np.abs(p.bias) + abs(p.gain)
    y += onto(p.in_post, np.abs(p.in_weight)) + gathered * onto(p.post, np.abs(p.weight))
    finite = np.where(np.isinf(p.v_threshold), 0.0, np.abs(p.v_threshold))
    y += p.subtract * (finite + np.abs(p.v_reset))
    # 1e-280 is for numbers so small that they lose digits.
    return unit, unit * (1.0 + gathered) * y + 1e-280, np.minimum(unit * ticks + 2.0**-40, 1.0)


def margins_of(
    network: Network, p: Program, q: Incoming, notes: Notes, shortening: NDArray[np.float64]
) -> Margins:
    """Make margins of what a trace has noted; `shortening` is from `rounding`."""
    episodes, weights = notes.up_high.shape
    e = len(p.weight)
    first = np.empty((episodes, weights), dtype=np.int64)
    first[:, :e] = notes.fired[:, network.synapses.pre]
    first[:, e:] = notes.flowed[:, p.in_channel]
    post = np.concatenate([p.post, p.in_post])
    fixed = (
        np.isin(post, p.outputs) if p.sees == SEES.index("potential") else np.zeros(weights, bool)
    )
    sides = []
    for margin in (notes.up_high, notes.up_low, notes.down_high, notes.down_low):
        side = np.empty_like(margin)
        side[:, q.order] = margin * (1.0 - shortening[post[q.order]])
        side[:, fixed] = 0.0
        side[first == NEVER] = np.inf
        sides.append(side)
    low, high = np.nextafter(notes.peak, np.inf), notes.least
    low = np.where(notes.peak == -np.inf, -np.inf, low)
    # Subtraction takes the threshold itself from the potential.
    own = (notes.fired != NEVER) & (p.subtract != 0.0)
    low, high = (np.where(own, p.v_threshold, bound) for bound in (low, high))
    up_high, up_low, down_high, down_low = sides
    return Margins(
        np.concatenate([p.weight, p.in_weight]), post, up_high, up_low, down_high, down_low, first,
        low, high,
    )  # fmt: skip
