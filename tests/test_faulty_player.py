"""What is left out makes no difference: faulty copies score as if everything were played."""

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

sys.path.append(str(Path(__file__).parent / "core"))
from faulty import EVERY
from strategies import random_controller, suits

from fitness import TASKS, find_task, play
from fitness import faulty as faulty_module
from fitness import golden as golden_module
from fitness.faulty import FaultyPlayer, distinct, passing
from fitness.golden import record_golden
from fitness.rollout import horizon
from neuro import ENCODERS, READOUTS, Current, FlipFlop, Network, WinnerTakesAll, golden_copies
from neuro.faults import (
    MODELS,
    TIMES,
    BitFlip,
    DeadNeuron,
    DeadSynapse,
    DelayShift,
    Fault,
    FaultSite,
    Gaussian,
    SiteFault,
    Struck,
    parse_model,
    parse_time,
    single_faults,
    strike,
    strike_each,
)
from neuro.jit import STEP, kernel_function
from neuro.kernels import Copies
from neuro.slots import Slots, with_edits

CARTPOLE = TASKS["cartpole"]
SHORT = {
    "cartpole": replace(CARTPOLE, max_steps=12),
    "mountain-car": replace(TASKS["mountain-car"], max_steps=8),
    "mountain-car-continuous": replace(TASKS["mountain-car-continuous"], max_steps=8),
    "iris": TASKS["iris"],
}
LEAN = (0.1, 0.3, 1.0, 1.0)


@pytest.fixture(autouse=True)
def always(monkeypatch):
    """However little there is to gain."""
    monkeypatch.setattr(faulty_module, "LEAST", 0)
    monkeypatch.setattr(faulty_module, "WORTHWHILE", 2.0)


def leaning(ticks=10, **columns):
    """Push to where the pole leans and falls; a hidden neuron adds its opinion."""
    return Network.build(
        {"v_threshold": [1.0] * 3, **columns}, [(2, 1, 0.3, 2), (0, 2, 0.1, 3)],
        input_synapses=[(3, 2, 0.5), *[(c, 1, w) for c, w in enumerate(LEAN)]],
        outputs=[0, 1], encoder=Current(scale=CARTPOLE.scale, ticks=ticks),
        readout=WinnerTakesAll(),
    )  # fmt: skip


def pair(network, task, starts):
    """A player that leaves out what it can, and one that plays everything."""
    return [FaultyPlayer(network, task, starts, accelerate=a) for a in (True, False)]


def check(players, struck):
    """Both must agree to the last bit; returns the scores."""
    fast, slow = (player(struck) for player in players)
    assert np.array_equal(fast, slow, equal_nan=True)
    return slow


def players_of(seed, encoder, readout, task):
    """Players of a random network; the seed decides on everything else."""
    rng = np.random.default_rng(seed)
    given = {
        "scale": task.ranges()[1],
        "center": task.ranges()[0],
        "ticks": int(rng.integers(3, 12)),
    }
    if encoder in ("flip-flop", "bins", "argyle"):
        given |= {"spikes": 2, "period": 2}
    kind = READOUTS[readout]
    ends = kind(**kind.for_actions(task.actions))
    network = random_controller(
        rng, ENCODERS[encoder](**given), ends, ends.outputs(task.actions), int(rng.integers(4))
    )
    starts = task.draw_starts(seed, "test", int(rng.integers(1, 5)))
    return pair(network, task, starts)


@pytest.fixture(scope="module")
def everything():
    """Players with every kind of encoder and of readout, on every task."""
    made = []
    for seed, task in enumerate(SHORT.values()):
        kinds = [name for name, cls in READOUTS.items() if suits(cls, task.actions)]
        for place, encoder in enumerate(ENCODERS):
            made.append(players_of(7 * seed + place, encoder, kinds[place % len(kinds)], task))
    return made


def test_players_of_every_kind(everything):
    networks = [fast.network for fast, _ in everything]
    assert {n.encoder.name for n in networks} == set(ENCODERS)
    assert {n.readout.name for n in networks} == set(READOUTS)
    for fast, slow in everything:
        golden = play(fast.network, fast.task, fast.starts)
        assert np.array_equal(fast.golden, golden.scores)
        assert np.array_equal(slow.golden, golden.scores)
        ticks = fast.network.encoder.ticks
        assert fast.longest == slow.longest == golden.steps.max() * ticks


TIME_TEXTS = [
    "permanent", "upset", "window:ticks=4", "intermittent:on=3,off=15", "accumulating:steps=3",
    "redrawn:every=7",
]  # fmt: skip


