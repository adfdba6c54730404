"""What a worker of a cluster is asked: whether it would give the same results, and to give them.

An evaluator travels as JSON, its parts by their names, and with it what a worker must be like: the
versions, sources and platform that results depend on, and how the task's episodes begin.
"""

from __future__ import annotations

import hashlib
import json
import platform
import signal
from dataclasses import asdict, fields
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import fitness
import neuro
from fitness.evaluator import Evaluator
from fitness.objectives import OBJECTIVES
from fitness.tasks import Task, find_task
from neuro.actions import Box
from neuro.errors import InputError, wrong
from neuro.faults import MODELS, TIMES, Fault, FaultSite
from neuro.packing import Packed, unpack
from neuro.specs import from_table, lookup, to_table

PACKAGES = ("tardigrade", "numpy", "numba", "llvmlite", "scipy", "gymnasium")
"""Packages that results depend on; a worker must have the same versions."""


def describe(evaluator: Evaluator) -> str:
    """Describe an evaluator, and what a worker must be like to stand in for it.

    Returns
    -------
    str
        JSON.

    Raises
    ------
    InputError
        A part of it is not registered, so that nobody could find it by its name.

    Examples
    --------
    >>> from fitness import Evaluator, TASKS
    >>> from fitness.worker import describe, refuse
    >>> refuse(describe(Evaluator(TASKS["cartpole"], seed=1))) is None
    True
    """
    table = {f.name: getattr(evaluator, f.name) for f in fields(Evaluator)}
    for objective in evaluator.objectives:
        if OBJECTIVES.get(objective.name) is not objective:
            raise wrong("objectives", "registered ones", objective.name)
    for fault in evaluator.faults:
        if MODELS.get(fault.model.name) is not type(fault.model):
            raise wrong("faults", "registered models", fault.model.name)
        if TIMES.get(fault.when.name) is not type(fault.when):
            raise wrong("faults", "registered times", fault.when.name)
    if find_task(evaluator.task.name) is not evaluator.task:
        raise wrong("task", "one that is registered under its name", evaluator.task.name)
    table |= {
        "task": evaluator.task.name,
        "objectives": [o.name for o in evaluator.objectives],
        "faults": [
            {**asdict(f), "model": to_table(f.model), "time": to_table(f.when)}
            for f in evaluator.faults
        ],
        "workers": 1,  # the threads of a worker each have a chunk
    }
    described = [table, _software(), _trace(evaluator.task)]
    return json.dumps(described, default=lambda number: number.item())


@lru_cache(maxsize=32)
def _evaluator(settings: str) -> Evaluator:
    """Make the evaluator again, once for each process.

    Raises
    ------
    InputError
        It would not give the same results here.
    """
    table, software, trace = json.loads(settings)
    here = _software()
    for name, expected in software.items():
        if here[name] != expected:
            raise wrong(name, f"{expected} as where the evolution runs", here[name])
    try:
        task = find_task(table["task"])
        objectives = [lookup(OBJECTIVES, name, "objectives") for name in table["objectives"]]
        for fault in table["faults"]:
            fault["model"] = from_table(MODELS, fault["model"], "faults")
            fault["site"]["index"] = fault["site"]["index"] and tuple(fault["site"]["index"])
            fault["site"] = FaultSite(**fault["site"])
            fault["time"] = from_table(TIMES, fault["time"], "faults")
    except InputError as error:
        raise InputError(
            f"{error} (what is not of Tardigrade is made known to workers with --preload)"
        ) from None
    if _trace(task) != trace:
        raise wrong(f"task {task.name}", "the same episodes as where the evolution runs", "others")
    faults = tuple(Fault(**fault) for fault in table["faults"])
    known = {"task": task, "objectives": tuple(objectives), "faults": faults}
    return Evaluator(**{**table, **known})


def refuse(settings: str) -> str | None:
    """Say what is wrong here with an evaluator, if anything is; if not, it is ready to be used.

    Parameters
    ----------
    settings : str
        From `describe`.
    """
    try:
        _evaluator(settings)
    except InputError as error:
        return str(error)
    return None


def evaluate(chunk: Packed, settings: str, epoch: int) -> tuple[Any, ...] | str:
    """Measure a chunk of a batch.

    Parameters
    ----------
    chunk : Packed
    settings : str
        From `describe`.
    epoch : int

    Returns
    -------
    tuple or str
        The fields of a `Batch`, or what is wrong with the input. Bad input stays bad, so it is not
        raised: Dask would try again.
    """
    refused = refuse(settings)  # this worker may have joined since the others were asked
    if refused is not None:
        from distributed import get_worker

        return f"worker {get_worker().address}: {refused}"
    try:
        return tuple(_evaluator(settings)(unpack(chunk), epoch))
    except InputError as error:
        return str(error)


def dask_setup(worker: Any) -> None:
    """Begin as a worker of a local cluster: a Ctrl-C in the terminal is meant for the client."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


@lru_cache
def _software() -> dict[str, str]:
    """Describe everything that results depend on but settings and task."""
    found = {}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed"
    digest = hashlib.sha256()
    for package in (neuro, fitness):
        for folder in map(Path, package.__path__):
            for file in sorted(folder.rglob("*.py")):
                digest.update(f"{file.relative_to(folder)}\n".encode() + file.read_bytes())
    found["sources of Tardigrade"] = digest.hexdigest()[:12]
    found["platform"] = f"{platform.system()} {platform.machine()}"
    return found


def _trace(task: Task) -> str:
    """Identify a task by what it says of itself and by the beginnings of two episodes.

    Two tasks of the same name may differ in code, data or versions of environments, and two
    machines in the last bit of a sine.
    """
    said = [getattr(task, f.name) for f in fields(Task)]
    digest = hashlib.sha256(f"{said} {task.fingerprint()}".encode())
    for start in task.draw_starts(0, "trace", 2):
        episode = task.begin(start)
        try:
            for decision in range(20):
                stepped = episode.step(_action(task, decision))
                digest.update(episode.observation.tobytes() + repr(stepped).encode())
                if stepped.terminated or stepped.truncated:
                    break
        finally:
            episode.close()
    return digest.hexdigest()[:12]


def _action(task: Task, decision: int) -> NDArray[np.float64]:
    """Take every choice in turn; of continuous values lowest, highest and middle."""
    actions = task.actions
    if isinstance(actions, Box):
        share = (0.0, 1.0, 0.5)[decision % 3]
        ends = zip(actions.low, actions.high, strict=True)
        return np.array([low + (high - low) * share for low, high in ends])
    counts = actions if isinstance(actions, tuple) else (actions,)
    return np.array([decision % count for count in counts], dtype=np.float64)
