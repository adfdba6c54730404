"""Acrobot-v1, equal to Gymnasium's bit for bit.

Sutton (1996): two links hang from a fixed joint, a motor between them swings the tip up. The
dynamics are those of Sutton & Barto's book, with constants, one Runge-Kutta step of 0.2 s and the
order of operations of Gymnasium 1.x, because a different order rounds differently.
"""

from __future__ import annotations

import math

import numpy as np
from numba.extending import register_jitable
from numpy.typing import NDArray

from fitness.tasks.contract import CompiledTask
from neuro.jit import OBSERVE, STEP, kernel_function
from neuro.symmetry import Symmetry

MAX_SPEED_1 = 4.0 * math.pi
MAX_SPEED_2 = 9.0 * math.pi


def reset(rng: np.random.Generator) -> NDArray[np.float64]:
    """Draw a start: two angles and two speeds, each uniform in +-0.1, rounded to float32.

    The state ends with what is shown of the angles: the cosine and sine of each. For a start
    Gymnasium takes them in float32, with routines of NumPy that compiled code cannot call.
    """
    start = rng.uniform(-0.1, 0.1, 4).astype(np.float32)
    one, two = start[0], start[1]
    return np.array([*start, np.cos(one), np.sin(one), np.cos(two), np.sin(two)], dtype=np.float64)


@kernel_function(OBSERVE)
def observe(state, observation):
    """Show cosine and sine of both angles, then the speeds, rounded to float32."""
    for i in range(4):
        observation[i] = np.float64(np.float32(state[4 + i]))
    for i in range(2):
        observation[4 + i] = np.float64(np.float32(state[2 + i]))


@register_jitable
def accelerations(theta_1, theta_2, speed_1, speed_2, torque, two):
    """Return the accelerations of both joints; the links have length, mass and inertia 1."""
    cos, sin = math.cos(theta_2), math.sin(theta_2)
    d_1 = 0.25 + (1.25 + cos) + 1.0 + 1.0
    d_2 = (0.25 + 0.5 * cos) + 1.0
    phi_2 = 0.5 * 9.8 * math.cos(theta_1 + theta_2 - math.pi / 2.0)
    phi_1 = (
        -0.5 * speed_2**two * sin
        - speed_2 * speed_1 * sin
        + 1.5 * 9.8 * math.cos(theta_1 - math.pi / 2.0)
        + phi_2
    )
    acc_2 = (torque + d_2 / d_1 * phi_1 - 0.5 * speed_1**two * sin - phi_2) / (
        1.25 - d_2**two / d_1
    )
    return -(d_2 * acc_2 + phi_1) / d_1, acc_2


@kernel_function(STEP)
def step(state, action):
    """Apply a torque of -1 (0), 0 (1) or 1 (2) between the links for 0.2 s."""
    torque = action[0] - 1.0
    # Gymnasium's squares are calls of pow, which in one case of a thousand differs from x * x.
    # The compiler would replace a call with a constant exponent; this one it cannot know.
    two = 2.0 + 0.0 * action[0]
    a, b, u, v = state[0], state[1], state[2], state[3]
    # Speeds (u, v) and accelerations (p, q) at the four points of the Runge-Kutta step.
    p1, q1 = accelerations(a, b, u, v, torque, two)
    u2, v2 = u + 0.1 * p1, v + 0.1 * q1
    p2, q2 = accelerations(a + 0.1 * u, b + 0.1 * v, u2, v2, torque, two)
    u3, v3 = u + 0.1 * p2, v + 0.1 * q2
    p3, q3 = accelerations(a + 0.1 * u2, b + 0.1 * v2, u3, v3, torque, two)
    u4, v4 = u + 0.2 * p3, v + 0.2 * q3
    p4, q4 = accelerations(a + 0.2 * u3, b + 0.2 * v3, u4, v4, torque, two)
    sixth = 0.2 / 6.0
    a = a + sixth * (u + 2.0 * u2 + 2.0 * u3 + u4)
    b = b + sixth * (v + 2.0 * v2 + 2.0 * v3 + v4)
    u = u + sixth * (p1 + 2.0 * p2 + 2.0 * p3 + p4)
    v = v + sixth * (q1 + 2.0 * q2 + 2.0 * q3 + q4)
    while a > math.pi:
        a = a - 2.0 * math.pi
    while a < -math.pi:
        a = a + 2.0 * math.pi
    while b > math.pi:
        b = b - 2.0 * math.pi
    while b < -math.pi:
        b = b + 2.0 * math.pi
    state[0], state[1] = a, b
    state[2] = min(max(u, -MAX_SPEED_1), MAX_SPEED_1)
    state[3] = min(max(v, -MAX_SPEED_2), MAX_SPEED_2)
    state[4], state[5], state[6], state[7] = math.cos(a), math.sin(a), math.cos(b), math.sin(b)
    reached = -state[4] - math.cos(b + a) > 1.0
    return 0.0 if reached else -1.0, reached


ACROBOT = CompiledTask(
    name="acrobot",
    observations=("cos_1", "sin_1", "cos_2", "sin_2", "speed_1", "speed_2"),
    scale=(1.0, 1.0, 1.0, 1.0, MAX_SPEED_1, MAX_SPEED_2),
    actions=3,
    max_steps=500,
    solved_at=-100.0,
    worst=-500.0,
    source="Gymnasium Acrobot-v1; Sutton 1996, dynamics of Sutton & Barto's book",
    symmetry=Symmetry((1, -1, 1, -1, -1, -1)),
    reset=reset,
    observe=observe,
    step=step,
    gymnasium_id="Acrobot-v1",
)
