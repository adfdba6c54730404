"""Fault-injection campaigns on closed-loop tasks."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fitness.rollout import play
from fitness.tasks import Task
from neuro import Network
from neuro.faults import Fault, FaultModel, FaultSite, inject
from neuro.specs import whole

CHUNK = 50
"""Draws that one worker plays at a time."""


class Outcome(NamedTuple):
    """A network under one fault model at one severity.

    Attributes
    ----------
    model : FaultModel
    severity : float
    golden : ndarray of float64, shape (episodes,)
        Scores without faults.
    scores : ndarray of float64, shape (draws, episodes)
        Scores with faults, from the same starts.
    """

    model: FaultModel
    severity: float
    golden: NDArray[np.float64]
    scores: NDArray[np.float64]

    @property
    def masked(self) -> NDArray[np.bool_]:
        """Draws in which no episode's score changed, shape (draws,)."""
        same: NDArray[np.bool_] = (self.scores == self.golden).all(axis=1)
        return same

    def drop(self, task: Task) -> NDArray[np.float64]:
        """Share of the golden score (counted from the task's worst) lost in each draw."""
        golden = float(task.fraction(self.golden.mean()))
        kept = task.fraction(self.scores.mean(axis=1))
        return np.zeros(len(kept)) if golden <= 0.0 else 1.0 - kept / golden


@dataclass(frozen=True)
class Campaign:
    """Every model at every severity: `draws` fault draws, each played from the same starts.

    Draws are addressed by (seed, draw, synapse key): the same in every network, nested over
    severity, independent of the number of workers.

    Parameters
    ----------
    task : Task
    models : sequence of (FaultModel, severities)
    draws, episodes, seed, workers : int
    site : FaultSite

    Examples
    --------
    >>> from fitness import Campaign, TASKS
    >>> from neuro import Network, Current, WinnerTakesAll
    >>> from neuro.faults import DeadSynapse
    >>> task = TASKS["cartpole"]
    >>> network = Network.build(2, input_synapses=[(2, 1, 1.0), (3, 1, 1.0)], outputs=[0, 1],
    ...                         encoder=Current(scale=task.scale), readout=WinnerTakesAll())
    >>> campaign = Campaign(task, [(DeadSynapse(), (0.0, 1.0))], draws=4, episodes=2)
    >>> [outcome.masked.mean() for outcome in campaign.run(network)]
    [np.float64(1.0), np.float64(0.0)]
    """

    task: Task
    models: Sequence[tuple[FaultModel, Sequence[float]]]
    draws: int = 1000
    episodes: int = 10
    seed: int = 0
    site: FaultSite = field(default_factory=FaultSite)
    workers: int = 1

    def __post_init__(self) -> None:
        whole(self.draws, "draws", 1, 10_000_000)
        whole(self.episodes, "episodes", 1, 1_000_000)
        whole(self.seed, "seed", 0, 2**64 - 1)
        whole(self.workers, "workers", 1, 1024)
        for model, severities in self.models:
            for severity in severities:
                Fault(model, severity, self.site)

    def run(
        self, network: Network, /, *, progress: Callable[[int], None] | None = None
    ) -> Iterator[Outcome]:
        """Yield an outcome for each model and severity, in order.

        Parameters
        ----------
        network : Network
            As it is, not pruned: what is in the file may be struck.
        progress : callable, optional
            Called with the number of draws just played.
        """
        starts = self.task.draw_starts(self.seed, "campaign", self.episodes)
        golden = play(network, self.task, starts).scores
        with ThreadPoolExecutor(self.workers) as pool:
            for model, severities in self.models:
                for severity in severities:
                    fault = Fault(model, severity, self.site)

                    def strike(first: int, fault: Fault = fault) -> NDArray[np.float64]:
                        numbers = np.arange(first, min(first + CHUNK, self.draws))
                        scores = self._play(network, starts, fault, numbers)
                        if progress:
                            progress(len(numbers))
                        return scores

                    chunks = pool.map(strike, range(0, self.draws, CHUNK))
                    yield Outcome(model, severity, golden, np.concatenate(list(chunks)))

    def _play(
        self,
        network: Network,
        starts: NDArray[np.float64],
        fault: Fault,
        numbers: NDArray[np.int64],
    ) -> NDArray[np.float64]:
        played = play(
            network,
            self.task,
            starts,
            copies=inject(network, [fault], self.seed, numbers),
            copy_of=np.repeat(np.arange(len(numbers)), len(starts)),
            start_of=np.tile(np.arange(len(starts)), len(numbers)),
        )
        return played.scores.reshape(len(numbers), len(starts))
