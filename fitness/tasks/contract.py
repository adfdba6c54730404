"""The Task contract: what a network can be evolved for."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar, NamedTuple, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from neuro.actions import Actions, check_actions
from neuro.errors import wrong
from neuro.hashing import hash_text, hash_words
from neuro.jit import KernelFunction
from neuro.specs import real, settle, whole
from neuro.symmetry import Symmetry


class Stepped(NamedTuple):
    """What a step of an episode returns.

    Attributes
    ----------
    reward : float
    terminated : bool
        The episode came to its end: the pole fell, the goal was reached.
    truncated : bool
        The episode was cut off; it might have gone on.
    """

    reward: float
    terminated: bool
    truncated: bool


class Episode(Protocol):
    """One episode stepped from Python, whatever the task: for recordings, not for speed."""

    observation: NDArray[np.float64]

    def step(self, action: NDArray[np.float64]) -> Stepped:
        """Take one decision."""

    def close(self) -> None:
        """Give back what the episode holds."""


@dataclass(frozen=True, kw_only=True)
class Task(ABC):
    """What every kind of task says of itself.

    Parameters
    ----------
    name : str
    observations : tuple of str
        Names of the values the network sees, in order.
    scale, center : tuple of float
        Encoders treat ``center - scale`` to ``center + scale`` as the range of each value;
        `center` is 0 where left out. See also `ranges`.
    actions : int, tuple of int or Box
        A number of choices, one for each of several choices, or continuous values.
    max_steps : int
        Decisions after which an episode is cut off.
    solved_at : float
        Mean score that counts as solved.
    worst : float
        A score no better than doing nothing useful; fractions count from here.
    symmetry : Symmetry, optional
        What the task looks like in a mirror, where it then is the same task.
    source : str
        Where dynamics and threshold come from.
    """

    kind: ClassVar[str] = "control"
    unit: ClassVar[str] = "score"

    name: str
    observations: tuple[str, ...]
    scale: tuple[float, ...] = ()
    center: tuple[float, ...] = ()
    actions: Actions
    max_steps: int
    solved_at: float
    worst: float
    source: str
    symmetry: Symmetry | None = None

    def __post_init__(self) -> None:
        settle(self, actions=check_actions(self.actions))
        for name in ("scale", "center"):
            if len(getattr(self, name)) not in (0, len(self.observations)):
                raise wrong(name, f"{len(self.observations)} numbers", len(getattr(self, name)))
        if self.symmetry is not None:
            self._check_symmetry(self.symmetry)
        whole(self.max_steps, "max_steps", 1, 2**62)
        worst = real(self.worst, "worst", -1e300, 1e300)
        if real(self.solved_at, "solved_at", -1e300, 1e300) <= worst:
            raise wrong("solved_at", f"more than worst, {worst:g}", self.solved_at)

    def _check_symmetry(self, symmetry: Symmetry) -> None:
        if not isinstance(symmetry, Symmetry):
            raise wrong("symmetry", "a neuro.symmetry.Symmetry", symmetry)
        if len(symmetry.signs) != len(self.observations):
            raise wrong("symmetry", f"{len(self.observations)} signs", len(symmetry.signs))
        if isinstance(self.actions, int):
            expected = f"choices for {self.actions} options"
            fits = len(symmetry.choices) in (0, self.actions)
        else:
            expected = "no choices, which only one choice among options has"
            fits = not symmetry.choices
        if not fits:
            raise wrong("symmetry", expected, symmetry.choices)

    def ranges(self) -> tuple[tuple[float, ...], tuple[float, ...]]:
        """Center and scale of each observation, for encoders."""
        return self.center or (0.0,) * len(self.scale), self.scale

    @property
    @abstractmethod
    def state_size(self) -> int:
        """Number of values in what an episode begins with."""

    @abstractmethod
    def starts(self, seeds: Sequence[int]) -> NDArray[np.float64]:
        """What episodes begin with, shape (S, D), one row per seed."""

    def draw_starts(self, seed: int, purpose: str, count: int) -> NDArray[np.float64]:
        """Return the first `count` starts for a purpose; see `episode_seeds`."""
        return self.starts(episode_seeds(seed, purpose, count))

    def fingerprint(self) -> str:
        """Identify the data that the task is made of; empty where it is made of code alone."""
        return ""

    @abstractmethod
    def begin(self, start: NDArray[np.float64]) -> Episode:
        """Begin an episode that is stepped from Python."""

    def fraction(self, score: ArrayLike) -> NDArray[np.float64]:
        """Scores on a scale where 0 is `worst` and 1 is solved; not clipped."""
        return (np.asarray(score, dtype=np.float64) - self.worst) / (self.solved_at - self.worst)


@dataclass(frozen=True, kw_only=True)
class CompiledTask(Task):
    """A task whose dynamics run inside the closed-loop kernel; see `Task` for the rest.

    The dynamics are two plain functions that are compiled when first needed; nothing returns to
    Python during an episode.

    Parameters
    ----------
    reset : callable
        ``reset(rng) -> state``, shape (D,), from a fresh `numpy.random.Generator`.
    observe : KernelFunction
        ``observe(state, observation)`` fills the observation.
    step : KernelFunction
        ``step(state, action) -> (reward, terminated)`` advances the state in place.
    gymnasium_id : str, optional
        The Gymnasium environment whose episodes are the same, start for start.
    """

    reset: Callable[[np.random.Generator], NDArray[np.float64]]
    observe: KernelFunction
    step: KernelFunction
    gymnasium_id: str | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("observe", "step"):
            if not isinstance(getattr(self, name), KernelFunction):
                what = f"a function decorated with kernel_function({name.upper()})"
                raise wrong(name, what, getattr(self, name))

    def starts(self, seeds: Sequence[int]) -> NDArray[np.float64]:
        """Initial states, shape (S, D), one per seed.

        A seed is used the way Gymnasium does, so ``env.reset(seed=s)`` starts the same episode.
        """
        states = np.empty((len(seeds), self.state_size))
        for row, seed in enumerate(seeds):
            state = self._start(whole(seed, f"seeds[{row}]", 0, 2**64 - 1))
            if len(state) != self.state_size:
                expected = f"{self.state_size} values, as from another seed"
                raise wrong(f"task {self.name}: reset", expected, len(state))
            states[row] = state
        return states

    @cached_property
    def state_size(self) -> int:
        """Number of values in a state."""
        return len(self._start(0))

    def draw_starts(self, seed: int, purpose: str, count: int) -> NDArray[np.float64]:
        """Return starts for a purpose; where all are the same, one is enough."""
        drawn = super().draw_starts(seed, purpose, count)
        return drawn[:1] if (drawn == drawn[:1]).all() else drawn

    def _start(self, seed: int) -> NDArray[np.float64]:
        rng = np.random.Generator(np.random.PCG64(np.random.SeedSequence(seed)))
        given = self.reset(rng)
        try:
            state = np.asarray(given, dtype=np.float64)
        except (TypeError, ValueError):
            raise wrong(f"task {self.name}: reset", "an array of numbers", given) from None
        if state.ndim != 1:
            raise wrong(f"task {self.name}: reset", "an array of one dimension", state)
        return state

    def begin(self, start: NDArray[np.float64]) -> Episode:
        return _CompiledEpisode(self, start)


class _CompiledEpisode:
    """An episode of a compiled task, with its plain functions."""

    def __init__(self, task: CompiledTask, start: NDArray[np.float64]) -> None:
        self._task, self._state, self._left = task, np.array(start), task.max_steps
        self.observation = np.zeros(len(task.observations))
        task.observe(self._state, self.observation)

    def step(self, action: NDArray[np.float64]) -> Stepped:
        reward, ended = self._task.step(self._state, action)
        self._left -= 1
        self.observation = np.zeros(len(self.observation))
        self._task.observe(self._state, self.observation)
        return Stepped(float(reward), bool(ended), not ended and self._left <= 0)

    def close(self) -> None:
        pass


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
