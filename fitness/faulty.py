"""Faulty copies of one network beside its golden episodes, and what need not be played.

Most faults of small networks change nothing, or nothing before some tick. `FaultyPlayer` finds
that out by proof, and plays the rest. What it returns is bit for bit what playing everything
gives; with ``accelerate=False`` it does play everything.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from fitness.margins import find_margins
from fitness.rollout import play, play_on, record_golden, replay_neurons
from fitness.tasks import CompiledTask, Task
from neuro import Network
from neuro.closed_loop import Golden
from neuro.faults import Struck
from neuro.kernels import WIDEST, Copies
from neuro.margins import Margins, first_use, harmless
from neuro.replay import NEVER as REPLAYED
from neuro.slots import Slots, golden_slots, pick
from neuro.trace import NEVER

FEW = 16
"""Copies that are too few to look for what they have in common."""


class FaultyPlayer:
    """Plays faulty copies of a network from the same starts.

    Four things are left out, all of them proven to make no difference:

    - copies that are equal to each other or to the golden network (*collapsed*);
    - episodes in which a change of weights or thresholds changes no spike, see `neuro.margins`,
      or in which it comes after the end (*masked*);
    - what happens before the first tick at which a fault can act (*late start*);
    - what happens after a transient fault has left no trace in the complete state
      (*reconvergence*).

    Parameters
    ----------
    network : Network
    task : Task
        Environments are played without any of this.
    starts : ndarray of float64, shape (S, D)
    accelerate : bool

    Attributes
    ----------
    golden : ndarray of float64, shape (S,)
        Scores without faults.
    played, asked : int
        How many episodes were played, of how many that were asked for.

    Examples
    --------
    >>> from fitness import TASKS
    >>> from neuro import Current, Network, WinnerTakesAll
    >>> from neuro.faults import DeadSynapse, Fault, strike
    >>> task = TASKS["cartpole"]
    >>> network = Network.build(2, input_synapses=[(2, 1, 1.0), (3, 1, 1.0)], outputs=[0, 1],
    ...                         encoder=Current(scale=task.scale), readout=WinnerTakesAll())
    >>> struck = strike(network, [Fault(DeadSynapse(), 0.5)], 1, range(8))
    >>> starts = task.starts([1, 2])
    >>> fast, slow = (FaultyPlayer(network, task, starts, accelerate=a) for a in (True, False))
    >>> bool((fast(struck) == slow(struck)).all()), fast.played < slow.played
    (True, True)
    """

    def __init__(
        self, network: Network, task: Task, starts: NDArray[np.float64], *, accelerate: bool = True
    ) -> None:
        self.network, self.task, self.starts = network, task, starts
        self.accelerate = accelerate and isinstance(task, CompiledTask)
        self.golden, self._steps, _ = play(network, task, starts)
        self.played = self.asked = 0
        self._others: dict[bytes, FaultyPlayer] = {}

    @property
    def longest(self) -> int:
        """Ticks of the longest golden episode."""
        ticks = self.network.encoder.ticks if self.network.encoder else 1
        return int(self._steps.max(initial=1)) * ticks

    def __call__(self, struck: Struck) -> NDArray[np.float64]:
        """Return the score of each copy from each start, shape (K, S)."""
        copies, count = struck.copies, len(self.starts)
        self.asked += len(copies.weight) * count
        if not self.accelerate:
            return self._play_all(struck)
        near = self._nearest(struck)
        if near is not self:
            played = near.played
            scores = near(Struck(near.network, copies))
            self.played += near.played - played
            return scores
        which, same = distinct(copies)
        unique = pick(copies, which)
        scores = np.repeat(self.golden[None, :], len(which), axis=0)
        acts = self._acts(struck, unique)
        self._play(struck.network, unique, acts, scores)
        return scores[same]

    def _nearest(self, struck: Struck) -> FaultyPlayer:
        """Return the player of the network that most copies differ least from.

        All words of a weight memory are rounded, and one bit is flipped: such copies are compared
        with the network whose weights are rounded, not with the golden one.
        """
        weights = np.concatenate([struck.copies.weight, struck.copies.in_weight], axis=1)
        if len(weights) < FEW or weights.size == 0 or struck.network is not self.network:
            return self
        usual = np.sort(weights, axis=0)[len(weights) // 2]
        if (usual == self.network.weights).all() or (weights == usual).mean() < 0.5:
            return self
        key = usual.tobytes()
        if key not in self._others:
            n, e = self.network, len(self.network.synapses)
            near = replace(
                n, synapses=replace(n.synapses, weight=usual[:e]),
                input_synapses=replace(n.input_synapses, weight=usual[e:]),
            )  # fmt: skip
            self._others[key] = FaultyPlayer(near, self.task, self.starts)
        return self._others[key]

    def _play_all(self, struck: Struck) -> NDArray[np.float64]:
        count, starts = len(struck.copies.weight), len(self.starts)
        copy_of, start_of = _together(np.arange(count).repeat(starts), starts)
        self.played += len(copy_of)
        played = play(
            struck.network, self.task, self.starts, copies=struck.copies, copy_of=copy_of,
            start_of=start_of,
        )  # fmt: skip
        scores = np.empty((count, starts))
        scores[copy_of, start_of] = played.scores
        return scores

    def _acts(self, struck: Struck, copies: Copies) -> _Acts:
        """Find out which copies make a difference from which starts, and from when on."""
        network, golden = struck.network, golden_slots(struck.network)
        acts = _Acts.of(len(copies.weight), len(self.starts))
        dense = np.concatenate([copies.weight, copies.in_weight], axis=1)
        changed = dense != golden[: dense.shape[1]]
        clean, edited = ~changed.any(axis=1), np.diff(copies.first) > 0
        acts.ever[clean & ~edited] = False

        # Edits: nothing happens before the first one, nor if that comes after the end.
        late = clean & edited
        ticks = network.encoder.ticks if network.encoder else 1
        acts.begin[late] = (copies.tick[copies.first[:-1][late]] // ticks)[:, None]
        acts.ever[acts.begin >= self._steps] = False
        if network is self.network:  # a carrier of delays has synapses of its own
            receiver = _receivers(network, changed)
            receiver[edited] = SEVERAL
            rows = np.flatnonzero(receiver != NOBODY)
            if len(rows):
                self._by_margins(acts, copies, rows, dense, changed)
            # Margins are cheap and see spikes only; a replay costs more and sees actions.
            if (receiver >= 0).any():
                self._by_replay(acts, receiver, dense)
        np.minimum(acts.begin, self._steps, out=acts.begin)
        return acts

    def _by_margins(
        self,
        acts: _Acts,
        copies: Copies,
        rows: NDArray[np.int64],
        dense: NDArray[np.float64],
        changed: NDArray[np.bool_],
    ) -> None:
        """Look at weights, and at weights and thresholds that come and go."""
        edited = np.diff(copies.first)[rows] > 0
        used = first_use(self._margins, dense[rows[~edited]])
        acts.begin[rows[~edited]] = used
        acts.ever[rows[~edited]] &= used != NEVER
        clean: NDArray[np.bool_] = np.logical_not(changed[rows].any(axis=1))
        same = _same_spikes(self.network, self._margins, pick(copies, rows), dense[rows], clean)
        acts.ever[rows] &= ~same

    def _by_replay(
        self,
        acts: _Acts,
        receiver: NDArray[np.int64],
        dense: NDArray[np.float64],
    ) -> None:
        """Replay the only neuron whose input is another."""
        copy, start = np.nonzero(acts.ever & (receiver >= 0)[:, None])
        if not len(copy) or not len(self._golden.fired):  # notes did not fit into memory
            return
        order = np.lexsort((copy, receiver[copy], start))
        copy, start = copy[order], start[order]
        begin, acts.patches = replay_neurons(
            self.network, self._golden, dense, copy, start, receiver[copy]
        )
        acts.ever[copy, start] = begin != REPLAYED
        acts.begin[copy, start] = begin
        acts.patch[copy, start] = np.arange(len(copy))
        acts.neuron = receiver

    def _play(
        self, network: Network, copies: Copies, acts: _Acts, scores: NDArray[np.float64]
    ) -> None:
        """Play what has to be played and put the scores in place."""
        copy, start = np.nonzero(acts.ever)
        order = _order(copy, start, len(self.starts))
        copy, start = copy[order], start[order]
        begin = acts.begin[copy, start]
        self.played += len(copy)
        passes = passing(network, copies, self.longest)
        if np.isnan(self.golden).any():
            passes[:] = False  # what diverges is not told by rewards alone
        if not begin.any() and not passes.any():
            played = play(
                network, self.task, self.starts, copies=copies, copy_of=copy, start_of=start
            )
        else:
            golden = self._golden if network is self.network else record_golden(
                network, self.task, self.starts
            )  # fmt: skip
            every = int(golden.every[0])
            patch = acts.patch[copy, start]
            patched = np.where(patch >= 0, acts.neuron[copy], -1)
            played = play_on(
                network, self.task, self.starts, copies, copy, start, begin // every * every,
                acts.patches[patch], patched, passes, golden,
            )  # fmt: skip
        scores[copy, start] = played.scores

    @cached_property
    def _golden(self) -> Golden:
        """Snapshots and notes of the golden episodes, taken when first needed."""
        return record_golden(self.network, self.task, self.starts)

    @cached_property
    def _margins(self) -> Margins:
        """Margins of the golden episodes, found when first needed."""
        return find_margins(self.network, self.task, self.starts)[0]


@dataclass
class _Acts:
    """Where copies make a difference, and from when on; K copies, S starts.

    Attributes
    ----------
    ever : ndarray of bool, shape (K, S)
    begin : ndarray of int64, shape (K, S)
        A decision before which there is none.
    patch : ndarray of int64, shape (K, S)
        Which of `patches` is the state of the copy's `neuron` by then; -1 for none.
    patches : ndarray of float64, shape (any, 3 + R)
    neuron : ndarray of int64, shape (K,)
    """

    ever: NDArray[np.bool_]
    begin: NDArray[np.int64]
    patch: NDArray[np.int64]
    patches: NDArray[np.float64]
    neuron: NDArray[np.int64]

    @classmethod
    def of(cls, copies: int, starts: int) -> _Acts:
        """All copies, from the beginning on."""
        shape = copies, starts
        return cls(
            np.ones(shape, dtype=bool), np.zeros(shape, dtype=np.int64),
            np.full(shape, -1), np.zeros((1, 3)), np.full(copies, -1),
        )  # fmt: skip


SEVERAL, NOBODY = -2, -1
"""In place of a receiver: changes reach more than one neuron, or come and go; or there are none."""


def _receivers(network: Network, changed: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Return the one neuron that each copy's changed weights reach: or `SEVERAL`, or `NOBODY`."""
    post = np.concatenate([network.synapses.post, network.input_synapses.post])
    if not len(post):
        return np.full(len(changed), NOBODY)
    lowest = np.where(changed, post, len(network.neurons)).min(axis=1)
    highest = np.where(changed, post, -1).max(axis=1)
    return np.where(highest < 0, NOBODY, np.where(lowest == highest, highest, SEVERAL))


