"""``tardigrade resume``."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from typing import Any

from experiments.loggers import add_argument

EXAMPLE = "  tardigrade resume runs/first"


def add_arguments(parser: ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument("directory", metavar="RUN_DIR", help="the directory of the interrupted run")
    parser.add_argument(
        "--workers", type=int, metavar="W", help="threads or processes; does not change the result"
    )
    parser.add_argument(
        "--scheduler",
        metavar="ADDRESS|local",
        help="let workers of Dask do the work; does not change the result (this process)",
    )
    add_argument(parser)


def run(options: Namespace) -> tuple[Any, str, int]:
    """Go on from the checkpoint, or from the start if there was none yet.

    The result is the uninterrupted run's, byte for byte.
    """
    from dataclasses import replace
    from pathlib import Path

    from experiments.config import resolve
    from experiments.evolution import run_evolution
    from experiments.loggers import find_loggers
    from experiments.run_directory import (
        check_ahead,
        check_unchanged,
        expect_run,
        only_begun,
        read_checkpoint,
        read_seeds,
    )
    from fitness.distributed import scheduled

    path = Path(options.directory)
    expect_run(path)
    begin_logging = find_loggers(options.log)
    overrides = [("run.workers", options.workers)] if options.workers is not None else []
    config = resolve(str(path / "config.toml"), overrides)
    check_unchanged(path, config)
    state, seeds = (None, read_seeds(config)) if only_begun(path) else (read_checkpoint(path), [])
    if state is not None:
        check_ahead(path, config, state)
    with scheduled(config.evaluator, options.scheduler) as evaluator:
        return run_evolution(
            replace(config, evaluator=evaluator), path, options.typed, state, seeds,
            loggers=[begin(path) for begin in begin_logging],
        )  # fmt: skip
