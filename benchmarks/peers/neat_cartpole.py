"""neat-python's feed-forward network on CartPole-v1 in plain Python: 8 episodes of 500 steps.

Weights are set by hand such that no pole falls: the episodes are as long as those of a good
network of ours.
"""

from __future__ import annotations

import math
import time

from neat.activations import sigmoid_activation
from neat.aggregations import sum_aggregation
from neat.nn import FeedForwardNetwork

from benchmarks.peers.contract import Prepared
from fitness import TASKS
from fitness.tasks.cartpole import (
    HALF_LENGTH,
    POLE_MASS,
    POLE_MOMENT,
    THETA_LIMIT,
    TOTAL_MASS,
    X_LIMIT,
)

EPISODES = 8
STEPS = 500
GAINS = (0.1, 0.5, 5.0, 1.0)  # of x, x_dot, theta, theta_dot

State = tuple[float, float, float, float]


def step(state: State, force: float) -> tuple[State, bool]:
    """Push the cart, as in `fitness.tasks.cartpole`; return the new state and whether it fell."""
    x, x_dot, theta, theta_dot = state
    cos, sin = math.cos(theta), math.sin(theta)
    temp = (force + POLE_MOMENT * (theta_dot * theta_dot) * sin) / TOTAL_MASS
    theta_acc = (9.8 * sin - cos * temp) / (
        HALF_LENGTH * (4.0 / 3.0 - POLE_MASS * (cos * cos) / TOTAL_MASS)
    )
    x_acc = temp - POLE_MOMENT * theta_acc * cos / TOTAL_MASS
    x += 0.02 * x_dot
    x_dot += 0.02 * x_acc
    theta += 0.02 * theta_dot
    theta_dot += 0.02 * theta_acc
    fallen = x < -X_LIMIT or x > X_LIMIT or theta < -THETA_LIMIT or theta > THETA_LIMIT
    return (x, x_dot, theta, theta_dot), fallen


def hand_made() -> FeedForwardNetwork:
    """Four inputs, one output, no hidden neurons: the sign of a linear feedback."""
    keys = [-1, -2, -3, -4]
    links = list(zip(keys, GAINS, strict=True))
    node = (0, sigmoid_activation, sum_aggregation, 0.0, 1.0, links)
    return FeedForwardNetwork(keys, [0], [node])


def play(network: FeedForwardNetwork, state: State) -> int:
    """Play one episode and return its number of steps."""
    for steps in range(1, STEPS + 1):
        force = 10.0 if network.activate(state)[0] > 0.5 else -10.0
        state, fallen = step(state, force)
        if fallen:
            return steps
    return STEPS


def evaluation() -> Prepared:
    """Prepare the evaluation of one network."""
    network = hand_made()
    starts: list[State] = [tuple(row) for row in TASKS["cartpole"].starts(range(EPISODES)).tolist()]

    def run() -> float:
        start = time.perf_counter()
        steps = sum(play(network, state) for state in starts)
        seconds = time.perf_counter() - start
        if steps != EPISODES * STEPS:
            raise RuntimeError(
                f"neat-python: a pole fell; expected {EPISODES * STEPS}, got {steps}"
            )
        return seconds

    run()
    return Prepared(run, EPISODES * STEPS, 1)
