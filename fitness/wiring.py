"""What every way of playing shares: the outcome, and checks that a network fits a task."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fitness.tasks import Task
from neuro import Actions, Encoder, Network, Readout
from neuro.errors import InputError, wrong


class Episodes(NamedTuple):
    """Outcome of J episodes.

    Attributes
    ----------
    scores : ndarray of float64, shape (J,)
        Sum of rewards.
    steps : ndarray of int64, shape (J,)
        Decisions taken.
    terminated : ndarray of bool, shape (J,)
        Whether the episode came to its end; if not, it was cut off.
    """

    scores: NDArray[np.float64]
    steps: NDArray[np.int64]
    terminated: NDArray[np.bool_]


def check_fit(network: Network, task: Task, /) -> tuple[Encoder, Readout]:
    """Make sure a network is wired for a task, and return its encoder and readout.

    Raises
    ------
    InputError
        It has no encoder or readout, or sees or does something else.
    """
    return check_wiring(network, task.name, len(task.observations), task.actions)


def check_wiring(
    network: Network, name: str, observations: int, actions: Actions, /
) -> tuple[Encoder, Readout]:
    """Make sure that a network sees and does the same things as what is called `name`."""
    encoder, readout = network.encoder, network.readout
    if encoder is None or readout is None:
        missing = "encoder" if encoder is None else "readout"
        raise InputError(f"network.{missing}: expected one to play {name}, got none")
    if encoder.observations != observations:
        raise wrong(
            "network.encoder", f"{observations} observations as in {name}", encoder.observations
        )
    try:
        wanted = readout.outputs(actions)
    except InputError as error:
        raise InputError(f"network.{error} as in {name}") from None
    if len(network.outputs) != wanted:
        raise wrong(
            "network.outputs", f"{wanted} neurons for the actions of {name}",
            len(network.outputs),
        )  # fmt: skip
    return encoder, readout


def checked_jobs(jobs: ArrayLike, name: str, below: int, count: int) -> NDArray[np.int64]:
    """Make sure that jobs exist; the kernel checks no bounds."""
    given = np.asarray(jobs)
    if given.dtype.kind not in "iu" and given.size:
        raise wrong(name, "whole numbers", jobs)
    checked = np.array(given, dtype=np.int64)
    if checked.shape != (count,):
        raise wrong(name, f"shape ({count},)", checked.shape)
    bad = (checked < 0) | (checked >= below)
    if bad.any():
        raise wrong(name, f"indices from 0 to {below - 1}", int(checked[bad][0]))
    return checked
