"""What every task promises; a new one joins by being registered in ``fitness.TASKS``."""

import dataclasses

import numba
import numpy as np
import pytest

from fitness import TASKS, Task, episode_seeds, find_task, play
from neuro import Current, InputError, Network, WinnerTakesAll

every_task = pytest.mark.parametrize("task", TASKS.values(), ids=TASKS)
SEEDS = [0, 1, 7, 2**32 - 1]


@numba.njit
def compiled_observe(observe, state, observation):
    observe(state, observation)


@numba.njit
def compiled_step(step, state, action):
    return step(state, action)


def run(task, seed, observe, step, decisions=300):
    """Everything a random policy meets in one episode, as bytes and numbers."""
    rng = np.random.default_rng(seed)
    state = task.starts([seed])[0].copy()
    seen = []
    for _ in range(decisions):
        observation = np.full(len(task.observations), np.nan)
        observe(state, observation)
        action = np.array([float(rng.integers(task.actions))])
        reward, ended = step(state, action)
        seen.append((observation.tobytes(), state.tobytes(), float(reward), bool(ended)))
        if ended:
            break
    return seen


def plain(task, seed):
    return run(task, seed, task.observe, task.step)


@every_task
def test_description(task):
    assert isinstance(task, Task)
    assert TASKS[task.name] is task
    assert find_task(task.name) is task
    assert task.kind == "control"
    assert len(task.scale) == len(task.observations) == len(set(task.observations))
    assert all(0.0 < s < np.inf for s in task.scale)
    assert task.actions >= 2
    assert task.max_steps >= 1
    assert task.worst != task.solved_at
    assert len(task.source) > 10


@every_task
def test_starts_are_reproducible(task):
    starts = task.starts(SEEDS)
    assert starts.dtype == np.float64
    assert starts.shape[0] == len(SEEDS)
    assert starts.ndim == 2
    assert np.isfinite(starts).all()
    assert starts.tobytes() == task.starts(SEEDS).tobytes()
    for row, seed in zip(starts, SEEDS, strict=True):
        assert row.tobytes() == task.starts([seed])[0].tobytes()
    assert len({row.tobytes() for row in task.starts(range(20))}) == 20


@every_task
def test_starting_leaves_global_randomness_alone(task):
    before = np.random.get_state()[1].tolist()  # noqa: NPY002
    task.starts(SEEDS)
    assert np.random.get_state()[1].tolist() == before  # noqa: NPY002


@every_task
def test_observation_is_filled_and_finite(task):
    for state in task.starts(range(20)):
        before = state.copy()
        observation = np.full(len(task.observations), np.nan)
        task.observe(state, observation)
        assert np.isfinite(observation).all()
        assert state.tobytes() == before.tobytes()


@every_task
def test_steps(task):
    """A step returns (float, bool), keeps the state finite and leaves the action alone."""
    for seed in range(10):
        state = task.starts([seed])[0].copy()
        rng = np.random.default_rng(seed)
        for _ in range(min(task.max_steps, 200)):
            action = np.array([float(rng.integers(task.actions))])
            before = action.copy()
            reward, ended = task.step(state, action)
            assert isinstance(reward, float)
            assert isinstance(ended, (bool, np.bool_))
            assert np.isfinite(reward)
            assert np.isfinite(state).all()
            assert action.tobytes() == before.tobytes()
            if ended:
                break


@every_task
def test_same_state_in_same_out(task):
    """Nothing is remembered outside the state: other episodes in between change nothing."""
    first = plain(task, 3)
    plain(task, 4)
    assert plain(task, 3) == first


@every_task
def test_actions_matter(task):
    ends = set()
    for index in range(task.actions):
        state = task.starts([1])[0].copy()
        task.step(state, np.array([float(index)]))
        ends.add(state.tobytes())
    assert len(ends) == task.actions


@every_task
def test_compiled_functions_agree_with_plain_ones(task):
    for seed in range(20):
        compiled = run(
            task, seed,
            lambda state, observation: compiled_observe(task.observe, state, observation),
            lambda state, action: compiled_step(task.step, state, action),
        )  # fmt: skip
        assert compiled == plain(task, seed)


@every_task
@pytest.mark.parametrize("limit", [None, 1, 3])
def test_episodes_end_or_are_cut_off(task, limit):
    """A network that never spikes always takes action 0; its score is the sum of rewards."""
    task = dataclasses.replace(task, max_steps=limit or task.max_steps)
    network = Network.build(
        task.actions, outputs=range(task.actions), encoder=Current(scale=task.scale),
        readout=WinnerTakesAll(),
    )  # fmt: skip
    starts = task.starts(range(5))
    result = play(network, task, starts)
    for start, score, steps in zip(starts, result.scores, result.steps, strict=True):
        state, total, ended, count = start.copy(), 0.0, False, 0
        while not ended and count < task.max_steps:
            reward, ended = task.step(state, np.zeros(1))
            total, count = total + reward, count + 1
        assert (score, steps) == (total, count)


@every_task
def test_fraction_of_solved(task):
    assert task.fraction(task.solved_at) == 1.0
    assert task.fraction(task.worst) == 0.0
    middle = (task.solved_at + task.worst) / 2
    assert task.fraction([task.worst, middle]) == pytest.approx([0.0, 0.5])


def test_unknown_task():
    with pytest.raises(InputError, match=r"^task: expected one of .*cartpole.*, got chess"):
        find_task("chess")


def test_episode_seeds_are_fixed_and_nested():
    assert episode_seeds(1, "training", 3) == SEEDS_OF_1
    assert episode_seeds(1, "training", 100)[:3] == SEEDS_OF_1
    assert all(0 <= s < 2**53 for s in episode_seeds(1, "training", 100))


SEEDS_OF_1 = [3172563718200585, 509303262976371, 2337578686023874]


def test_purposes_and_seeds_have_episodes_of_their_own():
    lists = [
        episode_seeds(seed, purpose, 200) for seed in (1, 2) for purpose in ("training", "held-out")
    ]
    assert len({s for seeds in lists for s in seeds}) == 800
