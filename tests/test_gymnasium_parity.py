"""The compiled control tasks are Gymnasium's environments, bit for bit, step after step.

Episodes run free: the state is never corrected, so one differing bit would stay and grow.
"""

import math
from typing import NamedTuple

import gymnasium
import numba
import numpy as np
import pytest

from fitness import TASKS
from neuro.actions import Box

PARALLEL = [
    "cartpole", "mountain-car", "mountain-car-continuous", "acrobot", "pendulum",
]  # fmt: skip
STEPS = 10_000
PLAIN_EPISODES = 25


class Record(NamedTuple):
    """One episode in Gymnasium."""

    seed: int
    first: np.ndarray  # the observation of the start, float32
    actions: np.ndarray  # float64
    states: np.ndarray
    observations: np.ndarray  # float32
    rewards: list
    ended: bool
    truncated: bool


# Policies: (task, observation, random generator) -> action as a number.


def anything(task, observation, rng):
    """Any choice; any value, one in three at a bound and one in three beyond it."""
    if not isinstance(task.actions, Box):
        return float(rng.integers(task.actions))
    low, high = task.actions.low[0], task.actions.high[0]
    kind = rng.integers(3)
    if kind == 0:
        return rng.uniform(low, high)
    if kind == 1:
        return float(rng.choice([low, high]))
    return rng.choice([low, high]) * rng.uniform(1.0, 2.0)


def inside(task, observation, rng):
    """Any choice; any value within the bounds."""
    if not isinstance(task.actions, Box):
        return float(rng.integers(task.actions))
    return rng.uniform(task.actions.low[0], task.actions.high[0])


