"""Hypervolumes of fronts at equal evaluations, on starts and faults that nobody selected on.

The front of every method is chosen by validation where there is a population to choose from, and
measured on held-out starts and faults; the reference point is fixed in advance by the objectives'
spans (`fitness.Objective.span`).
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any

import numpy as np

from evo import decode, evolve, hypervolume, individuals
from evo.operators import random_genome
from evo.selection import non_dominated
from evo.state import State
from experiments.baselines import BASELINES
from experiments.config import Config, resolve
from experiments.run_directory import final_front, objective_specs
from fitness import TASKS

SEEDS = range(1, 21)
ABLATION_SEEDS = range(1, 9)
TASKS_COMPARED: Mapping[str, Mapping[str, Any]] = MappingProxyType({
    "cartpole": {"encoder.name": "current"},
    "mountain-car": {"encoder.name": "current"},
    "mountain-car-continuous": {"encoder.name": "flip-flop"},
    "acrobot": {},
})  # fmt: skip
"""Tasks, and what methods that evolve spiking networks have other than its defaults there.

The first release keeps its encoder, flip-flop, and stands beside itself with that of the others.
"""
EVALUATIONS = 2000
_OURS: Mapping[str, Any] = MappingProxyType({"evolution.population": 50})
"""Few evaluations want small populations (tried on seeds 200 to 207)."""
_FIRST: Mapping[str, Any] = MappingProxyType({
    "evolution.population": 100, "evolution.refine.share": 0.0, "evolution.archive": 0,
    "evolution.young": 0.0, "space.mirrored": False, "space.first_hidden": 0,
    "space.first_weight": 0.0, "space.first_bias": 0.0, "space.first_threshold": 0.0,
    "space.first_tau": 0.0,
})  # fmt: skip
"""Without anything that came after the first release."""
METHODS: Mapping[str, Mapping[str, Any] | None] = MappingProxyType({
    "tardigrade": _OURS,
    "first release": {**_FIRST, "encoder.name": "flip-flop"},
    "first release, same encoder": _FIRST,
    "random search": {},
    "neat-python": None,
    "with a population of 100": {},
    "with refinement": {**_OURS, "evolution.refine.share": 0.3},
    "with a niche": {**_OURS, "evolution.young": 0.2},
    "with an archive": {**_OURS, "evolution.archive": 100},
    "without epochs": {**_OURS, "evolution.refresh": 0},
    "with lexicase parents": {**_OURS, "evolution.parents": "lexicase"},
    "with NSGA-III": {**_OURS, "evolution.survivors": "nsga3"},
})  # fmt: skip


def runs() -> list[str]:
    """List the runs, seed by seed."""
    return [
        f"{task}/{method}/{seed}"
        for seed in SEEDS
        for task in TASKS_COMPARED
        for method in METHODS
        if (seed in ABLATION_SEEDS or not method.startswith("with"))
        and (method != "first release, same encoder" or _graded(task))
    ]


def _graded(task: str) -> bool:
    return TASKS_COMPARED[task].get("encoder.name") == "current"


def measure(run: str) -> dict[str, Any]:
    """Run one seed of one method on one task."""
    name, method, seed = run.rsplit("/", 2)
    begun = time.perf_counter()
    changes = {
        **TASKS_COMPARED[name],
        **(METHODS[method] or {}),
        "run.seed": int(seed),
        "run.workers": 1,
        "evolution.evaluations": EVALUATIONS,
        "evolution.generations": 1_000_000,
    }
    config = resolve(name, list(changes.items()))
    config = replace(config, settings=replace(config.settings, steps=None))
    specs = objective_specs(config)
    if method == "neat-python":
        values, steps = _champion(config)
    else:
        state = _sampled(config) if method == "random search" else _evolved(config)
        networks = [network for *_, network in final_front(config, state)]
        values, steps = config.held_out()(networks).objectives, state.steps
    feasible = values[values[:, 0] >= _needed(config)]
    best = values[np.argmax(values[:, 0])]
    return {
        "task": name, "method": method, "seed": int(seed),
        "hypervolume": hypervolume(feasible, specs),
        "front": len(values),
        "best_score": float(best[0]), "its_size": float(best[1]), "its_resilience": float(best[2]),
        "smallest": float(feasible[:, 1].min()) if len(feasible) else "",
        "evaluations": EVALUATIONS, "env_steps": steps,
        "seconds": round(time.perf_counter() - begun, 1),
    }  # fmt: skip


def _needed(config: Config) -> float:
    """Score from which a network counts; what does nothing would otherwise count for its size."""
    task = config.task
    return float(task.worst + config.evaluator.feasible * (task.solved_at - task.worst)) - 1e-9


def _evolved(config: Config) -> State:
    return evolve(
        config.evaluator, config.space, objective_specs(config), config.settings, seed=config.seed
    ).state


def _sampled(config: Config) -> State:
    """As many random networks as evolution evaluates; the non-dominated ones are the front."""
    state, specs = State(generation=0), objective_specs(config)
    for begin in range(0, EVALUATIONS, 500):
        places = range(begin, min(begin + 500, EVALUATIONS))
        rngs = [np.random.default_rng([config.seed, place]) for place in places]
        genomes = [random_genome(config.space, rng) for rng in rngs]
        measured = config.evaluator([decode(g, config.space) for g in genomes])
        found = state.population + individuals(genomes, measured, specs)
        nearest = sorted(found, key=lambda i: i.fitness.violation)[:10]
        state.population = non_dominated(found) or nearest
        state.steps += measured.steps
    return state


def _champion(config: Config) -> tuple[np.ndarray[Any, np.dtype[np.float64]], int]:
    attempt = BASELINES["neat-python"](
        TASKS[config.task.name], config.seed, evaluations=EVALUATIONS, solved=lambda c: False
    )
    return attempt.controller.measure(config.held_out())[None, :], attempt.steps
