"""neat-python's spiking network: `IZNN`, Izhikevich neurons in pure Python, without delays."""

from __future__ import annotations

import time

from neat.iznn import FAST_SPIKING_PARAMS, IZNN, IZNeuron

from benchmarks.peers.contract import Prepared
from benchmarks.problems import Problem

# What makes an Izhikevich neuron fire: weights are in thresholds of 1.
GAIN = 20.0


def build(problem: Problem) -> IZNN:
    """Build the topology of a problem; pulses arrive over input connections."""
    network = problem.network
    links: list[list[tuple[int, float]]] = [[] for _ in range(len(network.neurons))]
    keys = [-1 - channel for channel in range(len(network.inputs))]
    for key, j in zip(keys, network.inputs.tolist(), strict=True):
        links[j].append((key, GAIN))
    s = network.synapses
    for pre, post, weight in zip(*(c.tolist() for c in (s.pre, s.post, s.weight)), strict=True):
        links[post].append((pre, GAIN * weight))
    neurons = {j: IZNeuron(bias=0.0, **FAST_SPIKING_PARAMS, inputs=i) for j, i in enumerate(links)}
    return IZNN(neurons, keys, network.outputs.tolist())


def open_loop(problem: Problem) -> Prepared:
    """Prepare a loop that sets the inputs and advances by a tick."""
    network = build(problem)
    rows = problem.pulses.astype(float).tolist()
    dt = problem.network.dt

    def run() -> float:
        network.reset()
        start = time.perf_counter()
        for row in rows:
            network.set_inputs(row)
            network.advance(dt)
        return time.perf_counter() - start

    run()
    return Prepared(run, len(rows))
