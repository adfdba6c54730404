"""Tasks by name."""

from typing import Any

from fitness.tasks.cartpole import CARTPOLE
from fitness.tasks.contract import Task, episode_seeds
from neuro.specs import lookup

TASKS: dict[str, Task] = {task.name: task for task in (CARTPOLE,)}
"""Tasks by name; add your own to use it in configs and on the command line."""


def find_task(name: Any, where: str = "task") -> Task:
    """Find a task; the error names `where` the name stood and lists what there is."""
    return lookup(TASKS, name, where)


__all__ = ["TASKS", "Task", "episode_seeds", "find_task"]
