"""snnTorch: its `Leaky` neuron behind a recurrent linear layer."""

from __future__ import annotations

import math

import snntorch

from benchmarks.peers import torch_loop
from benchmarks.peers.contract import Prepared
from benchmarks.problems import TAU_MEM, Problem


def open_loop_compiled(problem: Problem) -> Prepared:
    """Prepare a run with `torch.compile`, which snnTorch supports without graph breaks."""
    return _open_loop(problem, compiled=True)


def open_loop_eager(problem: Problem) -> Prepared:
    """Prepare a run as in snnTorch's tutorials."""
    return _open_loop(problem, compiled=False)


def _open_loop(problem: Problem, *, compiled: bool) -> Prepared:
    # Its own recurrent neuron, RLeaky, computes the recurrent product twice when resetting to 0.
    neuron = snntorch.Leaky(
        beta=math.exp(-problem.network.dt / TAU_MEM),
        threshold=torch_loop.THRESHOLD,
        reset_mechanism="zero",
    )
    name = "snntorch" if compiled else "snntorch-eager"
    return torch_loop.open_loop(name, problem, neuron, compiled=compiled)
