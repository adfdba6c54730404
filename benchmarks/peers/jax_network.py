"""Plain leaky neurons with delays in JAX: B copies in arrays of shape (neurons, B).

Spikes of the last D ticks are kept in a ring of shape (D * neurons, B): those of tick k are in
rows ``k % D * neurons`` onwards. The phase ``k % D`` is known when the program is traced, so
that a ring position costs nothing: callers unroll D ticks. With copies side by side in memory,
a row is a vector, and both a matrix product and a `segment_sum` over rows are fast; `vmap` over
the copies of a one-network function takes several times as long.
"""

from __future__ import annotations

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from numpy.typing import NDArray

from neuro import Network
from neuro.program import leak_factor

COPIES = 256

Arrivals = Callable[[int, jax.Array], jax.Array]
"""From the phase of a tick and the ring to what arrives at it, shape (neurons, B)."""


def ring_length(network: Network) -> int:
    """Ticks that the ring has to remember."""
    return int(network.synapses.delay.max(initial=1))


def dense_arrivals(network: Network) -> Arrivals:
    """Arrivals as one matrix product over neurons and delays, with weights shared by copies."""
    s, n, d = network.synapses, len(network.neurons), ring_length(network)
    matrices = np.zeros((d, n, d * n), dtype=np.float32)
    for k in range(d):
        np.add.at(matrices[k], (s.post, (k - s.delay) % d * n + s.pre), s.weight)
    return lambda k, ring: jnp.asarray(matrices[k]) @ ring


def sparse_arrivals(network: Network, weight: NDArray[np.float64] | None = None) -> Arrivals:
    """Arrivals as a sum over synapses, sorted by receiver.

    Parameters
    ----------
    network : Network
    weight : ndarray, shape (B, E), optional
        Weights of each copy; the network's own, shared, if left out.
    """
    s, n, d = network.synapses, len(network.neurons), ring_length(network)
    order = np.argsort(s.post, kind="stable")
    weights = s.weight[None] if weight is None else weight
    column = jnp.asarray(np.ascontiguousarray(weights[:, order].T), dtype=jnp.float32)
    pre, post, delay = s.pre[order], jnp.asarray(s.post[order]), s.delay[order]

    def arrivals(k: int, ring: jax.Array) -> jax.Array:
        sent = ring[jnp.asarray((k - delay) % d * n + pre)]
        return jax.ops.segment_sum(sent * column, post, num_segments=n, indices_are_sorted=True)

    return arrivals


def decay(network: Network) -> jax.Array:
    """Membrane factors, shape (neurons, 1)."""
    factors = [leak_factor(tau, network.dt) for tau in network.neurons.tau_mem.tolist()]
    return jnp.asarray(factors, dtype=jnp.float32)[:, None]


def tick(
    arrivals: Arrivals,
    al: jax.Array,
    k: int,
    state: tuple[jax.Array, jax.Array],
    add_input: Callable[[jax.Array], jax.Array],
) -> tuple[tuple[jax.Array, jax.Array], jax.Array]:
    """Advance all copies by a tick of phase `k`.

    Parameters
    ----------
    state : (v, ring)
    add_input : callable
        Adds the external input to what arrives.

    Returns
    -------
    state : (v, ring)
    fired : array of float32, shape (neurons, B)
    """
    v, ring = state
    v = v * al + add_input(arrivals(k, ring))
    fires = v >= 1.0
    fired = fires.astype(jnp.float32)
    ring = lax.dynamic_update_slice(ring, fired, (k * len(v), 0))
    return (jnp.where(fires, 0.0, v), ring), fired


def rest(network: Network, copies: int) -> tuple[jax.Array, jax.Array]:
    """Potentials and ring at rest."""
    n = len(network.neurons)
    return jnp.zeros((n, copies)), jnp.zeros((ring_length(network) * n, copies))