def _same_spikes(
    network: Network,
    margins: Margins,
    copies: Copies,
    dense: NDArray[np.float64],
    clean: NDArray[np.bool_],
) -> NDArray[np.bool_]:
    """Which copies are proven to spike as the golden network does from which starts, (K, S).

    Those whose weights differ, and those whose weights of synapses or whose thresholds come and
    go: the largest changes count, each way.
    """
    count, edits, slots = len(dense), np.diff(copies.first), Slots(network)
    of = np.repeat(np.arange(count), edits)

    def only(begin: int, end: int) -> NDArray[np.bool_]:
        """Copies that are edited nowhere else."""
        elsewhere = of[(copies.slot < begin) | (copies.slot >= end)]
        return np.equal(np.bincount(elsewhere, minlength=count), 0)

    def extremes(
        values: NDArray[np.float64], other: NDArray[np.float64], rows: NDArray[np.bool_], begin: int
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """The lowest and the highest values that slots of the chosen copies ever have."""
        mine = rows[of]
        place = of[mine] * values.shape[1] + copies.slot[mine] - begin
        low, high = values.ravel().copy(), other.ravel().copy()
        np.minimum.at(low, place, copies.value[mine])
        np.maximum.at(high, place, copies.value[mine])
        return low.reshape(values.shape)[rows], high.reshape(values.shape)[rows]

    same = np.zeros((count, len(margins.first)), dtype=np.bool_)
    rows = only(0, len(network.synapses))
    low, high = extremes(dense, dense, rows, 0)
    same[rows] = harmless(margins, low) & harmless(margins, high)

    begin, neurons = slots.begin["v_threshold"], slots.count["v_threshold"]
    rows = clean & (edits > 0) & only(begin, begin + neurons)
    far = np.full((count, neurons), np.inf)
    low, high = extremes(far, -far, rows, begin)
    for s, (lowest, highest) in enumerate(
        zip(margins.threshold_low, margins.threshold_high, strict=True)
    ):
        same[rows, s] = ((low >= lowest) & (high <= highest)).all(axis=1)
    return same


def distinct(copies: Copies, /) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Find copies that are equal.

    Returns
    -------
    which : ndarray of int64, shape (U,)
        The first of each kind.
    same : ndarray of int64, shape (K,)
        Which of those each copy is.
    """
    known: dict[bytes, int] = {}
    which: list[int] = []
    same = np.empty(len(copies.weight), dtype=np.int64)
    for k in range(len(same)):
        edits = slice(copies.first[k], copies.first[k + 1])
        parts = (copies.weight[k], copies.in_weight[k], copies.tick[edits], copies.slot[edits],
                 copies.value[edits])  # fmt: skip
        key = b"".join(part.tobytes() for part in parts)
        if key not in known:
            known[key] = len(which)
            which.append(k)
        same[k] = known[key]
    return np.array(which, dtype=np.int64), same


def passing(network: Network, copies: Copies, end: int, /) -> NDArray[np.bool_]:
    """Which copies have golden parameters after a last edit before tick `end`; shape (K,)."""
    golden = golden_slots(network)
    dense = np.concatenate([copies.weight, copies.in_weight], axis=1)
    passes: NDArray[np.bool_] = np.diff(copies.first) > 0
    passes[passes] = copies.tick[copies.first[1:][passes] - 1] < end
    passes = passes & (dense == golden[: dense.shape[1]]).all(axis=1)
    for k in np.flatnonzero(passes):
        edits = slice(copies.first[k], copies.first[k + 1])
        slot, value = copies.slot[edits][::-1], copies.value[edits][::-1]
        last, place = np.unique(slot, return_index=True)
        wanted = golden[last]
        # The state's own slots are compared when it comes to that.
        passes[k] = (np.isnan(wanted) | (value[place] == wanted)).all()
    return passes


def _order(copy: NDArray[np.int64], start: NDArray[np.int64], starts: int) -> NDArray[np.int64]:
    """Sort jobs: 32 copies at a time, and for each start all of these.

    Copies from the same start spike alike, which the lanes share; and where all episodes are as
    long, a lane is given the same copy again and keeps its weights.
    """
    order: NDArray[np.int64] = np.lexsort((copy, start, copy // WIDEST))
    return order


def _together(copy: NDArray[np.int64], starts: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    start = np.tile(np.arange(starts), len(copy) // max(1, starts))
    order = _order(copy, start, starts)
    return copy[order], start[order]
