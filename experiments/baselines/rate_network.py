"""Networks of rates as controllers: linear policies, and what neat-python evolves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import numpy as np
from numpy.typing import ArrayLike, NDArray

from experiments.baselines import rate_kernel
from fitness import CompiledTask, Episodes, Evaluator, Measurement, Task, episode_seeds
from fitness.wiring import checked_jobs
from neuro import Actions, Network
from neuro.actions import Box, count_values
from neuro.errors import wrong
from neuro.faults import Draws, FaultRound, FaultSite, Values
from neuro.faults.times import Permanent
from neuro.hashing import hash_words


@dataclass(frozen=True, eq=False)
class RateNetwork:
    """A network whose nodes are functions of weighted sums, one step per decision.

    It sees ``(x - center) / scale`` of each observation. A continuous value takes one output, from
    the lower bound at -1 to the upper at 1; so does a choice of two, by its sign; a choice of
    more takes one for each option, and the largest counts.

    Parameters
    ----------
    inputs : int
    first : ndarray of int64, shape (N + 1,)
        The connections of node n are those from ``first[n]`` to before ``first[n + 1]``.
    source : ndarray of int64, shape (E,)
        Where a connection comes from: an input, or `inputs` plus a node.
    bias, response : ndarray of float64, shape (N,)
        A node is ``bias + response * sum``.
    weight : ndarray of float64, shape (E,)
    outputs : ndarray of int64, shape (O,)
        `inputs` plus a node; a larger number for an output that stays at 0.
    sigmoid : bool
        Nodes are squashed to 0 .. 1 as in neat-python; outputs count twice what they are above
        one half.
    recurrent : bool
        Nodes see those of the step before. Where not, a node sees those before it.

    Examples
    --------
    >>> from fitness import TASKS
    >>> task = TASKS["cartpole"]
    >>> push_to_where_it_leans = RateNetwork(
    ...     4, np.array([0, 2]), np.array([2, 3]), np.zeros(1), np.ones(1), np.array([1.0, 1.0]),
    ...     outputs=np.array([4]))
    >>> push_to_where_it_leans.play(task, task.starts([1])).scores > 100
    array([ True])
    """

    inputs: int
    first: NDArray[np.int64]
    source: NDArray[np.int64]
    bias: NDArray[np.float64]
    response: NDArray[np.float64]
    weight: NDArray[np.float64]
    outputs: NDArray[np.int64]
    sigmoid: bool = False
    recurrent: bool = False

    def __post_init__(self) -> None:
        nodes, links = len(self.bias), len(self.weight)
        for name, size in (("first", nodes + 1), ("response", nodes), ("source", links)):
            if len(getattr(self, name)) != size:
                raise wrong(name, f"{size} values", len(getattr(self, name)))
        steps = np.diff(self.first)
        if self.first[0] != 0 or self.first[-1] != links or (steps < 0).any():
            raise wrong("first", f"ascending numbers from 0 to {links}", self.first.tolist())
        last = np.full(links, nodes) if self.recurrent else np.repeat(np.arange(nodes), steps)
        if (self.source < 0).any() or (self.source >= self.inputs + last).any():
            raise wrong("source", "inputs and nodes that are computed before", self.source.tolist())
        if (self.outputs < self.inputs).any():
            raise wrong("outputs", f"numbers from {self.inputs}", self.outputs.tolist())

    @property
    def slots(self) -> int:
        """Number of inputs, nodes and outputs that nothing leads to."""
        return max(self.inputs + len(self.bias), int(self.outputs.max()) + 1)

    @property
    def size(self) -> int:
        """Inputs, nodes and connections; a bias is a part of its node, like a threshold."""
        return self.slots + len(self.weight)

    def play(
        self,
        task: Task,
        starts: NDArray[np.float64],
        /,
        *,
        weights: NDArray[np.float64] | None = None,
        copy_of: ArrayLike | None = None,
        start_of: ArrayLike | None = None,
    ) -> Episodes:
        """Play episodes of a compiled task.

        Parameters
        ----------
        task : Task
        starts : ndarray of float64, shape (S, D)
        weights : ndarray of float64, shape (K, E), optional
            Of faulty copies.
        copy_of, start_of : array_like of int64, shape (J,), optional
            Which copy plays from which start in each episode; every start once with the first
            copy if left out.
        """
        if not isinstance(task, CompiledTask):
            raise wrong("task", "a compiled one", task.name)
        options, low, high = _values(task.actions)
        if self.inputs != len(task.observations):
            raise wrong("inputs", f"{len(task.observations)} as in {task.name}", self.inputs)
        if len(self.outputs) != count_outputs(task.actions):
            wanted = f"{count_outputs(task.actions)} as in {task.name}"
            raise wrong("outputs", wanted, len(self.outputs))
        if starts.ndim != 2 or starts.shape[1] != task.state_size:
            raise wrong("starts", f"shape (any, {task.state_size})", starts.shape)
        center, scale = (np.array(part, dtype=np.float64) for part in task.ranges())
        plan = rate_kernel.Plan(
            self.first, self.source, self.bias, self.response, self.outputs, self.sigmoid,
            self.recurrent, self.slots, center, scale, options, low, high,
        )  # fmt: skip
        copies = self.weight[None] if weights is None else weights
        start_of = np.arange(len(starts)) if start_of is None else start_of
        jobs = len(np.asarray(start_of))
        copy_of = np.zeros(jobs, dtype=np.int64) if copy_of is None else copy_of
        played = Episodes(np.zeros(jobs), np.zeros(jobs, np.int64), np.zeros(jobs, np.bool_))
        rate_kernel.play(
            plan, np.array(copies), checked_jobs(copy_of, "copy_of", len(copies), jobs),
            checked_jobs(start_of, "start_of", len(starts), jobs),
            np.array(starts, dtype=np.float64, order="C"), task.max_steps, task.observe,
            task.step, *played,
        )  # fmt: skip
        return played

    def struck(self, faults: FaultRound, seed: int, draws: ArrayLike, /) -> NDArray[np.float64]:
        """Return the weights of faulty copies, shape (K, E), one for each draw.

        The counterpart of `neuro.faults.inject`: the same models, struck one after another.
        """
        node = self.inputs + np.repeat(np.arange(len(self.bias)), np.diff(self.first))
        keys = hash_words(self.source.astype(np.uint64), node.astype(np.uint64))
        numbers = np.asarray(draws)
        weights = np.repeat(self.weight[None], len(numbers), axis=0)
        for fault in faults:
            if fault.site != FaultSite():
                raise wrong("site", "all, the only one of a network of rates", fault.site.kind)
            if fault.when != Permanent():
                raise wrong("time", "permanent, for a network of rates", fault.when.name)
            stream = Draws(seed, numbers, keys, fault.model.name)
            struck = fault.model.strike(cast(Values, _Weights(weights)), fault.severity, stream)
            weights = struck["weight"]
        return weights

    def measure(self, evaluator: Evaluator, /) -> NDArray[np.float64]:
        """Measure an evaluator's objectives, shape (m,), as it does: from its starts, its draws.

        Objectives may ask nothing of the network but its size.
        """
        task, draws, each = evaluator.task, evaluator.draws, evaluator.each
        if evaluator.mixture:
            raise wrong("faults", "no mixture, for a network of rates", "one")
        starts = task.draw_starts(evaluator.seed, evaluator.purpose, evaluator.starts)
        golden = self.play(task, starts).scores
        faulty = None
        if draws and task.fraction(golden.mean()) >= evaluator.feasible:
            numbers = np.arange(draws)
            seed = episode_seeds(evaluator.seed, f"{evaluator.purpose} faults", 1)[0]
            played = self.play(
                task, starts, weights=self.struck(evaluator.faults, seed, numbers),
                copy_of=np.repeat(numbers, each), start_of=np.arange(draws * each) % len(starts),
            )  # fmt: skip
            faulty = played.scores.reshape(draws, each).mean(axis=1)
        measured = Measurement(cast(Network, self), task, golden, faulty, evaluator.aggregate)
        return np.array([objective.measure(measured) for objective in evaluator.objectives])


class _Weights:
    """Values of a network that has nothing but weights; see `neuro.faults.Values`."""

    def __init__(self, weights: NDArray[np.float64]) -> None:
        self.weights = weights

    def __getitem__(self, name: str) -> NDArray[np.float64]:
        if name != "weight":
            raise wrong("faults", "models of weights, for a network of rates", name)
        return self.weights


def count_outputs(actions: Actions) -> int:
    """Count the outputs that a network of rates needs for a task's actions.

    Examples
    --------
    >>> count_outputs(2), count_outputs(3), count_outputs(Box([-1, -1], [1, 1]))
    (1, 3, 2)
    """
    options, _, _ = _values(actions)
    return int(np.where(options == 2, 1, np.maximum(options, 1)).sum())


def _values(
    actions: Actions,
) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]:
    """Return the options of each value (0 for a continuous one) and its bounds."""
    count = count_values(actions)
    if isinstance(actions, Box):
        return np.zeros(count, np.int64), np.array(actions.low), np.array(actions.high)
    options = np.array(actions if isinstance(actions, tuple) else (actions,), dtype=np.int64)
    return options, np.zeros(count), np.zeros(count)
