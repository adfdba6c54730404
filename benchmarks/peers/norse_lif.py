"""Norse: its `LIFBoxCell`, a leaky neuron without synaptic current, in a recurrent layer."""

from __future__ import annotations

import math

import torch
from norse.torch import LIFBoxCell, LIFBoxFeedForwardState, LIFBoxParameters

from benchmarks.peers import torch_loop
from benchmarks.peers.contract import Prepared
from benchmarks.problems import TAU_MEM, Problem

DT = 0.001  # s


class Neuron(torch.nn.Module):
    """The cell, with the potential as its only state."""

    def __init__(self, leak: float) -> None:
        super().__init__()
        self.cell = LIFBoxCell(
            LIFBoxParameters(
                tau_mem_inv=torch.as_tensor(leak / DT),
                v_th=torch.as_tensor(torch_loop.THRESHOLD),
            ),
            dt=DT,
        )

    def forward(self, current: torch.Tensor, v: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Advance one tick."""
        spikes, state = self.cell(current, LIFBoxFeedForwardState(v))
        return spikes, state.v


def open_loop_compiled(problem: Problem) -> Prepared:
    """Prepare a run with `torch.compile`, as Norse's release notes advise."""
    return _open_loop(problem, compiled=True)


def open_loop_eager(problem: Problem) -> Prepared:
    """Prepare a run as in Norse's tutorials."""
    return _open_loop(problem, compiled=False)


def _open_loop(problem: Problem, *, compiled: bool) -> Prepared:
    # Norse's Euler step is v += dt/tau (input - v): this makes it the exact decay, and 1/leak
    # undoes what it does to the input. LIFRecurrentCell is slower: it has a synaptic current.
    leak = 1.0 - math.exp(-problem.network.dt / TAU_MEM)
    name = "norse" if compiled else "norse-eager"
    return torch_loop.open_loop(name, problem, Neuron(leak), gain=1.0 / leak, compiled=compiled)
