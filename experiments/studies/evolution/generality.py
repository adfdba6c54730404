"""From a network that balances to one that balances from everywhere.

The first network that solves a run of `poles` balances from one start; how many of the 625 starts
it manages is luck. Here evolution goes on from it (``--seed-network``) with starts drawn from the
ranges of the test, and stops after `MORE` evaluations. The 625 starts themselves are used to count
only: whom to count is chosen by `VALIDATION` other starts, drawn at random too.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import numpy as np

from evo import decode, encode, evolve
from experiments.config import resolve
from experiments.run_directory import objective_specs
from experiments.studies.evolution import poles
from fitness import TASKS, play_all
from fitness.generalisation import count_balanced
from fitness.tasks.pole_balancing import TRIAL, pole_balancing
from neuro import prune

SEEDS = range(101, 121)
STARTS, VALIDATION = 40, 300
MORE: Mapping[str, int] = MappingProxyType({"double-pole": 400, "double-pole-no-velocity": 3000})
"""Evaluations after the first solver, each of `STARTS` starts of up to 1,000 steps."""
SETTINGS: Mapping[str, Any] = MappingProxyType({
    "objectives.names": ["score"], "objectives.starts": STARTS, "objectives.feasible": -1.0,
    "resilience.draws": 0, "run.workers": 1, "evolution.generations": 1_000_000,
})  # fmt: skip
SLOWLY: Mapping[str, Any] = MappingProxyType(
    {"evolution.refine.step": 0.1, "evolution.refine.patience": 60}
)
"""Without velocities, steps as large as those that find a first solver find nothing better."""


def runs() -> list[str]:
    """List the runs, seed by seed."""
    return [f"{task}/{poles.OURS}/{seed}" for seed in SEEDS for task in MORE]


def measure(run: str) -> dict[str, Any]:
    """Solve a task as in `poles`, go on from the solver, and count starts before and after.

    Of the last population, those that still balance for 100,000 steps are validated.
    """
    name, method, text = run.rsplit("/", 2)
    seed, begun = int(text), time.perf_counter()
    solved = poles.solve(name, method, seed)
    if solved.network is None:
        raise AssertionError(f"{run}: nothing to go on from")
    slowly = SLOWLY if name == "double-pole-no-velocity" else {}
    changes = {**SETTINGS, **slowly, "run.seed": seed, "evolution.evaluations": MORE[name]}
    config = resolve(name, list(changes.items()))
    task = pole_balancing(
        name, velocities="theta1_dot" in config.task.observations, spread=True, max_steps=TRIAL
    )
    state = evolve(
        dataclasses.replace(config.evaluator, task=task), config.space, objective_specs(config),
        dataclasses.replace(config.settings, steps=None), seed=seed,
        seeds=[encode(solved.network, config.space)],
    ).state  # fmt: skip
    original = TASKS[name]
    everybody = [prune(decode(i.genome, config.space)) for i in state.population]
    long = play_all(everybody, original, original.starts([0])).scores[:, 0]
    solving = np.flatnonzero(long >= original.solved_at)
    networks = [everybody[i] for i in solving] or everybody
    validated = play_all(networks, task, task.draw_starts(seed, "validation", VALIDATION)).scores
    best = networks[int(np.argmax(validated.mean(axis=1)))]
    return {
        "task": name, "seed": seed,
        "evaluations_to_solve": solved.evaluations, "balanced_by_solver": solved.balanced,
        "evaluations_after": state.evaluations, "balanced": count_balanced(best, original),
        "still_solves": len(solving) > 0,
        "neurons": len(best.neurons), "synapses": len(best.synapses) + len(best.input_synapses),
        "env_steps": solved.steps + state.steps,
        "seconds": round(time.perf_counter() - begun, 1),
    }  # fmt: skip
