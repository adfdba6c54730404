"""Pole balancing: the equations, the protocol, the damping fitness and the 625 starts."""

import itertools
import math

import numba
import numpy as np
import pytest
import scipy.integrate
import scipy.linalg

import fitness.generalisation
from fitness import TASKS, Episodes
from fitness.generalisation import count_balanced, generalisation_starts
from fitness.tasks import pole_balancing
from neuro import Current, InputError, Network
from neuro.readouts import SpikeRate

SINGLE, DOUBLE = TASKS["single-pole"], TASKS["double-pole"]
BLIND, BLIND_SINGLE = TASKS["double-pole-no-velocity"], TASKS["single-pole-no-velocity"]
INTEGRATE = {4: pole_balancing.integrate_one, 6: pole_balancing.integrate_two}
POLES = [(0.1, 0.5), (0.01, 0.05)]
FRICTION = (5e-4, 2e-6)
sizes = pytest.mark.parametrize("size", INTEGRATE)


def slopes(state, force, friction):
    """The published equations once more, term by term, with g = -9.8 and sums over the poles."""
    g, push, weight = -9.8, 0.0, 1.0
    for (m, a), (theta, omega) in zip(POLES, state[2:].reshape(-1, 2), strict=False):
        sin, cos, hinge = np.sin(theta), np.cos(theta), friction[1] * omega / (m * a)
        push += m * a * omega**2 * sin + 3 / 4 * m * cos * (hinge + g * sin)
        weight += m * (1 - 3 / 4 * cos**2)
    x_acc = (force - friction[0] * np.sign(state[1]) + push) / weight
    result = [state[1], x_acc]
    for (m, a), (theta, omega) in zip(POLES, state[2:].reshape(-1, 2), strict=False):
        hinge = friction[1] * omega / (m * a)
        result += [omega, -3 / (4 * a) * (x_acc * np.cos(theta) + g * np.sin(theta) + hinge)]
    return np.array(result)


def runge_kutta(state, force, friction, h):
    k1 = slopes(state, force, friction)
    k2 = slopes(state + h / 2 * k1, force, friction)
    k3 = slopes(state + h / 2 * k2, force, friction)
    k4 = slopes(state + h * k3, force, friction)
    return state + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4)


def random_states(size, count, seed):
    wide = np.array([2.4, 2.0, 0.6, 2.0, 0.6, 6.0])[:size]
    return np.random.default_rng(seed).uniform(-wide, wide, (count, size))


@sizes
def test_equations(size):
    """Two programs written apart agree, over long random pushing as well."""
    rng = np.random.default_rng(1)
    for state in random_states(size, 20, 2):
        expected = state.copy()
        for _ in range(10):
            force = rng.uniform(-10, 10)
            INTEGRATE[size](state, force, FRICTION, 0.01)
            expected = runge_kutta(expected, force, FRICTION, 0.01)
            assert state == pytest.approx(expected, rel=1e-11, abs=1e-13)


@sizes
@pytest.mark.parametrize("sign", [-1.0, 1.0])
def test_integration_against_scipy(size, sign):
    for start in random_states(size, 5, 3):
        start[1] = sign * 1.5  # the cart does not turn: friction would be no smooth function
        exact = scipy.integrate.solve_ivp(
            lambda t, state: slopes(state, 4.0, FRICTION), (0.0, 0.02), start,
            method="DOP853", rtol=1e-12, atol=1e-14,
        ).y[:, -1]  # fmt: skip
        errors = []
        for steps in (2, 4, 8):
            state = start.copy()
            for _ in range(steps):
                INTEGRATE[size](state, 4.0, FRICTION, 0.02 / steps)
            errors.append(np.abs(state - exact).max())
        assert errors[0] < 2e-4
        # Fourth order: half the step, a sixteenth of the error.
        assert errors[0] / errors[1] == pytest.approx(16, rel=0.35)
        assert errors[1] / errors[2] == pytest.approx(16, rel=0.35)


def energy(state):
    """Of a cart of 1 kg with rods on frictionless hinges."""
    total = 0.5 * state[1] ** 2
    for (m, a), (theta, omega) in zip(POLES, state[2:].reshape(-1, 2), strict=False):
        speed = (state[1] + a * omega * np.cos(theta)) ** 2 + (a * omega * np.sin(theta)) ** 2
        total += 0.5 * m * speed + 0.5 * (m * a**2 / 3) * omega**2 + m * 9.8 * a * np.cos(theta)
    return total


@sizes
def test_energy(size):
    """Nothing is lost without friction, a little is with it."""
    integrate = numba.njit(INTEGRATE[size])
    for start in random_states(size, 10, 4):
        for friction, low, high in [((0.0, 0.0), -1e-8, 1e-8), ((5e-2, 2e-4), -1.0, -1e-4)]:
            state = start.copy()
            for _ in range(10_000):
                integrate(state, 0.0, friction, 1e-4)
            assert low < energy(state) - energy(start) < high


@numba.njit
def compiled_step(step, state, action):
    return step(state, action)


