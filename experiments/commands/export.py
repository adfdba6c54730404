"""``tardigrade export``."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from typing import Any

EXAMPLE = "  tardigrade export runs/first/front/000.json --to brian2 --out network.py --verify"


def add_arguments(parser: ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument("network", metavar="NETWORK.json", help="a network file")
    parser.add_argument("--to", required=True, metavar="FORMAT", help="brian2")
    parser.add_argument("--out", required=True, metavar="FILE", help="file to write")
    parser.add_argument("--task", metavar="TASK", help="the one the file names, if left out")
    parser.add_argument(
        "--seed",
        type=int,
        default=0,
        metavar="S",
        help="seed of the episode whose input is recorded (0)",
    )
    parser.add_argument(
        "--decisions", type=int, default=500, metavar="D", help="record at most D decisions (500)"
    )
    parser.add_argument(
        "--verify",
        action="store_true",
        help="run the written file and compare it with our simulator",
    )


def run(options: Namespace) -> tuple[Any, str, int]:
    """Write the file and, if asked, verify it."""
    import os

    from experiments.load import load_for_task
    from fitness import episode_seeds, record_episode
    from neuro.errors import wrong
    from neuro.export import brian2_script, verify_script
    from neuro.files import write_atomically
    from neuro.specs import whole

    if options.to != "brian2":
        raise wrong("--to", "brian2", options.to)
    whole(options.seed, "--seed", 0, 2**64 - 1)
    whole(options.decisions, "--decisions", 1, 10_000_000)
    network, task = load_for_task(options.network, options.task)
    if os.path.exists(options.out) and os.path.samefile(options.network, options.out):
        raise wrong("--out", "another file than the network", options.out)
    seed = episode_seeds(options.seed, "held-out", 1)[0]
    episode = record_episode(network, task, seed, decisions=options.decisions)
    write_atomically(options.out, brian2_script(network, episode.ext))
    result: dict[str, Any] = {"file": options.out, "format": options.to}
    text = f"{options.out}: {len(episode.ext)} ticks of recorded input"
    if not options.verify:
        return result, text, 0
    parity = verify_script(options.out, network, episode.ext)
    result |= parity._asdict()
    verdict = "equal" if parity.exact else "DIFFERENT"
    text += (
        f"\nverified in Brian2: {parity.spikes_compared} spikes compared, {verdict}; largest "
        f"voltage difference {parity.max_abs_voltage_difference!r}"
    )
    return result, text, 0 if parity.exact else 1
