"""Playing the real Gymnasium environment: the check on the compiled tasks."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fitness.rollout import Episodes, check_fit
from fitness.tasks import Task
from neuro import Controller, Network
from neuro.errors import InputError


def play_gymnasium(network: Network, task: Task, seeds: Sequence[int], /) -> Episodes:
    """Play one episode of the task's Gymnasium environment for each seed.

    The same seeds give the same scores as `fitness.play` with ``task.starts(seeds)``.

    Raises
    ------
    InputError
        The task has no Gymnasium counterpart.
    """
    check_fit(network, task)
    if task.gymnasium_id is None:
        raise InputError(f"task {task.name}: expected a task with a Gymnasium environment")
    import gymnasium  # a third of a second that the compiled path need not pay

    controller = Controller(network)
    scores, steps = np.zeros(len(seeds)), np.zeros(len(seeds), dtype=np.int64)
    with gymnasium.make(task.gymnasium_id) as env:
        for episode, seed in enumerate(seeds):
            observation, _ = env.reset(seed=int(seed))
            controller.reset()
            ended = False
            while not ended:
                action = int(controller.act(observation)[0])
                observation, reward, terminated, truncated, _ = env.step(action)
                scores[episode] += float(reward)
                steps[episode] += 1
                ended = terminated or truncated
    return Episodes(scores, steps)