def nothing(task, observation, rng):
    """No push; CartPole has only left and right."""
    return 0.0 if isinstance(task.actions, Box) else float(task.actions // 2)


def left(task, observation, rng):
    return task.actions.low[0] if isinstance(task.actions, Box) else 0.0


def right(task, observation, rng):
    """Always right, also beyond the bound."""
    return task.actions.high[0] * 1.3 if isinstance(task.actions, Box) else task.actions - 1.0


def lean(task, observation, rng):
    """Push to where the pole falls, as a person would."""
    return float(observation[2] + 0.3 * observation[3] + 0.02 * observation[0] > 0.0)


def nearly_lean(task, observation, rng):
    return anything(task, observation, rng) if rng.random() < 0.3 else lean(task, observation, rng)


def swing(task, observation, rng):
    """Push to where it moves, which adds energy: the goals and the highest speeds are reached."""
    speed = observation[{"acrobot": 4, "pendulum": 2}.get(task.name, 1)]
    if task.name == "acrobot":
        return 0.0 if speed > 0.0 else 2.0  # the torque acts on the first link backwards
    return left(task, observation, rng) if speed < 0.0 else right(task, observation, rng)


def nearly_swing(task, observation, rng):
    """As `swing`, with some random pushes between."""
    return anything(task, observation, rng) if rng.random() < 0.3 else swing(task, observation, rng)


COMMON = [(anything, 20), (inside, 20), (nothing, 4), (left, 4), (right, 4)]
SWINGING = [(swing, 20), (nearly_swing, 20)]
POLICIES = {
    "cartpole": [(anything, 400), (left, 10), (right, 10), (lean, 40), (nearly_lean, 60)],
    "mountain-car": COMMON + SWINGING,
    "mountain-car-continuous": COMMON + SWINGING,
    "acrobot": COMMON + SWINGING,
    "pendulum": COMMON + SWINGING,
}


def play_in_gymnasium(env, task, policy, seed):
    rng = np.random.default_rng(seed)
    first, _ = env.reset(seed=seed)
    observation, ended, truncated = first, False, False
    actions, states, observations, rewards = [], [], [], []
    while not (ended or truncated):
        action = policy(task, observation, rng)
        observation, reward, ended, truncated, _ = env.step(
            np.array([action], dtype=np.float32) if isinstance(task.actions, Box) else int(action)
        )
        assert observation.dtype == np.float32
        actions.append(action)
        states.append(np.array(env.unwrapped.state, dtype=np.float64))
        observations.append(np.array(observation))
        rewards.append(float(reward))
    return Record(
        seed, first, np.array(actions), np.array(states), np.array(observations), rewards,
        ended, truncated,
    )  # fmt: skip


@pytest.fixture(scope="module", params=PARALLEL)
def played(request):
    """A task, and what Gymnasium does in many episodes with each policy."""
    task = TASKS[request.param]
    env = gymnasium.make(task.gymnasium_id)
    records = [
        play_in_gymnasium(env, task, policy, 1000 * number + k)
        for number, (policy, count) in enumerate(POLICIES[task.name])
        for k in range(count)
    ]
    env.close()
    return task, records


@numba.njit
def compiled_observe(observe, state, observation):
    observe(state, observation)


@numba.njit
def compiled_run(observe, step, state, actions, states, observations, rewards):
    """Step until the end of `actions` or of the episode; return the steps and whether it ended."""
    action = np.zeros(1)
    for t in range(len(actions)):
        action[0] = actions[t]
        rewards[t], ended = step(state, action)
        states[t] = state
        observe(state, observations[t])
        if ended:
            return t + 1, True
    return len(actions), False


def test_there_is_enough_to_compare(played):
    task, records = played
    assert sum(len(record.actions) for record in records) >= STEPS
    assert any(record.truncated for record in records)
    states = np.concatenate([record.states for record in records])
    if task.name == "cartpole":
        assert sum(record.ended for record in records) > 200
    elif task.name == "pendulum":
        assert (np.abs(states[:, 1]) == 8.0).any()
        assert (np.abs(states[:, 0]) > 4.0 * np.pi).any()
        assert not any(record.ended for record in records)
    elif task.name == "acrobot":
        assert sum(record.ended for record in records) >= 20
        assert (np.abs(np.diff(states[:, :2], axis=0)) > 6.0).any(axis=0).all()  # wrapped
    else:
        assert sum(record.ended for record in records) >= 20
        wall = -1.2 if task.name == "mountain-car" else float(np.float32(-1.2))
        at_wall = states[:, 0] == wall
        assert at_wall.any()
        assert (states[at_wall, 1] == 0.0).all()


def test_starts(played):
    """Many, because Acrobot's first observation differs in one start of 500 if taken in float64."""
    task, _ = played
    env = gymnasium.make(task.gymnasium_id)
    plain, compiled = np.empty((2, len(task.observations)))
    seeds = [0, 2**32 - 1, 2**53 - 1, *range(1, 4000)]
    for seed, start in zip(seeds, task.starts(seeds), strict=True):
        first, _ = env.reset(seed=seed)
        expected = np.array(env.unwrapped.state, dtype=np.float64)
        assert start[: len(expected)].tobytes() == expected.tobytes()
        task.observe(start, plain)
        compiled_observe(task.observe, start, compiled)
        assert plain.tobytes() == compiled.tobytes() == first.astype(np.float64).tobytes()
    env.close()


def test_compiled_steps(played):
    task, records = played
    for record in records:
        state = task.starts([record.seed])[0]
        count = len(record.actions)
        states, observations = np.empty((count, len(state))), np.empty((count, len(record.first)))
        rewards = np.empty(count)
        steps, ended = compiled_run(
            task.observe, task.step, state, record.actions, states, observations, rewards
        )
        assert (steps, ended) == (count, record.ended)
        assert record.truncated == (count == task.max_steps)
        assert count <= task.max_steps
        shown = np.ascontiguousarray(states[:, : record.states.shape[1]])
        assert shown.tobytes() == record.states.tobytes()
        assert observations.tobytes() == record.observations.astype(np.float64).tobytes()
        assert rewards.tolist() == record.rewards


def test_plain_python_steps(played):
    """The episodes that are stepped from Python, cut off where Gymnasium's TimeLimit does."""
    task, records = played
    for record in records[:: max(1, len(records) // PLAIN_EPISODES)]:
        episode = task.begin(task.starts([record.seed])[0])
        assert episode.observation.tolist() == record.first.tolist()
        for t, action in enumerate(record.actions):
            reward, ended, truncated = episode.step(np.array([action]))
            assert episode.observation.tolist() == record.observations[t].tolist()
            assert reward == record.rewards[t]
            last = t == len(record.actions) - 1
            assert ended == (last and record.ended)
            assert truncated == (last and record.truncated and not record.ended)


def test_plain_python_states(played):
    task, records = played
    for record in records[:: max(1, len(records) // PLAIN_EPISODES)]:
        state = task.starts([record.seed])[0]
        for action, expected in zip(record.actions, record.states, strict=True):
            task.step(state, np.array([action]))
            assert state[: len(expected)].tobytes() == expected.tobytes()


# Corners of the states that an episode can be in, beyond which random ones lie as well.
HIGHEST = {
    "cartpole": [2.4, 3.0, 0.21, 3.0],
    "mountain-car": [1.2, 0.07],
    "mountain-car-continuous": [1.2, 0.07],
    "acrobot": [np.pi, np.pi, 4.0 * np.pi, 9.0 * np.pi],
    "pendulum": [30.0, 8.0],
}


def test_one_step_from_anywhere(played):
    """Walls, goals, bounds of speeds and whole turns, which few episodes meet."""
    task, _ = played
    env = gymnasium.make(task.gymnasium_id).unwrapped
    rng = np.random.default_rng(5)
    edges = 0
    for _ in range(3000):
        count = len(HIGHEST[task.name])
        share = np.where(
            rng.random(count) < 0.5, rng.uniform(-1.1, 1.1, count), rng.integers(-1, 2, count)
        )
        given = share * np.array(HIGHEST[task.name])
        state = task.starts([0])[0]
        action = anything(task, None, rng)
        env.reset(seed=0)
        if task.name == "mountain-car-continuous":  # which keeps float32 after the first step
            given = given.astype(np.float32)
            state[2] = 0.0
        env.state = given.copy()
        state[: len(given)] = given
        taken = np.array([action], np.float32) if isinstance(task.actions, Box) else int(action)
        expected = env.step(taken)
        states, observations = np.empty((1, len(state))), np.empty((1, len(task.observations)))
        plain, rewards = state.copy(), np.empty(1)
        _, ended = compiled_run(
            task.observe, task.step, state, np.array([action]), states, observations, rewards
        )
        assert task.step(plain, np.array([action])) == (rewards[0], ended)
        assert plain.tobytes() == states.tobytes()
        assert states[0, : len(given)].tolist() == np.array(env.state).tolist()
        assert observations[0].tolist() == expected[0].tolist()
        assert (rewards[0], ended) == expected[1:3]
        edges += np.isin(np.abs(states[0, : len(given)]), np.abs(HIGHEST[task.name])).any()
    env.close()
    if task.name in ("acrobot", "pendulum"):
        assert edges > 30  # speeds were cut


TERMINAL_REWARD = {
    "cartpole": lambda action: 1.0,
    "mountain-car": lambda action: -1.0,
    "mountain-car-continuous": lambda action: 100.0 - 0.1 * float(np.float32(action)) ** 2,
    "acrobot": lambda action: 0.0,
}


def test_rewards_of_the_last_step(played):
    """What the descriptions of the environments promise."""
    task, records = played
    for record in records:
        if record.ended:
            expected = TERMINAL_REWARD[task.name](record.actions[-1])
            assert record.rewards[-1] == pytest.approx(expected, rel=1e-12)


def test_facts_of_the_environment(played):
    task, _ = played
    spec = gymnasium.spec(task.gymnasium_id)
    assert spec.max_episode_steps == task.max_steps
    if spec.reward_threshold is None:
        assert "no official threshold" in task.source
    else:
        assert spec.reward_threshold == task.solved_at
    env = gymnasium.make(task.gymnasium_id)
    if isinstance(task.actions, Box):
        assert env.action_space.low.tolist() == list(task.actions.low)
        assert env.action_space.high.tolist() == list(task.actions.high)
    else:
        assert env.action_space.n == task.actions
    assert env.observation_space.shape == (len(task.observations),)
    if task.name != "cartpole":  # whose speeds have no bounds
        center, scale = (np.array(values) for values in task.ranges())
        assert center + scale == pytest.approx(env.observation_space.high)
        assert center - scale == pytest.approx(env.observation_space.low)
    env.close()


def test_squares_that_need_pow():
    """The traps are real: on this machine pow(x, 2) and x * x do differ."""
    values = np.random.default_rng(1).uniform(1.0, 2.0, 100_000).tolist()
    assert any(math.pow(x, 2.0) != x * x for x in values)
