"""Recording one episode in full: what a network saw, received and did."""

from __future__ import annotations

from contextlib import closing
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fitness.tasks import Task
from fitness.wiring import check_fit
from neuro import Controller, Network


class EpisodeRecording(NamedTuple):
    """An episode of D decisions and T = D x ticks ticks.

    Attributes
    ----------
    observations : ndarray of float64, shape (D, observations)
    actions : ndarray of float64, shape (D, values)
    ext, voltage : ndarray of float64, shape (T, N)
        External input and potential of every neuron.
    spikes : ndarray of bool, shape (T, N)
    score : float
    """

    observations: NDArray[np.float64]
    actions: NDArray[np.float64]
    ext: NDArray[np.float64]
    voltage: NDArray[np.float64]
    spikes: NDArray[np.bool_]
    score: float


def record_episode(
    network: Network, task: Task, seed: int, /, *, decisions: int | None = None
) -> EpisodeRecording:
    """Play one episode from the start of `seed`, at most `decisions` long, recording it all."""
    check_fit(network, task)
    controller = Controller(network)
    episode = task.begin(task.starts([seed])[0])
    observations: list[NDArray[np.float64]] = []
    actions: list[NDArray[np.float64]] = []
    ext, voltage, spikes = [], [], []
    score = 0.0
    with closing(episode):
        while decisions is None or len(actions) < decisions:
            observations.append(episode.observation)
            actions.append(controller.act(episode.observation))
            ext.append(controller.ext.copy())
            voltage.append(controller.voltage.copy())
            spikes.append(controller.spikes.astype(bool))
            reward, terminated, truncated = episode.step(actions[-1])
            score += reward
            if terminated or truncated:
                break
    return EpisodeRecording(
        np.array(observations),
        np.array(actions),
        np.concatenate(ext),
        np.concatenate(voltage),
        np.concatenate(spikes),
        score,
    )
