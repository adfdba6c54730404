"""Where CartPole ends; test_gymnasium_parity.py compares whole episodes with Gymnasium."""

import gymnasium
import numba
import numpy as np
import pytest

from fitness import TASKS

TASK = TASKS["cartpole"]


@numba.njit
def compiled_step(step, state, action):
    return step(state, action)


@pytest.mark.parametrize(
    ("index", "limit"), [(0, 2.4), (0, -2.4), (2, 12 * 2 * np.pi / 360), (2, -12 * 2 * np.pi / 360)]
)
def test_the_limits_themselves_are_not_a_fall(index, limit):
    """Gymnasium ends beyond the limit, not at it (the velocities are zero: x stays x)."""
    env = gymnasium.make("CartPole-v1").unwrapped
    for value in (limit, np.nextafter(limit, 9 * limit), np.nextafter(limit, 0.0)):
        state = np.zeros(4)
        state[index] = value
        env.reset(seed=1)
        env.state = state.copy()
        _, reward, ended, _, _ = env.step(1)
        assert compiled_step(TASK.step, state, np.ones(1)) == (reward, ended)
        assert ended == (abs(value) > abs(limit))
    env.close()
