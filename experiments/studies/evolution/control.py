"""How far evolution gets on control tasks with published scores, and how small networks become."""

from __future__ import annotations

import dataclasses
import tempfile
import time
from collections.abc import Mapping, Sequence
from itertools import islice
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

from evo import State, encode, evolve
from experiments.config import Config, resolve
from experiments.run_directory import objective_specs, smallest_solving, write_results
from fitness import CompiledTask, episode_seeds, play, play_gymnasium
from neuro import Network, load, subnetworks

SEEDS = range(21, 26)
EPISODES = 100
LUNAR = "gymnasium:LunarLander-v3"

_SCORE_FIRST: Mapping[str, Any] = MappingProxyType({
    "objectives.starts": 32, "resilience.draws": 4, "validation.episodes": 500,
    "validation.draws": 4, "report.draws": 20, "evolution.evaluations": 40_000,
    "evolution.generations": 1_000_000,
})  # fmt: skip
HIDDEN: Mapping[str, Any] = MappingProxyType({
    "readout.name": "highest-potential", "objectives.starts": 16, "evolution.refine.method": "snes",
})  # fmt: skip
"""How LunarLander's default run was before its ablation; kept for what was measured with it."""
SETTINGS: Mapping[str, Mapping[str, Any]] = MappingProxyType({
    "mountain-car": _SCORE_FIRST,
    "mountain-car-continuous": _SCORE_FIRST,
    # Hidden neurons between currents and choices, all connected and mostly refined; the defaults
    # are made for small networks. No front before a score that nobody reaches. How good a strategy
    # gets depends on where it began, so each begins anywhere, and another where it stands still.
    "acrobot": {
        **_SCORE_FIRST,
        "encoder.name": "current", "encoder.ticks": 20, "readout.name": "highest-potential",
        "space.first_hidden": 2, "space.density": 1.0, "space.reset": "subtract",
        "space.first_weight": 0.3, "space.first_bias": 0.3, "space.first_threshold": 1.0,
        "space.first_tau": 20.0, "objectives.starts": 64, "objectives.feasible": 1.1,
        "evolution.evaluations": 120_000, "evolution.refresh": 10, "evolution.refine.share": 0.8,
        "evolution.refine.method": "cma-es", "evolution.refine.samples": 40,
        "evolution.refine.step": 0.15, "evolution.refine.patience": 60,
        "evolution.refine.restart": 1.0, "validation.episodes": 2000, "validation.nearest": 100,
        "report.episodes": 1000,
    },
    "pendulum": _SCORE_FIRST,
    # Hidden neurons, and one strategy that never ends; the default run does without.
    LUNAR: {
        **HIDDEN, "evolution.steps": 15_000_000, "evolution.generations": 1_000_000,
        "objectives.feasible": 1.25, "validation.episodes": 200,
        "evolution.refine.samples": 24, "evolution.refine.patience": 1_000_000,
    },
    "tennlab-easy": {"validation.episodes": 100},  # 20 do not tell what small networks solve
    "tennlab-hard": {},
    "tennlab-hardest": {},
})  # fmt: skip


class Further(NamedTuple):
    """How a front goes on.

    Attributes
    ----------
    changes : mapping of str to value
        Settings that differ from those the front was found with.
    synapses : int, optional
        Go on from what is left of the smallest solving network with so few synapses, and not from
        the front; no network has more.
    """

    changes: Mapping[str, Any]
    synapses: int | None = None


FURTHER: Mapping[str, Further] = MappingProxyType({
    "tennlab-easy": Further({"space.mirrored": False}),  # one of a pair may go
    "tennlab-hard": Further({
        "space.mirrored": False, "objectives.names": ["score", "size"], "objectives.starts": 24,
        "objectives.feasible": 1.3, "evolution.steps": 500_000_000, "evolution.population": 60,
        "evolution.generations": 1_000_000, "evolution.refresh": 20, "evolution.refine.share": 0.8,
        "evolution.refine.method": "cma-es", "evolution.refine.neurons": True,
        "evolution.refine.samples": 16, "evolution.refine.patience": 25,
        "evolution.refine.restart": 0.1, "space.delay_limit": 20, "space.weight_limit": 6.0,
        "validation.episodes": 200,
    }, synapses=6),
})  # fmt: skip
"""Tasks in which what was found is tried with less."""
PUBLISHED: Mapping[str, tuple[float, str]] = MappingProxyType(
    {
        "mountain-car": (-100.85, "DQN"),
        "mountain-car-continuous": (96.67, "ARS"),
        "acrobot": (-69.1, "QR-DQN"),
        "pendulum": (-151.3, "TQC"),
        LUNAR: (272.1, "evolved tree"),
        "tennlab-easy": (14_985.0, "EONS; 10 neurons + 7 synapses at 14,250"),
        "tennlab-hard": (9_000.0, "EONS; 7 + 6"),
        "tennlab-hardest": (6_000.0, "EONS; 11 + 16"),
    }
)
"""RL Baselines3 Zoo for Gymnasium, one run each; Plank, Rizzo, White & Schuman 2025 for TENNLab."""


