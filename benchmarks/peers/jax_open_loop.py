"""JAX, open loop: 256 copies of a network on the same pulses, in one jitted scan."""

from __future__ import annotations

import time
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from benchmarks.peers.agreement import check_equal, count_spikes
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
from benchmarks.problems import Problem, external_input, noisy_copies
from neuro import simulate_copies
from neuro.slots import pick

# Copies of which our kernels simulate a few to compare.
COMPARED = 4


def open_loop_dense(problem: Problem) -> Prepared:
    """Prepare a run with shared weights in one matrix."""
    return _open_loop("jax-dense", problem, dense_arrivals(problem.network), _shared(problem))


def open_loop_sparse(problem: Problem) -> Prepared:
    """Prepare a run with shared weights, summed synapse by synapse."""
    return _open_loop("jax-sparse", problem, sparse_arrivals(problem.network), _shared(problem))


def open_loop_copies(problem: Problem) -> Prepared:
    """Prepare a run in which every copy has weights of its own."""
    copies = noisy_copies(problem.network, COPIES)
    few = pick(copies, range(COMPARED))
    ext = np.repeat(external_input(problem)[:, :, None], COMPARED, axis=2)
    expected = int(simulate_copies(problem.network, few, ext).spikes.sum())
    arrivals = sparse_arrivals(problem.network, copies.weight)
    return _open_loop("jax-sparse-copies", problem, arrivals, expected)


def _shared(problem: Problem) -> int:
    """What the compared copies should count together."""
    return COMPARED * count_spikes(problem)


def _open_loop(name: str, problem: Problem, arrivals: Arrivals, expected: int) -> Prepared:
    network, ticks = problem.network, len(problem.pulses)
    length, al, inputs = ring_length(network), decay(network), jnp.asarray(network.inputs)
    if ticks % length:
        raise ValueError(f"ticks: expected a multiple of the longest delay, {length}, got {ticks}")

    @jax.jit
    def counts(pulses: jax.Array, state: tuple[jax.Array, jax.Array]) -> jax.Array:
        def some_ticks(carry, rows):  # type: ignore[no-untyped-def]
            state, count = carry
            for k in range(length):
                add = partial(_add_pulses, rows[k][:, None], inputs)
                state, fired = tick(arrivals, al, k, state, add)
                count = count + fired
            return (state, count), None

        (_, count), _ = lax.scan(some_ticks, (state, jnp.zeros_like(state[0])), pulses)
        return count

    rows = jnp.asarray(problem.pulses, dtype=jnp.float32).reshape(-1, length, len(inputs))
    state = rest(network, COPIES)

    def run() -> float:
        start = time.perf_counter()
        counts(rows, state).block_until_ready()
        return time.perf_counter() - start

    found = float(counts(rows, state)[:, :COMPARED].sum())
    check_equal(name, found, expected, tolerance=0.05)
    return Prepared(run, ticks * COPIES)


def _add_pulses(pulses: jax.Array, inputs: jax.Array, arriving: jax.Array) -> jax.Array:
    return arriving.at[inputs].add(pulses)
