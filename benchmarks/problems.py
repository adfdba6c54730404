"""The networks and inputs that every simulator is given."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from neuro import Network, golden_copies, simulate
from neuro.kernels import Copies

INPUTS = 8
PULSE_PROBABILITY = 0.2
FAN_OUT = 5
LONGEST_DELAY = 5
TAU_MEM = 10.0  # ms
WEIGHTS = (-0.6, 1.0)  # before they are scaled
WEIGHT_NOISE = 0.2

EVENTS = {10: 8.0, 50: 30.0, 200: 40.0}
"""Synaptic events a tick: those of the published measurement of the RISP simulator."""


class Problem(NamedTuple):
    """A random network and its input.

    Attributes
    ----------
    network : Network
        N leaky neurons, 5N synapses with delays of 1 to 5 ticks of 1 ms; the first 8 neurons,
        or all if there are fewer, are its inputs.
    pulses : ndarray of bool, shape (T, inputs)
        Poisson input: a pulse of 1, which is the threshold, into an input neuron.
    """

    network: Network
    pulses: NDArray[np.bool_]


def random_problem(
    neurons: int,
    ticks: int,
    *,
    seed: int = 1,
    events: float = 0.0,
    pulse_probability: float = PULSE_PROBABILITY,
) -> Problem:
    """Draw a network of at least 5 neurons and its input.

    Parameters
    ----------
    neurons, ticks : int
    seed : int
    events : float
        Synaptic events a tick that the weights are scaled for; `EVENTS` if left out. What the
        scaled network really does may differ by a tenth.
    pulse_probability : float
        Of each input at each tick. Pulses alone, without any weights, already cause
        ``FAN_OUT * inputs * pulse_probability`` events.
    """
    inputs = min(INPUTS, neurons)
    rng = np.random.default_rng(seed)
    pairs = rng.choice(neurons * neurons, size=FAN_OUT * neurons, replace=False)
    weights = rng.uniform(*WEIGHTS, len(pairs))
    delays = rng.integers(1, LONGEST_DELAY + 1, len(pairs))
    pulses = rng.random((ticks, inputs)) < pulse_probability

    def scaled(gain: float) -> Network:
        return Network.build(
            {"tau_mem": [TAU_MEM] * neurons},
            {
                "pre": pairs // neurons, "post": pairs % neurons,
                "weight": gain * weights, "delay": delays,
            },
            inputs=range(inputs),
            outputs=[neurons - 1],
        )  # fmt: skip

    low, high = 0.0, 4.0
    for _ in range(12):
        gain = 0.5 * (low + high)
        if events_per_tick(Problem(scaled(gain), pulses[:1000])) < (events or EVENTS[neurons]):
            low = gain
        else:
            high = gain
    return Problem(scaled(low), pulses)


def firing_problem(neurons: int, ticks: int, share: float, *, seed: int = 1) -> Problem:
    """Draw a problem in which a given share of the neurons fires at each tick, about.

    At most half of the spikes are those of the input, the rest is the network's own activity.
    """
    inputs = min(INPUTS, neurons)
    probability = min(PULSE_PROBABILITY, 0.5 * share * neurons / inputs)
    return random_problem(
        neurons, ticks, seed=seed, events=FAN_OUT * share * neurons, pulse_probability=probability
    )


def external_input(problem: Problem) -> NDArray[np.float64]:
    """Input of all neurons, shape (T, N)."""
    ext = np.zeros((len(problem.pulses), len(problem.network.neurons)))
    ext[:, : problem.pulses.shape[1]] = problem.pulses
    return ext


def firing_share(problem: Problem) -> float:
    """Share of the neurons that fire, per tick."""
    return float(_spikes(problem).mean())


def events_per_tick(problem: Problem) -> float:
    """Count the synapses that a spike travels along, per tick."""
    spikes = _spikes(problem)
    fan_out = np.bincount(problem.network.synapses.pre, minlength=spikes.shape[1])
    return float((spikes @ fan_out).mean())


def noisy_copies(network: Network, count: int, *, seed: int = 1) -> Copies:
    """Copies of a network whose weights are off by Gaussian noise of 20 %."""
    copies = golden_copies(network, count)
    noise = np.random.default_rng(seed).standard_normal(copies.weight.shape)
    copies.weight[:] *= 1.0 + WEIGHT_NOISE * noise
    return copies


def _spikes(problem: Problem) -> NDArray[np.bool_]:
    return simulate(problem.network, external_input(problem), record_voltage=False).spikes
