"""Tasks by name."""

import os
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

from fitness.tasks.acrobot import ACROBOT
from fitness.tasks.cartpole import CARTPOLE
from fitness.tasks.contract import CompiledTask, Episode, Stepped, Task, episode_seeds
from fitness.tasks.csv_task import csv_task
from fitness.tasks.datasets import DATASETS
from fitness.tasks.environment import EnvironmentTask, environment_task
from fitness.tasks.idx_task import idx_task
from fitness.tasks.mountain_car import MOUNTAIN_CAR, MOUNTAIN_CAR_CONTINUOUS
from fitness.tasks.pendulum import PENDULUM
from fitness.tasks.pole_balancing import (
    DOUBLE_POLE,
    DOUBLE_POLE_NO_VELOCITY,
    SINGLE_POLE,
    SINGLE_POLE_NO_VELOCITY,
)
from fitness.tasks.tennlab import EASY, HARD, HARDEST, MEDIUM
from neuro.errors import wrong
from neuro.specs import unknown

TASKS: dict[str, Task] = {task.name: task for task in (
    CARTPOLE, MOUNTAIN_CAR, MOUNTAIN_CAR_CONTINUOUS, ACROBOT, PENDULUM,
    SINGLE_POLE, SINGLE_POLE_NO_VELOCITY, DOUBLE_POLE, DOUBLE_POLE_NO_VELOCITY,
    EASY, MEDIUM, HARD, HARDEST,
    *DATASETS,
)}  # fmt: skip
"""Tasks by name; add your own to use it in configs and on the command line."""


SOURCES: Mapping[str, Callable[[str], Task]] = {
    "gymnasium": environment_task,
    "csv": csv_task,
    "idx": idx_task,
}
"""What makes tasks of names with a colon, such as ``gymnasium:LunarLander-v3``."""


def find_task(name: Any, where: str = "task") -> Task:
    """Find a task; the error names `where` the name stood and lists what there is.

    Parameters
    ----------
    name : str
        One of `TASKS`, or ``SOURCE:WHAT?option=value&...``; see `SOURCES`.
    """
    if isinstance(name, str) and name not in TASKS:
        source, colon, what = name.partition(":")
        if colon and source in SOURCES:
            return _make(source, what, _stamp(what))
    if not isinstance(name, str) or name not in TASKS:
        raise unknown(where, [*TASKS, *(f"{source}:..." for source in SOURCES)], name)
    if TASKS[name].name != name:  # files and workers would not find it again
        raise wrong(f"{where} {name}", "the name that it is registered as", TASKS[name].name)
    return TASKS[name]


@lru_cache
def _make(source: str, what: str, stamp: tuple[str, int] | None) -> Task:
    """Make a task once, and again when the file it is made of has changed."""
    return SOURCES[source](what)


def _stamp(what: str) -> tuple[str, int] | None:
    path = what.partition("?")[0]
    try:
        return os.path.abspath(path), os.stat(path).st_mtime_ns
    except (OSError, ValueError):  # no file, or no name of one
        return None


__all__ = [
    "SOURCES", "TASKS", "CompiledTask", "EnvironmentTask", "Episode", "Stepped", "Task",
    "episode_seeds", "find_task",
]  # fmt: skip
