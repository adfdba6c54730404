"""Playing Gymnasium environments: what no kernel can step, and the check on compiled tasks."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import ExitStack
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fitness.tasks import CompiledTask, EnvironmentTask, Task
from fitness.tasks.environment import (
    action_converter,
    count_observations,
    flatten,
    read_actions,
)
from fitness.wiring import Episodes, check_fit, check_wiring, checked_jobs
from neuro import LaneController, Network
from neuro.errors import InputError
from neuro.kernels import WIDEST, Copies
from neuro.specs import whole


def play_gymnasium(
    network: Network,
    task: Task,
    seeds: Sequence[int],
    /,
    *,
    copies: Copies | None = None,
    copy_of: ArrayLike | None = None,
) -> Episodes:
    """Play one episode of the task's Gymnasium environment for each seed.

    The same seeds give the same scores as `fitness.play` with ``task.starts(seeds)``. For the
    other arguments see `play_environment`.

    Raises
    ------
    InputError
        The task has no Gymnasium counterpart.
    """
    check_fit(network, task)
    if isinstance(task, EnvironmentTask):
        seeds, chosen = _checked(seeds, copies, copy_of)
        return _play_task(network, task, seeds, copies, chosen)
    identifier = task.gymnasium_id if isinstance(task, CompiledTask) else None
    if identifier is None:
        raise InputError(f"task {task.name}: expected a task with a Gymnasium environment")
    import gymnasium  # a third of a second that the compiled path need not pay

    return play_environment(
        network, lambda: gymnasium.make(identifier), seeds,
        copies=copies, copy_of=copy_of, max_steps=task.max_steps,
    )  # fmt: skip


def play_environment(
    network: Network,
    make: Callable[[], Any],
    seeds: Sequence[int],
    /,
    *,
    copies: Copies | None = None,
    copy_of: ArrayLike | None = None,
    max_steps: int | None = None,
) -> Episodes:
    """Play an episode of any Gymnasium environment for each seed; up to 32 step together.

    The environments are stepped in Python one by one; the network decides for all of them in
    one call of the lane kernel. An episode's outcome does not depend on the others, as long as
    the environment carries nothing over a reset.

    Parameters
    ----------
    network : Network
    make : callable
        Makes an environment with a box of observations and discrete, multi-discrete or bounded
        continuous actions, for instance ``lambda: gymnasium.make("LunarLander-v3")``.
    seeds : sequence of int
        Each episode's, for the environment's ``reset``.
    copies : Copies, optional
        Faulty copies; the network itself if left out.
    copy_of : array_like of int, optional
        Which copy plays each episode; the first if left out.
    max_steps : int, optional
        Decisions after which an episode is cut off, if the environment itself does not.

    Raises
    ------
    InputError
        The network does not fit the environment, or its spaces are of another kind.

    Examples
    --------
    >>> import gymnasium
    >>> from neuro import Network, Current, WinnerTakesAll
    >>> network = Network.build(
    ...     2, outputs=[0, 1], encoder=Current(scale=(1, 1, 1, 1)), readout=WinnerTakesAll())
    >>> play_environment(network, lambda: gymnasium.make("CartPole-v1"), [1, 2, 3]).scores
    array([10.,  9.,  9.])
    """
    seeds, chosen = _checked(seeds, copies, copy_of)
    with ExitStack() as stack:
        lanes = [stack.enter_context(make()) for _ in range(min(WIDEST, len(seeds)))]
        return _play(network, lanes, seeds, copies, chosen, max_steps)


def _checked(
    seeds: Sequence[int], copies: Copies | None, copy_of: ArrayLike | None
) -> tuple[list[int], NDArray[np.int64]]:
    """Make sure that there are such seeds and copies."""
    seeds = [whole(seed, f"seeds[{i}]", 0, 2**64 - 1) for i, seed in enumerate(seeds)]
    chosen = np.zeros(len(seeds), dtype=np.int64) if copy_of is None else copy_of
    there = 1 if copies is None else len(copies.weight)
    return seeds, checked_jobs(chosen, "copy_of", there, len(seeds))


def _play_task(
    network: Network, task: EnvironmentTask, seeds: Sequence[int], copies: Copies | None,
    copy_of: NDArray[np.int64],
) -> Episodes:  # fmt: skip
    """Play episodes in environments of their own.

    Some carry something over a reset: BipedalWalker's episodes depend in the last bits on those
    before. To make one takes less than 0.1 ms, a step of BipedalWalker 0.14 ms.
    """
    lanes: list[Any] = []
    try:
        lanes += [task.make() for _ in range(min(WIDEST, len(seeds)))]
        return _play(network, lanes, seeds, copies, copy_of, task.max_steps, task.make)
    finally:
        for environment in lanes:
            environment.close()


def _play(
    network: Network, lanes: list[Any], seeds: Sequence[int], copies: Copies | None,
    copy_of: NDArray[np.int64], max_steps: int | None, make: Callable[[], Any] | None = None,
) -> Episodes:  # fmt: skip
    """Play in given environments, as many at a time as there are.

    With `make`, later episodes take place in new ones, which replace the old ones in `lanes`.
    """
    count = len(seeds)
    result = Episodes(np.zeros(count), np.zeros(count, np.int64), np.zeros(count, np.bool_))
    if not lanes:
        return result
    observed = count_observations(lanes[0].observation_space)
    actions = read_actions(lanes[0].action_space)
    check_wiring(network, "the environment", observed, actions)
    convert = action_converter(lanes[0].action_space)
    controller = LaneController(network, copies)
    job = list(range(len(lanes)))
    observations = np.zeros((len(lanes), observed))

    def begin(lane: int) -> None:
        controller.begin(lane, int(copy_of[job[lane]]))
        observations[lane] = flatten(lanes[lane].reset(seed=seeds[job[lane]])[0])

    for lane in job:
        begin(lane)
    waiting, active = len(lanes), len(lanes)
    while active:
        taken = controller.act(observations[:active])
        # From the last lane on: the one that fills a gap has already been stepped.
        for lane in range(active - 1, -1, -1):
            seen, reward, terminated, truncated, _ = lanes[lane].step(convert(taken[lane]))
            observations[lane] = flatten(seen)
            episode = job[lane]
            result.scores[episode] += float(reward)
            result.steps[episode] += 1
            if not (terminated or truncated or result.steps[episode] == max_steps):
                continue
            result.terminated[episode] = terminated
            if waiting < count:
                job[lane], waiting = waiting, waiting + 1
                if make is not None:
                    lanes[lane].close()
                    lanes[lane] = make()
                begin(lane)
            else:
                active -= 1
                controller.move(lane, active)
                for row in (lanes, job):
                    row[lane], row[active] = row[active], row[lane]
                observations[lane] = observations[active]
    return result


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
    if workers == 1 or len(networks) < 2:
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
    return _play_task(network, _TASKS[name], seeds, copies, copy_of)


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
        fork = sys.platform == "linux"
        pool = ProcessPoolExecutor(
            workers,
            mp_context=multiprocessing.get_context("fork" if fork else "spawn"),
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
        from fitness.tasks import find_task

        task = find_task(name)
        assert isinstance(task, EnvironmentTask)
        _TASKS[name] = task


def _end_with_parent() -> None:
    """Wait for the parent: if it is killed, nobody else ends its workers."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)
