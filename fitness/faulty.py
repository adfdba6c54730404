"""Faulty copies of one network beside its golden episodes, and what need not be played.

Most faults of small networks change nothing, or nothing before some tick. `FaultyPlayer` finds
that out by proof, and plays the rest. What it returns is bit for bit what playing everything
gives; with ``accelerate=False`` it does play everything.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from fitness.golden import first_differences, play_on, record_golden
from fitness.rollout import play
from fitness.tasks import CompiledTask, Task
from neuro import Network
from neuro.actions import Box
from neuro.faults import Struck
from neuro.golden import Golden
from neuro.kernels import WIDEST, Copies
from neuro.network_file import to_json
from neuro.simulate import golden_copies
from neuro.slots import dense, golden_slots, joined, pick

FEW = 16
"""Copies that are too few to look for what they have in common."""
MANY = 100
"""Edits of a copy that are too many to look at each neuron: noise."""
LEAST = 1000
"""Decisions that take less time to play than to find out which can be left out."""
TRIED, WORTHWHILE = 8, 0.8
"""Where every change of a potential is seen: how many starts are tried, and how much of them must
be left out at least."""

Scores = tuple[NDArray[np.float64], NDArray[np.int64]]
"""Of episodes, and how many decisions they have."""


class FaultyPlayer:
    """Plays faulty copies of a network from the same starts.

    Four things are left out, all of them proven to make no difference:

    - copies that are equal to each other or to the golden network (*collapsed*);
    - episodes in which no neuron that a fault acts on spikes otherwise, or no action is another
      one, see `neuro.replay` (*masked*);
    - what happens before the first such spike or action (*late start*);
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
        Scores without faults. Those cost next to nothing once copies were played.
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
    >>> starts = task.starts(range(100))
    >>> fast, slow = (FaultyPlayer(network, task, starts, accelerate=a) for a in (True, False))
    >>> bool((fast(struck) == slow(struck)).all()), fast.played < slow.played
    (True, True)
    """

    def __init__(
        self, network: Network, task: Task, starts: NDArray[np.float64], *, accelerate: bool = True
    ) -> None:
        self.network, self.task, self.starts = network, task, starts
        self.accelerate = accelerate and isinstance(task, CompiledTask)
        self.played = self.asked = 0
        self._known: Scores | None = None
        self._kept: tuple[str | bytes, Golden | None] = "", None

    @property
    def golden(self) -> NDArray[np.float64]:
        """Scores without faults, shape (S,)."""
        return self._without_faults()[0]

    @property
    def longest(self) -> int:
        """Ticks of the longest golden episode."""
        return int(self._without_faults()[1].max(initial=1)) * self._ticks

    def _without_faults(self) -> Scores:
        """Return golden scores and decisions, played if no call has had them beside its copies."""
        if self._known is None:
            self._known = play(self.network, self.task, self.starts)[:2]
        return self._known

    @property
    def _ticks(self) -> int:
        return self.network.encoder.ticks if self.network.encoder else 1

    def __call__(self, struck: Struck) -> NDArray[np.float64]:
        """Return the score of each copy from each start, shape (K, S)."""
        copies = struck.copies
        self.asked += len(copies.weight) * len(self.starts)
        if not self.accelerate:
            return self._play_all(struck)
        if len(copies.weight) * self._decisions() < LEAST:
            return self._play_all(struck)
        which, same = distinct(copies)
        unique = pick(copies, which)
        usual = self._usual(struck)
        network = with_weights(struck.network, usual)
        key = usual.tobytes() if struck.network is self.network else to_json(network)
        golden = self._recorded(network, key) if self._pays(network, unique) else None
        if golden is None:
            return self._play_all(Struck(struck.network, unique))[same]
        # Golden weights are one more copy where they are not what copies are compared with.
        beside = self._known is None and struck.network is self.network
        if beside:
            unique = joined(unique, golden_copies(self.network))
        scores, steps = self._play_some(network, unique, golden)
        if beside:
            self._known = scores[-1], steps[-1]
        return scores[same]

    def _decisions(self) -> int:
        """Decisions of golden episodes: at most so many where they were not played."""
        if self._known is not None:
            return int(self._known[1].sum())
        assert isinstance(self.task, CompiledTask)
        return len(self.starts) * self.task.max_steps

    def _usual(self, struck: Struck) -> NDArray[np.float64]:
        """Return the weights that most copies differ least from.

        All words of a weight memory are rounded, and one bit is flipped: such copies are compared
        with the network whose weights are rounded, not with the golden one.
        """
        weights, own = dense(struck.copies), struck.network.weights
        if len(weights) < FEW or weights.size == 0 or struck.network is not self.network:
            return own
        usual = np.sort(weights, axis=0)[len(weights) // 2]
        return own if (weights == usual).mean() < 0.5 else usual

    def _pays(self, network: Network, copies: Copies) -> bool:
        """Try on a few starts, where it is likely that nothing can be left out."""
        assert network.readout is not None
        if network.readout.sees != "potential" or not isinstance(self.task.actions, Box):
            return True
        assert isinstance(self.task, CompiledTask)
        golden = record_golden(network, self.task, self.starts[:TRIED])
        if golden is None:
            return False
        begin_of, *_ = first_differences(
            network, self.task, golden, copies, np.diff(copies.first) <= MANY
        )
        left = np.maximum(golden.steps - begin_of, 0).sum()
        return bool(left < WORTHWHILE * golden.steps.sum() * len(begin_of))

    def _recorded(self, network: Network, key: str | bytes) -> Golden | None:
        """Return golden episodes of a network, kept until those with another key are asked for."""
        assert isinstance(self.task, CompiledTask)
        kept, golden = self._kept
        if kept != key:
            likely = None if self._known is None else self._known[1]
            golden = record_golden(network, self.task, self.starts, likely)
            self._kept = key, golden
        return golden

    def _play_some(self, network: Network, copies: Copies, golden: Golden) -> Scores:
        """Play the copies where and when they make a difference to golden episodes.

        Returns scores and decisions, both of shape (K, S).
        """
        assert isinstance(self.task, CompiledTask)
        edits = np.diff(copies.first)
        few = edits <= MANY
        begin_of, patched, patches = first_differences(network, self.task, golden, copies, few)
        clean = (dense(copies) == network.weights).all(axis=1)
        late = clean & ~few
        begin_of[~few] = 0
        begin_of[late] = (copies.tick[copies.first[:-1][late]] // self._ticks)[:, None]
        begin_of[~few] -= begin_of[~few] % golden.every
        copy, start = np.nonzero(begin_of < golden.steps)
        begin = begin_of[copy, start]
        # Of each copy, what takes longest comes first.
        order = np.lexsort((start, begin, copy)) if begin.any() else _order(copy, start)
        copy, start, begin = copy[order], start[order], begin[order]
        self.played += len(copy)
        passes = passing(network, copies, int(golden.steps.max(initial=1)) * self._ticks)
        if np.isnan(golden.returns).any():
            passes[:] = False  # what diverges is not told by rewards alone
        scores = np.repeat(golden.returns[None], len(few), axis=0)
        steps = np.repeat(golden.steps[None], len(few), axis=0)
        scores[copy, start], steps[copy, start], _ = play_on(
            network, self.task, self.starts, copies, copy, start, begin, patched, patches, passes,
            golden,
        )  # fmt: skip
        return scores, steps

    def _play_all(self, struck: Struck) -> NDArray[np.float64]:
        count, starts = len(struck.copies.weight), len(self.starts)
        copy_of, start_of = _together(count, starts)
        self.played += len(copy_of)
        played = play(
            struck.network, self.task, self.starts, copies=struck.copies, copy_of=copy_of,
            start_of=start_of,
        )  # fmt: skip
        scores = np.empty((count, starts))
        scores[copy_of, start_of] = played.scores
        return scores


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
    first, weights = copies.first.tolist(), dense(copies)
    all_bytes, wide = weights.tobytes(), weights.itemsize * weights.shape[1]
    for k in range(len(weights)):
        key = all_bytes[k * wide : (k + 1) * wide]
        if first[k] < first[k + 1]:
            edits = slice(first[k], first[k + 1])
            key += b"".join(a[edits].tobytes() for a in (copies.tick, copies.slot, copies.value))
        place = same[k] = known.setdefault(key, len(which))
        if place == len(which):
            which.append(k)
    return np.array(which, dtype=np.int64), same


def passing(network: Network, copies: Copies, end: int, /) -> NDArray[np.bool_]:
    """Which copies have golden parameters after a last edit before tick `end`; shape (K,)."""
    passes: NDArray[np.bool_] = np.diff(copies.first) > 0
    if not passes.any():
        return passes
    golden = golden_slots(network)
    passes[passes] = copies.tick[copies.first[1:][passes] - 1] < end
    passes = passes & (dense(copies) == network.weights).all(axis=1)
    for k in np.flatnonzero(passes):
        edits = slice(copies.first[k], copies.first[k + 1])
        slot, value = copies.slot[edits][::-1], copies.value[edits][::-1]
        last, place = np.unique(slot, return_index=True)
        wanted = golden[last]
        # The state's own slots are compared when it comes to that.
        passes[k] = (np.isnan(wanted) | (value[place] == wanted)).all()
    return passes


def with_weights(network: Network, weights: NDArray[np.float64], /) -> Network:
    """Return a network with other weights: of synapses, then of input synapses."""
    e = len(network.synapses)
    return replace(
        network, synapses=replace(network.synapses, weight=weights[:e]),
        input_synapses=replace(network.input_synapses, weight=weights[e:]),
    )  # fmt: skip


def _order(copy: NDArray[np.int64], start: NDArray[np.int64]) -> NDArray[np.int64]:
    """Sort jobs: 32 copies at a time, and for each start all of these.

    Copies from the same start spike alike, which the lanes share; and where all episodes are as
    long, a lane is given the same copy again and keeps its weights.
    """
    order: NDArray[np.int64] = np.lexsort((copy, start, copy // WIDEST))
    return order


def _together(copies: int, starts: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the jobs of all copies from all starts."""
    copy, start = np.divmod(np.arange(copies * starts), max(1, starts))
    order = _order(copy, start)
    return copy[order], start[order]
