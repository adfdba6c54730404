"""Ten seeds of CartPole with each encoder: how many solve it, how soon, how small.

Writes ``docs/results/cartpole.csv`` (the default, flip-flop) and ``cartpole_current.csv``. A run
that is in the table already is not repeated: an interrupted study goes on where it stopped.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import Any

from evo import State, decode, evolve
from experiments.config import Config, resolve
from experiments.run_directory import (
    objective_specs,
    smallest_solving,
    write_results,
)
from experiments.studies.record import complete, write_origin
from fitness import episode_seeds, play, play_gymnasium
from neuro import load

SEEDS = range(1, 11)
EPISODES = 100


def measure(seed: int, encoder: str) -> dict[str, Any]:
    """Run one seed and measure its best network on held-out episodes in Gymnasium."""
    config = resolve("cartpole", [("run.seed", seed), ("encoder.name", encoder)])
    watch = _FirstSolution(config)
    begun = time.perf_counter()
    state = evolve(
        config.evaluator, config.space, objective_specs(config), config.settings,
        seed=seed, callback=watch,
    ).state  # fmt: skip
    seconds = time.perf_counter() - begun
    with tempfile.TemporaryDirectory() as folder:
        rows = write_results(Path(folder), config, state)
        best = load(Path(folder) / rows[0]["file"])
    scores = play_gymnasium(best, config.task, episode_seeds(seed, "held-out", EPISODES)).scores
    small = smallest_solving(rows, config.task.solved_at)
    return {
        "solved_after_evaluations": watch.evaluations,
        "gymnasium_mean": float(scores.mean()),
        "gymnasium_min": float(scores.min()),
        "resilience_held_out": rows[0]["resilience_held_out"],
        "neurons": rows[0]["neurons"],
        "synapses": rows[0]["synapses"],
        "smallest_solving": small["neurons"] + small["synapses"] if small else "",
        "front_size": len(rows),
        "hypervolume": state.history[-1]["hypervolume"],
        "evaluations": state.evaluations,
        "env_steps": state.steps,
        "wall_seconds": round(seconds, 2),
    }


class _FirstSolution:
    """Notes when the best network first reaches the solved score on held-out episodes."""

    def __init__(self, config: Config) -> None:
        self.config = config
        seeds = episode_seeds(config.seed, "held-out", EPISODES)
        self.starts = config.task.starts(seeds)
        self.evaluations: int | str = ""

    def __call__(self, state: State) -> None:
        if self.evaluations == "" and state.front:
            best = max(state.front, key=lambda i: i.fitness.wvalues)
            network = decode(best.genome, self.config.space)
            mean = play(network, self.config.task, self.starts).scores.mean()
            if mean >= self.config.task.solved_at:
                self.evaluations = state.evaluations


def main() -> None:
    """Run the study and print its summary."""
    for name, encoder in (("cartpole", "flip-flop"), ("cartpole_current", "current")):
        rows = complete(name, list(SEEDS), "seed", partial(measure, encoder=encoder))
        solved = [r for r in rows if float(r["gymnasium_mean"]) >= 475.0]
        needed = [int(r["solved_after_evaluations"]) for r in solved]
        print(
            f"{encoder}: {len(solved)} of {len(rows)} seeds reach 475 on {EPISODES} held-out "
            f"episodes; evaluations needed: median {statistics.median(needed):g}, worst "
            f"{max(needed)}\n"
        )
    write_origin("cartpole", "make study-cartpole", seeds=list(SEEDS), episodes=EPISODES)


if __name__ == "__main__":
    main()
