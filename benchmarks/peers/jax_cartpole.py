"""JAX, closed loop: CartPole-v1 and its controllers in one jitted scan, all in float32.

Every lane plays a fixed number of decisions: a pole that has fallen plays on, which saves JAX
the resets, and all its decisions count.
"""

from __future__ import annotations

import time

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from benchmarks.closed_loop_network import closed_loop_network
from benchmarks.peers.agreement import check_equal
from benchmarks.peers.contract import Prepared
from benchmarks.peers.jax_network import (
    COPIES,
    Arrivals,
    decay,
    dense_arrivals,
    rest,
    ring_length,
    sparse_arrivals,
    tick,
)
from benchmarks.problems import noisy_copies
from fitness import TASKS, play
from fitness.tasks.cartpole import (
    HALF_LENGTH,
    POLE_MASS,
    POLE_MOMENT,
    THETA_LIMIT,
    TOTAL_MASS,
    X_LIMIT,
)
from neuro import Network
from neuro.kernels import Copies

TASK = TASKS["cartpole"]


def closed_loop_dense(neurons: int, decisions: int) -> Prepared:
    """Prepare a run with shared weights in one matrix."""
    network = closed_loop_network(neurons)
    return _closed_loop("jax-dense", network, dense_arrivals(network), decisions)


def closed_loop_sparse(neurons: int, decisions: int) -> Prepared:
    """Prepare a run with shared weights, summed synapse by synapse."""
    network = closed_loop_network(neurons)
    return _closed_loop("jax-sparse", network, sparse_arrivals(network), decisions)


def closed_loop_copies(neurons: int, decisions: int) -> Prepared:
    """Prepare a run in which every copy has weights of its own."""
    network = closed_loop_network(neurons)
    copies = noisy_copies(network, COPIES)
    arrivals = sparse_arrivals(network, copies.weight)
    return _closed_loop("jax-sparse-copies", network, arrivals, decisions, copies)


def step(plant: jax.Array, right: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Push all carts; return the new states, shape (4, B), and who has fallen."""
    x, x_dot, theta, theta_dot = plant
    force = jnp.where(right, 10.0, -10.0)
    cos, sin = jnp.cos(theta), jnp.sin(theta)
    temp = (force + POLE_MOMENT * theta_dot * theta_dot * sin) / TOTAL_MASS
    theta_acc = (9.8 * sin - cos * temp) / (
        HALF_LENGTH * (4.0 / 3.0 - POLE_MASS * cos * cos / TOTAL_MASS)
    )
    x_acc = temp - POLE_MOMENT * theta_acc * cos / TOTAL_MASS
    new = jnp.stack(
        [
            x + 0.02 * x_dot,
            x_dot + 0.02 * x_acc,
            theta + 0.02 * theta_dot,
            theta_dot + 0.02 * theta_acc,
        ]
    )
    return new, (jnp.abs(new[0]) > X_LIMIT) | (jnp.abs(new[2]) > THETA_LIMIT)


def _input_matrix(network: Network) -> jax.Array:
    """Input weights, shape (neurons, channels)."""
    s = network.input_synapses
    matrix = np.zeros((len(network.neurons), len(TASK.scale) + 1))
    matrix[s.post, s.channel] = s.weight
    return jnp.asarray(matrix, dtype=jnp.float32)


def _closed_loop(
    name: str,
    network: Network,
    arrivals: Arrivals,
    decisions: int,
    copies: Copies | None = None,
) -> Prepared:
    assert network.encoder is not None
    ticks, length = network.encoder.ticks, ring_length(network)
    if ticks % length:
        raise ValueError(f"ticks: expected a multiple of the longest delay, {length}, got {ticks}")
    al, weights = decay(network), _input_matrix(network)
    scale = jnp.asarray(TASK.scale, dtype=jnp.float32)[:, None]
    left, right = network.outputs.tolist()

    @jax.jit
    def steps_until_fall(plant: jax.Array) -> jax.Array:
        def decide(carry, _):  # type: ignore[no-untyped-def]
            plant, state, up, steps = carry
            values = jnp.clip(plant / scale, -1.0, 1.0)
            current = weights @ jnp.concatenate([values, jnp.ones((1, COPIES))])
            lead = jnp.zeros(COPIES)
            for t in range(ticks):
                state, fired = tick(arrivals, al, t % length, state, lambda i: i + current)
                lead = lead + fired[right] - fired[left]
            steps = steps + up
            plant, fallen = step(plant, lead > 0.0)
            return (plant, state, up & ~fallen, steps), None

        up, steps = jnp.ones(COPIES, dtype=bool), jnp.zeros(COPIES, dtype=jnp.int32)
        carry = (plant, rest(network, COPIES), up, steps)
        return lax.scan(decide, carry, None, length=decisions)[0][3]

    starts = TASK.starts(range(COPIES))
    plant = jnp.asarray(starts.T, dtype=jnp.float32)

    def run() -> float:
        start = time.perf_counter()
        steps_until_fall(plant).block_until_ready()
        return time.perf_counter() - start

    copy_of = np.zeros(COPIES, dtype=np.int64) if copies is None else np.arange(COPIES)
    ours = play(network, TASK, starts, copies=copies, copy_of=copy_of).steps
    ours = np.minimum(ours, decisions)
    check_equal(name, float(steps_until_fall(plant).sum()), float(ours.sum()), tolerance=0.05)
    return Prepared(run, decisions * COPIES)
