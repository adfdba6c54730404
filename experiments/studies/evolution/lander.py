"""What each idea is worth where evaluation is dear: LunarLander without one of them at a time.

Of networks with hidden neurons; what this found is why the task's default run has none.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from evo import evolve
from experiments.config import resolve
from experiments.run_directory import final_front, objective_specs
from experiments.studies.evolution.control import HIDDEN, LUNAR
from fitness import episode_seeds, find_task, play_gymnasium

SEEDS = range(31, 34)
STEPS = 2_000_000
EPISODES = 200

_SCORE_FIRST: Mapping[str, Any] = MappingProxyType({
    **HIDDEN, "run.workers": 1, "evolution.generations": 1_000_000,
    "objectives.feasible": 1.25, "validation.episodes": 100, "validation.draws": 1,
})  # fmt: skip
WITHOUT: Mapping[str, Mapping[str, Any]] = MappingProxyType({
    "nothing": {},
    "mirrored networks": {"space.mirrored": False},
    "refinement": {"evolution.refine.share": 0.0},
    "gentle first networks": {
        "space.first_weight": 0.0, "space.first_bias": 0.0, "space.first_threshold": 0.0,
        "space.first_tau": 0.0,
    },
    "hidden neurons": {"readout.name": "winner-takes-all"},
    "many starts": {"objectives.starts": 4},
    "epochs": {"evolution.refresh": 0},
    "narrow ranges": {},  # those of random actions; see `measure`
})  # fmt: skip
"""What a run leaves out, and the settings that then differ from the task's defaults."""


def runs() -> list[str]:
    """List the runs, seed by seed."""
    return [f"{name}/{seed}" for seed in SEEDS for name in WITHOUT]


def measure(run: str) -> dict[str, Any]:
    """Run one seed without something, and play what it found on held-out starts."""
    name, seed = run.split("/")
    changes = {**_SCORE_FIRST, **WITHOUT[name], "evolution.steps": STEPS, "run.seed": int(seed)}
    if name == "narrow ranges":
        wide = find_task(f"{LUNAR}?ranges=measured")
        changes |= {"encoder.scale": list(wide.scale), "encoder.center": list(wide.center)}
    config = resolve(LUNAR, list(changes.items()))
    begun = time.perf_counter()
    state = evolve(
        config.evaluator, config.space, objective_specs(config), config.settings, seed=config.seed
    ).state
    network = final_front(config, state)[0][2]
    seeds = episode_seeds(config.seed, "held-out", EPISODES)
    played = play_gymnasium(network, config.task, seeds)
    return {
        "without": name, "seed": int(seed), "score_held_out": float(played.scores.mean()),
        "landed": float((played.scores >= config.task.solved_at).mean()),
        "neurons": len(network.neurons),
        "synapses": len(network.synapses) + len(network.input_synapses),
        "evaluations": state.evaluations, "env_steps": state.steps,
        "seconds": round(time.perf_counter() - begun, 1),
    }  # fmt: skip
