"""Loading a network together with the task it is to be used on."""

from __future__ import annotations

import os

from fitness import TASKS, Task, check_fit, find_task
from neuro import Network, load
from neuro.errors import InputError, wrong


def load_file(path: str | os.PathLike[str]) -> Network:
    """Load a network, and say what is meant where a run is given.

    Raises
    ------
    InputError
        The file is malformed, or a directory.
    """
    if os.path.isdir(path):
        nested = os.path.join(path, "front", "000.json")
        example = nested if os.path.exists(nested) else os.path.join(path, "000.json")
        raise wrong(str(path), f"a network file, such as {example}", "a directory")
    return load(path)


def load_for_task(path: str, task: str | None) -> tuple[Network, Task]:
    """Load a network and find its task: the one given, else the one the file names.

    Raises
    ------
    InputError
        The file is malformed, names no task, or is not wired for the task.
    """
    network = load_file(path)
    name = task or network.task
    if name is None:
        raise InputError(f"{path}: the file names no task; give one with --task")
    if task is not None:
        find_task(task, "--task")
    try:
        found = find_task(name)
        check_fit(network, found)
    except InputError as error:
        own = name not in TASKS and ":" not in name
        hint = "; tasks of your own are known only where they are registered" if own else ""
        raise InputError(f"{path}: {error}{hint}") from None
    return network, found
