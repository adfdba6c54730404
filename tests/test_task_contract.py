"""What every compiled task promises; a new one joins by being registered in ``fitness.TASKS``."""

import dataclasses

import numba
import numpy as np
import pytest

from fitness import TASKS, Task, episode_seeds, find_task, play
from fitness.tasks import CompiledTask
from neuro import READOUTS, Current, InputError, Network
from neuro.actions import Box, count_values

COMPILED = {name: task for name, task in TASKS.items() if isinstance(task, CompiledTask)}
SEEDS = [0, 1, 7, 2**32 - 1]
LONGEST = 1000  # some episodes have 100,000 steps


@pytest.fixture(params=COMPILED.values(), ids=COMPILED)
def task(request):
    if request.param.kind == "classification":
        pytest.importorskip("sklearn")
    return request.param


@numba.njit
def compiled_observe(observe, state, observation):
    observe(state, observation)


@numba.njit
def compiled_step(step, state, action):
    return step(state, action)


def sample(task, rng):
    """Any action; one continuous value in four is a bound."""
    if isinstance(task.actions, Box):
        low, high = np.array(task.actions.low), np.array(task.actions.high)
        share = rng.choice([0.0, 1.0], len(low)) if rng.random() < 0.25 else rng.random(len(low))
        return low + share * (high - low)
    return rng.integers(task.actions, size=count_values(task.actions)).astype(np.float64)


def options(task):
    """One action after another: each differs in one number from the first."""
    if isinstance(task.actions, Box):
        first = np.array(task.actions.low)
        others = [[0.5 * (a + b), b] for a, b in zip(first, task.actions.high, strict=True)]
    else:
        counts = task.actions if isinstance(task.actions, tuple) else (task.actions,)
        first = np.zeros(len(counts))
        others = [range(1, count) for count in counts]
    yield first
    for i, values in enumerate(others):
        for value in values:
            action = first.copy()
            action[i] = value
            yield action


def silent_network(task):
    """A network without synapses, which never spikes, and the action that it always takes."""
    kind = READOUTS["rate" if isinstance(task.actions, Box) else "winner-takes-all"]
    readout = kind(**kind.for_actions(task.actions))
    center, scale = task.ranges()
    encoder = Current(scale=scale, center=center)
    outputs = readout.outputs(task.actions)
    network = Network.build(outputs, outputs=range(outputs), encoder=encoder, readout=readout)
    action = np.full(count_values(task.actions), np.nan)
    kind.kernel(np.zeros(outputs), readout.parameters(), action)
    return network, action


def run(task, seed, observe, step, decisions=300):
    """Everything a random policy meets in one episode, as bytes and numbers."""
    rng = np.random.default_rng(seed)
    state = task.starts([seed])[0].copy()
    seen = []
    for _ in range(min(decisions, task.max_steps)):
        observation = np.full(len(task.observations), np.nan)
        observe(state, observation)
        reward, ended = step(state, sample(task, rng))
        seen.append((observation.tobytes(), state.tobytes(), float(reward), bool(ended)))
        if ended:
            break
    return seen


def plain(task, seed):
    return run(task, seed, task.observe, task.step)


def test_description(task):
    assert isinstance(task, Task)
    assert TASKS[task.name] is task
    assert find_task(task.name) is task
    assert task.kind in ("control", "classification")
    center, scale = task.ranges()
    assert len(center) == len(scale) == len(task.observations) == len(set(task.observations))
    assert np.isfinite(center).all()
    assert all(0.0 < s < np.inf for s in scale)
    assert len(list(options(task))) >= 2
    assert task.max_steps >= 1
    assert task.worst < task.solved_at
    assert len(task.source) > 10


def test_starts_are_reproducible(task):
    starts = task.starts(SEEDS)
    assert starts.dtype == np.float64
    assert starts.shape == (len(SEEDS), task.state_size)
    assert np.isfinite(starts).all()
    assert starts.tobytes() == task.starts(SEEDS).tobytes()
    for row, seed in zip(starts, SEEDS, strict=True):
        assert row.tobytes() == task.starts([seed])[0].tobytes()


def test_starts_are_all_different_or_all_the_same(task):
    """The same where a protocol has one start; samples of a data set may be equal by chance."""
    different = {row.tobytes() for row in task.starts(range(20))}
    assert len(different) in (1, 20) or (task.kind == "classification" and len(different) > 10)


