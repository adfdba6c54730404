"""``tardigrade evaluate``."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from typing import Any

EXAMPLE = "  tardigrade evaluate runs/first/front/000.json --episodes 100 --gymnasium"


def add_arguments(parser: ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument("network", metavar="NETWORK.json", help="a network file")
    parser.add_argument("--task", metavar="TASK", help="the one the file names, if left out")
    parser.add_argument(
        "--episodes", type=int, metavar="N", help="episodes (100), or test samples (all)"
    )
    parser.add_argument(
        "--seed", type=int, default=0, metavar="S", help="seed of the held-out starts (0)"
    )
    parser.add_argument(
        "--gymnasium",
        action="store_true",
        help="step the real Gymnasium environment, not the compiled task",
    )
    parser.add_argument(
        "--generalisation",
        action="store_true",
        help="also count from how many of the 625 usual starts it balances (double poles)",
    )


def run(options: Namespace) -> tuple[Any, str]:
    """Play held-out episodes."""
    from experiments.load import load_for_task
    from experiments.tables import plural
    from fitness import CompiledTask, EnvironmentTask, episode_seeds, play, play_gymnasium
    from fitness.generalisation import count_balanced
    from neuro.specs import whole

    network, task = load_for_task(options.network, options.task)
    balanced = count_balanced(network, task) if options.generalisation else None
    episodes = options.episodes
    if episodes is None:
        everything = task.kind == "classification" and not options.gymnasium
        episodes = 10_000_000 if everything else 100
    whole(episodes, "--episodes", 1, 10_000_000)
    whole(options.seed, "--seed", 0, 2**64 - 1)
    if options.gymnasium and isinstance(task, CompiledTask):
        seeds = episode_seeds(options.seed, "held-out", episodes)
        played = play_gymnasium(network, task, seeds)
    else:
        starts = task.draw_starts(options.seed, "held-out", episodes)
        played = play(network, task, starts)
    scores = played.scores
    engine, title = "compiled", "compiled task"
    if options.gymnasium or isinstance(task, EnvironmentTask):
        engine, title = "gymnasium", f"Gymnasium {getattr(task, 'gymnasium_id', '')}".strip()
    result: dict[str, Any] = {
        "task": task.name,
        "episodes": len(scores),
        "seed": options.seed,
        "score_mean": float(scores.mean()),
        "score_std": float(scores.std(ddof=1)) if len(scores) > 1 else 0.0,
        "score_min": float(scores.min()),
        "solved_fraction": float((scores >= task.solved_at).mean()),
        "terminated_fraction": float(played.terminated.mean()),
        "neurons": len(network.neurons),
        "synapses": len(network.synapses) + len(network.input_synapses),
        "engine": engine,
    }
    if task.kind == "classification":
        text = f"{task.name}: accuracy {result['score_mean']:.4f} on {len(scores)} test samples"
    else:
        text = (
            f"{task.name}, {plural(len(scores), 'held-out episode')} ({title}): "
            f"mean {result['score_mean']:.2f}, sd {result['score_std']:.2f}, "
            f"min {result['score_min']:g}; {result['solved_fraction']:.0%} of episodes at "
            f"{task.solved_at:g} or more, "
            f"{result['terminated_fraction']:.0%} ended before the limit"
        )
    text += f"\n{plural(result['neurons'], 'neuron')}, {plural(result['synapses'], 'synapse')}"
    if balanced is not None:
        result["balanced"] = balanced
        text += f"\nbalanced for 1,000 decisions from {balanced} of 625 starts"
    return result, text
