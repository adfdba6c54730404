"""``tardigrade harden``."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from typing import Any

EXAMPLE = """  tardigrade harden runs/first/front/000.json
  tardigrade harden NET.json --model bit-flip:bits=6 --severity 0.05 --out hardened
  tardigrade harden NET.json --model dead-neuron --model dead-synapse --budget 8 --draws 2000"""


def add_arguments(parser: ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument("network", metavar="NETWORK.json", help="a network file")
    parser.add_argument(
        "--model",
        action="append",
        metavar="MODEL[:KEY=VALUE,...]",
        help="a fault model with single faults, or all that there are remedies for; may be "
        "repeated (bit-flip, dead-synapse and dead-neuron)",
    )
    parser.add_argument(
        "--severity",
        type=float,
        metavar="Q",
        help="of the faults that remedies are tested with (the model's typical one)",
    )
    parser.add_argument("--draws", type=int, metavar="K", help="fault draws of each test (500)")
    parser.add_argument(
        "--episodes",
        type=int,
        metavar="N",
        help="starts for the ranking, and as many others for the tests (20); or samples (all)",
    )
    parser.add_argument(
        "--budget", type=int, metavar="B", help="most sites to protect or duplicate (all)"
    )
    parser.add_argument("--task", metavar="TASK", help="the one the file names, if left out")
    parser.add_argument("--seed", type=int, metavar="S", help="seed (0)")
    parser.add_argument(
        "--workers", type=int, metavar="W", help="threads; does not change the result (all cores)"
    )
    parser.add_argument("--out", metavar="DIR", help="directory for tables, picture and network")


def run(options: Namespace) -> tuple[Any, str]:
    """Rank, protect, measure."""
    import hashlib
    import os
    from pathlib import Path

    from experiments.directories import new_directory
    from experiments.faults.harden import Hardening, harden, treatable
    from experiments.faults.harden_report import describe, write_report
    from experiments.load import load_for_task
    from experiments.manifest import manifest
    from neuro.network_file import to_json

    network, task = load_for_task(options.network, options.task)
    names = ("severity", "draws", "episodes", "budget", "seed")
    given = {n: getattr(options, n) for n in names if getattr(options, n) is not None}
    if options.model:
        given["models"] = tuple(options.model) if options.model != ["all"] else treatable()
    if options.episodes is None and task.kind == "classification":
        given["episodes"] = 1_000_000
    workers = options.workers if options.workers is not None else os.cpu_count() or 1
    settings = Hardening(**given, workers=workers)
    if options.out is None:
        return describe(harden(network, task, settings))
    path = new_directory(Path(options.out))
    known = {
        "network": options.network,
        "sha256": hashlib.sha256(to_json(network).encode()).hexdigest(),
        "task": task.name,
        "models": settings.severities(),
        **{name: getattr(settings, name) for name in ("draws", "episodes", "budget", "seed")},
    }
    with manifest(path / "manifest.json", command=["tardigrade", *options.typed], **known):
        found = harden(network, task, settings)
        write_report(found, path, **known)
    result, text = describe(found)
    return {**result, "out": str(path)}, f"{text}\n\ntables, picture and proposal in {path}"
