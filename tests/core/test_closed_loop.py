"""Closed loop: the rollout kernel, `Controller` and a plain loop of the twin tell one story."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import (
    JIT,
    any_actions,
    controllers,
    copy_as_network,
    examples,
    random_controller,
    random_copies,
    same_bits,
    suits,
)

from fitness import TASKS, CompiledTask, play, play_all
from neuro import (
    ENCODERS,
    READOUTS,
    Box,
    Controller,
    Current,
    FlipFlop,
    InputError,
    LaneController,
    Network,
    Twin,
    WinnerTakesAll,
    golden_copies,
)
from neuro.actions import count_values
from neuro.faults import BitFlip, DeadSynapse, Fault, Gaussian, inject
from neuro.jit import OBSERVE, STEP, kernel_function

CARTPOLE = TASKS["cartpole"]
# Kernels that are not compiled play short episodes.
LONG = CARTPOLE if JIT else replace(CARTPOLE, max_steps=25)


def episode(act, task, start):
    """Play one episode with the task's plain functions; return score, steps, how it ended."""
    state, score, steps, ended = start.copy(), 0.0, 0, False
    observation = np.zeros(len(task.observations))
    while not ended and steps < task.max_steps:
        task.observe(state, observation)
        reward, ended = task.step(state, act(observation))
        score, steps = score + reward, steps + 1
    return score, steps, ended


def outcomes(played):
    """Score, steps and whether it came to its end, of each episode."""
    return list(zip(*(array.tolist() for array in played), strict=True))


def twin_episode(network, task, start):
    twin = Twin(network)
    return episode(lambda observation: twin.act(observation)[0], task, start)


def controller_episode(controller, task, start):
    controller.reset()
    return episode(controller.act, task, start)


def balancer(encoder=None):
    """A hand-made controller that balances for a long time: lean right, push right.

    Its neurons leak, rest and remember, so a state lost between decisions changes the score.
    """
    columns = {
        "tau_mem": [20.0, 20.0, 5.0], "v_threshold": [0.4, 0.4, 1.0], "refractory": [1, 1, 0],
        "reset": ["subtract", "subtract", "to_value"], "tau_syn": [0.0, 0.0, 30.0],
    }  # fmt: skip
    rows = [(2, 0, -0.5), (2, 1, 0.5), (3, 0, -0.5), (3, 1, 0.5), (3, 2, 0.6), (1, 1, 0.02)]
    return Network.build(
        columns, [(2, 1, 0.05, 3), (1, 0, -0.05, 9), (0, 2, 0.1, 65)], input_synapses=rows,
        outputs=[0, 1], encoder=encoder or Current(scale=CARTPOLE.scale), readout=WinnerTakesAll(),
    )  # fmt: skip


