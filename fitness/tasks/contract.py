"""The Task contract: what a network can be evolved for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from neuro.hashing import hash_text, hash_words
from neuro.jit import KernelFunction
from neuro.specs import whole


@dataclass(frozen=True, kw_only=True)
class Task:
    """A compiled control task.

    The dynamics are two plain functions that are compiled when first needed and called from
    inside the closed-loop kernel; nothing returns to Python during an episode.

    Parameters
    ----------
    name : str
    observations : tuple of str
        Names of the values the network sees, in order.
    scale : tuple of float
        Magnitude of each value that encoders treat as full scale.
    actions : int
        Number of discrete actions; a step receives the action's index in ``action[0]``.
    max_steps : int
        Decisions after which an episode is cut off.
    solved_at : float
        Mean score that counts as solved.
    worst : float
        A score no better than doing nothing useful; fractions count from here.
    source : str
        Where dynamics and threshold come from.
    reset : callable
        ``reset(rng) -> state``, shape (D,), from a fresh `numpy.random.Generator`.
    observe : KernelFunction
        ``observe(state, observation)`` fills the observation.
    step : KernelFunction
        ``step(state, action) -> (reward, terminated)`` advances the state in place.
    gymnasium_id : str, optional
        The Gymnasium environment whose episodes are the same, start for start.
    """

    name: str
    observations: tuple[str, ...]
    scale: tuple[float, ...]
    actions: int
    max_steps: int
    solved_at: float
    worst: float
    source: str
    reset: Callable[[np.random.Generator], NDArray[np.float64]]
    observe: KernelFunction
    step: KernelFunction
    gymnasium_id: str | None = None

    @property
    def kind(self) -> str:
        return "control"

    def starts(self, seeds: Sequence[int]) -> NDArray[np.float64]:
        """Initial states, shape (S, D), one per seed.

        A seed is used the way Gymnasium does, so ``env.reset(seed=s)`` starts the same episode.
        """
        states = np.empty((len(seeds), self.state_size))
        for row, seed in enumerate(seeds):
            states[row] = self._start(whole(seed, f"seeds[{row}]", 0, 2**64 - 1))
        return states

    @cached_property
    def state_size(self) -> int:
        """Number of values in a state."""
        return len(self._start(0))

    def _start(self, seed: int) -> NDArray[np.float64]:
        return self.reset(np.random.Generator(np.random.PCG64(np.random.SeedSequence(seed))))

    def fraction(self, score: ArrayLike) -> NDArray[np.float64]:
        """Scores on a scale where 0 is `worst` and 1 is solved; not clipped."""
        return (np.asarray(score, dtype=np.float64) - self.worst) / (self.solved_at - self.worst)


def episode_seeds(seed: int, purpose: str, count: int) -> list[int]:
    """Seeds of the first `count` episodes for a purpose ("training", "held-out").

    They are 53-bit hashes (exact in every file format): that two purposes share an episode is
    as good as impossible. A longer list begins with the shorter.

    Examples
    --------
    >>> episode_seeds(1, "training", 2) == episode_seeds(1, "training", 3)[:2]
    True
    """
    whole(seed, "seed", 0, 2**64 - 1)
    hashed = hash_words(np.uint64(seed), hash_text(purpose), np.arange(count, dtype=np.uint64))
    return [int(h) for h in np.right_shift(hashed, np.uint64(11))]
