"""CartPole-v1, equal to Gymnasium's bit for bit.

Barto, Sutton & Anderson (1983); equations and constants of Gymnasium 1.x, explicit Euler. The
order of operations is Gymnasium's, because a different one rounds differently.
"""

from __future__ import annotations

import math

import numpy as np
from numba.extending import register_jitable
from numpy.typing import NDArray

from fitness.tasks.contract import CompiledTask
from neuro.jit import OBSERVE, STEP, kernel_function
from neuro.symmetry import Symmetry

X_LIMIT = 2.4
THETA_LIMIT = 12 * 2 * math.pi / 360
POLE_MASS = 0.1
TOTAL_MASS = POLE_MASS + 1.0
HALF_LENGTH = 0.5
POLE_MOMENT = POLE_MASS * HALF_LENGTH


def reset(rng: np.random.Generator) -> NDArray[np.float64]:
    """Draw a start: every component uniform in +-0.05."""
    return rng.uniform(-0.05, 0.05, 4)


@kernel_function(OBSERVE)
def observe(state, observation):
    """Show the state as Gymnasium does: rounded to float32."""
    for i in range(4):
        observation[i] = np.float64(np.float32(state[i]))


@register_jitable
def advance(state, force):
    """Push for 0.02 s and return whether cart or pole went too far."""
    x, x_dot, theta, theta_dot = state[0], state[1], state[2], state[3]
    cos, sin = math.cos(theta), math.sin(theta)
    temp = (force + POLE_MOMENT * (theta_dot * theta_dot) * sin) / TOTAL_MASS
    theta_acc = (9.8 * sin - cos * temp) / (
        HALF_LENGTH * (4.0 / 3.0 - POLE_MASS * (cos * cos) / TOTAL_MASS)
    )
    x_acc = temp - POLE_MOMENT * theta_acc * cos / TOTAL_MASS
    x = x + 0.02 * x_dot
    x_dot = x_dot + 0.02 * x_acc
    theta = theta + 0.02 * theta_dot
    theta_dot = theta_dot + 0.02 * theta_acc
    state[0], state[1], state[2], state[3] = x, x_dot, theta, theta_dot
    return x < -X_LIMIT or x > X_LIMIT or theta < -THETA_LIMIT or theta > THETA_LIMIT


# Every step with these dynamics is defined in this file: a cached function is compiled anew
# when its own file changes, not when one that it calls does.


@kernel_function(STEP)
def step(state, action):
    """Push left (0) or right (1) for 0.02 s."""
    return 1.0, advance(state, 10.0 if action[0] == 1.0 else -10.0)


@register_jitable
def push_or_not(state, choice):
    """Do nothing (0), push left (1) or push right (2) for 0.02 s."""
    if choice == 0.0:
        return advance(state, 0.0)
    return advance(state, -10.0 if choice == 1.0 else 10.0)


@kernel_function(STEP)
def step_or_rest(state, action):
    """Do nothing (0), push left (1) or push right (2) for 0.02 s."""
    return 1.0, push_or_not(state, action[0])


@kernel_function(STEP)
def step_or_rest_often(state, action):
    """Act like `step_or_rest`; steps count as far as at least 3 of 4 of them did nothing.

    The fifth value of the state counts steps, the sixth those that did nothing.
    """
    before = min(state[4], state[5] * 4.0 // 3.0)
    state[4] += 1.0
    state[5] += 1.0 if action[0] == 0.0 else 0.0
    return min(state[4], state[5] * 4.0 // 3.0) - before, push_or_not(state, action[0])


CARTPOLE = CompiledTask(
    name="cartpole",
    observations=("x", "x_dot", "theta", "theta_dot"),
    scale=(2.4, 2.0, 0.209, 2.0),
    actions=2,
    max_steps=500,
    solved_at=475.0,
    worst=0.0,
    source="Gymnasium CartPole-v1; Barto, Sutton & Anderson 1983",
    symmetry=Symmetry((-1, -1, -1, -1)),
    reset=reset,
    observe=observe,
    step=step,
    gymnasium_id="CartPole-v1",
)
