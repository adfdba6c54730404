"""Loading a network together with the task it is to be used on."""

from __future__ import annotations

from fitness import Task, check_fit, find_task
from neuro import Network, load
from neuro.errors import InputError


def load_for_task(path: str, task: str | None) -> tuple[Network, Task]:
    """Load a network and find its task: the one given, else the one the file names.

    Raises
    ------
    InputError
        The file is malformed, names no task, or is not wired for the task.
    """
    network = load(path)
    name = task or network.task
    if name is None:
        raise InputError(f"{path}: the file names no task; give one with --task")
    if task is not None:
        find_task(task, "--task")
    try:
        found = find_task(name)
        check_fit(network, found)
    except InputError as error:
        raise InputError(f"{path}: {error}") from None
    return network, found
