"""Running an evolution into its run directory: progress, checkpoints, Ctrl-C, results."""

from __future__ import annotations

import json
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from evo import Genome, State, evolve
from experiments.config import Config
from experiments.loggers import Log, Logger, logged
from experiments.manifest import manifest
from experiments.progress import Progress, duration
from experiments.run_directory import (
    objective_specs,
    smallest_solving,
    write_checkpoint,
    write_results,
)
from experiments.tables import aligned, plural
from neuro import load

CHECKPOINT_SECONDS = 5.0
"""Least time between checkpoints."""
CHECKPOINT_SHARE = 0.01
"""Largest share of the time that checkpoints take, however large they grow."""


@contextmanager
def interruptible() -> Iterator[Callable[[], bool]]:
    """Turn the first Ctrl-C into a request that is asked for; the second one is the usual.

    Yields
    ------
    callable
        True once a stop has been requested.
    """
    requested = False

    def request(signum: int, frame: Any) -> None:
        nonlocal requested
        requested = True
        signal.signal(signal.SIGINT, previous)
        print(
            "\nstopping after this generation; again to abort at once", file=sys.stderr, flush=True
        )

    try:
        previous = signal.signal(signal.SIGINT, request)
    except ValueError:  # not in the main thread: nobody can press Ctrl-C here
        yield lambda: False
        return
    try:
        yield lambda: requested
    finally:
        signal.signal(signal.SIGINT, previous)


def run_evolution(
    config: Config, path: Path, command: Sequence[str], state: State | None = None,
    seeds: Sequence[Genome] = (), loggers: Sequence[Logger] = (),
) -> tuple[dict[str, Any], str, int]:  # fmt: skip
    """Evolve into a run directory, from the start or from a state, and describe the outcome."""
    specs = objective_specs(config)
    earlier, seconds_before = _earlier(path, ["tardigrade", *command])
    known = {
        **earlier,
        "task": config.task.name,
        "seed": config.seed,
        "scheduler": config.evaluator.scheduler,
    }
    with logged(loggers, config) as log, manifest(path / "manifest.json", **known) as table:
        begun = time.perf_counter()
        watcher = _Watcher(config, path, log, state)
        with watcher.progress, interruptible() as should_stop:
            result = evolve(
                config.evaluator, config.space, specs, config.settings, seed=config.seed,
                callback=watcher, should_stop=should_stop, state=state, seeds=seeds,
                clock=time.perf_counter,
            )  # fmt: skip
        seconds = time.perf_counter() - begun
        final = result.state
        write_checkpoint(path, final)
        rows = write_results(path, config, final)
        last = final.history[-1]
        outcome = {
            "run_dir": str(path),
            "seed": config.seed,
            "generations": final.generation,
            "evaluations": final.evaluations,
            "env_steps": final.steps,
            "wall_seconds": round(seconds, 3),
            "front_size": len(rows),
            "hypervolume": last["hypervolume"],
            "best_score": rows[0].get("score_held_out"),
            "feasible": last["feasible"],
            "stopped_by": result.stopped_by,
        }
        table |= {k: v for k, v in outcome.items() if k not in ("run_dir", "wall_seconds")}
        table["evolution_seconds"] = round(seconds_before + seconds, 3)
        table["resumed"] = state is not None
        log.outcome = outcome
    draw_pictures(path, config, rows)
    code = 130 if result.stopped_by == "interrupt" else 0
    return outcome, describe(config, outcome, rows), code


def _earlier(path: Path, command: list[str]) -> tuple[dict[str, Any], float]:
    """Read what to keep of the manifest of a run that is resumed, and its seconds so far."""
    try:
        before = json.loads((path / "manifest.json").read_text())
        kept = {"command": before["command"], "started": before["started"]}
        return {**kept, "resume_command": command}, float(before["evolution_seconds"])
    except (OSError, ValueError, KeyError, TypeError):
        return {"command": command}, 0.0


