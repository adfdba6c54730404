"""The compiled CartPole is Gymnasium's CartPole-v1, bit for bit, step after step."""

import gymnasium
import numba
import numpy as np
import pytest

from fitness import TASKS

TASK = TASKS["cartpole"]


@numba.njit
def compiled_step(step, state, action):
    return step(state, action)


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


def lean(noise):
    """Push to where the pole falls, as a person would; with some random pushes."""

    def policy(rng, observation):
        if rng.random() < noise:
            return int(rng.integers(2))
        return int(observation[2] + 0.3 * observation[3] + 0.02 * observation[0] > 0.0)

    return policy


POLICIES = {
    "random": (lambda rng, observation: int(rng.integers(2)), 400),
    "left": (lambda rng, observation: 0, 10),
    "right": (lambda rng, observation: 1, 10),
    "balancing": (lean(0.0), 40),
    "nearly balancing": (lean(0.3), 60),
}


@pytest.fixture(scope="module")
def episodes():
    """Free-running episodes of Gymnasium: (seed, start, actions, states, observations, ends)."""
    env = gymnasium.make("CartPole-v1")
    result = []
    for policy, count in POLICIES.values():
        for k in range(count):
            seed = 1000 * len(result) + k
            rng = np.random.default_rng(seed)
            observation, _ = env.reset(seed=seed)
            start = np.array(env.unwrapped.state, dtype=np.float64)
            rows = []
            ended = truncated = False
            while not (ended or truncated):
                action = policy(rng, observation)
                observation, reward, ended, truncated, _ = env.step(action)
                rows.append((action, np.array(env.unwrapped.state), observation, reward, ended))
            result.append((seed, start, rows, truncated))
    env.close()
    return result


def test_there_is_enough_to_compare(episodes):
    assert sum(len(rows) for _, _, rows, _ in episodes) >= 20_000
    assert sum(truncated for *_, truncated in episodes) > 0
    assert sum(not truncated for *_, truncated in episodes) > 200


def test_starts_from_the_same_seed(episodes):
    starts = TASK.starts([seed for seed, *_ in episodes])
    assert starts.tobytes() == np.array([start for _, start, *_ in episodes]).tobytes()


def test_compiled_steps(episodes):
    """Running free: the state is never corrected, so one differing bit would stay and grow."""
    for _, start, rows, truncated in episodes:
        actions = np.array([row[0] for row in rows], dtype=np.float64)
        states = np.empty((len(rows), 4))
        observations, rewards = np.empty((len(rows), 4)), np.empty(len(rows))
        steps, ended = compiled_run(
            TASK.observe, TASK.step, start.copy(), actions, states, observations, rewards
        )
        assert steps == len(rows)
        assert ended == rows[-1][4]
        assert steps == TASK.max_steps if truncated else steps <= TASK.max_steps
        assert states.tobytes() == np.array([row[1] for row in rows]).tobytes()
        expected = np.array([row[2] for row in rows])
        assert expected.dtype == np.float32
        assert observations.tobytes() == expected.astype(np.float64).tobytes()
        assert rewards.tolist() == [row[3] for row in rows]


def test_plain_python_steps(episodes):
    observation = np.empty(4)
    for _, start, rows, _ in episodes:
        state = start.copy()
        for action, expected, seen, reward, ended in rows:
            assert TASK.step(state, np.array([float(action)])) == (reward, ended)
            TASK.observe(state, observation)
            assert state.tobytes() == expected.tobytes()
            assert observation.tobytes() == seen.astype(np.float64).tobytes()


def test_first_observation(episodes):
    env = gymnasium.make("CartPole-v1")
    observation = np.empty(4)
    for seed, start, *_ in episodes[::50]:
        TASK.observe(start, observation)
        assert observation.tolist() == env.reset(seed=seed)[0].astype(np.float64).tolist()
    env.close()


@pytest.mark.parametrize(
    ("index", "limit"), [(0, 2.4), (0, -2.4), (2, 12 * 2 * np.pi / 360), (2, -12 * 2 * np.pi / 360)]
)
def test_the_limits_themselves_are_not_a_fall(index, limit):
    """Gymnasium ends beyond the limit, not at it (the velocities are zero: x stays x)."""
    env = gymnasium.make("CartPole-v1").unwrapped
    for value in (limit, np.nextafter(limit, 9 * limit), np.nextafter(limit, 0.0)):
        state = np.zeros(4)
        state[index] = value
        env.reset(seed=1)
        env.state = state.copy()
        _, reward, ended, _, _ = env.step(1)
        assert compiled_step(TASK.step, state, np.ones(1)) == (reward, ended)
        assert ended == (abs(value) > abs(limit))
    env.close()


def test_facts_of_the_environment():
    spec = gymnasium.spec(TASK.gymnasium_id)
    assert (spec.max_episode_steps, spec.reward_threshold) == (TASK.max_steps, TASK.solved_at)
    env = gymnasium.make(TASK.gymnasium_id)
    assert env.action_space.n == TASK.actions
    assert env.observation_space.shape == (len(TASK.observations),)
    env.close()