@pytest.mark.parametrize("task", [SINGLE, DOUBLE], ids=lambda task: task.name)
def test_mirrored(task):
    """Left and right are alike to the last bit; so are the compiled and the plain function."""
    rng = np.random.default_rng(5)
    for state in 0.3 * random_states(task.state_size, 50, 6):
        mirrored, plain = -state, state.copy()
        for _ in range(30):
            force = rng.uniform(-12, 12, 1)
            outcome = compiled_step(task.step, state, force)
            assert outcome == compiled_step(task.step, mirrored, -force)
            assert outcome == task.step(plain, force)
            assert state.tobytes() == (-mirrored).tobytes() == plain.tobytes()


@pytest.mark.parametrize("task", [SINGLE, DOUBLE, BLIND], ids=lambda task: task.name)
def test_force_limits(task):
    def after(force):
        state = task.starts([0])[0]
        task.step(state, np.array([force]))
        return state.tobytes()

    least = 10 / 256
    assert after(25.0) == after(10.0) != after(9.99)
    assert after(-25.0) == after(-10.0) != after(-9.99)
    assert after(least) == after(1e-300) == after(0.0) == after(-0.0) != after(1.01 * least)
    assert after(-least) == after(-1e-300) == after(-0.5 * least) != after(least)


@pytest.mark.parametrize(
    ("task", "degrees"),
    [(SINGLE, 12), (DOUBLE, 36), (BLIND, 36)],
    ids=["single", "double", "blind"],
)
def test_failure_limits(task, degrees):
    """Each limit ends the episode on both sides, and nothing but a limit does."""
    limits = {0: 2.4, 2: math.radians(degrees), 4: math.radians(degrees)}
    if task is SINGLE:
        del limits[4]
    ends = set()
    for index, sign in itertools.product(limits, (-1, 1)):
        for share in (0.95, 0.9999, 1.0, 1.0001, 1.05):
            state = task.starts([0])[0]
            state[2], state[index] = 0.0, sign * share * limits[index]
            reward, ended = task.step(state, np.zeros(1))
            assert ended == any(abs(state[i]) > limits[i] for i in limits)
            assert reward == (0.0 if ended or task is BLIND else 1.0)
            ends.add((index, sign, ended))
    assert len(ends) == 4 * len(limits)


def test_starts_and_observations():
    lean = math.radians(4)
    assert SINGLE.starts([1, 2]).tolist() == [[0, 0, lean, 0]] * 2
    assert DOUBLE.starts([1, 2]).tolist() == [[0, 0, lean, 0, 0, 0]] * 2
    assert BLIND.starts([7])[0, :6].tolist() == [0, 0, lean, 0, 0, 0]
    one = pole_balancing.pole_balancing("one", start_degrees=1, max_steps=10)
    assert one.starts([1])[0, 2] == math.radians(1)
    assert (one.max_steps, one.solved_at) == (10, 10.0)
    drawn = pole_balancing.pole_balancing("spread", spread=True).starts(range(500))
    reach = np.abs(drawn[:, :4]).max(axis=0) / pole_balancing.HALF_RANGES
    assert (drawn[:, 4:] == 0.0).all()
    assert ((reach > 0.98) & (reach <= 1.0)).all()
    assert (np.abs(drawn.mean(axis=0)[:4]) < 0.1 * np.array(pole_balancing.HALF_RANGES)).all()
    state = np.arange(1.0, 7.0)
    for task, seen in [
        (SINGLE, [1, 2, 3, 4]), (BLIND_SINGLE, [1, 3]), (DOUBLE, [1, 2, 3, 4, 5, 6]),
        (BLIND, [1, 3, 5]),
    ]:  # fmt: skip
        observation = np.full(len(task.observations), np.nan)
        task.observe(state, observation)
        assert observation.tolist() == seen


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"poles": 3}, "poles"),
        ({"poles": 1, "damping": True}, "damping"),
        ({"damping": True, "max_steps": 1000}, "max_steps"),
        ({"start_degrees": 37}, "start_degrees"),
        ({"start_degrees": 13, "poles": 1}, "start_degrees"),
        ({"start_degrees": 4.0, "spread": True}, "start_degrees"),
        ({"poles": 1, "spread": True}, "spread"),
    ],
)
def test_bad_settings(change, message):
    with pytest.raises(InputError, match=f"^{message}: expected "):
        pole_balancing.pole_balancing("bad", **change)


def optimal(size, cost=0.01):
    """Gains of the linear-quadratic regulator of the 0.02 s map, all deviations equally bad."""

    def moved(state, force):
        state = state.copy()
        for _ in range(2):
            INTEGRATE[size](state, force, (0.0, FRICTION[1]), 0.01)
        return state

    e, zero = 1e-5, np.zeros(size)
    a = [(moved(d, 0.0) - moved(-d, 0.0)) / (2 * e) for d in e * np.eye(size)]
    a = np.array(a).T
    b = ((moved(zero, e) - moved(zero, -e)) / (2 * e))[:, None]
    p = scipy.linalg.solve_discrete_are(a, b, np.eye(size), [[cost]])
    return np.linalg.solve(cost + b.T @ p @ b, b.T @ p @ a)[0]


