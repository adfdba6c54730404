"""A spiking network whose topology stays as it is and whose weights SNES searches."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from evo import Genome, SearchSpace
from evo.operators import random_genome
from experiments.baselines.contract import Attempt, Evaluate, Solved, attempt
from experiments.baselines.snes import SnesSettings, climb
from experiments.baselines.spiking import spiking
from experiments.config import resolve
from fitness import Task
from neuro.errors import wrong

SETTINGS = SnesSettings(step=0.3)


def solve(
    task: Task,
    seed: int,
    /,
    *,
    evaluations: int,
    solved: Solved | None = None,
    first_hidden: int = 4,
    template: Genome | None = None,
    settings: SnesSettings = SETTINGS,
) -> Attempt:
    """Search weights in the task's default search space; see `experiments.baselines.contract`.

    The topology has every connection that a first network of evolution may have, as far as the
    synapse limit allows. When a search has stalled, another one begins, with new time constants,
    thresholds, delays and weights.

    Parameters
    ----------
    task, seed, evaluations, solved
        As in every baseline.
    first_hidden : int
        Hidden neurons per output, without a template.
    template : Genome, optional
        Search the weights of this genome: the first search begins with them, later ones with
        weights drawn at random; all else stays.
    settings : SnesSettings
        Step sizes and the floor are in units of the largest weight.

    Examples
    --------
    >>> from fitness import TASKS
    >>> solve(TASKS["cartpole"], 1, evaluations=5, first_hidden=2).evaluations
    5
    """
    space = resolve(task.name).space
    if template is None:
        space = replace(space, density=1.0, first_hidden=first_hidden)
    elif not len(template.weight):
        raise wrong("template", "a genome with synapses", "none")
    unit = space.weights.reach

    def explore(evaluate: Evaluate) -> None:
        for restart in itertools.count():
            rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(restart,)))
            genome = _begin(template, space, rng, restart)

            def score(point: NDArray[np.float64], genome: Genome = genome) -> float:
                weighted = replace(genome, weight=space.weights.nearest(unit * point))
                return evaluate(spiking(space.hardware.conform(weighted, space), space))

            climb(score, genome.weight / unit, rng, settings)

    return attempt(task, seed, explore, evaluations=evaluations, solved=solved)


def _begin(template: Genome | None, space: SearchSpace, rng: Generator, restart: int) -> Genome:
    if template is None:
        return random_genome(space, rng)
    if restart == 0:
        return template
    return replace(template, weight=space.weights.draw(rng, len(template.weight)))
