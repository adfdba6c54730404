"""The batch evaluator: a list of networks in, an array of objectives out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fitness.objectives import OBJECTIVES, Measurement, Objective, parse_aggregate
from fitness.rollout import horizon, play_all
from fitness.tasks import Task, episode_seeds
from neuro import Network, prune
from neuro.errors import wrong
from neuro.faults import Fault, FaultRound, Gaussian, strike
from neuro.specs import real, whole


class Batch(NamedTuple):
    """Result for n networks and m objectives.

    Attributes
    ----------
    objectives : ndarray of float64, shape (n, m)
        In the objectives' own units and directions.
    violation : ndarray of float64, shape (n,)
        How far below feasibility the score is, as a fraction of solved; 0 is feasible.
    steps : int
        Environment steps spent.
    cases : ndarray of float64, shape (n, k), or None
        Scores one by one: from each start, then under each fault draw. NaN under draws that a
        network has not met because it is not feasible.
    """

    objectives: NDArray[np.float64]
    violation: NDArray[np.float64]
    steps: int
    cases: NDArray[np.float64] | None = None


@dataclass(frozen=True)
class Evaluator:
    """Measures networks on a task: golden episodes first, faults only for those that pass.

    All networks meet the same starts and, synapse by synapse, the same faults (common random
    numbers). Each network's result depends on the settings and on itself alone, so neither
    the batch, its order nor the number of workers can change it. The work is done by threads,
    because the kernels release the GIL; for environments by processes.

    Parameters
    ----------
    task : Task
    seed : int
    purpose : str
        Names an independent set of starts and faults: "training", "held-out", ...
    starts : int
        Episodes without faults.
    draws : int
        Fault draws; 0 for none.
    faults : sequence of Fault
        Injected together in each draw.
    aggregate : str
        How the scores under faults become one number; see `aggregate_scores`.
    feasible : float
        Fraction of solved that the mean score must reach to be feasible and to be given faults.
    objectives : tuple of Objective
    workers : int
    each : int
        Episodes of each draw, from the starts in turn.
    mixture : bool
        Each draw has one of the faults, in turn, instead of all of them together.

    Examples
    --------
    >>> from fitness import Evaluator, TASKS
    >>> from neuro import Network, Current, WinnerTakesAll
    >>> task = TASKS["cartpole"]
    >>> network = Network.build(2, input_synapses=[(2, 1, 1.0), (3, 1, 1.0)], outputs=[0, 1],
    ...                         encoder=Current(scale=task.scale), readout=WinnerTakesAll())
    >>> evaluator = Evaluator(task, seed=1)
    >>> batch = evaluator([network])
    >>> batch.objectives.shape, batch.steps > 0
    ((1, 3), True)
    """

    task: Task
    seed: int
    purpose: str = "training"
    starts: int = 8
    draws: int = 32
    faults: FaultRound = (Fault(Gaussian(), Gaussian.typical),)
    aggregate: str = "mean"
    feasible: float = 1.0
    objectives: tuple[Objective, ...] = tuple(OBJECTIVES.values())
    workers: int = 1
    each: int = 1
    mixture: bool = False

    def __post_init__(self) -> None:
        parse_aggregate(self.aggregate)
        whole(self.seed, "seed", 0, 2**64 - 1)
        whole(self.starts, "starts", 1, 1_000_000)
        whole(self.draws, "draws", 0, 1_000_000)
        whole(self.each, "each", 1, 1_000_000)
        whole(self.workers, "workers", 1, 1024)
        real(self.feasible, "feasible", -1e9, 1e9)

    @property
    def scheduler(self) -> str | None:
        """Whose workers do the work, where it is not done here; see `fitness.distributed`."""
        return None

    def __call__(self, networks: Sequence[Network], epoch: int = 0, /) -> Batch:
        """Measure networks; the result's rows are in their order.

        Parameters
        ----------
        networks : sequence of Network
        epoch : int
            Every epoch has starts and faults of its own.
        """
        measured, violation, steps, cases = self._play([prune(n) for n in networks], epoch)
        rows = [[_worth(o, m) for o in self.objectives] for m in measured]
        shape = (len(networks), len(self.objectives))
        objectives = np.array(rows, dtype=np.float64).reshape(shape)
        for objective, values in zip(self.objectives, objectives.T, strict=True):
            if not np.isfinite(values).all():
                bad = float(values[~np.isfinite(values)][0])
                raise wrong(f"objective {objective.name}", "finite values", bad)
        return Batch(objectives, violation, steps, cases)

    def _check_finite(self, scores: NDArray[np.float64]) -> None:
        """Refuse what nothing can be ranked by."""
        if not np.isfinite(scores).all():
            score = float(scores[~np.isfinite(scores)][0])
            raise wrong(f"task {self.task.name}: step", "finite rewards", f"a score of {score}")

    def rounds(self) -> list[tuple[FaultRound, NDArray[np.int64]]]:
        """What is injected together, and the numbers of the draws that it is injected in."""
        numbers = np.arange(self.draws)
        if not self.mixture:
            return [(self.faults, numbers)]
        parts = [((f,), numbers[k :: len(self.faults)]) for k, f in enumerate(self.faults)]
        return [(faults, some) for faults, some in parts if len(some)]

    def measure(self, network: Network, epoch: int = 0, /) -> Measurement:
        """Measure one network and keep every score."""
        return self._play([prune(network)], epoch)[0][0]

    def _play(
        self, networks: Sequence[Network], epoch: int
    ) -> tuple[list[Measurement], NDArray[np.float64], int, NDArray[np.float64]]:
        """Play golden episodes with all networks and faulty ones with those that pass."""
        name, task = f"{self.purpose} {epoch}" if epoch else self.purpose, self.task
        starts = self.task.draw_starts(self.seed, name, self.starts)
        golden = play_all(networks, self.task, starts, workers=self.workers)
        self._check_finite(golden.scores)
        fraction = self.task.fraction(golden.scores.mean(axis=1))
        violation = np.maximum(0.0, self.feasible - fraction)
        steps = int(golden.steps.sum())
        unmet = np.full((len(networks), self.draws), np.nan)
        cases = np.concatenate((golden.scores, unmet), axis=1)
        faulty: dict[int, NDArray[np.float64]] = {}
        if self.draws:
            passing = np.flatnonzero(violation == 0.0).tolist()
            seed = episode_seeds(self.seed, f"{name} faults", 1)[0]
            per_draw = np.zeros((len(passing), self.draws))
            for faults, numbers in self.rounds():
                struck = [
                    strike(networks[m], faults, seed, numbers, horizon=horizon(networks[m], task))
                    for m in passing
                ]
                played = play_all(
                    [s.network for s in struck],
                    task,
                    starts,
                    copies=[s.copies for s in struck],
                    copy_of=np.repeat(np.arange(len(numbers)), self.each),
                    start_of=(numbers[:, None] * self.each + np.arange(self.each)).ravel()
                    % len(starts),
                    workers=self.workers,
                )
                scores = played.scores.reshape(len(passing), len(numbers), self.each)
                self._check_finite(scores)
                per_draw[:, numbers] = scores.mean(axis=2)
                steps += int(played.steps.sum())
            faulty = dict(zip(passing, per_draw, strict=True))
            cases[passing, len(starts) :] = per_draw
        measured = [
            Measurement(network, self.task, golden.scores[m], faulty.get(m), self.aggregate)
            for m, network in enumerate(networks)
        ]
        return measured, violation, steps, cases


def _worth(objective: Objective, measured: Measurement) -> float:
    value = objective.measure(measured)
    try:
        return float(value)
    except (TypeError, ValueError):
        raise wrong(f"objective {objective.name}", "a number", value) from None