@numba.njit
def control(step, state, gains, steps, movements):
    """Push by the gains; return score, decisions and whether it failed."""
    action, score = np.zeros(1), 0.0
    for t in range(steps):
        action[0] = -(gains * state[: len(gains)]).sum()
        reward, ended = step(state, action)
        score += reward
        if ended:
            return score, t + 1, True
        if t < len(movements):
            movements[t] = np.abs(state[:4]).sum()
    return score, steps, False


def balanced(task, gains, steps, start=None):
    start = task.starts([0])[0] if start is None else start.copy()
    movements = np.zeros(pole_balancing.TRIAL)
    return *control(task.step, start, gains, steps, movements), movements


@pytest.mark.parametrize("task", [SINGLE, DOUBLE, BLIND], ids=lambda task: task.name)
def test_a_regulator_solves_the_tasks(task):
    gains = optimal(4 if task is SINGLE else 6)
    score, steps, failed, _ = balanced(task, gains, task.max_steps)
    assert (score, steps, failed) == (task.solved_at, 100_000, False)


@pytest.mark.parametrize("task", [DOUBLE, BLIND], ids=lambda task: task.name)
def test_a_regulator_balances_most_of_the_625_starts(task):
    gains = optimal(6)
    failed = [balanced(task, gains, 1000, start)[2] for start in generalisation_starts(task)]
    assert abs(failed.count(False) - 545) <= 2


@pytest.mark.parametrize(
    ("cost", "factors", "good"),
    [
        (10.0, (0.0, 0.0, 0.0), range(1, 100)),
        (10.0, (3.0, 3.0, 0.0), range(100, 999)),
        (10.0, (0.8, 0.8, 0.0), range(1001, 1500)),  # sways more and more
        (10.0, (1.0, 0.0, 1.0), range(1500, 1501)),  # drifts
        (10.0, (1.0, 1.0, 1.0), range(1500, 1501)),
        (0.01, (1.0, 1.0, 1.0), range(1500, 1501)),
    ],
)
def test_damping_fitness(cost, factors, good):
    """The trial pays its fitness when it is over, later steps pay 1 each."""
    gains = optimal(6, cost) * factors[0]
    gains[:2] = optimal(6, cost)[:2] * factors[1:]
    _, steps, failed, movements = balanced(BLIND, gains, 1500)
    stood = steps - failed
    assert stood in good
    trial = movements[: min(stood, 1000)]
    calm = min(0.75 / trial[-100:].sum(), 1.0) if stood >= 100 else 0.0
    expected = 0.1 * len(trial) / 1000 + 0.9 * calm
    assert pole_balancing.damping_fitness(trial) == pytest.approx(expected, abs=1e-12)
    for length in (1, 50, 999, 1000, 1001, 1300, 1500):
        score = balanced(BLIND, gains, length)[0]
        over = stood < length or length >= 1000
        later = max(min(stood, length) - 1000, 0)
        assert score == pytest.approx((1000 * expected if over else 0.0) + later, abs=1e-5)


def test_only_the_goal_makes_up_for_a_bad_trial():
    gains = optimal(6, 10.0)
    gains[0] = 0.0
    short = pole_balancing.pole_balancing("short", damping=True, max_steps=1200)
    before, after = (balanced(short, gains, steps)[0] for steps in (1199, 1200))
    assert before < 400
    assert after == short.solved_at == 1200.0


def test_generalisation_starts():
    starts = generalisation_starts(DOUBLE)
    assert starts.shape == (625, 6)
    assert len({row.tobytes() for row in starts}) == 625
    expected = np.array([1.944, 1.215, math.radians(3.24), math.radians(7.74), 0, 0])
    assert starts.max(axis=0) == pytest.approx(expected)
    assert (starts == -starts[::-1]).all()
    blind = generalisation_starts(BLIND)
    assert (blind[:, :6] == starts).all()
    assert (blind[:, 6:] == BLIND.starts([0])[0, 6:]).all()
    with pytest.raises(InputError, match=r"^task: expected one with two poles, got single-pole"):
        generalisation_starts(SINGLE)


def test_count_balanced(monkeypatch):
    """Only who stands after the 1,000th step counts, not who fails in it."""
    asked = []

    def play(network, task, starts):
        asked.append((network, task.name, task.max_steps, len(starts)))
        steps = np.array([999, 1000, 1000, 1000])
        return Episodes(np.zeros(4), steps, np.array([True, True, False, False]))

    monkeypatch.setattr(fitness.generalisation, "play", play)
    assert count_balanced("a network", BLIND) == 2
    assert asked == [("a network", "double-pole-no-velocity", 1000, 625)]


@pytest.mark.parametrize("task", [DOUBLE, BLIND], ids=["velocities", "no velocities"])
def test_a_silent_network_balances_nothing(task):
    network = Network.build(
        2, outputs=[0, 1], encoder=Current(scale=task.scale), readout=SpikeRate([-10], [10])
    )
    assert count_balanced(network, task) == 0