def spiking_balancer(ticks, period):
    """The same idea with pulses: spikes of both sides are compared."""
    encoder = FlipFlop((1.0, 1.0, 0.05, 4.0), ticks, (ticks - 1) // period + 1, period)
    # Channels 4 to 7 are theta and theta_dot, left and right; neurons 8 and 9 the outputs.
    synapses = [(c, 8 + c % 2, 0.6, 1 + c % 3) for c in range(4, 8)]
    columns = {"v_threshold": [1.0] * 8 + [1.5] * 2, "tau_syn": [0.0] * 8 + [3.0] * 2}
    return Network.build(
        columns, [*synapses, (8, 9, -0.1, 65)], inputs=range(8), outputs=[8, 9],
        encoder=encoder, readout=WinnerTakesAll(),
    )  # fmt: skip


def reflex():
    """Two neurons that forget at once: at rest within a decision, awake as soon as input turns."""
    rows = [(channel, j, 8.0 * j - 4.0) for channel in (2, 3) for j in (0, 1)]
    return Network.build(
        {"tau_mem": [0.0, 0.0], "v_threshold": [0.2, 0.2]}, input_synapses=rows, outputs=[0, 1],
        encoder=Current(scale=(2.4, 2.0, 0.2, 4.0)), readout=WinnerTakesAll(),
    )  # fmt: skip


BALANCERS = {
    "current": balancer(),
    "reflex": reflex(),
    "24 ticks": spiking_balancer(24, 3),
    "64 ticks": spiking_balancer(64, 1),
    "130 ticks": spiking_balancer(130, 1),
}
every_balancer = pytest.mark.parametrize("network", BALANCERS.values(), ids=BALANCERS)


@examples(200)
@given(st.data())
def test_controller_equals_twin(data):
    """Decision by decision, with the state kept in between, and again after a reset."""
    size = data.draw(st.integers(1, 4))
    network = data.draw(controllers(size, actions=data.draw(any_actions)))
    value = st.sampled_from((0.0, -0.0, 1.0, -50.0)) | st.floats(-3.0, 3.0)
    rows = st.lists(st.lists(value, min_size=size, max_size=size), min_size=1, max_size=4)
    observations = data.draw(rows)
    controller = Controller(network)
    for _ in range(2):
        controller.reset()
        twin = Twin(network)
        for observation in observations:
            action, spikes = twin.act(observation)
            assert same_bits(controller.act(observation), action)
            assert np.array_equal(controller.spikes.astype(bool), np.array(spikes))
            assert same_bits(controller.voltage[-1].copy(), np.array(twin.v))


@examples(150)
@given(controllers(), st.integers(0, 2**31))
def test_play_equals_twin_and_controller(network, seed):
    starts = LONG.starts([seed, seed + 1])
    result = play(network, LONG, starts)
    expected = [twin_episode(network, LONG, start) for start in starts]
    controller = Controller(network)
    assert expected == [controller_episode(controller, LONG, start) for start in starts]
    assert outcomes(result) == expected


@examples(100)
@given(controllers(), st.integers(0, 2**31), st.sampled_from((1, 3, 13)))
def test_faulty_copies_equal_twins(network, seed, count):
    """Lanes have weights and thresholds of their own; with 45 jobs some are refilled."""
    total = 45 if JIT else 12
    rng = np.random.default_rng(seed)
    copies = random_copies(rng, network, count)
    starts = CARTPOLE.starts([1, 2, 3])
    pairs = np.stack([rng.integers(0, count, 6), rng.integers(0, 3, 6)])
    expected = [
        twin_episode(copy_as_network(network, copies, f), LONG, starts[s]) for f, s in pairs.T
    ]
    jobs = rng.integers(0, 6, total)
    result = play(
        network, LONG, starts, copies=copies, copy_of=pairs[0, jobs], start_of=pairs[1, jobs]
    )
    assert outcomes(result) == [expected[j] for j in jobs]


@every_balancer
def test_long_episodes_equal_the_twins(network):
    """Scores of decisions: tick counts beyond every ring, state carried all the way."""
    starts = LONG.starts(range(8 if JIT else 3))
    result = play(network, LONG, starts)
    assert result.steps.max() >= (70 if JIT else 25)
    assert outcomes(result) == [twin_episode(network, LONG, start) for start in starts]


@pytest.mark.parametrize("model", [Gaussian(), DeadSynapse(), BitFlip(bits=5)], ids=repr)
@every_balancer
def test_injected_faults_change_scores_as_in_the_twin(network, model):
    copies = inject(network, [Fault(model, 0.3)], 11, range(4))
    starts = LONG.starts([5])
    jobs = np.arange(4)
    result = play(network, LONG, starts, copies=copies, copy_of=jobs, start_of=jobs * 0)
    expected = [twin_episode(copy_as_network(network, copies, f), LONG, starts[0]) for f in jobs]
    assert outcomes(result) == expected
    assert len(set(result.scores.tolist())) > 1 or not JIT


@every_balancer
def test_results_do_not_depend_on_batch_or_order(network):
    """Lanes end at different times, are refilled and moved; every job must not notice."""
    rng = np.random.default_rng(1)
    total, sizes = (150, (1, 7, 8, 9, 32, 33, 100)) if JIT else (36, (9,))
    copies = random_copies(rng, network, 20)
    starts = LONG.starts(range(10))
    copy_of, start_of = rng.integers(0, 20, total), rng.integers(0, 10, total)
    whole = play(network, LONG, starts, copies=copies, copy_of=copy_of, start_of=start_of)
    assert len(set(whole.steps.tolist())) > 3 or not JIT
    for jobs in sizes:
        chosen = rng.permutation(total)[:jobs]
        part = play(
            network, LONG, starts,
            copies=copies, copy_of=copy_of[chosen], start_of=start_of[chosen],
        )  # fmt: skip
        assert np.array_equal(part.scores, whole.scores[chosen])
        assert np.array_equal(part.steps, whole.steps[chosen])
        assert np.array_equal(part.terminated, whole.terminated[chosen])


def test_a_neuron_in_balance_is_not_forgotten_when_its_input_stops():
    """Neuron 9 is driven at ticks 1 to 100 and settles exactly; then it must decay again.

    The spike of neuron 8 that arrives at tick 114 reaches its threshold only if it has not, and
    would turn action 0 into action 1.
    """
    columns = {
        "tau_mem": [np.inf] * 9 + [1.0, np.inf], "v_threshold": [1.0] * 9 + [0.7, 1.0],
        "refractory": [0] * 8 + [100] + [0] * 2,
    }  # fmt: skip
    drive = [(c, 9, 0.075, 1) for c in range(8)] + [(c, 8, 0.25, 1) for c in range(8)]
    network = Network.build(
        columns, [*drive, (8, 9, 0.6, 113)], inputs=range(8), outputs=[10, 9],
        encoder=FlipFlop((1e-9,) * 4, 130, 100, 1), readout=WinnerTakesAll(),
    )  # fmt: skip
    for start in CARTPOLE.starts(range(3)):
        result = play(network, CARTPOLE, start[None])
        assert outcomes(result) == [twin_episode(network, CARTPOLE, start)]


# --- every encoder with every readout ---------------------------------------------------------


@kernel_function(OBSERVE)
def _show(state, observation):
    for i in range(len(observation)):
        observation[i] = state[i]


@kernel_function(STEP)
def _push(state, action):
    """Every number of the action moves everything; long falls end the episode."""
    reward = 0.0
    for i in range(len(action)):
        reward += (i + 1.0) * action[i]
        state[i % 3] = 0.9 * state[i % 3] + 0.3 * action[i] - 0.2
    state[2] = -state[0] + 0.5 * state[1]
    return reward, abs(state[0]) + abs(state[1]) > 1.9


def pushing(actions):
    """A task of three values whose episodes show every bit of every action."""
    return CompiledTask(
        name="pushing", observations=("a", "b", "c"), scale=(1.0, 1.0, 1.0), actions=actions,
        max_steps=9 if JIT else 3, solved_at=1.0, worst=0.0, source="none",
        reset=lambda rng: rng.uniform(-1.5, 1.5, 3), observe=_show, step=_push,
    )  # fmt: skip


LANES = (1, 8, 9, 32, 45) if JIT else (9,)
KINDS = {"one choice": 3, "several": (3, 2), "values": Box([-1.0, 0.0], [1.0, 0.5])}
WIRED = [
    (encoder, readout, kind)
    for encoder in ENCODERS for readout in READOUTS for kind, actions in KINDS.items()
    if suits(READOUTS[readout], actions)
]  # fmt: skip


@pytest.mark.parametrize(("encoder", "readout", "kind"), WIRED)
def test_every_encoder_with_every_readout(encoder, readout, kind):
    """Twin, `Controller`, `LaneController` and the kernel take the same decisions."""
    actions, cls = KINDS[kind], READOUTS[readout]
    task = pushing(actions)
    for seed, ticks in enumerate((24, 70)):
        rng = np.random.default_rng([seed, len(encoder), len(readout), len(kind)])
        ends = ENCODERS[encoder](scale=(1.0,) * 3, ticks=ticks), cls(**cls.for_actions(actions))
        network = random_controller(rng, *ends, ends[1].outputs(actions))
        copies = random_copies(rng, network, 5 if JIT else 2)
        count = len(copies.weight)
        starts = task.starts(range(count))
        twins = [copy_as_network(network, copies, f) for f in range(count)]
        expected = [twin_episode(*case) for case in zip(twins, [task] * count, starts, strict=True)]
        assert expected == [
            controller_episode(Controller(one), task, start)
            for one, start in zip(twins, starts, strict=True)
        ]
        for lanes in LANES:
            jobs = rng.integers(0, count, lanes)
            played = play(network, task, starts, copies=copies, copy_of=jobs, start_of=jobs)
            assert outcomes(played) == [expected[j] for j in jobs]
        controller = LaneController(network, copies)
        for f in range(count):
            controller.begin(f, f)
        observations = rng.normal(size=(3, count, 3))
        others = [Twin(one) for one in twins]
        for values in observations:
            taken = controller.act(values)
            assert taken.shape == (count, count_values(actions))
            assert taken.tolist() == [
                one.act(row)[0].tolist() for one, row in zip(others, values, strict=True)
            ]


def test_the_combinations_do_something():
    """Episodes end and are cut off, scores differ, and outputs that never spike matter."""
    ends = {"scale": (1.0,) * 3, "ticks": 24}
    for kind, actions in KINDS.items():
        for cls in READOUTS.values():
            if not suits(cls, actions):
                continue
            readout = cls(**cls.for_actions(actions))
            networks = [
                random_controller(
                    np.random.default_rng(seed), ENCODERS[name](**ends), readout,
                    readout.outputs(actions),
                )
                for seed, name in enumerate([*ENCODERS] * (4 if JIT else 1))
            ]  # fmt: skip
            task = pushing(actions)
            played = play_all(networks, task, task.starts(range(8 if JIT else 2)))
            assert len(np.unique(played.scores)) > (8 if JIT else 3), (kind, cls)
            assert played.terminated.any() or not JIT, (kind, cls)
            assert not played.terminated.all(), (kind, cls)


@pytest.mark.parametrize("limit", [1, 5, 500])
def test_terminated_tells_falls_from_the_limit(limit):
    """CartPole without a limit ends for one reason only, the fall."""
    task, starts = replace(CARTPOLE, max_steps=limit), CARTPOLE.starts(range(40 if JIT else 2))
    falling = Network.build(
        2, outputs=[0, 1], encoder=Current(scale=CARTPOLE.scale), readout=WinnerTakesAll()
    )
    for network in (balancer(), falling):
        played = play(network, task, starts)
        assert played.terminated.dtype == np.bool_
        assert (played.steps[~played.terminated] == limit).all()
        forever = play(network, replace(CARTPOLE, max_steps=600), starts)
        assert (
            played.terminated.tolist() == (forever.terminated & (forever.steps <= limit)).tolist()
        )  # a fall in the very last step is a fall
    assert played.terminated.all() == (limit == 500)


def test_no_jobs():
    result = play(balancer(), CARTPOLE, np.empty((0, 4)))
    assert [len(array) for array in result] == [0, 0, 0]
    assert [array.dtype for array in result] == [np.float64, np.int64, np.bool_]


def test_play_leaves_its_input_untouched():
    network = balancer()
    starts, copies = CARTPOLE.starts([1, 2]), golden_copies(network)
    before = [array.copy() for array in (starts, *copies)]
    play(network, CARTPOLE, starts, copies=copies)
    assert all(np.array_equal(a, b) for a, b in zip(before, (starts, *copies), strict=True))


def test_controller_refuses_what_does_not_fit():
    with pytest.raises(InputError, match=r"^network\.encoder: expected one"):
        Controller(Network.build(1))
    with pytest.raises(InputError, match=r"^network\.readout: expected one"):
        Controller(Network.build(1, encoder=Current(scale=[1.0])))
    with pytest.raises(InputError, match=r"^observation: expected shape \(4,\), got \(3,\)"):
        Controller(balancer()).act([0.0, 0.0, 0.0])


@pytest.mark.parametrize("value", [np.nan, np.inf, "x"])
@pytest.mark.parametrize(
    "network",
    [
        balancer(),
        Network.build(
            8, inputs=range(8), outputs=[0], encoder=FlipFlop(scale=[1.0] * 4),
            readout=WinnerTakesAll(),
        ),
    ],
    ids=["current", "flip-flop"],
)  # fmt: skip
def test_controller_refuses_observations_that_are_no_numbers(network, value):
    """A NaN would be encoded differently by compiled and plain code."""
    with pytest.raises(InputError, match=r"^observation: expected"):
        Controller(network).act([0.0, value, 0.0, 0.0])


def test_play_refuses_what_does_not_fit():
    starts = CARTPOLE.starts([1])
    with pytest.raises(InputError, match=r"^network\.encoder: expected one to play cartpole"):
        play(Network.build(1), CARTPOLE, starts)
    with pytest.raises(InputError, match=r"^network\.encoder: expected 4 observations"):
        play(balancer(Current(scale=[1.0] * 3)), CARTPOLE, starts)
    one_output = Network.build(
        2, outputs=[0], encoder=Current(scale=CARTPOLE.scale), readout=WinnerTakesAll()
    )
    with pytest.raises(InputError, match=r"^network\.outputs: expected 2 neurons"):
        play(one_output, CARTPOLE, starts)


@pytest.mark.parametrize(
    "arguments",
    [
        {"copies": golden_copies(Network.build(1))},
        {"copy_of": np.array([1])},
        {"start_of": np.array([-1])},
        {"copy_of": np.array([0, 0]), "start_of": np.array([0])},
    ],
)
def test_play_refuses_jobs_that_do_not_exist(arguments):
    """The kernel checks no bounds and would play from whatever lies in memory."""
    with pytest.raises(InputError):
        play(balancer(), CARTPOLE, CARTPOLE.starts([1]), **arguments)