def test_drawn_starts_are_nested(task):
    shorter, longer = (task.draw_starts(1, "training", count) for count in (3, 10))
    assert 1 <= len(shorter) <= 3
    assert len(longer) <= 10
    assert longer.shape[1] == task.state_size
    assert longer[: len(shorter)].tobytes() == shorter.tobytes()


def test_starting_leaves_global_randomness_alone(task):
    before = np.random.get_state()[1].tolist()  # noqa: NPY002
    task.starts(SEEDS)
    task.draw_starts(1, "training", 3)
    assert np.random.get_state()[1].tolist() == before  # noqa: NPY002


def test_observation_is_filled_and_finite(task):
    for state in task.starts(range(20)):
        before = state.copy()
        observation = np.full(len(task.observations), np.nan)
        task.observe(state, observation)
        assert np.isfinite(observation).all()
        assert state.tobytes() == before.tobytes()


def test_steps(task):
    """A step returns (float, bool), keeps the state finite and leaves the action alone."""
    for seed in range(10):
        state = task.starts([seed])[0].copy()
        rng = np.random.default_rng(seed)
        for _ in range(min(task.max_steps, 200)):
            action = sample(task, rng)
            before = action.copy()
            reward, ended = task.step(state, action)
            assert isinstance(reward, float)
            assert isinstance(ended, (bool, np.bool_))
            assert np.isfinite(reward)
            assert np.isfinite(state).all()
            assert action.tobytes() == before.tobytes()
            if ended:
                break


def test_same_state_in_same_out(task):
    """Nothing is remembered outside the state: other episodes in between change nothing."""
    first = plain(task, 3)
    plain(task, 4)
    assert plain(task, 3) == first


def test_actions_matter(task):
    """Each leads to another state; or, where nothing follows, one of them is right."""
    ends, rewards = [], []
    for action in options(task):
        state = task.starts([1])[0].copy()
        rewards.append(task.step(state, action)[0])
        ends.append(state.tobytes())
    if task.kind == "classification":
        assert sorted(rewards) == [0.0] * (task.actions - 1) + [1.0]
    else:
        assert len(set(ends)) == len(ends)


def test_compiled_functions_agree_with_plain_ones(task):
    for seed in range(20):
        compiled = run(
            task, seed,
            lambda state, observation: compiled_observe(task.observe, state, observation),
            lambda state, action: compiled_step(task.step, state, action),
        )  # fmt: skip
        assert compiled == plain(task, seed)


@pytest.mark.parametrize("limit", [LONGEST, 1, 3])
def test_episodes_end_or_are_cut_off(task, limit):
    """A silent network always takes the same action; its score is the sum of rewards."""
    task = dataclasses.replace(task, max_steps=min(limit, task.max_steps))
    network, action = silent_network(task)
    starts = task.starts(range(5))
    result = play(network, task, starts)
    for start, *outcome in zip(starts, *result, strict=True):
        state, total, ended, count = start.copy(), 0.0, False, 0
        while not ended and count < task.max_steps:
            reward, ended = task.step(state, action)
            total, count = total + reward, count + 1
        assert outcome == [total, count, ended]


def test_episodes_stepped_from_python(task):
    task = dataclasses.replace(task, max_steps=min(5, task.max_steps))
    rng = np.random.default_rng(1)
    for start in task.starts(range(5)):
        before, state, observation = start.copy(), start.copy(), np.empty(len(task.observations))
        episode = task.begin(start)
        for count in range(1, task.max_steps + 1):
            task.observe(state, observation)
            assert episode.observation.tobytes() == observation.tobytes()
            action = sample(task, rng)
            reward, ended = task.step(state, action)
            cut = not ended and count == task.max_steps
            assert episode.step(action) == (reward, ended, cut)
            if ended or cut:
                break
        assert ended or cut
        episode.close()
        assert start.tobytes() == before.tobytes()


def test_fraction_of_solved(task):
    assert task.fraction(task.solved_at) == 1.0
    assert task.fraction(task.worst) == 0.0
    middle = (task.solved_at + task.worst) / 2
    assert task.fraction([task.worst, middle]) == pytest.approx([0.0, 0.5])


def test_unknown_task(monkeypatch):
    monkeypatch.setitem(TASKS, "c", TASKS["cartpole"])
    line = r"^task c: expected the name that it is registered as, got cartpole$"
    with pytest.raises(InputError, match=line):
        find_task("c")
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
