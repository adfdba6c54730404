"""Gymnasium environments for whole populations: a process for each worker."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool

import numpy as np
from numpy.typing import NDArray

from fitness.gymnasium import play_gymnasium
from fitness.tasks import EnvironmentTask, Task, find_task
from fitness.wiring import Episodes
from neuro import Network
from neuro.errors import InputError
from neuro.kernels import Copies

FORK = sys.platform == "linux"
"""Whether worker processes are forked; elsewhere that is not safe, or not possible."""


def play_environments(
    networks: Sequence[Network], task: EnvironmentTask, seeds: NDArray[np.float64],
    copies: Sequence[Copies] | None, copy_of: NDArray[np.int64], workers: int,
) -> Episodes:  # fmt: skip
    """Let each network play the same J episodes, in as many processes as there are workers.

    Returns
    -------
    Episodes
        With arrays of shape (M, J).
    """
    jobs = [
        (network, task.name, [int(seed) for seed in seeds], None if copies is None else copies[m],
         copy_of)
        for m, network in enumerate(networks)
    ]  # fmt: skip
    _TASKS[task.name] = task
    # Where processes are not forked, they find the task by its name: it must be the same one.
    if workers == 1 or len(networks) < 2 or not (FORK or task is _registered(task.name)):
        played = [_play_job(job) for job in jobs]
    else:
        try:
            played = list(_pool(task, workers).map(_play_job, jobs))
        except BrokenProcessPool:
            _POOLS.pop((task.name, workers), None)
            raise
    if not played:
        empty = np.zeros((0, len(seeds)))
        return Episodes(empty, empty.astype(np.int64), empty.astype(np.bool_))
    return Episodes(*(np.array(arrays) for arrays in zip(*played, strict=True)))


_TASKS: dict[str, EnvironmentTask] = {}
_POOLS: dict[tuple[str, int], tuple[EnvironmentTask, ProcessPoolExecutor]] = {}


def _play_job(job: tuple[Network, str, list[int], Copies | None, NDArray[np.int64]]) -> Episodes:
    """Play one network's episodes."""
    network, name, seeds, copies, copy_of = job
    return play_gymnasium(network, _TASKS[name], seeds, copies=copies, copy_of=copy_of)


def _registered(name: str) -> Task | None:
    try:
        return find_task(name)
    except InputError:
        return None


def _pool(task: EnvironmentTask, workers: int) -> ProcessPoolExecutor:
    """Return the processes that play a task; they are kept until the program ends.

    Environments hold the interpreter's lock, so threads would not help. Where it is safe,
    processes are forked: they then know environments that a user's script has registered.
    """
    key = task.name, workers
    known, pool = _POOLS.get(key, (None, None))
    if pool is None or known is not task:  # another task of this name, with another limit perhaps
        if pool is not None:
            pool.shutdown()
        pool = ProcessPoolExecutor(
            workers,
            mp_context=multiprocessing.get_context("fork" if FORK else "spawn"),
            initializer=_begin_worker,
            initargs=(task.name,),
        )
        _POOLS[key] = task, pool
    return pool


def _begin_worker(name: str) -> None:
    """Leave Ctrl-C to the parent, end when it is killed, and make sure that the task is known."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    if name not in _TASKS:
        task = find_task(name)
        assert isinstance(task, EnvironmentTask)
        _TASKS[name] = task


def _end_with_parent() -> None:
    """Wait for the parent: if it is killed, nobody else ends its workers."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)
