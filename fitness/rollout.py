"""Closed loop: networks, golden or faulty, playing episodes of a compiled task."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fitness.processes import play_environments
from fitness.tasks import CompiledTask, EnvironmentTask, Task
from fitness.wiring import Episodes, check_fit, checked_jobs
from neuro import Network, closed_loop
from neuro.errors import wrong
from neuro.kernels import Copies
from neuro.program import Batch, compile_batch
from neuro.simulate import checked_copies
from neuro.specs import whole


def play(
    network: Network,
    task: Task,
    starts: NDArray[np.float64],
    /,
    *,
    copies: Copies | None = None,
    copy_of: NDArray[np.int64] | None = None,
    start_of: NDArray[np.int64] | None = None,
) -> Episodes:
    """Play episodes of a task; of a compiled one, in a kernel call that releases the GIL.

    Parameters
    ----------
    network : Network
    task : Task
    starts : ndarray of float64, shape (S, D)
        From `Task.starts`.
    copies : Copies, optional
        Faulty copies; the network itself if left out.
    copy_of, start_of : ndarray of int64, shape (J,), optional
        Which copy plays from which start in each episode; every start once with the first copy
        if left out.

    Returns
    -------
    Episodes

    Examples
    --------
    A network without synapses never spikes, so the tie always pushes the cart left:

    >>> from fitness import TASKS, play
    >>> from neuro import Network, Current, WinnerTakesAll
    >>> task = TASKS["cartpole"]
    >>> network = Network.build(
    ...     2, outputs=[0, 1], encoder=Current(scale=task.scale), readout=WinnerTakesAll())
    >>> play(network, task, task.starts([1, 2, 3])).scores
    array([10.,  9.,  9.])
    """
    own = None if copies is None else [copies]
    played = play_all([network], task, starts, copies=own, copy_of=copy_of, start_of=start_of)
    return Episodes(*(array[0] for array in played))


def play_all(
    networks: Sequence[Network],
    task: Task,
    starts: NDArray[np.float64],
    /,
    *,
    copies: Sequence[Copies] | None = None,
    copy_of: NDArray[np.int64] | None = None,
    start_of: NDArray[np.int64] | None = None,
    workers: int = 1,
) -> Episodes:
    """Let each of M networks play the same J episodes.

    Compiled tasks take one kernel call for each worker, environments a process for each.

    Parameters
    ----------
    networks : sequence of Network
    task : Task
    starts : ndarray of float64, shape (S, D)
    copies : sequence of Copies, optional
        Of each network, equally many and fitting it; the networks themselves if left out.
    copy_of, start_of : ndarray of int64, shape (J,), optional
        As in `play`.
    workers : int
        Threads or processes; a network is played by one of them, whichever it is.

    Returns
    -------
    Episodes
        With arrays of shape (M, J).
    """
    whole(workers, "workers", 1, 1024)
    if starts.ndim != 2 or starts.shape[1] != task.state_size:
        raise wrong("starts", f"shape (any, {task.state_size})", starts.shape)
    # Copies of arrays: Numba compiles a kernel anew for read-only ones.
    starts = np.array(starts, dtype=np.float64, order="C")
    each = 1
    if copies is not None:
        if len(copies) != len(networks):
            raise wrong("copies", f"those of {len(networks)} networks", len(copies))
        copies = [checked_copies(n, c) for n, c in zip(networks, copies, strict=True)]
        each = len(copies[0].weight) if copies else 1
        for m, some in enumerate(copies):
            if len(some.weight) != each:
                raise wrong(f"copies[{m}]", f"{each} of them as in copies[0]", len(some.weight))
    start_of = np.arange(len(starts)) if start_of is None else start_of
    copy_of = np.zeros(len(start_of), dtype=np.int64) if copy_of is None else copy_of
    if networks:
        copy_of = checked_jobs(copy_of, "copy_of", each, len(start_of))
        start_of = checked_jobs(start_of, "start_of", len(starts), len(start_of))

    wired = [check_fit(network, task) for network in networks]
    if isinstance(task, EnvironmentTask):
        return play_environments(networks, task, starts[start_of, 0], copies, copy_of, workers)
    assert isinstance(task, CompiledTask)
    shape = len(networks), len(copy_of)
    result = Episodes(np.zeros(shape), np.zeros(shape, np.int64), np.zeros(shape, np.bool_))
    # Kernels are handed one encoder and one readout: networks that differ in these come apart.
    groups: dict[tuple[int, int], list[int]] = {}
    for m, (encoder, readout) in enumerate(wired):
        groups.setdefault((id(encoder.kernel), id(readout.kernel)), []).append(m)
    for members in groups.values():
        batch = compile_batch([networks[m] for m in members])
        encoder, readout = wired[members[0]]
        part = [array[members] for array in result]
        arguments: tuple[Any, ...] = (
            batch, _joined(copies, members, batch), copy_of, start_of, starts, task.max_steps,
            encoder.kernel, readout.kernel, task.observe, task.step, len(task.observations),
            np.zeros(1, dtype=np.int64), *part,
        )  # fmt: skip
        threads = min(workers, len(members))
        with ThreadPoolExecutor(threads) as pool:
            others = [pool.submit(closed_loop.roll_out, *arguments) for _ in range(threads - 1)]
            closed_loop.roll_out(*arguments)
            for other in others:
                other.result()
        for array, filled in zip(result, part, strict=True):
            array[members] = filled
    return result


def horizon(network: Network, task: Task, /) -> int:
    """Ticks of the longest episode: faults that come and go are planned that far.

    Where an environment has its own idea of when it ends, 100,000 decisions.
    """
    return (task.max_steps or 100_000) * (network.encoder.ticks if network.encoder else 1)


def _joined(copies: Sequence[Copies] | None, members: list[int], batch: Batch) -> Copies:
    """Lay the copies of several networks one after another."""
    if copies is None:
        none = np.zeros(0, dtype=np.int64)
        begins = np.zeros(len(members) + 1, dtype=np.int64)
        return Copies(batch.weight, batch.in_weight, begins, none, none, np.zeros(0))
    mine = [copies[m] for m in members]
    ends = np.cumsum([0, *(len(c.tick) for c in mine)])
    first = [c.first[1:] + before for c, before in zip(mine, ends.tolist(), strict=False)]
    return Copies(
        np.concatenate([c.weight.ravel() for c in mine]),
        np.concatenate([c.in_weight.ravel() for c in mine]),
        np.concatenate([ends[:1], *first]),
        *(np.concatenate([getattr(c, name) for c in mine]) for name in ("tick", "slot", "value")),
    )
