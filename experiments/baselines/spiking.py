"""Spiking networks as controllers of baselines."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from evo import Genome, SearchSpace, decode
from fitness import Episodes, Evaluator, Task, play
from neuro import Network, prune


@dataclass(frozen=True, eq=False)
class Spiking:
    """A spiking network, measured as in evolution.

    Parameters
    ----------
    network : Network
        Pruned.
    """

    network: Network

    @property
    def size(self) -> int:
        """Neurons, synapses and input synapses."""
        return self.network.size

    def play(self, task: Task, starts: NDArray[np.float64], /) -> Episodes:
        """Play one episode from each start."""
        return play(self.network, task, starts)

    def measure(self, evaluator: Evaluator, /) -> NDArray[np.float64]:
        """Measure an evaluator's objectives, shape (m,)."""
        row: NDArray[np.float64] = evaluator([self.network]).objectives[0]
        return row


def spiking(genome: Genome, space: SearchSpace) -> Spiking:
    """Build the controller that a genome describes.

    Examples
    --------
    >>> from evo.operators import random_genome
    >>> from experiments.config import resolve
    >>> space = resolve("cartpole").space
    >>> spiking(random_genome(space, np.random.default_rng(1)), space).network.task
    'cartpole'
    """
    return Spiking(prune(decode(genome, space)))