class _Watcher:
    """Called after every generation: progress line, checkpoint and loggers."""

    def __init__(self, config: Config, path: Path, log: Log, state: State | None) -> None:
        self.path, self.log = path, log
        self.total = config.settings.generations
        budget = config.settings.evaluations
        if budget is not None:
            self.total = min(self.total, max(0, budget // config.settings.population - 1))
        self.progress = Progress(self.total + 1, done=state.generation + 1 if state else 0)
        self.begun = time.perf_counter()
        self.saved = -CHECKPOINT_SECONDS  # so that the first generation is kept at once
        self.pause = CHECKPOINT_SECONDS
        self.before: int | None = None

    def __call__(self, state: State) -> None:
        now = time.perf_counter()
        rate = ""
        if self.before is None:  # kernels may have been compiled so far
            self.before, self.begun = state.evaluations, now
        else:
            count = (state.evaluations - self.before) / max(now - self.begun, 1e-9)
            rate = f"  {count:.0f} evaluations/s"
        last = state.history[-1]
        best = f"best {last['best_score']:.1f}  " if "best_score" in last else ""
        self.progress.update(
            state.generation + 1,
            f"generation {state.generation}/{self.total}  {best}front {last['front_size']}  "
            f"hypervolume {last['hypervolume']:.4f}{rate}",
        )
        if now - self.saved > self.pause:
            write_checkpoint(self.path, state)
            self.saved = time.perf_counter()
            self.pause = max(CHECKPOINT_SECONDS, (self.saved - now) / CHECKPOINT_SHARE)
        self.log.generation(state)


def draw_pictures(path: Path, config: Config, rows: list[dict[str, Any]]) -> None:
    """Draw the front, its best and smallest network, and an episode of the best."""
    from experiments import plots
    from fitness import episode_seeds, record_episode

    if {"score", "size", "resilience"} <= rows[0].keys():
        plots.save_figure(plots.pareto_figure(rows, config.task), path / "pareto.png")
    best = load(path / rows[0]["file"])
    names = config.task.observations
    if plots.can_be_drawn(best):
        plots.save_figure(plots.network_figure(best, names), path / "network.png")
    small = smallest_solving(rows, config.task.solved_at)
    (path / "smallest.png").unlink(missing_ok=True)  # of the run before it was resumed
    if small is not None:
        network = load(path / small["file"])
        plots.save_figure(plots.network_figure(network, names), path / "smallest.png")
    seed = episode_seeds(config.seed, "held-out", 1)[0]
    # More than a picture can show; episodes of 100,000 decisions would fill the memory.
    episode = record_episode(best, config.task, seed, decisions=500)
    plots.save_figure(plots.raster_figure(episode, best, config.task), path / "raster.png")


def describe(config: Config, outcome: dict[str, Any], rows: list[dict[str, Any]]) -> str:
    """Write the outcome for people: the front as a table, and what to remember."""
    task = config.task
    names = [o.name for o in config.objectives]
    header = ["file", "neurons", "synapses"]
    shown = [n for n in names if n != "size"]
    header += [f"{n}{suffix}" for n in shown for suffix in (" validated", " held out")]
    keys = [f"{n}{suffix}" for n in shown for suffix in ("_validation", "_held_out")]
    body = [[r["file"], r["neurons"], r["synapses"], *(r[key] for key in keys)] for r in rows]
    lines = [aligned(body, header), ""]
    needed = task.worst + config.evaluator.feasible * (task.solved_at - task.worst)
    if outcome["feasible"] and rows[0].get("score_validation", needed) < needed:
        lines.append(
            f"networks reached {needed:g} in training but none in validation; this one came "
            "nearest, without being played under faults there"
        )
    if not outcome["feasible"]:
        lines.append(
            f"no network reached the score of {needed:g} in training, "
            f"{'this' if len(rows) == 1 else 'these'} came nearest; try more generations, or a "
            "lower objectives.feasible"
        )
    small = smallest_solving(rows, task.solved_at)
    if small is not None:
        size = small["neurons"] + small["synapses"]
        lines.append(
            f"smallest solving {task.name}: {small['file']}, size {size} "
            f"({plural(small['neurons'], 'neuron')} + {plural(small['synapses'], 'synapse')}), "
            f"held out {small['score_held_out']:g}"
        )
    elif "score_held_out" in rows[0]:
        lines.append(
            f"no network of the front solves {task.name} in validation: held out, "
            f"{rows[0]['file']} has {rows[0]['score_held_out']:g}, solved at {task.solved_at:g}"
        )
    lines.append(
        f"{outcome['evaluations']} evaluations, {outcome['env_steps']:,} environment steps in "
        f"{duration(outcome['wall_seconds'])}; hypervolume {outcome['hypervolume']:.4f}; "
        f"stopped by {outcome['stopped_by']}"
    )
    lines.append(f"run directory: {outcome['run_dir']}")
    if outcome["stopped_by"] == "interrupt":
        lines.append(f"go on with: tardigrade resume {outcome['run_dir']}")
    return "\n".join(lines)
