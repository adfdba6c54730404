"""Evaluations until the poles are balanced, against baselines and without one idea at a time.

The protocol is that of Gomez, Schmidhuber & Miikkulainen (2008): 50 runs, and how many networks
were evaluated until one balanced for 100,000 steps; without velocities it must also balance from
200 of 625 other starts for 1,000 steps (Gruau, Whitley & Pyeatt 1996). These tests of finished
networks are not counted, as in the literature. A run counts whole generations.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np

from evo import evolve
from experiments.baselines import BASELINES, Controller
from experiments.config import resolve
from experiments.run_directory import objective_specs
from fitness import TASKS, Batch, Task
from fitness.generalisation import count_balanced, generalisation_starts
from fitness.tasks.pole_balancing import TRIAL
from neuro import Network, prune

SEEDS = range(101, 151)
ABLATION_SEEDS = range(101, 121)
TASKS_SOLVED = ("double-pole", "double-pole-no-velocity")
BUDGET = 20_000
"""Evaluations of a run; those of baselines and ablations end after `SHORT_BUDGET`."""
SHORT_BUDGET = 5_000
BALANCED = MappingProxyType({"double-pole": 0, "double-pole-no-velocity": 200})
"""Of 625 starts, to count as solved."""

Overrides = Mapping[str, Any]
VARIANTS: Mapping[str, Overrides] = MappingProxyType({
    "tardigrade": {},
    "without refinement": {"evolution.refine.share": 0.0, "evolution.population": 50},
    "without mirroring": {"space.mirrored": False},
    "without a gentle start": {
        "space.first_weight": 0.0, "space.first_bias": 0.0,
        "space.first_threshold": 0.0, "space.first_tau": 0.0,
    },
    "without restarts": {"evolution.refine.patience": 1_000_000},
    "without a step floor": {"evolution.refine.floor": 0.0},
    "without topology": {"evolution.refine.share": 1.0},
    "without contrasts": {"evolution.refine.contrast": 0.0},
})  # fmt: skip
"""What each variant changes in the task's default configuration."""
OURS = "tardigrade"


def runs() -> list[str]:
    """List the runs: ours first, then the others seed by seed."""
    found = [f"{task}/{OURS}/{seed}" for seed in SEEDS for task in TASKS_SOLVED]
    for seed in SEEDS:
        ablations = [name for name in VARIANTS if name != OURS and seed in ABLATION_SEEDS]
        for task in TASKS_SOLVED:
            found += [f"{task}/{method}/{seed}" for method in (*BASELINES, *ablations)]
    return found


def budget(method: str) -> int:
    """Evaluations after which a run has failed."""
    return BUDGET if method == OURS else SHORT_BUDGET


def measure(run: str) -> dict[str, Any]:
    """Run one seed of one method on one task."""
    name, method, seed = run.rsplit("/", 2)
    begun = time.perf_counter()
    evolved = method in VARIANTS
    row = _evolved(name, method, int(seed)) if evolved else _baseline(name, method, int(seed))
    return {
        "task": name, "method": method, "seed": int(seed), **row,
        "seconds": round(time.perf_counter() - begun, 1),
    }  # fmt: skip


class Solved(NamedTuple):
    """What a run came to; `network` is None where it failed."""

    network: Network | None
    balanced: int
    evaluations: int
    steps: int


def solve(name: str, method: str, seed: int) -> Solved:
    """Evolve until a network solves the task or the budget is spent."""
    changes = {
        **VARIANTS[method],
        "run.seed": seed,
        "run.workers": 1,
        "evolution.evaluations": budget(method),
        "evolution.generations": 1_000_000,
        "resilience.draws": 0,  # the question is when a network balances, with or without faults
    }
    config = resolve(name, list(changes.items()))
    settings = dataclasses.replace(config.settings, steps=None)
    found: list[tuple[Network, int]] = []

    def evaluate(networks: Sequence[Network]) -> Batch:
        """Test what balances at once: survival would ask for more than that."""
        batch = config.evaluator(networks)
        for i in np.flatnonzero(batch.violation == 0.0):
            network = prune(networks[i])
            balanced = 0 if found else count_balanced(network, config.task)
            if not found and balanced >= BALANCED[name]:
                found.append((network, balanced))
        return batch

    state = evolve(
        evaluate, config.space, objective_specs(config), settings, seed=seed,
        should_stop=lambda: bool(found),
    ).state  # fmt: skip
    network, balanced = found[0] if found else (None, 0)
    return Solved(network, balanced, state.evaluations, state.steps)


def _evolved(name: str, method: str, seed: int) -> dict[str, Any]:
    network, balanced, evaluations, steps = solve(name, method, seed)
    row: dict[str, Any] = {"solved": network is not None, "evaluations": evaluations,
                           "env_steps": steps}  # fmt: skip
    if network is None:
        return row | {"balanced": "", "neurons": "", "synapses": ""}
    synapses = len(network.synapses) + len(network.input_synapses)
    return row | {"balanced": balanced, "neurons": len(network.neurons), "synapses": synapses}


def _baseline(name: str, method: str, seed: int) -> dict[str, Any]:
    task = TASKS[name]

    def solved(controller: Controller) -> bool:
        if controller.play(task, task.starts([0])).scores[0] < task.solved_at:
            return False
        return _balanced(controller, task) >= BALANCED[name]

    attempt = BASELINES[method](task, seed, evaluations=budget(method), solved=solved)
    return {
        "solved": attempt.solved,
        "evaluations": attempt.evaluations,
        "env_steps": attempt.steps,
        "balanced": _balanced(attempt.controller, task) if attempt.solved else "",
        "neurons": "",
        "synapses": "",
    }


def _balanced(controller: Controller, task: Task) -> int:
    trial = dataclasses.replace(task, max_steps=TRIAL)
    return int((~controller.play(trial, generalisation_starts(task)).terminated).sum())
