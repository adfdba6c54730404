"""Fault-injection campaigns: every fault model at every severity, or all single faults."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from fitness.faulty import FaultyPlayer
from fitness.intervals import mean_interval, narrow_enough
from fitness.rollout import horizon
from fitness.sampling import looks, order, sample_size
from fitness.tasks import Task
from neuro import Network
from neuro.errors import wrong
from neuro.faults import (
    Fault,
    FaultModel,
    FaultSite,
    FaultTime,
    SiteFault,
    Struck,
    fault_keys,
    single_faults,
    strike,
    strike_each,
)
from neuro.faults.times import Upset, Window
from neuro.hashing import hash_text, hash_words
from neuro.network_file import to_json
from neuro.specs import flag, real, to_table, whole

CHUNK = 200
"""Copies that one worker makes and plays at a time."""
EDITS = 4_000_000
"""Edits of them, at most, as far as can be told beforehand."""
MOST = 20_000
"""Single faults that are all tried; of more, a sample is."""
TRIED = 10_000_000
"""Draws or single faults, at most."""
LISTED = 5_000_000
"""Single faults that are all put into an order; of more, a sample is drawn one by one."""
SAVE_EVERY = 10.0
"""Seconds after which what has been played is handed to the store."""


class Store(Protocol):
    """Where campaigns keep scores, so that nothing is played twice."""

    def load(self, key: str) -> NDArray[np.float64] | None:
        """Return the scores kept under a key, if there are any."""

    def save(self, key: str, scores: NDArray[np.float64]) -> None:
        """Keep scores; what was kept under the key before is their beginning."""


class Outcome(NamedTuple):
    """A network under one fault model at one severity, or under its single faults.

    Attributes
    ----------
    model : FaultModel
    severity : float or None
        None for single faults.
    golden : ndarray of float64, shape (episodes,)
        Scores without faults.
    scores : ndarray of float64, shape (K, episodes)
        Scores with faults, from the same starts.
    numbers : ndarray of int64, shape (K,)
        Which draws, or which single faults.
    ticks : ndarray of int64, shape (K,), or None
        When single faults strike, where that is part of what they are.
    population : int or None
        How many single faults there are in all; None for draws, of which there is no end.
    """

    model: FaultModel
    severity: float | None
    golden: NDArray[np.float64]
    scores: NDArray[np.float64]
    numbers: NDArray[np.int64]
    ticks: NDArray[np.int64] | None = None
    population: int | None = None

    @property
    def masked(self) -> NDArray[np.bool_]:
        """Draws or faults that changed no episode's score, shape (K,)."""
        same: NDArray[np.bool_] = (self.scores == self.golden).all(axis=1)
        return same

    def drop(self, task: Task) -> NDArray[np.float64]:
        """Share of the golden score (counted from the task's worst) lost in each draw."""
        return drops(self.golden, self.scores, task)


def drops(
    golden: NDArray[np.float64], scores: NDArray[np.float64], task: Task, /
) -> NDArray[np.float64]:
    """Share of the golden mean score, counted from the task's worst, that each row has lost."""
    whole_score = float(task.fraction(golden.mean()))
    kept = task.fraction(scores.mean(axis=1))
    return np.zeros(len(kept)) if whole_score <= 0.0 else 1.0 - kept / whole_score


