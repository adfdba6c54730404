"""How many of 625 starts a double-pole controller balances, the published test of generality."""

from __future__ import annotations

import dataclasses
import itertools

import numpy as np
from numpy.typing import NDArray

from fitness.rollout import play
from fitness.tasks import Task
from fitness.tasks.pole_balancing import HALF_RANGES, TRIAL
from neuro import Network
from neuro.errors import wrong

_SHARES = (-0.9, -0.5, 0.0, 0.5, 0.9)  # of half a range: 5, 25, 50, 75 and 95 % of the range


def generalisation_starts(task: Task) -> NDArray[np.float64]:
    """Spread starts over what a double-pole task can begin with (Gruau et al. 1996).

    Cart and long pole start at 5, 25, 50, 75 and 95 % of a range of +-2.16 m, +-1.35 m/s,
    +-3.6 degrees and +-8.6 degrees/s, in all combinations; the short pole is upright and at rest.

    Parameters
    ----------
    task : Task
        ``double-pole``, ``double-pole-no-velocity`` or another of
        `fitness.tasks.pole_balancing.pole_balancing` with two poles.

    Returns
    -------
    ndarray of float64, shape (625, D)

    Examples
    --------
    >>> from fitness import TASKS
    >>> generalisation_starts(TASKS["double-pole"])[0].round(3)
    array([-1.944, -1.215, -0.057, -0.135,  0.   ,  0.   ])
    """
    if "theta2" not in task.observations:
        raise wrong("task", "one with two poles", task.name)
    starts = np.repeat(task.starts([0]), len(_SHARES) ** 4, axis=0)
    starts[:, :4] = np.array(list(itertools.product(_SHARES, repeat=4))) * HALF_RANGES
    starts[:, 4:6] = 0.0
    return starts


def count_balanced(network: Network, task: Task) -> int:
    """Count the `generalisation_starts` from which a network balances for 1,000 steps.

    Parameters
    ----------
    network : Network
    task : Task
        As in `generalisation_starts`.

    Returns
    -------
    int
        From 0 to 625; the published criterion is 200.
    """
    trial = dataclasses.replace(task, max_steps=TRIAL)
    return int(np.sum(~play(network, trial, generalisation_starts(task)).terminated))