def test_every_time_is_tested():
    assert {text.partition(":")[0] for text in TIME_TEXTS} == set(TIMES)


@pytest.mark.parametrize("time", TIME_TEXTS)
def test_every_model_at_every_time(everything, time):
    """Draws, rounds of two faults, and single faults that strike at any tick."""
    rng = np.random.default_rng(TIME_TEXTS.index(time))
    before = [sum(p.played for p in players) for players in zip(*everything, strict=True)]
    for number, model in enumerate(EVERY):
        players = everything[int(rng.integers(len(everything)))]
        network, end = players[0].network, horizon(players[0].network, players[0].task)
        severity = float(rng.choice([model.typical, min(model.largest, 0.5), 0.0]))
        fault = Fault(model, severity, time=parse_time(time))
        check(players, strike(network, [fault], number, range(6), horizon=end))
        other = EVERY[int(rng.integers(len(EVERY)))]
        when = parse_time(TIME_TEXTS[int(rng.integers(len(TIME_TEXTS)))])
        both = [fault, Fault(other, other.typical, time=when)]
        check(players, strike(network, both, number, range(4), horizon=end))
        if not isinstance(model, SiteFault):
            continue
        numbers = rng.permutation(single_faults(network, model, FaultSite()))[:6]
        check(players, strike_each(network, fault, number, numbers, horizon=end))
        if time in ("upset", "window:ticks=4"):
            # Also after the end.
            ticks = rng.integers(0, players[0].longest + 3, len(numbers))
            check(players, strike_each(network, fault, number, numbers, horizon=end, ticks=ticks))
    fast, slow = (sum(p.played for p in some) for some in zip(*everything, strict=True))
    assert fast - before[0] < 0.95 * (slow - before[1])


@pytest.mark.parametrize("time", ["permanent", "upset"])
def test_many_single_faults_together(everything, time):
    """They share what all have in common, such as weights that are rounded to words."""
    texts = ["bit-flip", "bit-flip:bits=3", "stuck-bit-1:bits=6", "dead-synapse", "sign-flip",
             "random-weight", "dead-neuron", "parametric-leak", "delay-shift"]  # fmt: skip
    for number, text in enumerate(texts):
        for players in everything[number % 2 :: 2]:
            network, end = players[0].network, horizon(players[0].network, players[0].task)
            fault = Fault(parse_model(text), 0.0, time=parse_time(time))
            numbers = single_faults(network, fault.model, FaultSite())[:80]
            check(players, strike_each(network, fault, number, numbers, horizon=end))


def test_the_models_own_times(everything):
    for number, cls in enumerate(MODELS.values()):
        players = everything[number % len(everything)]
        network, end = players[0].network, horizon(players[0].network, players[0].task)
        fault = Fault(cls(), cls.typical)
        check(players, strike(network, [fault], 1, range(5), horizon=end))


@pytest.mark.parametrize(
    "model", ["dead-synapse", "gaussian", "bit-flip:bits=4", "potential-upset", "dead-neuron"]
)
@pytest.mark.parametrize("time", ["permanent", "upset", "window:ticks=30", "intermittent"])
def test_long_episodes(model, time):
    """Transients have time to pass; rewards that tell of every change."""
    task, changed = replace(TASKS["pendulum"], max_steps=100), 0
    for seed, encoder in enumerate(("current", "population", "rate")):
        players = players_of(seed, encoder, "rate", task)
        network = players[0].network
        fault = Fault(parse_model(model), 0.3, time=parse_time(time))
        end = horizon(network, task)
        scores = check(players, strike(network, [fault], 3, range(30), horizon=end))
        changed += (scores != players[0].golden).sum()
    assert changed > 0


# --- each of the four ideas -------------------------------------------------------------------


def weighted(network, weights):
    """Copies with given weights."""
    e = len(network.synapses)
    return Struck(network, golden_copies(network, len(weights))._replace(
        weight=np.ascontiguousarray(weights[:, :e]), in_weight=np.ascontiguousarray(weights[:, e:])
    ))  # fmt: skip


def test_equal_copies_are_played_once():
    network, starts = leaning(), CARTPOLE.starts([1, 2])
    fast, slow = pair(network, CARTPOLE, starts)
    weights = np.repeat(network.weights[None, :], 60, axis=0)
    weights[np.arange(60) % 4 == 1, 5] = -1.0
    weights[np.arange(60) % 4 == 2, 6] = -2.0
    check([fast, slow], weighted(network, weights))
    assert (fast.asked, slow.played) == (120, 120)
    assert fast.played == 2 * 2  # the golden ones not at all


