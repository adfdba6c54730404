"""Recording one episode in full: what a network saw, received and did."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fitness.rollout import check_fit
from fitness.tasks import Task
from neuro import Controller, Network


class EpisodeRecording(NamedTuple):
    """An episode of D decisions and T = D x ticks ticks.

    Attributes
    ----------
    observations : ndarray of float64, shape (D, observations)
    actions : ndarray of float64, shape (D,)
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
    state = task.starts([seed])[0]
    observation = np.zeros(len(task.observations))
    observations, actions, ext, voltage, spikes = [], [], [], [], []
    score = 0.0
    for _ in range(task.max_steps if decisions is None else min(decisions, task.max_steps)):
        task.observe(state, observation)
        action = controller.act(observation)
        observations.append(observation.copy())
        actions.append(action[0])
        ext.append(controller.ext.copy())
        voltage.append(controller.voltage.copy())
        spikes.append(controller.spikes.astype(bool))
        reward, ended = task.step(state, action)
        score += reward
        if ended:
            break
    return EpisodeRecording(
        np.array(observations),
        np.array(actions),
        np.concatenate(ext),
        np.concatenate(voltage),
        np.concatenate(spikes),
        score,
    )
