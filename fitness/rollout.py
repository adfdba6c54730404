"""Closed loop: networks, golden or faulty, playing episodes of a compiled task."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fitness.tasks import Task
from neuro import Encoder, Network, Readout, closed_loop
from neuro.errors import InputError, wrong
from neuro.kernels import Copies
from neuro.program import compile_network
from neuro.simulate import checked_copies, golden_copies


class Episodes(NamedTuple):
    """Outcome of J episodes.

    Attributes
    ----------
    scores : ndarray of float64, shape (J,)
        Sum of rewards.
    steps : ndarray of int64, shape (J,)
        Decisions taken.
    """

    scores: NDArray[np.float64]
    steps: NDArray[np.int64]


def check_fit(network: Network, task: Task, /) -> tuple[Encoder, Readout]:
    """Make sure a network is wired for a task, and return its encoder and readout.

    Raises
    ------
    InputError
        It has no encoder or readout, or sees or does something else.
    """
    encoder, readout = network.encoder, network.readout
    if encoder is None or readout is None:
        missing = "encoder" if encoder is None else "readout"
        raise InputError(f"network.{missing}: expected one to play {task.name}, got none")
    if encoder.observations != len(task.observations):
        raise wrong(
            "network.encoder", f"{len(task.observations)} observations as in {task.name}",
            encoder.observations,
        )  # fmt: skip
    wanted = readout.outputs(task.actions)
    if len(network.outputs) != wanted:
        raise wrong(
            "network.outputs", f"{wanted} neurons for the {task.actions} actions of {task.name}",
            len(network.outputs),
        )  # fmt: skip
    return encoder, readout


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
    """Play episodes of a compiled task inside one kernel call that releases the GIL.

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
    encoder, readout = check_fit(network, task)
    copies = golden_copies(network) if copies is None else checked_copies(network, copies)
    start_of = np.arange(len(starts)) if start_of is None else start_of
    copy_of = np.zeros(len(start_of), dtype=np.int64) if copy_of is None else copy_of
    copy_of = _checked_jobs(copy_of, "copy_of", len(copies.weight), len(start_of))
    start_of = _checked_jobs(start_of, "start_of", len(starts), len(start_of))
    if starts.ndim != 2 or starts.shape[1] != task.state_size:
        raise wrong("starts", f"shape (any, {task.state_size})", starts.shape)
    starts = np.ascontiguousarray(starts, dtype=np.float64)
    returns = np.zeros(len(copy_of))
    steps = np.zeros(len(copy_of), dtype=np.int64)
    closed_loop.roll_out(
        compile_network(network), copies, copy_of, start_of, starts, task.max_steps,
        encoder.kernel, readout.kernel, task.observe, task.step,
        len(task.observations), 1, returns, steps,
    )  # fmt: skip
    return Episodes(returns, steps)


def _checked_jobs(jobs: NDArray[np.int64], name: str, below: int, count: int) -> NDArray[np.int64]:
    """Make sure that jobs exist; the kernel checks no bounds."""
    checked = np.ascontiguousarray(jobs, dtype=np.int64)
    if checked.shape != (count,):
        raise wrong(name, f"shape ({count},)", checked.shape)
    bad = (checked < 0) | (checked >= below)
    if bad.any():
        raise wrong(name, f"indices from 0 to {below - 1}", int(checked[bad][0]))
    return checked