def still(weight):
    """The constant channel makes output 1 spike; output 0 and the other neuron never do."""
    return Network.build(
        3, [(2, 1, 0.7, 1)], input_synapses=[(4, 1, weight), (0, 2, 0.05)], outputs=[0, 1],
        encoder=Current(scale=CARTPOLE.scale), readout=WinnerTakesAll(),
    )  # fmt: skip


def test_what_changes_no_spike_is_not_played():
    network, starts = still(0.3), CARTPOLE.starts([1, 2, 3])
    players = pair(network, CARTPOLE, starts)
    weights = np.repeat(network.weights[None, :], 40, axis=0)
    weights[:, 1] = np.linspace(0.26, 0.33, 40)  # with a quarter to a third, every fourth tick
    weights[:, 0] = np.linspace(-9, 9, 40)  # never used
    check(players, weighted(network, weights))
    assert (players[0].played, players[0].asked) == (0, 120)
    # Weights that come and go, and thresholds, within what is harmless.
    time = parse_time("redrawn:every=100")
    end = horizon(network, CARTPOLE)
    flicker = [Fault(Gaussian(), 100.0, FaultSite("synapses"), time)]
    check(players, strike(network, flicker, 1, range(8), horizon=end))

    def thresholds(low, high):
        slot, copy = Slots(network).at("v_threshold")[1], np.arange(20)
        values = np.linspace(low, high, 20)
        copies = golden_copies(network, 20)
        return Struck(network, with_edits(copies, copy, copy * 7, np.full(20, slot), values))

    check(players, thresholds(0.92, 1.18))
    assert players[0].played == 0
    check(players, thresholds(40.0, 50.0))
    assert players[0].played > 0


def test_what_comes_after_the_end_is_not_played():
    network, starts = leaning(), CARTPOLE.starts([1, 2, 3])
    players = pair(network, CARTPOLE, starts)
    faults = single_faults(network, DeadNeuron(), FaultSite())
    late = np.full(len(faults), players[0].longest)
    struck = strike_each(network, Fault(DeadNeuron(), 0.0, time=parse_time("upset")), 1, faults,
                         horizon=horizon(network, CARTPOLE), ticks=late)  # fmt: skip
    check(players, struck)
    assert players[0].played == 0


def spoiled(monkeypatch, network, task, starts, **fields):
    """A player whose snapshots are spoiled, to see where they are made use of."""

    def record(*arguments):
        golden = record_golden(*arguments)
        return golden._replace(**{k: getattr(golden, k) + v for k, v in fields.items()})

    monkeypatch.setattr(faulty_module, "record_golden", record)
    return FaultyPlayer(network, task, starts)


@pytest.mark.parametrize("model", [DeadNeuron(), BitFlip()], ids=lambda m: m.name)
def test_what_comes_before_a_fault_is_not_played(monkeypatch, model):
    network, starts = leaning(), CARTPOLE.starts([1, 2, 3])
    numbers = single_faults(network, model, FaultSite())
    fault = Fault(model, 0.0, time=parse_time("upset"))
    ticks = 200 + np.arange(len(numbers))
    struck = strike_each(network, fault, 1, numbers, horizon=5000, ticks=ticks)
    scores = check(pair(network, CARTPOLE, starts), struck)
    used = spoiled(monkeypatch, network, CARTPOLE, starts, sum=1e6)(struck) > 1e5
    assert used[scores != play(network, CARTPOLE, starts).scores].all()
    assert used.any()


def test_what_comes_before_a_weight_is_used_is_not_played(monkeypatch):
    """The cart is pushed for some time before it is far enough for channel 0 to matter."""
    network = Network.build(
        3, [(2, 1, 1.5, 1)], input_synapses=[(4, 0, 0.3), (0, 2, 1.0)], outputs=[0, 1],
        encoder=Current(scale=(0.3, 1.0, 1.0, 1.0)), readout=WinnerTakesAll(),
    )  # fmt: skip
    task, starts = replace(CARTPOLE, step=_slide), np.zeros((2, 4))
    weights = np.repeat(network.weights[None, :], 3, axis=0)
    weights[:, 0] = (1.0, -1.0, 3.0)
    scores = check(pair(network, task, starts), weighted(network, weights))
    assert np.isfinite(scores).all()
    found = spoiled(monkeypatch, network, task, starts, sum=1e6)(weighted(network, weights))
    assert (found > 1e5).any()


@kernel_function(STEP)
def _slide(state, action):
    state[0] += 0.01
    state[1] = 0.1 * action[0]
    return 1.0 + action[0], state[0] > 0.6


