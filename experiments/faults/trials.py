"""Measuring faults of networks from given starts: single ones, and draws of many."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fitness import Task
from fitness.campaign import CHUNK, EDITS, MOST
from fitness.faulty import FaultyPlayer
from fitness.rollout import horizon
from fitness.sampling import choose, sample_size
from neuro import Network
from neuro.errors import wrong
from neuro.faults import (
    Fault,
    FaultSite,
    SiteFault,
    Struck,
    fault_keys,
    single_faults,
    strike,
    strike_each,
)
from neuro.faults.times import Redrawn

MARGIN = 0.01
"""Margin of error of a sample, where there are too many single faults to try all."""


class Audit(NamedTuple):
    """Single faults of a model.

    Attributes
    ----------
    site, way : ndarray of int64, shape (K,)
        Where each of them is, and which of the model's ways (such as bits) it is.
    drop : ndarray of float64, shape (K,)
        What it costs.
    """

    site: NDArray[np.int64]
    way: NDArray[np.int64]
    drop: NDArray[np.float64]

    def by_site(self, count: int) -> NDArray[np.float64]:
        """Mean drop of each of `count` sites, 0 where none of its faults was tried."""
        return _means(self.site, self.drop, count)

    def by_way(self, count: int) -> NDArray[np.float64]:
        """Mean drop of each of `count` ways."""
        return _means(self.way, self.drop, count)


def _means(
    where: NDArray[np.int64], values: NDArray[np.float64], count: int
) -> NDArray[np.float64]:
    total = np.bincount(where, weights=values, minlength=count)
    means: NDArray[np.float64] = total / np.maximum(1, np.bincount(where, minlength=count))
    return means


@dataclass(frozen=True)
class Trials:
    """Faults of networks, played from the same starts and held against the same golden score.

    Parameters
    ----------
    task : Task
    starts : ndarray of float64, shape (S, D)
    golden : float
        Mean score that drops are shares of, above the task's worst.
    draws, seed : int
    pool : Executor
        Threads; they make no difference to the results.
    """

    task: Task
    starts: NDArray[np.float64]
    golden: float
    draws: int
    seed: int
    pool: Executor

    def __post_init__(self) -> None:
        if not self.task.fraction(self.golden) > 0.0:
            expected = f"more than {self.task.worst:g}, the score for nothing"
            raise wrong("score without faults", expected, f"{self.golden:g}")

    def player(self, network: Network) -> FaultyPlayer:
        """Play a network without faults, to begin with."""
        return FaultyPlayer(network, self.task, self.starts)

    def drops(self, player: FaultyPlayer, faults: Sequence[Fault]) -> NDArray[np.float64]:
        """Share of the golden score that is lost in each draw of a fault round."""
        longest = horizon(player.network, self.task)

        def struck(numbers: NDArray[np.int64]) -> Struck:
            return strike(player.network, faults, self.seed, numbers, horizon=longest)

        return self._play(player, faults, struck, np.arange(self.draws))

    def audit(self, player: FaultyPlayer, model: SiteFault) -> Audit:
        """Inject the single faults of a model one by one: all, or a sample of too many."""
        network, fault = player.network, Fault(model, 0.0)
        numbers = single_faults(network, model, FaultSite())
        if not len(numbers):
            raise wrong(f"model {model.name}", "a network that has sites for its faults", "none")
        if len(numbers) > MOST:
            keys = fault_keys(network, fault, numbers)
            numbers = numbers[choose(keys, sample_size(len(numbers), MARGIN), self.seed)]
        longest = horizon(network, self.task)

        def struck(chosen: NDArray[np.int64]) -> Struck:
            return strike_each(network, fault, self.seed, chosen, horizon=longest)

        drop = self._play(player, [fault], struck, numbers)
        return Audit(numbers // model.ways(), numbers % model.ways(), drop)

    def lost(self, scores: NDArray[np.float64]) -> NDArray[np.float64]:
        """Share of the golden score that rows of scores have lost."""
        return 1.0 - self.task.fraction(scores.mean(axis=1)) / self.task.fraction(self.golden)

    def _play(
        self,
        player: FaultyPlayer,
        faults: Sequence[Fault],
        struck: Callable[[NDArray[np.int64]], Struck],
        numbers: NDArray[np.int64],
    ) -> NDArray[np.float64]:
        size = min(_chunk(player.network, self.task, fault) for fault in faults)
        parts = [numbers[k : k + size] for k in range(0, len(numbers), size)]
        scores = list(self.pool.map(lambda part: player(struck(part)), parts))
        return self.lost(np.concatenate(scores))


def _chunk(network: Network, task: Task, fault: Fault) -> int:
    """Copies to make at a time, so that the edits of noise fit into memory."""
    if not isinstance(fault.when, Redrawn):
        return CHUNK
    times = horizon(network, task) // fault.when.every
    each = times * max(len(network.weights), 9 * len(network.neurons))
    return max(1, min(CHUNK, EDITS // max(1, each)))


def rank(audits: Mapping[str, Audit], count: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Rank sites by what their single faults cost, as the mean over models of the mean drop.

    Returns
    -------
    order : ndarray of int64, shape (count,)
        The worst site first; among equals, the first one.
    cost : ndarray of float64, shape (count,)
        Mean drop of each site.

    Examples
    --------
    >>> audit = Audit(np.array([0, 0, 1]), np.array([0, 1, 0]), np.array([0.0, 0.2, 0.5]))
    >>> order, cost = rank({"x": audit}, 2)
    >>> order.tolist(), cost.tolist()
    ([1, 0], [0.1, 0.5])
    """
    cost = np.mean([audit.by_site(count) for audit in audits.values()], axis=0)
    return np.argsort(-cost, kind="stable"), cost
