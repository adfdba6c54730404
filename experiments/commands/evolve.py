"""``tardigrade evolve``."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from typing import Any

from experiments.loggers import add_argument

EXAMPLE = """  tardigrade evolve cartpole --seed 1 --out runs/first
  tardigrade evolve cartpole --set encoder.name=current --set resilience.severity=0.3
  tardigrade evolve runs/first/config.toml          repeats the run
  tardigrade evolve cartpole --seed-network runs/first/front/*.json
  tardigrade evolve pendulum
  tardigrade evolve gymnasium:LunarLander-v3
  tardigrade evolve 'csv:flowers.csv?target=species'"""


def add_arguments(parser: ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument(
        "source",
        nargs="?",
        metavar="TASK|CONFIG.toml",
        help="a task (see `tardigrade tasks`), or a file; required",
    )
    parser.add_argument(
        "--population", type=int, metavar="N", help="individuals (the task's default)"
    )
    parser.add_argument("--generations", type=int, metavar="G", help="after the first (the task's)")
    parser.add_argument(
        "--evaluations",
        type=int,
        metavar="E",
        help="stop before exceeding them; the first population always runs",
    )
    parser.add_argument("--seed", type=int, metavar="S", help="everything random follows it (1)")
    parser.add_argument(
        "--workers",
        type=int,
        metavar="W",
        help="threads or processes; does not change the result (all cores)",
    )
    parser.add_argument(
        "--scheduler",
        metavar="ADDRESS|local",
        help="let workers of Dask do the work; does not change the result (this process)",
    )
    parser.add_argument(
        "--seed-network",
        nargs="+",
        action="extend",
        metavar="FILE",
        help="networks that the first population begins with; the rest of it is random",
    )
    parser.add_argument("--out", metavar="DIR", help="run directory (runs/TASK-TIMESTAMP)")
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="SECTION.KEY=VALUE",
        help="any other setting; see docs/configuration.md",
    )
    add_argument(parser)


def run(options: Namespace) -> tuple[Any, str, int]:
    """Evolve, then write and print the front."""
    from dataclasses import replace

    from experiments.config import parse_assignment, resolve
    from experiments.evolution import run_evolution
    from experiments.loggers import find_loggers
    from experiments.run_directory import begin, create, read_seeds
    from fitness.distributed import scheduled
    from neuro.errors import wrong

    if options.source is None:  # behind the networks, and taken for one of them
        if len(options.seed_network or ()) < 2:
            options.parser.error("the following arguments are required: TASK|CONFIG.toml")
        options.source = options.seed_network.pop()
    shortcuts = {
        "evolution.population": options.population,
        "evolution.generations": options.generations,
        "evolution.evaluations": options.evaluations,
        "run.seed": options.seed,
        "run.workers": options.workers,
        "run.seed_networks": options.seed_network,
    }
    overrides = [parse_assignment(text) for text in options.set]
    overrides += [(key, value) for key, value in shortcuts.items() if value is not None]
    config = resolve(options.source, overrides)
    if not config.evaluator.draws and "resilience" in (o.name for o in config.objectives):
        raise wrong("resilience.draws", "at least 1, as resilience is an objective", 0)
    seeds, loggers = read_seeds(config), find_loggers(options.log)
    with scheduled(config.evaluator, options.scheduler) as evaluator:
        path = create(options.out, config.task.name)
        begin(path, config)
        return run_evolution(
            replace(config, evaluator=evaluator), path, options.typed, seeds=seeds,
            loggers=[make(path) for make in loggers],
        )  # fmt: skip
