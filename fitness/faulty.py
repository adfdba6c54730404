"""Faulty copies of one network beside its golden episodes, and what need not be played.

Most faults of small networks change nothing, or nothing before some tick. `FaultyPlayer` finds
that out by proof, and plays the rest. What it returns is bit for bit what playing everything
gives; with ``accelerate=False`` it does play everything.
"""

from __future__ import annotations

from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from fitness.margins import find_margins
from fitness.rollout import play, play_on, record_golden
from fitness.tasks import CompiledTask, Task
from neuro import Network
from neuro.closed_loop import Golden
from neuro.faults import Struck
from neuro.kernels import FAR, WIDEST, Copies
from neuro.margins import Margins, harmless
from neuro.slots import Slots, golden_slots, pick
from neuro.trace import NEVER


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
        self._margins: Margins | None = None
        if self.accelerate:
            self._margins, episodes = find_margins(network, task, starts)
        else:
            episodes = play(network, task, starts)
        self.golden, self._steps = episodes.scores, episodes.steps
        self.played = self.asked = 0

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
        which, same = distinct(copies)
        unique = pick(copies, which)
        scores = np.repeat(self.golden[None, :], len(which), axis=0)
        first, begin = self._acts(struck, unique)
        copy, start = np.nonzero(first < FAR)
        self._play(struck.network, unique, copy, start, begin[copy, start], scores)
        return scores[same]

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

    def _acts(self, struck: Struck, copies: Copies) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Find out which copies make a difference from which starts, and from when on.

        Returns
        -------
        first : ndarray of int64, shape (K, S)
            `FAR` where there is none.
        begin : ndarray of int64, shape (K, S)
            A decision before which there is none.
        """
        margins, network = self._margins, struck.network
        assert margins is not None
        count, starts = len(copies.weight), len(self.starts)
        first = np.zeros((count, starts), dtype=np.int64)
        begin = np.zeros((count, starts), dtype=np.int64)
        golden = golden_slots(network)
        e, slots = len(network.synapses), Slots(network)
        dense = np.concatenate([copies.weight, copies.in_weight], axis=1)
        changed = dense != golden[: dense.shape[1]]
        edited = np.diff(copies.first) > 0
        of = np.repeat(np.arange(count), np.diff(copies.first))
        only = np.ones((3, count), dtype=bool)  # edits of synapses, of weights, of thresholds
        kinds = (
            copies.slot < e, copies.slot < dense.shape[1],
            (copies.slot >= slots.begin["v_threshold"])
            & (copies.slot < slots.begin["v_threshold"] + slots.count["v_threshold"]),
        )  # fmt: skip
        for row, kind in zip(only, kinds, strict=True):
            np.logical_and.at(row, of, kind)

        # Edits: nothing happens before the first one, nor if that comes after the end.
        clean = ~changed.any(axis=1)
        tick = np.full(count, FAR)
        tick[edited] = copies.tick[copies.first[:-1][edited]]
        ticks = network.encoder.ticks if network.encoder else 1
        rows = np.flatnonzero(edited & clean)
        begin[rows] = (tick[rows] // ticks)[:, None]
        first[begin >= self._steps] = FAR

        if network is not self.network:  # a carrier of delays has synapses of its own
            return first, np.minimum(begin, self._steps)

        # Weights, permanent or (of synapses) coming and going: the largest changes count.
        extreme = [dense.copy(), dense.copy()]
        inside = copies.slot < dense.shape[1]
        for side, ufunc in zip(extreme, (np.minimum, np.maximum), strict=True):
            ufunc.at(side, (of[inside], copies.slot[inside]), copies.value[inside])
        rows = np.flatnonzero(~edited | only[0])
        proven = harmless(margins, extreme[0][rows]) & harmless(margins, extreme[1][rows])
        first[rows] = np.where(proven, FAR, first[rows])
        plain = np.flatnonzero(~edited)
        used = np.where(changed[plain][:, None, :], margins.first[None], NEVER).min(axis=2)
        begin[plain] = np.minimum(used, self._steps)
        first[plain] = np.where(used == NEVER, FAR, first[plain])

        # Thresholds alone.
        rows = np.flatnonzero(edited & clean & only[2])
        chosen = np.isin(of, rows)
        neuron = copies.slot[chosen] - slots.begin["v_threshold"]
        value = copies.value[chosen]
        fits = (margins.threshold_low[:, neuron] <= value) & (
            value <= margins.threshold_high[:, neuron]
        )
        safe = np.ones((count, starts), dtype=bool)
        np.logical_and.at(safe, of[chosen], fits.T)
        first[rows] = np.where(safe[rows], FAR, first[rows])
        return first, begin

    def _play(
        self,
        network: Network,
        copies: Copies,
        copy: NDArray[np.int64],
        start: NDArray[np.int64],
        begin: NDArray[np.int64],
        scores: NDArray[np.float64],
    ) -> None:
        """Play jobs and put their scores in place."""
        order = _order(copy, start, len(self.starts))
        copy, start, begin = copy[order], start[order], begin[order]
        self.played += len(copy)
        passes = passing(network, copies, self.longest)
        if not begin.any() and not passes.any():
            played = play(
                network, self.task, self.starts, copies=copies, copy_of=copy, start_of=start
            )
        else:
            golden = self._golden if network is self.network else record_golden(
                network, self.task, self.starts
            )  # fmt: skip
            every = int(golden.every[0])
            played = play_on(
                network, self.task, self.starts, copies, copy, start, begin // every * every,
                passes, golden,
            )  # fmt: skip
        scores[copy, start] = played.scores

    @cached_property
    def _golden(self) -> Golden:
        """Snapshots of the golden episodes, taken when first needed."""
        return record_golden(self.network, self.task, self.starts)


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
    return np.lexsort((copy, start, copy // WIDEST))


def _together(copy: NDArray[np.int64], starts: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    start = np.tile(np.arange(starts), len(copy) // max(1, starts))
    order = _order(copy, start, starts)
    return copy[order], start[order]
