"""Pendulum-v1, equal to Gymnasium's bit for bit.

The swing-up of a pendulum with too little torque, of Doya (2000) and others. Equations, costs and
constants of Gymnasium 1.x, semi-implicit Euler, with its order of operations and its mixture of
float32 (whatever has the torque in it) and float64, because others round differently.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from fitness.tasks.contract import CompiledTask
from neuro.actions import Box
from neuro.jit import OBSERVE, STEP, kernel_function
from neuro.symmetry import Symmetry

MAX_SPEED = 8.0
MAX_TORQUE = 2.0


def reset(rng: np.random.Generator) -> NDArray[np.float64]:
    """Draw a start: any angle (0 is upright), a speed up to 1 rad/s."""
    high = np.array([np.pi, 1.0])
    return rng.uniform(-high, high)


@kernel_function(OBSERVE)
def observe(state, observation):
    """Show cosine and sine of the angle, and the speed, rounded to float32."""
    observation[0] = np.float64(np.float32(math.cos(state[0])))
    observation[1] = np.float64(np.float32(math.sin(state[0])))
    observation[2] = np.float64(np.float32(state[1]))


@kernel_function(STEP)
def step(state, action):
    """Apply a torque from -2 to 2 for 0.05 s; the cost is that of the state before."""
    theta, speed = state[0], state[1]
    torque = min(max(np.float32(action[0]), np.float32(-MAX_TORQUE)), np.float32(MAX_TORQUE))
    # Gymnasium's squares are calls of pow, which in one case of a thousand differs from x * x.
    # The compiler would replace a call with a constant exponent; this one it cannot know.
    two = 2.0 + 0.0 * state[0]
    angle = ((theta + math.pi) % (2.0 * math.pi)) - math.pi
    effort = np.float32(0.001) * torque ** np.float32(two)
    cost = angle**two + 0.1 * speed**two + np.float64(effort)
    pull = np.float64(np.float32(3.0) * torque)
    speed = speed + (15.0 * math.sin(theta) + pull) * 0.05
    speed = min(max(speed, -MAX_SPEED), MAX_SPEED)
    state[0], state[1] = theta + speed * 0.05, speed
    return -cost, False


PENDULUM = CompiledTask(
    name="pendulum",
    observations=("cos", "sin", "speed"),
    scale=(1.0, 1.0, MAX_SPEED),
    actions=Box((-MAX_TORQUE,), (MAX_TORQUE,)),
    max_steps=200,
    solved_at=-200.0,
    worst=-1200.0,
    source="Gymnasium Pendulum-v1; no official threshold; -200 is a choice made here",
    symmetry=Symmetry((1, -1, -1)),
    reset=reset,
    observe=observe,
    step=step,
    gymnasium_id="Pendulum-v1",
)
