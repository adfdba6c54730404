"""Whether a peer simulates the same network: its spikes are counted and compared with ours."""

from __future__ import annotations

import numpy as np

from benchmarks.problems import Problem, external_input
from neuro import Network, simulate


def undelayed(problem: Problem) -> Problem:
    """The same problem with every delay one tick, for simulators without delays."""
    network = problem.network
    synapses = {name: getattr(network.synapses, name) for name in ("pre", "post", "weight")}
    short = Network.build(
        {"tau_mem": network.neurons.tau_mem},
        {**synapses, "delay": np.ones(len(network.synapses), dtype=np.int64)},
        inputs=network.inputs,
        outputs=network.outputs,
    )
    return Problem(short, problem.pulses)


def count_spikes(problem: Problem) -> int:
    """Simulate a problem with our kernels and count all spikes."""
    return int(simulate(problem.network, external_input(problem)).spikes.sum())


def check_equal(name: str, found: float, expected: float, *, tolerance: float = 0.0) -> None:
    """Compare a peer's count with ours.

    Parameters
    ----------
    name : str
        Name of the peer.
    found, expected : float
    tolerance : float
        Relative difference allowed, for peers that compute in float32.

    Raises
    ------
    RuntimeError
    """
    if abs(found - expected) > tolerance * expected:
        raise RuntimeError(
            f"{name} simulates another network: expected a count of {expected:g}, got {found:g}"
        )
