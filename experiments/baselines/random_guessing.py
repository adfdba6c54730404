"""Random guessing: spiking networks drawn at random until one solves the task.

A task that this solves says little of a method (Schmidhuber, Hochreiter & Bengio, "Evaluating
benchmark problems by random guessing", 2001).
"""

from __future__ import annotations

import itertools

import numpy as np

from evo.operators import random_genome
from experiments.baselines.contract import Attempt, Evaluate, Solved, attempt
from experiments.baselines.spiking import spiking
from experiments.config import resolve
from fitness import Task


def solve(task: Task, seed: int, /, *, evaluations: int, solved: Solved | None = None) -> Attempt:
    """Draw networks from the task's default search space; see `experiments.baselines.contract`.

    The first ones are those that evolution begins with for the same seed.

    Examples
    --------
    >>> from fitness import TASKS
    >>> solve(TASKS["cartpole"], 1, evaluations=5).evaluations
    5
    """
    space = resolve(task.name).space

    def explore(evaluate: Evaluate) -> None:
        for i in itertools.count():
            rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(0, i)))
            evaluate(spiking(random_genome(space, rng), space))

    return attempt(task, seed, explore, evaluations=evaluations, solved=solved)