def runs() -> list[str]:
    """List the runs, seed by seed."""
    return [f"{task}/tardigrade/{seed}" for seed in SEEDS for task in SETTINGS]


def measure(run: str) -> dict[str, Any]:
    """Run one seed of one task and measure its best network on held-out starts."""
    name, _, seed = run.rsplit("/", 2)
    # Environments are played by processes of their own.
    workers = 2 if name == LUNAR else 1
    changes = {**SETTINGS[name], "run.seed": int(seed), "run.workers": workers}
    begun = time.perf_counter()
    found = _run(name, changes)
    done = [found]
    if name in FURTHER:
        done.append(_go_on(name, changes, found))
    rows = [row for each in done for row in each.rows]
    networks = [network for each in done for network in each.networks]
    best = max(range(len(rows)), key=lambda i: rows[i]["score_validation"])
    row, network = rows[best], networks[best]
    small = smallest_solving(rows, found.config.task.solved_at)
    return {
        "task": name, "method": "tardigrade", "seed": int(seed),
        "score_held_out": row["score_held_out"],
        "score_elsewhere": _elsewhere(network, found.config),
        "resilience_held_out": row.get("resilience_held_out", ""),
        "neurons": row["neurons"], "synapses": row["synapses"],
        "smallest_solving": f"{small['neurons']} + {small['synapses']}" if small else "",
        "its_score": small["score_held_out"] if small else "",
        "evaluations": sum(each.state.evaluations for each in done),
        "env_steps": sum(each.state.steps for each in done),
        "seconds": round(time.perf_counter() - begun, 1),
    }  # fmt: skip


class _Found(NamedTuple):
    """A run and the front it ended with."""

    config: Config
    state: State
    rows: list[dict[str, Any]]
    networks: list[Network]


def _run(name: str, changes: Mapping[str, Any], networks: Sequence[Network] = ()) -> _Found:
    """Evolve with a task's defaults and some changes, beginning with given networks."""
    config = resolve(name, list(changes.items()))
    if "evolution.evaluations" in changes:
        settings = dataclasses.replace(config.settings, steps=None)
        config = dataclasses.replace(config, settings=settings)
    state = evolve(
        config.evaluator, config.space, objective_specs(config), config.settings,
        seed=config.seed, seeds=[encode(n, config.space) for n in networks],
    ).state  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        rows = write_results(Path(folder), config, state)
        return _Found(config, state, rows, [load(Path(folder) / row["file"]) for row in rows])


def _go_on(name: str, changes: Mapping[str, Any], found: _Found) -> _Found:
    """Evolve with less, as `FURTHER` says."""
    other, synapses = FURTHER[name]
    changes = {**changes, **other}
    if synapses is None:
        return _run(name, changes, found.networks)
    small = smallest_solving(found.rows, found.config.task.solved_at) or found.rows[0]
    fewer = subnetworks(found.networks[found.rows.index(small)], synapses)
    networks = list(islice(fewer, resolve(name, list(changes.items())).settings.population))
    if not networks:
        raise ValueError(f"{name}: nothing is left of {small['file']} with {synapses} synapses")
    return _run(name, {**changes, "space.synapse_limit": synapses}, networks)


def _elsewhere(network: Network, config: Config) -> float | str:
    """Mean score in the real environment where the task is compiled from one."""
    task = config.task
    if not isinstance(task, CompiledTask) or task.gymnasium_id is None:
        return ""
    seeds = episode_seeds(config.seed, "held-out", EPISODES)
    real = play_gymnasium(network, task, seeds)
    if not (real.scores == play(network, task, task.starts(seeds)).scores).all():
        raise AssertionError(f"{task.name}: the compiled task and Gymnasium differ")
    return float(real.scores.mean())
