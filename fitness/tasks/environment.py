"""Any Gymnasium environment as a task: ``gymnasium:ID?option=value&...``."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fitness.tasks.contract import Episode, Stepped, Task
from fitness.tasks.options import split_options
from neuro.actions import Actions, Box
from neuro.errors import InputError, wrong
from neuro.specs import lookup, real, whole
from neuro.symmetry import Symmetry

MEASURED_EPISODES = 10
"""Episodes of random actions that show what cannot be declared: ranges and a poor score."""

RANGES = {"declared": True, "measured": False}
"""Where the ranges of observations come from: whether declared bounds are believed."""

WIDE = 1e4
"""Declared bounds beyond this say nothing about what is seen."""

MAX_STEPS = 1000
"""Decisions per episode where the environment declares no limit."""

SYMMETRIES = {
    # Position, speed, angle; left and right leg. Options: nothing, left, main, right engine.
    "LunarLander": Symmetry((-1, 1, -1, 1, -1, -1, 1, 1), (0, 3, 2, 1), (0, 1, 2, 3, 4, 5, 7, 6)),
}
"""What environments with discrete actions look like in a mirror, by name without version."""


@dataclass(frozen=True, kw_only=True)
class EnvironmentTask(Task):
    """A task whose episodes are those of a Gymnasium environment; see `Task` for the rest.

    What an episode begins with is its seed. Made by `environment_task`.

    Parameters
    ----------
    make : callable
        Makes the environment.
    """

    make: Callable[[], Any]

    @property
    def state_size(self) -> int:
        return 1

    def starts(self, seeds: Sequence[int]) -> NDArray[np.float64]:
        """Seeds as numbers, shape (S, 1): up to 2**53 they are exact."""
        checked = [whole(seed, f"seeds[{row}]", 0, 2**53) for row, seed in enumerate(seeds)]
        return np.array(checked, dtype=np.float64).reshape(-1, 1)

    def begin(self, start: NDArray[np.float64]) -> Episode:
        return _EnvironmentEpisode(self, int(start[0]))


class _EnvironmentEpisode:
    """One episode of an environment of its own."""

    def __init__(self, task: EnvironmentTask, seed: int) -> None:
        self._environment = task.make()
        self._convert = action_converter(self._environment.action_space)
        self._left = task.max_steps
        self.observation = flatten(self._environment.reset(seed=seed)[0])

    def step(self, action: NDArray[np.float64]) -> Stepped:
        seen, reward, terminated, truncated, _ = self._environment.step(self._convert(action))
        self.observation = flatten(seen)
        self._left -= 1
        cut = bool(truncated) or self._left <= 0
        return Stepped(float(reward), bool(terminated), cut and not terminated)

    def close(self) -> None:
        self._environment.close()


def flatten(observation: Any) -> NDArray[np.float64]:
    """Lay an observation out as one row of float64."""
    return np.asarray(observation, dtype=np.float64).ravel()


def read_actions(space: Any) -> Actions:
    """Describe an action space.

    Raises
    ------
    InputError
        It is of a kind that networks cannot act in; names it.
    """
    from gymnasium import spaces

    if isinstance(space, spaces.Discrete):
        return int(space.n)
    if isinstance(space, spaces.MultiDiscrete) and space.nvec.ndim == 1:
        return tuple(int(n) for n in space.nvec)
    if isinstance(space, spaces.Box):
        low, high = flatten(space.low), flatten(space.high)
        if not (np.isfinite(low).all() and np.isfinite(high).all()):
            raise wrong("action space", "a Box with finite bounds", space)
        return Box(tuple(low.tolist()), tuple(high.tolist()))
    raise wrong("action space", "Discrete, MultiDiscrete or Box", space)


def action_converter(space: Any) -> Callable[[NDArray[np.float64]], Any]:
    """Make the function that turns an action into what the environment expects."""
    from gymnasium import spaces

    read_actions(space)
    if isinstance(space, spaces.Discrete):
        first = int(space.start)
        return lambda action: first + int(action[0])
    if isinstance(space, spaces.MultiDiscrete):
        starts = space.start
        return lambda action: (starts + action).astype(space.dtype)
    # Rounding a bound to float32 must not leave the space.
    return lambda action: np.clip(
        action.astype(space.dtype).reshape(space.shape), space.low, space.high
    )


def count_observations(space: Any) -> int:
    """Count the values of an observation.

    Raises
    ------
    InputError
        The space is not a box; names it.
    """
    from gymnasium import spaces

    if not isinstance(space, spaces.Box):
        raise wrong("observation space", "a Box", space)
    return int(np.prod(space.shape))


def environment_task(text: str) -> EnvironmentTask:
    """Make a task of a Gymnasium environment.

    Parameters
    ----------
    text : str
        ``ID`` or ``ID?option=value&...``. The options `solved_at`, `worst` and `max_steps`
        replace what the environment declares or what is measured; ``ranges=measured`` ignores
        declared bounds of observations; others are handed to `gymnasium.make`.

    Raises
    ------
    InputError
        Unknown environment, a space of another kind, no declared or given `solved_at`.

    Notes
    -----
    Observations are scaled from their declared bounds; where these are infinite, from the range
    seen in `MEASURED_EPISODES` episodes of random actions with fixed seeds. The mean score of
    these is `worst`, unless given. Environments in `SYMMETRIES` can be solved by mirrored networks.

    Examples
    --------
    >>> task = environment_task("CartPole-v1")
    >>> len(task.observations), task.actions, task.solved_at, task.max_steps
    (4, 2, 475.0, 500)
    """
    import gymnasium  # a third of a second that other tasks need not pay

    name = f"gymnasium:{text}"
    identifier, options = split_options(text, name)
    own = ("solved_at", "worst", "max_steps", "ranges")
    given = {key: options.pop(key) for key in own if key in options}
    if "render_mode" in options:
        raise InputError(f"{name}: render_mode: expected none, nothing is shown")
    if "max_steps" in given:  # in place of the environment's own limit, lower or higher
        limit = whole(given["max_steps"], f"{name}: max_steps", 1, 10**9)
        options["max_episode_steps"] = limit

    def make() -> Any:
        # A network's actions fit by construction: no need to check them at every step.
        return gymnasium.make(identifier, disable_env_checker=True, **options)

    try:
        with warnings.catch_warnings():  # of versions that are out of date: an error says the same
            warnings.simplefilter("ignore", DeprecationWarning)
            environment = make()
    except gymnasium.error.DependencyNotInstalled as error:
        reason = str(error)
        if "box2d" in reason.lower():  # Gymnasium's advice has a step more, and not our versions
            reason = "install it with: pip install 'tardigrade[box2d]'"
        raise InputError(f"{name}: a package is missing: {reason}") from None
    except (gymnasium.error.Error, ModuleNotFoundError, TypeError, ValueError) as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise InputError(f"{name}: cannot be made: {reason}") from None
    with environment:
        try:
            count = count_observations(environment.observation_space)
            actions = read_actions(environment.action_space)
        except InputError as error:
            raise InputError(f"{name}: {error}") from None
        spec = environment.spec
        solved = given.get("solved_at", spec.reward_threshold)
        if solved is None:
            raise InputError(
                f"{name}: the environment declares no score that counts as solved; give one: "
                f"{name}{'&' if '?' in text else '?'}solved_at=SCORE"
            )
        solved = real(solved, f"{name}: solved_at", -1e12, 1e12)
        limit = spec.max_episode_steps or MAX_STEPS
        symmetry = SYMMETRIES.get(spec.name) if isinstance(actions, int) else None
        center, scale, known = _declared(environment.observation_space)
        known &= lookup(RANGES, given.get("ranges", "declared"), f"{name}: ranges")
        worst = given.get("worst")
        if worst is None or not known.all():
            try:
                low, high, mean = _measure(environment, limit)
            except Exception as error:  # whatever an environment's own code raises
                reason = f"{type(error).__name__}: {error}"
                raise InputError(f"{name}: cannot be played: {reason}") from None
            if symmetry is not None:
                low, high = _with_image(low, high, symmetry)
            half = 0.5 * (high - low)
            center = np.where(known, center, 0.5 * (low + high))
            scale = np.where(known, scale, np.where(half > 1e-9, half, 1.0))
            worst = mean if worst is None else worst
    worst = real(worst, f"{name}: worst", -1e12, 1e12)
    if worst >= solved:
        raise wrong(f"{name}: worst", f"a number below solved_at, {solved:g}", worst)
    return EnvironmentTask(
        name=name,
        observations=tuple(f"observation {i}" for i in range(count)),
        scale=tuple(scale.tolist()),
        center=tuple(center.tolist()),
        actions=actions,
        max_steps=limit,
        solved_at=solved,
        worst=worst,
        symmetry=symmetry,
        source=f"Gymnasium {identifier}",
        make=make,
    )


def _declared(space: Any) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.bool_]]:
    """Center, half range, and whether the bounds say anything."""
    low, high = flatten(space.low), flatten(space.high)
    known = (np.abs(low) <= WIDE) & (np.abs(high) <= WIDE) & (low < high)
    low, high = np.where(known, low, -1.0), np.where(known, high, 1.0)
    return 0.5 * (low + high), 0.5 * (high - low), known


def _measure(
    environment: Any, limit: int
) -> tuple[NDArray[np.float64], NDArray[np.float64], float]:
    """Act at random: least and greatest of each value that is seen, and the mean score."""
    environment.action_space.seed(0)
    rows, scores = [], []
    for seed in range(MEASURED_EPISODES):
        rows.append(flatten(environment.reset(seed=seed)[0]))
        score = 0.0
        for _ in range(limit):
            seen, reward, terminated, truncated, _ = environment.step(
                environment.action_space.sample()
            )
            rows.append(flatten(seen))
            score += float(reward)
            if terminated or truncated:
                break
        scores.append(score)
    return np.min(rows, axis=0), np.max(rows, axis=0), float(np.mean(scores))


def _with_image(
    low: NDArray[np.float64], high: NDArray[np.float64], symmetry: Symmetry
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Least and greatest values, of what was seen and of how it looks in the mirror."""
    places, turned = list(symmetry.places), np.array(symmetry.signs) < 0
    other_low = np.where(turned, -high[places], low[places])
    other_high = np.where(turned, -low[places], high[places])
    return np.minimum(low, other_low), np.maximum(high, other_high)
