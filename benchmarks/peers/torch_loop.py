"""What the two PyTorch peers share: a dense recurrent layer of leaky neurons, run in time.

Neither peer has delays. Their other conventions are matched: both fire above the threshold
rather than at it, so the threshold is a little lower here.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
import torch

from benchmarks.peers.agreement import check_equal, count_spikes, undelayed
from benchmarks.peers.contract import Prepared
from benchmarks.problems import Problem

BATCH = 256
THRESHOLD = 1.0 - 1e-6
# As many ticks as snnTorch's tutorials unroll.
UNROLLED = 25

Neuron = Callable[[torch.Tensor, torch.Tensor], tuple[torch.Tensor, torch.Tensor]]


class Recurrent(torch.nn.Module):
    """Input and recurrent weights around a peer's neuron.

    Parameters
    ----------
    problem : Problem
    neuron : callable
        From input and potential to spikes and potential.
    gain : float
        What the neuron wants its input multiplied by.

    Attributes
    ----------
    counts : bool
        Whether to count spikes, which costs time unless it is compiled into something larger.
    """

    def __init__(self, problem: Problem, neuron: Neuron, gain: float) -> None:
        super().__init__()
        synapses, neurons = problem.network.synapses, len(problem.network.neurons)
        channels = problem.pulses.shape[1]
        weights = np.zeros((neurons, neurons))
        weights[synapses.post, synapses.pre] = gain * synapses.weight
        self.neuron, self.counts = neuron, True
        self.into = torch.nn.Linear(channels, neurons, bias=False)
        self.into.weight.data = gain * torch.eye(neurons, channels)
        self.recurrent = torch.nn.Linear(neurons, neurons, bias=False)
        self.recurrent.weight.data = torch.tensor(weights, dtype=torch.float32)

    def forward(
        self, pulses: torch.Tensor, spikes: torch.Tensor, v: torch.Tensor, total: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Run as many ticks as there are pulses; return the new spikes, potentials and total."""
        for t in range(len(pulses)):
            spikes, v = self.neuron(self.into(pulses[t]) + self.recurrent(spikes), v)
            if self.counts:
                total = total + spikes
        return spikes, v, total


def largest_divisor(number: int, most: int) -> int:
    """The largest divisor of `number` that is not above `most`."""
    return next(d for d in range(most, 0, -1) if number % d == 0)


def open_loop(
    name: str, problem: Problem, neuron: Neuron, *, gain: float = 1.0, compiled: bool
) -> Prepared:
    """Prepare 256 copies of a network in a loop over time."""
    torch.set_num_threads(1)
    ticks, neurons = len(problem.pulses), len(problem.network.neurons)
    layer = Recurrent(problem, neuron, gain).eval()
    advance = torch.compile(layer, fullgraph=True, dynamic=False) if compiled else layer
    pulses = torch.tensor(problem.pulses, dtype=torch.float32)[:, None].repeat(1, BATCH, 1)
    # Compiled code is unrolled in time, so it is called for some ticks at a time.
    chunks = pulses.split(largest_divisor(ticks, UNROLLED) if compiled else ticks)

    @torch.no_grad()
    def run_and_count() -> tuple[float, float]:
        spikes = v = total = torch.zeros(BATCH, neurons)
        start = time.perf_counter()
        for chunk in chunks:
            spikes, v, total = advance(chunk, spikes, v, total)
        return time.perf_counter() - start, float(total.sum()) / BATCH

    def run() -> float:
        return float(run_and_count()[0])

    run()
    _, found = run_and_count()
    check_equal(name, found, count_spikes(undelayed(problem)), tolerance=0.05)
    layer.counts = compiled
    return Prepared(run, ticks * BATCH)
