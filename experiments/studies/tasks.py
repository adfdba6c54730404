"""Five seeds of every task's default run, beside published numbers.

Writes ``docs/results/tasks.csv`` (a row per run) and ``tasks.md`` (the table of the tasks). A run
that is in the table already is not repeated: an interrupted study goes on where it stopped.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from evo import evolve
from experiments.config import Config, resolve
from experiments.run_directory import objective_specs, smallest_solving, write_results
from experiments.studies.record import RESULTS, complete, write_origin
from fitness import TASKS, CompiledTask, episode_seeds, find_task, play, play_gymnasium
from fitness.generalisation import count_balanced
from neuro import Network, load
from neuro.files import write_atomically

SEEDS = range(11, 16)
EPISODES = 100
ENVIRONMENTS = ("gymnasium:LunarLander-v3", "gymnasium:BipedalWalker-v3")

PUBLISHED = {
    "cartpole": "500",
    "mountain-car": "-100.85 (DQN)",
    "mountain-car-continuous": "96.67 (ARS)",
    "acrobot": "-69.1 (QR-DQN)",
    "pendulum": "-151.3 (TQC)",
    "single-pole": "100,000",
    "single-pole-no-velocity": "100,000",
    "double-pole": "100,000; 286 to 300 of 625 starts (no velocities)",
    "double-pole-no-velocity": "100,000; 286 to 300 of 625 starts",
    "tennlab-easy": "14,985; 10 neurons + 7 synapses",
    "tennlab-medium": "12,000; 11 + 10",
    "tennlab-hard": "9,000; 7 + 6",
    "tennlab-hardest": "6,000; 11 + 16",
    "gymnasium:LunarLander-v3": "272.1 (evolved tree), 242 (PPO, v2)",
    "gymnasium:BipedalWalker-v3": "329.8 (TQC)",
}
"""RL Baselines3 Zoo for Gymnasium (one run each); Gomez, Schmidhuber & Miikkulainen 2008 and
Stanley & Miikkulainen 2002 for the poles; Plank, Rizzo, White & Schuman 2025 for TENNLab."""


def measure(run: str) -> dict[str, Any]:
    """Run one seed of one task and measure its best network on held-out data."""
    name, _, seed = run.rpartition(" ")
    config = resolve(name, [("run.seed", int(seed))])
    begun = time.perf_counter()
    result = evolve(
        config.evaluator, config.space, objective_specs(config), config.settings, seed=int(seed)
    )
    seconds = time.perf_counter() - begun
    state = result.state
    row: dict[str, Any] = {
        "task": name,
        "seed": int(seed),
        "training_best": state.history[-1]["best_score"],
        "score_held_out": "",
        "solved": False,
        "resilience_held_out": "",
        "neurons": "",
        "synapses": "",
        "smallest_solving": "",
        "feasible_after_evaluations": _first_feasible(state.history),
        "gymnasium_mean": "",
        "gymnasium_equal": "",
        "balanced_of_625": "",
        "evaluations": state.evaluations,
        "env_steps": state.steps,
        "evolution_seconds": round(seconds, 1),
        "stopped_by": result.stopped_by,
    }
    with tempfile.TemporaryDirectory() as folder:
        rows = write_results(Path(folder), config, state)
        small = smallest_solving(rows, config.task.solved_at)
        best = load(Path(folder) / rows[0]["file"])
        row |= {
            "score_held_out": rows[0]["score_held_out"],
            "solved": rows[0]["score_held_out"] >= config.task.solved_at,
            "resilience_held_out": rows[0]["resilience_held_out"],
            "neurons": rows[0]["neurons"],
            "synapses": rows[0]["synapses"],
            "smallest_solving": f"{small['neurons']} + {small['synapses']}" if small else "",
            **_elsewhere(best, config),
        }
    row["wall_seconds"] = round(time.perf_counter() - begun, 1)
    return row


def _first_feasible(history: Sequence[dict[str, Any]]) -> int | str:
    """Evaluations after which training first had a network that met `objectives.feasible`."""
    return next((h["evaluations"] for h in history if h["feasible"]), "")


def _elsewhere(network: Network, config: Config) -> dict[str, Any]:
    """Play where results are published: the real environment, or the 625 starts."""
    task = config.task
    found: dict[str, Any] = {}
    if isinstance(task, CompiledTask) and task.gymnasium_id is not None:
        seeds = episode_seeds(config.seed, "held-out", EPISODES)
        real = play_gymnasium(network, task, seeds)
        ours = play(network, task, task.starts(seeds))
        found["gymnasium_mean"] = float(real.scores.mean())
        found["gymnasium_equal"] = bool((real.scores == ours.scores).all())
    if task.name.startswith("double-pole"):
        found["balanced_of_625"] = count_balanced(network, task)
    return found


def table(rows: Sequence[dict[str, Any]]) -> str:
    """Write the table of tasks: medians over seeds, and the extremes of the score."""
    head = (
        "task", "solved at", "seeds that solve it", "held-out score, median (worst to best)",
        "neurons + synapses", "smallest solving", "resilience", "evaluations",
        "environment steps", "seconds", "published",
    )  # fmt: skip
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    for name in dict.fromkeys(row["task"] for row in rows):
        mine = [row for row in rows if row["task"] == name]
        scores = sorted(float(row["score_held_out"]) for row in mine)
        solved = sum(str(row["solved"]) == "True" for row in mine)
        sizes = sorted(
            (sum(map(int, text.split(" + "))), text)
            for text in (row["smallest_solving"] for row in mine)
            if text
        )
        score = f"{_median(scores)} ({_short(scores[0])} to {_short(scores[-1])})"
        size = " + ".join(_median([float(r[k]) for r in mine]) for k in ("neurons", "synapses"))
        lines.append(
            f"| `{name}` | {_short(find_task(name).solved_at)} | {solved} of {len(mine)} | {score} "
            f"| {size} | {sizes[0][1] if sizes else ''} "
            f"| {_median([float(r['resilience_held_out']) for r in mine])} "
            f"| {_median([float(r['evaluations']) for r in mine])} "
            f"| {_median([float(r['env_steps']) for r in mine])} "
            f"| {_median([float(r['wall_seconds']) for r in mine])} | {PUBLISHED.get(name, '')} |"
        )
    return "\n".join(lines) + "\n"


def _median(values: Sequence[float]) -> str:
    return _short(statistics.median(values)) if values else ""


def _short(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"


def main() -> None:
    """Run the study and write its table."""
    names = [*TASKS, *ENVIRONMENTS]
    # Seed by seed, so that an unfinished study has something to say of every task; last what is
    # stepped in Python.
    runs = [f"{name} {seed}" for seed in SEEDS for name in TASKS]
    runs += [f"{name} {seed}" for seed in SEEDS for name in ENVIRONMENTS]
    rows = complete("tasks", runs, "run", measure)
    rows.sort(key=lambda row: names.index(row["task"]))
    text = table(rows)
    write_atomically(RESULTS / "tasks.md", text)
    write_origin("tasks", "make study-tasks", seeds=list(SEEDS), episodes=EPISODES)
    print(text)


if __name__ == "__main__":
    main()
