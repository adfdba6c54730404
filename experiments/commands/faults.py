"""``tardigrade faults``."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from typing import Any

EXAMPLE = """  tardigrade faults runs/first/front/000.json --out faults
  tardigrade faults NET.json --model bit-flip:bits=6 --severity 1e-3..1e-1:5 --out flips
  tardigrade faults A.json B.json --model dead-synapse --severity 0.05,0.1,0.2 --out compared"""


def add_arguments(parser: ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument("network", nargs="+", metavar="NETWORK.json", help="network files")
    parser.add_argument(
        "--model",
        action="append",
        metavar="MODEL[:KEY=VALUE]",
        help="gaussian, dead-synapse or bit-flip; may be repeated (all)",
    )
    parser.add_argument(
        "--severity",
        metavar="A,B,...|LOW..HIGH:N",
        help="severities, or N of them spaced evenly on a log scale (a range that suits the model)",
    )
    parser.add_argument(
        "--site", default="all", metavar="KIND", help="all, synapses or input-synapses (all)"
    )
    parser.add_argument(
        "--draws", type=int, default=1000, metavar="K", help="fault draws per severity (1000)"
    )
    parser.add_argument(
        "--episodes",
        type=int,
        metavar="N",
        help="starts that each draw plays (10), or test samples (all)",
    )
    parser.add_argument("--task", metavar="TASK", help="the one the file names, if left out")
    parser.add_argument("--seed", type=int, default=0, metavar="S", help="seed (0)")
    parser.add_argument(
        "--workers", type=int, metavar="W", help="threads; does not change the result (all cores)"
    )
    parser.add_argument("--out", required=True, metavar="DIR", help="directory for the results")


def run(options: Namespace) -> tuple[Any, str]:
    """Run the campaign on each network."""
    import os

    from experiments.fault_study import parse_severities, run_study
    from experiments.load import load_for_task
    from fitness import Campaign
    from neuro.errors import InputError, wrong
    from neuro.faults import MODELS, FaultSite, parse_model

    models = [parse_model(text) for text in (options.model or list(MODELS))]
    if len({m.name for m in models}) < len(models):
        raise wrong("--model", "each fault model once", ", ".join(m.name for m in models))
    given = parse_severities(options.severity) if options.severity is not None else None
    networks, task = {}, None
    for path in options.network:
        network, found = load_for_task(path, options.task)
        if task is not None and found.name != task.name:
            raise InputError(f"{path}: expected task {task.name} as before, got {found.name}")
        task = found
        if path in networks:
            raise InputError(f"{path}: expected each network once")
        networks[path] = network
    assert task is not None
    episodes = options.episodes
    if episodes is None:
        episodes = 1_000_000 if task.kind == "classification" else 10
    campaign = Campaign(
        task,
        [(model, given or model.severities) for model in models],
        draws=options.draws,
        episodes=episodes,
        seed=options.seed,
        site=FaultSite(options.site),
        workers=options.workers if options.workers is not None else os.cpu_count() or 1,
    )
    return run_study(campaign, networks, options.out, options.typed)