def test_what_comes_after_a_trace_is_gone_is_not_played(monkeypatch):
    model = parse_model("saturated-neuron")
    network = leaning(tau_mem=[1.0] * 3)
    task = replace(CARTPOLE, max_steps=200, step=_forget)
    starts = CARTPOLE.starts([1, 2, 3])
    numbers = single_faults(network, model, FaultSite())
    fault = Fault(model, 0.0, time=parse_time("window:ticks=20"))
    ticks = 300 + 7 * np.arange(len(numbers))
    struck = strike_each(network, fault, 1, numbers, horizon=5000, ticks=ticks)
    check(pair(network, task, starts), struck)
    # The late start has rewards from elsewhere; what is added are those after the fault.
    found = spoiled(monkeypatch, network, task, starts, reward=1e6)(struck)
    assert (found > 1e5).any()


@kernel_function(STEP)
def _forget(state, action):
    """What was pushed is forgotten two steps later."""
    state[3] = state[2]
    state[2] = 0.1 * action[0] - 0.05
    state[1] = 0.3 if state[1] < 0.0 else -0.3
    return 1.0 + action[0], False


# --- snapshots --------------------------------------------------------------------------------


@pytest.mark.parametrize("every", [1, 2, 8])
@pytest.mark.parametrize("count", [1, 33, 70])
def test_snapshots_now_and_then(monkeypatch, every, count):
    """Of every decision or few of them, and of more starts than lie side by side."""
    network, task = leaning(), replace(CARTPOLE, max_steps=40)
    starts = task.starts(range(count))
    golden = record_golden(network, task, starts)
    most = golden.state.size // every + golden.sum.size // every + golden.v.size // every
    monkeypatch.setattr(golden_module, "MOST_ROOM", 0)
    monkeypatch.setattr(golden_module, "MOST_SNAPSHOTS", 2 * most)
    kept = record_golden(network, task, starts)
    assert kept.every.tolist() == [every]
    assert np.array_equal(kept.returns, golden.returns)
    assert np.array_equal(kept.steps, golden.steps)
    players = pair(network, task, starts)
    for text in ("upset", "window:ticks=15", "permanent"):
        for model in (BitFlip(), DelayShift(2), DeadNeuron()):
            fault = Fault(model, 0.05, time=parse_time(text))
            check(players, strike(network, [fault], 5, range(12), horizon=400))
            numbers = single_faults(network, model, FaultSite())
            check(players, strike_each(network, fault, 5, numbers, horizon=400))
    assert players[0].played < players[1].played


# --- what is not a number ---------------------------------------------------------------------


@kernel_function(STEP)
def _diverge_later(state, action):
    """The fifth observation is not finite; what was done is forgotten at once."""
    state[3] += 1.0
    state[0] = np.inf if state[3] == 5.0 else 0.05 * action[0]
    return 1.0 + action[0], False


@kernel_function(STEP)
def _diverge_right(state, action):
    """Pushing to the right twice at a stretch diverges."""
    state[1] = 1.0 if action[0] == 1.0 and state[1] == 0.5 else 0.5 * action[0]
    state[0] = np.nan if state[1] == 1.0 else state[0] + 0.03 * (action[0] - 0.5)
    return 1.0, abs(state[0]) > 2.0


@pytest.mark.parametrize("step", [_diverge_later, _diverge_right], ids=["later", "right"])
@pytest.mark.parametrize("time", TIME_TEXTS)
def test_what_diverges_is_not_a_number(step, time):
    task = replace(CARTPOLE, step=step, max_steps=12)
    starts = np.vstack([np.zeros((1, 4)), [[0.03, 0.0, 0.0, -20.0]], CARTPOLE.starts([4, 5])])
    found = []
    for network in (leaning(), still(0.3), still(0.0)):
        players = pair(network, task, starts)
        found.append(players[0].golden)
        for model in (DeadNeuron(), BitFlip(), DelayShift(2), parse_model("saturated-neuron")):
            fault = Fault(model, 0.4, time=parse_time(time))
            found += list(check(players, strike(network, [fault], 1, range(10), horizon=120)))
    assert np.isnan(found).any()
    assert np.isfinite(found).any()


def test_a_transient_does_not_keep_the_golden_network_from_diverging():
    task, network = replace(CARTPOLE, step=_diverge_later, max_steps=12), leaning()
    players = pair(network, task, np.zeros((1, 4)))
    assert np.isnan(players[0].golden).all()
    fault = Fault(DeadNeuron(), 0.0, time=parse_time("window:ticks=3"))
    struck = strike_each(network, fault, 1, [0, 1, 2], horizon=120, ticks=[0, 1, 2])
    assert np.isnan(check(players, struck)).all()


# --- networks and tasks on the edge -----------------------------------------------------------


