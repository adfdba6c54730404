"""A linear policy, its numbers searched by SNES: what a task asks of a network at least.

Mania, Guy & Recht, "Simple random search of static linear policies is competitive for
reinforcement learning", NeurIPS 2018.
"""

from __future__ import annotations

import itertools

import numpy as np
from numpy.typing import NDArray

from experiments.baselines.contract import Attempt, Evaluate, Solved, attempt
from experiments.baselines.rate_network import RateNetwork, count_outputs
from experiments.baselines.snes import SnesSettings, climb
from fitness import Task
from neuro.specs import flag


def linear(task: Task, numbers: NDArray[np.float64]) -> RateNetwork:
    """Make a linear policy: weights output by output, then a bias for each, or none.

    Examples
    --------
    >>> from fitness import TASKS
    >>> linear(TASKS["mountain-car"], np.arange(9.0)).bias
    array([6., 7., 8.])
    """
    inputs, outputs = len(task.observations), count_outputs(task.actions)
    weight, bias = numbers[: inputs * outputs], numbers[inputs * outputs :]
    return RateNetwork(
        inputs,
        first=np.arange(outputs + 1) * inputs,
        source=np.tile(np.arange(inputs), outputs),
        bias=bias.copy() if len(bias) else np.zeros(outputs),
        response=np.ones(outputs),
        weight=weight.copy(),
        outputs=inputs + np.arange(outputs),
    )


def solve(
    task: Task,
    seed: int,
    /,
    *,
    evaluations: int,
    solved: Solved | None = None,
    bias: bool = True,
    settings: SnesSettings | None = None,
) -> Attempt:
    """Search from zero, again and again when stalled; see `experiments.baselines.contract`.

    Parameters
    ----------
    task, seed, evaluations, solved
        As in every baseline; the task must be a compiled one.
    bias : bool
        Whether outputs have a bias.
    settings : SnesSettings, optional

    Examples
    --------
    >>> from fitness import TASKS
    >>> solve(TASKS["cartpole"], 1, evaluations=500).solved
    True
    """
    settings = settings or SnesSettings()
    outputs = count_outputs(task.actions)
    count = (len(task.observations) + flag(bias, "bias")) * outputs

    def explore(evaluate: Evaluate) -> None:
        for restart in itertools.count():
            rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(restart,)))
            climb(lambda point: evaluate(linear(task, point)), np.zeros(count), rng, settings)

    return attempt(task, seed, explore, evaluations=evaluations, solved=solved)
