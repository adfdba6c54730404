"""MountainCar-v0 and MountainCarContinuous-v0, equal to Gymnasium's bit for bit.

Moore (1990), as simplified by Sutton (1996): a car in a valley is too weak to drive straight up
to the goal and has to swing. Equations and constants of Gymnasium 1.x, with its order of
operations and its mixture of float32 and float64, because others round differently.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from fitness.tasks.contract import CompiledTask
from neuro.actions import Box
from neuro.jit import OBSERVE, STEP, kernel_function

LEFT, RIGHT = -1.2, 0.6
MAX_SPEED = 0.07
GOAL = 0.5
GOAL_CONTINUOUS = 0.45


def reset(rng: np.random.Generator) -> NDArray[np.float64]:
    """Draw a start: at rest, somewhere near the bottom of the valley."""
    return np.array([rng.uniform(-0.6, -0.4), 0.0])


@kernel_function(OBSERVE)
def observe(state, observation):
    """Show position and velocity as Gymnasium does: rounded to float32."""
    observation[0] = np.float64(np.float32(state[0]))
    observation[1] = np.float64(np.float32(state[1]))


@kernel_function(STEP)
def step(state, action):
    """Push left (0), not (1) or right (2)."""
    position, velocity = state[0], state[1]
    velocity = velocity + ((action[0] - 1.0) * 0.001 + math.cos(3.0 * position) * -0.0025)
    velocity = min(max(velocity, -MAX_SPEED), MAX_SPEED)
    position = min(max(position + velocity, LEFT), RIGHT)
    if position == LEFT and velocity < 0.0:
        velocity = 0.0
    state[0], state[1] = position, velocity
    return -1.0, position >= GOAL and velocity >= 0.0


MOUNTAIN_CAR = CompiledTask(
    name="mountain-car",
    observations=("position", "velocity"),
    scale=(0.9, MAX_SPEED),
    center=(-0.3, 0.0),
    actions=3,
    max_steps=200,
    solved_at=-110.0,
    worst=-200.0,
    source="Gymnasium MountainCar-v0; Moore 1990, Sutton 1996",
    reset=reset,
    observe=observe,
    step=step,
    gymnasium_id="MountainCar-v0",
)


def reset_continuous(rng: np.random.Generator) -> NDArray[np.float64]:
    """Draw a start like `reset`; the third value marks a state that no step has rounded yet.

    Gymnasium draws the start in float64 and keeps every later state in float32.
    """
    return np.array([rng.uniform(-0.6, -0.4), 0.0, 1.0])


@kernel_function(STEP)
def step_continuous(state, action):
    """Push with a force from -1 (left) to 1 (right); pushing costs, also beyond the bounds."""
    force = np.float32(action[0])
    first = state[2] == 1.0
    if first:
        slope = math.cos(3.0 * state[0])
    else:
        slope = math.cos(np.float64(np.float32(3.0) * np.float32(state[0])))
    # Clipping turns Gymnasium's float32 force into a Python float, which has 64 bits.
    if force < -1.0:
        gain = -0.0015 - 0.0025 * slope
    elif force > 1.0:
        gain = 0.0015 - 0.0025 * slope
    else:
        gain = np.float64(force * np.float32(0.0015) - np.float32(0.0025 * slope))
    if first:
        velocity = np.float32(gain)
        position = np.float32(state[0] + gain)
    else:
        velocity = np.float32(state[1]) + np.float32(gain)
        velocity = min(max(velocity, np.float32(-MAX_SPEED)), np.float32(MAX_SPEED))
        position = np.float32(state[0]) + velocity
        position = min(max(position, np.float32(LEFT)), np.float32(RIGHT))
        if position == np.float32(LEFT) and velocity < 0.0:
            velocity = np.float32(0.0)
    state[0], state[1], state[2] = position, velocity, 0.0
    reached = position >= np.float32(GOAL_CONTINUOUS) and velocity >= 0.0
    effort = np.float64(force) * np.float64(force) * 0.1
    return (100.0 if reached else 0.0) - effort, reached


MOUNTAIN_CAR_CONTINUOUS = CompiledTask(
    name="mountain-car-continuous",
    observations=("position", "velocity"),
    scale=(0.9, MAX_SPEED),
    center=(-0.3, 0.0),
    actions=Box((-1.0,), (1.0,)),
    max_steps=999,
    solved_at=90.0,
    worst=0.0,
    source="Gymnasium MountainCarContinuous-v0; Moore 1990, Sutton 1996; doing nothing scores 0",
    reset=reset_continuous,
    observe=observe,
    step=step_continuous,
    gymnasium_id="MountainCarContinuous-v0",
)