def test_networks_without_anything_to_strike():
    for network in (
        Network.build(2, outputs=[0, 1], encoder=Current(scale=CARTPOLE.scale),
                      readout=WinnerTakesAll()),
        Network.build(10, inputs=range(8), outputs=[8, 9], encoder=FlipFlop(scale=CARTPOLE.scale),
                      readout=WinnerTakesAll()),
    ):  # fmt: skip
        players = pair(network, CARTPOLE, CARTPOLE.starts([1, 2]))
        for model in (DeadSynapse(), DelayShift(), parse_model("saturated-neuron")):
            for time in ("permanent", "upset"):
                fault = Fault(model, 0.5, time=parse_time(time))
                check(players, strike(network, [fault], 1, range(20), horizon=12000))
        assert players[0].played < players[1].played


def test_copies_of_no_draws():
    network = leaning()
    players = pair(network, CARTPOLE, CARTPOLE.starts([1, 2]))
    assert check(players, strike(network, [Fault(Gaussian(), 0.1)], 1, [])).shape == (0, 2)


def test_copies_are_left_untouched():
    network = leaning()
    struck = strike(network, [Fault(BitFlip(), 0.1, time=parse_time("upset"))], 1, range(9),
                    horizon=5000)  # fmt: skip
    before = [array.tobytes() for array in struck.copies]
    FaultyPlayer(network, CARTPOLE, CARTPOLE.starts([1, 2]))(struck)
    assert [array.tobytes() for array in struck.copies] == before


def test_calls_do_not_depend_on_each_other():
    network, starts = leaning(), CARTPOLE.starts([1, 2])
    some = [
        strike(network, [Fault(model, 0.3, time=parse_time(time))], 1, range(20), horizon=5000)
        for model in (BitFlip(), Gaussian(), DelayShift())
        for time in ("permanent", "upset")
    ]
    one = FaultyPlayer(network, CARTPOLE, starts)
    forward = [one(struck) for struck in some]
    backward = [one(struck) for struck in some[::-1]][::-1]
    alone = [FaultyPlayer(network, CARTPOLE, starts)(struck) for struck in some]
    for a, b, c in zip(forward, backward, alone, strict=True):
        assert np.array_equal(a, b)
        assert np.array_equal(a, c)


def test_environments_are_played_in_full():
    task = find_task("gymnasium:CartPole-v1")
    network, starts = leaning(), task.starts([1, 2])
    fast, slow = pair(network, task, starts)
    fault = Fault(DeadSynapse(), 0.3, time=parse_time("upset:tick=40"))
    check([fast, slow], strike(network, [fault], 1, range(3), horizon=5000))
    assert fast.played == fast.asked == slow.played == 6
    compiled = FaultyPlayer(network, CARTPOLE, CARTPOLE.starts([1, 2]))
    struck = strike(network, [fault], 1, range(3), horizon=5000)
    assert np.array_equal(compiled(struck), slow(struck))


# --- parts ------------------------------------------------------------------------------------


def test_distinct_copies():
    copies = golden_copies(leaning(), 6)
    copies.weight[3, 0] = copies.weight[4, 0] = 9.0
    edited = with_edits(copies, [1, 2, 4, 5], [3, 3, 3, 4], [0] * 4, [1.0] * 4)
    which, same = distinct(edited)
    assert which.tolist() == [0, 1, 3, 4, 5]
    assert same.tolist() == [0, 1, 1, 2, 3, 4]


def test_which_copies_pass():
    """Those that are golden again after a last edit before the end."""
    network = leaning()
    slots, golden = Slots(network), network.neurons.v_threshold[0]
    place = slots.at("v_threshold")[0]
    rows = [
        (0, 5, place, 2.0), (0, 9, place, golden),  # gone
        (1, 5, place, 2.0),  # stays
        (2, 5, place, 2.0), (2, 100, place, golden),  # gone too late
        (3, 5, slots.at("v")[0], 0.3),  # a state
        (4, 5, slots.at("held")[0], 4.0), (4, 9, slots.at("held")[0], 0.0),
        (5, 5, slots.at("held")[0], np.inf),
        (6, 5, place, golden), (6, 6, 0, 0.3), (6, 7, 0, 9.0),  # another one stays
        (7, 5, place, 2.0), (7, 9, place, golden),  # but its weights are others
    ]  # fmt: skip
    copies = with_edits(golden_copies(network, 9), *zip(*rows, strict=True))
    copies.weight[7, 0] = 1.0
    passes = [True, False, False, True, True, False, False, False, False]
    assert passing(network, Copies(*copies), 100).tolist() == passes