@dataclass(frozen=True)
class Campaign:
    """Every model at every severity, or every single fault, each played from the same starts.

    Draws are addressed by (seed, draw, site, bit): the same in every network, nested over
    severity, independent of the number of workers.

    Parameters
    ----------
    task : Task
    models : sequence of (FaultModel, severities)
        Severities play no part where faults are `single`.
    draws, episodes, seed, workers : int
    site : FaultSite
    time : FaultTime, optional
        When faults are there; each model's own time if left out.
    single : bool
        Inject faults one by one instead: all of them if there are at most `most`, otherwise as
        many as Leveugle's formula asks for, see `fitness.sampling`. Single events (`Upset` or
        `Window` at no fixed tick) strike at any tick of the longest golden episode.
    margin, confidence : float
        Of that sample.
    most : int
    precision : float, optional
        Stop once the interval of the mean drop reaches at most this far to either side. It is
        looked at after 100, 200, 400, ... draws or faults, and allows for fatal ones that were
        not met.
    accelerate : bool
        Leave out what is proven to make no difference; see `fitness.faulty.FaultyPlayer`.

    Examples
    --------
    >>> from fitness import Campaign, TASKS
    >>> from neuro import Network, Current, WinnerTakesAll
    >>> from neuro.faults import BitFlip, DeadSynapse
    >>> task = TASKS["cartpole"]
    >>> network = Network.build(2, input_synapses=[(2, 1, 1.0), (3, 1, 1.0)], outputs=[0, 1],
    ...                         encoder=Current(scale=task.scale), readout=WinnerTakesAll())
    >>> campaign = Campaign(task, [(DeadSynapse(), (0.0, 1.0))], draws=4, episodes=2)
    >>> [outcome.masked.mean() for outcome in campaign.run(network)]
    [np.float64(1.0), np.float64(0.0)]
    >>> audit = Campaign(task, [(BitFlip(bits=4), ())], single=True, episodes=2)
    >>> [(o.population, len(o.scores)) for o in audit.run(network)]
    [(8, 8)]
    """

    task: Task
    models: Sequence[tuple[FaultModel, Sequence[float]]]
    draws: int = 1000
    episodes: int = 10
    seed: int = 0
    site: FaultSite = field(default_factory=FaultSite)
    workers: int = 1
    time: FaultTime | None = None
    single: bool = False
    margin: float = 0.01
    confidence: float = 0.95
    most: int = MOST
    precision: float | None = None
    accelerate: bool = True

    def __post_init__(self) -> None:
        whole(self.draws, "draws", 1, TRIED)
        whole(self.episodes, "episodes", 1, 1_000_000)
        whole(self.seed, "seed", 0, 2**64 - 1)
        whole(self.workers, "workers", 1, 1024)
        whole(self.most, "most", 1, TRIED)
        flag(self.single, "single")
        flag(self.accelerate, "accelerate")
        real(self.margin, "margin", 1e-6, 1.0)
        real(self.confidence, "confidence", 0.5, 0.9999)
        if self.precision is not None:
            real(self.precision, "precision", 1e-9, 1e9)
        if not isinstance(self.task, Task):
            raise wrong("task", "a task, such as find_task finds by name", self.task)
        if not self.models:
            raise wrong("models", "at least one", "none")
        for model, severities in self.models:
            if not isinstance(model, FaultModel):
                raise wrong("models", "fault models, such as parse_model makes", model)
            if self.single and not isinstance(model, SiteFault):
                raise wrong(f"model {model.name}", "one with single faults", "noise everywhere")
            for severity in severities or (0.0,):
                Fault(model, severity, self.site, self.time)

    @property
    def parts(self) -> list[tuple[FaultModel, float | None]]:
        """What is measured one after another: models with their severities (None for single)."""
        if self.single:
            return [(model, None) for model, _ in self.models]
        return [(model, q) for model, severities in self.models for q in severities]

    def run(
        self,
        network: Network,
        /,
        *,
        store: Store | None = None,
        progress: Callable[[int], None] | None = None,
    ) -> Iterator[Outcome]:
        """Yield an outcome for each of `parts`, in order.

        Parameters
        ----------
        network : Network
            As it is, not pruned: what is in the file may be struck.
        store : Store, optional
            Where to look for scores, and keep them.
        progress : callable, optional
            Called with the number of draws or faults just played or found.
        """
        starts = self.task.draw_starts(self.seed, "campaign", self.episodes)
        player = FaultyPlayer(network, self.task, starts, accelerate=self.accelerate)
        with ThreadPoolExecutor(self.workers) as pool:
            for model, severity in self.parts:
                plan = self._plan(player, model, severity)
                scores = self._scores(player, plan, store, pool, progress)
                count = len(scores)
                _check_finite(player.golden, "golden scores")
                yield Outcome(
                    model, severity, player.golden, scores, plan.numbers[:count],
                    None if plan.ticks is None else plan.ticks[:count], plan.population,
                )  # fmt: skip

    def _plan(self, player: FaultyPlayer, model: FaultModel, severity: float | None) -> _Plan:
        network = player.network
        fault = Fault(model, severity or 0.0, self.site, self.time)
        longest = horizon(network, self.task)
        if severity is not None:
            numbers = np.arange(self.draws)
            return _Plan(fault, longest, numbers, None, None)
        faults = single_faults(network, model, self.site)
        if not len(faults):
            raise wrong(f"model {model.name}", "a network that has sites for its faults", "none")
        keys, span = fault_keys(network, fault, faults), 1
        if isinstance(fault.when, (Upset, Window)) and fault.when.tick < 0:
            span = player.longest
        population = len(faults) * span
        if population <= self.most:
            chosen = np.arange(population)
            if self.precision is not None:
                chosen = order(_with_tick(keys, span, chosen), self.seed)
        else:
            wanted = sample_size(population, self.margin, self.confidence)
            if wanted > TRIED:
                expected = f"one that a sample of {TRIED:,} of {population:,} faults can have"
                raise wrong("margin", expected, self.margin)
            chosen = _sample(keys, span, wanted, self.seed)
        ticks = chosen % span if span > 1 else None
        return _Plan(fault, longest, faults[chosen // span], ticks, population)

    def _scores(
        self,
        player: FaultyPlayer,
        plan: _Plan,
        store: Store | None,
        pool: ThreadPoolExecutor,
        progress: Callable[[int], None] | None,
    ) -> NDArray[np.float64]:
        """Play what the store does not have, up to where the interval is narrow enough."""
        key = "" if store is None else self._key(player, plan)
        kept = None if store is None else store.load(key)
        scores = np.empty((0, len(player.starts))) if kept is None else kept[: len(plan.numbers)]
        if progress:
            progress(len(scores))
        total = len(plan.numbers)
        stops = list(looks(total)) if self.precision is not None else [total]
        for stop in stops:
            if len(scores) < stop:
                scores = self._play(player, plan, scores, stop, key, store, pool, progress)
            if stop < total and self._settled(player, plan, scores[:stop]):
                return scores[:stop]
        return scores

    def _play(
        self,
        player: FaultyPlayer,
        plan: _Plan,
        scores: NDArray[np.float64],
        stop: int,
        key: str,
        store: Store | None,
        pool: ThreadPoolExecutor,
        progress: Callable[[int], None] | None,
    ) -> NDArray[np.float64]:
        """Add the scores of draws or faults up to `stop`, in their order."""
        size = plan.chunk(player.network, self.seed)
        begins = range(len(scores), stop, size)
        parts, saved = [scores], time.monotonic()

        def play(begin: int) -> NDArray[np.float64]:
            return player(self._strike(player.network, plan, begin, min(begin + size, stop)))

        try:
            for part in pool.map(play, begins):
                # Not before: golden scores come beside those of copies.
                _check_finite(player.golden, "golden scores")
                _check_finite(part, f"scores under {plan.fault.model.name}")
                parts.append(part)
                if progress:
                    progress(len(part))
                if store is not None and time.monotonic() - saved > SAVE_EVERY:
                    parts, saved = [np.concatenate(parts)], time.monotonic()
                    store.save(key, parts[0])
        finally:  # what was played before an interruption, too
            played = np.concatenate(parts)
            if store is not None and len(played) > len(scores):
                store.save(key, played)
        return played

    def _strike(self, network: Network, plan: _Plan, begin: int, end: int) -> Struck:
        numbers = plan.numbers[begin:end]
        if plan.population is None:
            return strike(network, [plan.fault], self.seed, numbers, horizon=plan.horizon)
        ticks = None if plan.ticks is None else plan.ticks[begin:end]
        return strike_each(
            network, plan.fault, self.seed, numbers, horizon=plan.horizon, ticks=ticks
        )

    def _settled(self, player: FaultyPlayer, plan: _Plan, scores: NDArray[np.float64]) -> bool:
        assert self.precision is not None
        found = drops(player.golden, scores, self.task)
        # Faults that were missed may cost everything.
        interval = mean_interval(
            found, population=plan.population, bounds=(0.0, 1.0), confidence=self.confidence
        )
        return narrow_enough(interval, self.precision)

    def _key(self, player: FaultyPlayer, plan: _Plan) -> str:
        """Name what the scores depend on; not how many there are."""
        fault = plan.fault
        known = {
            "network": to_json(player.network), "task": self.task.name,
            "fingerprint": self.task.fingerprint(), "starts": player.starts.tolist(),
            "model": to_table(fault.model), "severity": fault.severity,
            "site": repr(fault.site), "time": to_table(fault.when), "seed": self.seed,
            "horizon": plan.horizon,
            "population": plan.population, "order": self.single and self.precision is not None,
            "sample": len(plan.numbers) if plan.population else None,
        }  # fmt: skip
        return hashlib.sha256(json.dumps(known, sort_keys=True).encode()).hexdigest()


class _Plan(NamedTuple):
    """What to inject: draws, or single faults and their ticks."""

    fault: Fault
    horizon: int
    numbers: NDArray[np.int64]
    ticks: NDArray[np.int64] | None
    population: int | None

    def chunk(self, network: Network, seed: int) -> int:
        """Copies to make at a time, so that their edits fit into memory."""
        changes = len(self.fault.when.changes(self.horizon, seed, 0))
        each = changes * max(len(network.weights), 9 * len(network.neurons))
        return max(1, min(CHUNK, EDITS // max(1, each)))


def _with_tick(
    keys: NDArray[np.uint64], span: int, chosen: NDArray[np.int64]
) -> NDArray[np.uint64]:
    if span == 1:
        return keys[chosen]
    return hash_words(keys[chosen // span], (chosen % span).astype(np.uint64))


def _sample(keys: NDArray[np.uint64], span: int, count: int, seed: int) -> NDArray[np.int64]:
    """Choose faults and ticks, each at most once, in an order of chance."""
    population = len(keys) * span
    if population <= max(LISTED, 2 * count):
        places = np.arange(population)
        return places[order(_with_tick(keys, span, places), seed)[:count]]
    chosen, begin = np.empty(0, dtype=np.int64), 0
    while len(chosen) < count:
        numbers = np.arange(begin, begin + 2 * (count - len(chosen)))
        hashed = hash_words(seed, hash_text("fault places"), numbers)
        # The remainder prefers some places: by one part in a million if there are 2**44.
        drawn = np.concatenate([chosen, (hashed % np.uint64(population)).astype(np.int64)])
        chosen = drawn[np.sort(np.unique(drawn, return_index=True)[1])]
        begin += len(numbers)
    return chosen[:count]


def _check_finite(scores: NDArray[np.float64], what: str) -> None:
    if not np.isfinite(scores).all():
        raise wrong(what, "finite numbers", float(scores[~np.isfinite(scores)][0]))
