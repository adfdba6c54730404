"""The TENNLab cart-pole levels: CartPole's dynamics, their own starts, actions and scores."""

import numba
import numpy as np
import pytest
import scipy.linalg

from fitness import TASKS, play
from fitness.tasks import cartpole
from fitness.tasks.tennlab import tennlab
from neuro import Current, InputError, Network, WinnerTakesAll

EASY, MEDIUM, HARD, HARDEST = (
    TASKS[f"tennlab-{level}"] for level in ("easy", "medium", "hard", "hardest")
)
LEVELS = [EASY, MEDIUM, HARD, HARDEST]
levels = pytest.mark.parametrize("task", LEVELS, ids=lambda task: task.name)
NOTHING, LEFT, RIGHT = np.array([0.0]), np.array([1.0]), np.array([2.0])


def test_levels():
    table = [(t.observations, t.actions, t.max_steps, t.solved_at, t.worst) for t in LEVELS]
    four, two = ("x", "x_dot", "theta", "theta_dot"), ("x", "theta")
    assert table == [
        (four, 2, 15_000, 14_250.0, 0.0),
        (four, 3, 15_000, 12_000.0, 0.0),
        (two, 3, 15_000, 9_000.0, 0.0),
        (two, 2, 15_000, 6_000.0, 0.0),
    ]
    assert (EASY.scale, HARD.scale) == ((2.4, 2.0, 0.209, 2.0), (2.4, 0.209))


@levels
def test_starts(task):
    """They fill their ranges, and hold the two that were published."""
    starts = task.starts(range(2000))
    limits = np.array([1.2, 0.5, 0.1045, 0.5])
    assert (np.abs(starts[:, :4]) <= limits).all()
    assert (np.abs(starts[:, :4]).max(axis=0) > 0.99 * limits).all()
    assert np.abs(starts[:, :4].mean(axis=0)) == pytest.approx(np.zeros(4), abs=0.05)
    assert (starts[:, 4:] == 0.0).all()
    for published in (
        [-1.17261, 0.201336, -0.0686158, 0.40251],
        [-0.549468, 0.1126, 0.102954, 0.1442],
    ):
        assert (np.abs(published) < limits).all()


def test_ranges_are_settings():
    assert np.abs(tennlab("calm", start=[0.05, 0, 0.05, 0]).starts([1])[0, [1, 3]]).max() == 0.0
    with pytest.raises(InputError, match=r"^start: expected 4 numbers"):
        tennlab("bad", start=[1.0])
    with pytest.raises(InputError, match=r"^often: expected "):
        tennlab("bad", often=True)


@levels
def test_observations(task):
    observation = np.full(len(task.observations), np.nan)
    task.observe(np.arange(1.0, 7.0), observation)
    assert observation.tolist() == ([1, 2, 3, 4] if len(observation) == 4 else [1, 3])


@pytest.mark.parametrize("task", [EASY, HARDEST], ids=lambda task: task.name)
def test_two_actions_are_those_of_cartpole(task):
    rng = np.random.default_rng(1)
    for state in task.starts(range(50)):
        other = state.copy()
        for _ in range(30):
            action = rng.integers(2, size=1).astype(float)
            assert task.step(state, action) == TASKS["cartpole"].step(other, action)
            assert state.tobytes() == other.tobytes()


@pytest.mark.parametrize("task", [MEDIUM, HARD], ids=lambda task: task.name)
def test_three_actions(task):
    """Pushing is CartPole's; doing nothing is the same without a force."""
    for start in task.starts(range(20)):
        for action, force, same in [(NOTHING, 0.0, None), (LEFT, -10.0, 0.0), (RIGHT, 10.0, 1.0)]:
            state, other = start.copy(), start[:4].copy()
            _, fallen = task.step(state, action)
            assert cartpole.advance(other, force) == fallen
            assert state[:4].tobytes() == other.tobytes()
            if same is not None:
                gymnasium = start[:4].copy()
                TASKS["cartpole"].step(gymnasium, np.array([same]))
                assert gymnasium.tobytes() == other.tobytes()


def test_a_published_episode():
    """The first steps of a logged episode, pushing right; its speeds are those of the first two."""
    seen = np.array([
        [-0.549468, 0.102954], [-0.547216, 0.105838], [-0.541094, 0.103553],
        [-0.531102, 0.0961189], [-0.517241, 0.0835187],
    ])  # fmt: skip
    speed = (seen[1] - seen[0]) / 0.02
    state = np.array([seen[0, 0], speed[0], seen[0, 1], speed[1]])
    observation = np.zeros(2)
    for expected in seen:
        HARDEST.observe(state, observation)
        assert observation == pytest.approx(
            expected, abs=1e-5
        )  # as printed, and what its rounding does to speeds
        HARDEST.step(state, np.ones(1))


@numba.njit
def control(step, state, gains, rest, steps):
    """Push by the sign of a linear law, or not if it asks for little; return score and steps."""
    action, score = np.zeros(1), 0.0
    for t in range(steps):
        force = -(gains * state[:4]).sum()
        push = 0.0 if abs(force) < rest else 1.0 if force < 0.0 else 2.0
        action[0] = push if rest > 0.0 else push - 1.0
        reward, ended = step(state, action)
        score += reward
        if ended:
            return score, t + 1
    return score, steps


def optimal():
    """Gains of a linear-quadratic regulator of the linearised steps."""

    def moved(state, force):
        state = state.copy()
        cartpole.advance(state, force)
        return state

    e, zero = 1e-6, np.zeros(4)
    a = np.array([(moved(d, 0.0) - moved(-d, 0.0)) / (2 * e) for d in e * np.eye(4)]).T
    b = ((moved(zero, e) - moved(zero, -e)) / (2 * e))[:, None]
    p = scipy.linalg.solve_discrete_are(a, b, np.eye(4), [[1.0]])
    return np.linalg.solve(1.0 + b.T @ p @ b, b.T @ p @ a)[0]


@pytest.mark.parametrize(
    ("task", "rest"),
    [(EASY, 0.0), (HARDEST, 0.0), (MEDIUM, 2.0), (HARD, 2.0)],
    ids=lambda value: getattr(value, "name", ""),
)
def test_every_start_can_be_balanced(task, rest):
    """By full-state control; three actions and 75 % of rest are no obstacle."""
    gains = optimal()
    for state in task.draw_starts(1, "check", 200):
        assert control(task.step, state, gains, rest, task.max_steps) == (15_000, 15_000)


@pytest.mark.parametrize("share", [0.0, 0.5, 0.74, 0.75, 0.76, 1.0])
def test_rest_at_least_three_quarters_of_the_time(share):
    rng = np.random.default_rng(2)
    state, score, idle = np.zeros(6), 0.0, 0
    for t in range(1, 1001):
        rest = rng.random() < share
        state[:4] = 0.0
        reward, ended = MEDIUM.step(state, NOTHING if rest else LEFT)
        score, idle = score + reward, idle + rest
        assert not ended
        assert score == min(t, 4 * idle // 3)
        if idle >= 0.75 * t:
            assert score == t


@levels
def test_a_silent_network(task):
    """It always takes action 0: it rests where it may, and pushes left where it may not."""
    network = Network.build(
        task.actions, outputs=range(task.actions), encoder=Current(scale=task.scale),
        readout=WinnerTakesAll(),
    )  # fmt: skip
    starts = task.draw_starts(1, "silent", 200)
    result = play(network, task, starts)
    assert (result.scores == result.steps).all()
    assert (result.scores.mean() > 20) == (task.actions == 3)
