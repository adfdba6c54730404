"""When faults are there: schedules, and copies that change while they run."""

import math
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import ClassVar

import numpy as np
import pytest
from faulty import EVERY, Fixed, at_once, graded, middle, network_for, pulsed, state, states
from hypothesis import given
from hypothesis import strategies as st
from strategies import JIT, examples, random_controller, same_bits

from neuro import READOUTS, FlipFlop, InputError, Network, simulate, simulate_copies
from neuro.faults import (
    TIMES,
    Change,
    DeadNeuron,
    DeadSynapse,
    Fault,
    FaultModel,
    FaultSite,
    FaultTime,
    Gaussian,
    injection,
    parse_fault,
    parse_time,
    strike,
    strike_each,
)
from neuro.hashing import hash_text, hash_words

SEVERAL = [
    "permanent", "upset", "upset:tick=7", "window:ticks=5", "window:tick=0,ticks=3",
    "intermittent:on=3,off=4", "accumulating:steps=4", "redrawn", "redrawn:every=6",
]  # fmt: skip
every_time = pytest.mark.parametrize("time", [parse_time(text) for text in SEVERAL], ids=repr)


# --- schedules -------------------------------------------------------------------------------


def test_schedules_by_hand():
    cases = {
        "permanent": [(0, 1.0, 0)], "upset:tick=4": [(4, 1.0, 0)],
        "window:tick=4,ticks=3": [(4, 1.0, 0), (7, 0.0, 0)],
        "accumulating:steps=4": [(0, 0.25, 0), (2, 0.5, 0), (5, 0.75, 0), (7, 1.0, 0)],
        "redrawn:every=4": [(0, 1.0, 0), (4, 1.0, 1), (8, 1.0, 2)],
        "intermittent:on=1,off=1": [(0, 0.0, 0), *[(t, t % 2 * 1.0, 0) for t in range(1, 10)]],
    }  # fmt: skip
    for text, expected in cases.items():
        assert parse_time(text).changes(10, 1, 0) == expected


@every_time
def test_schedules_are_in_order_and_reproducible(time):
    for draw in range(20):
        changes = time.changes(50, 3, draw)
        assert changes == time.changes(50, 3, draw)
        ticks = [change.tick for change in changes]
        assert ticks == sorted(set(ticks))
        assert all(0.0 <= change.level <= 1.0 for change in changes)
    random = isinstance(time, (TIMES["upset"], TIMES["window"])) and time.tick == -1
    random |= isinstance(time, TIMES["intermittent"])
    assert (len({str(time.changes(50, 3, draw)) for draw in range(20)}) > 1) == random
    assert (len({str(time.changes(50, seed, 0)) for seed in range(20)}) > 1) == random


def test_random_ticks_are_addressed():
    """As docs/model.md has it: published campaigns can be repeated only as long as this stays."""
    for seed, draw, ticks in ((1, 0, 1000), (7, 12, 500), (2**64 - 1, 3, 17)):
        place = hash_words(seed, hash_text("time"), draw, hash_text("tick"))
        u = ((int(hash_words(place, 0)) >> 12) + 0.5) / 2**52
        assert parse_time("upset").changes(ticks, seed, draw) == [(int(u * ticks), 1.0, 0)]
        u = [
            ((int(hash_words(hash_words(seed, hash_text("intermittent"), draw, k), 0)) >> 12) + 0.5)
            / 2**52 for k in range(4)
        ]  # fmt: skip
        lasts = [max(1, math.ceil(math.log(v) / math.log1p(-1 / m)))
                 for v, m in zip(u, (40, 3, 40, 3), strict=True)]  # fmt: skip
        changes = parse_time("intermittent:on=3,off=40").changes(10_000, seed, draw)
        assert np.diff([change.tick for change in changes])[:4].tolist() == lasts


@pytest.mark.parametrize("name", ["upset", "window"])
def test_random_ticks_are_even_over_the_episode(name):
    """Draws are common: an upset of a draw is when its window begins."""
    ticks = np.array([parse_time(name).changes(1000, 5, draw)[0].tick for draw in range(4000)])
    assert ticks.min() < 10 < 990 < ticks.max() < 1000
    assert abs(ticks.mean() - 499.5) < 4 * 1000 / np.sqrt(12 * 4000)
    assert ticks[:9].tolist() == [parse_time("upset").changes(1000, 5, d)[0].tick for d in range(9)]


def test_intermittent_faults_come_and_go_geometrically():
    """Durations of mean m, at least 1: variance m (m - 1); that of 1 is always 1."""
    for on, off in ((5, 20), (1, 3), (7, 1)):
        ticks = [change.tick for change in
                 parse_time(f"intermittent:on={on},off={off}").changes(200_000, 1, 0)]  # fmt: skip
        lasts = np.diff(ticks)
        for mean, some in ((off, lasts[::2]), (on, lasts[1::2])):
            assert some.min() >= 1
            bound = 4 * np.sqrt(mean * (mean - 1) / len(some))
            assert abs(some.mean() - mean) <= bound
            share = (some == 1).mean()  # of a geometric distribution: 1 / m
            assert abs(share - 1 / mean) <= 4 * np.sqrt((1 / mean) * (1 - 1 / mean) / len(some))


def test_levels_alternate():
    for draw in range(20):
        changes = parse_time("intermittent:on=3,off=4").changes(100, 1, draw)
        assert changes[0] == Change(0, 0.0)
        assert all(a.level + b.level == 1.0 for a, b in pairwise(changes))


# --- copies that change ----------------------------------------------------------------------


def at_moment(model, time, severity, tick, draw, horizon, network):
    """What a copy holds at a tick by the schedule alone: as if that were there for good."""
    level, occasion = 0.0, 0
    for change in time.changes(horizon, 1, draw):
        if change.tick <= tick:
            level, occasion = change.level, change.occasion
    faults = [Fault(model, severity, time=Fixed(level, occasion))] if level else []
    return state(strike(network, faults, 1, [draw], horizon=1))


@pytest.mark.parametrize("model", EVERY, ids=repr)
def test_every_moment_is_as_scheduled(model):
    """Before, while and after: each place holds what a permanent fault of that moment sets."""
    network, severity, horizon = network_for(model), middle(model), 24
    for text in SEVERAL if JIT else SEVERAL[EVERY.index(model) % 3 :: 3]:
        time = parse_time(text)
        struck = strike(network, [Fault(model, severity, time=time)], 1, range(3), horizon=horizon)
        for draw in range(3):
            moments = {change.tick for change in time.changes(horizon, 1, draw)}
            moments = {0, *moments, *(m - 1 for m in moments if m), horizon - 1}
            moments = {tick for tick in moments if tick < horizon}
            for tick in sorted(moments)[:: 1 if len(moments) < 12 else 5]:
                expected = at_moment(model, time, severity, tick, draw, horizon, network)
                found = state(struck, draw, tick)
                # A potential that was set before is not set back.
                pairs = zip(found["v"], expected["v"], network.neurons.v_leak, strict=True)
                found["v"] = [e if e == rest else f for f, e, rest in pairs]
                assert found == expected, (text, draw, tick)


@every_time
def test_severity_zero_is_golden_at_any_time(time):
    network = graded()
    for model in ("dead-neuron", "gaussian", "delay-shift", "saturated-neuron"):
        fault = replace(parse_fault(f"{model}@0"), time=time)
        struck = strike(network, [fault], 1, range(4), horizon=30)
        assert len(struck.copies.tick) == 0
        assert states(struck) == states(strike(network, [], 1, range(4)))


ROUNDS = [
    ["weight-loss@0.5", "dead-neuron@0.5 window:tick=4,ticks=3"],
    ["dead-neuron@0.5 window:tick=4,ticks=3", "weight-loss@0.5"],
    ["dead-synapse@0.5 upset:tick=5", "gaussian@0.3 window:tick=3,ticks=4", "weight-loss@0.25"],
    ["gaussian@0.5 redrawn:every=3", "sign-flip@0.5 intermittent:on=2,off=3"],
    ["delay-shift@0.5 window:tick=2,ticks=5", "gaussian@0.2 accumulating:steps=5"],
    ["parametric-threshold@0.5 upset:tick=3", "saturated-neuron@0.3 window:tick=5,ticks=4",
     "dead-neuron@0.3 redrawn:every=2"],
]  # fmt: skip


@pytest.mark.parametrize("texts", ROUNDS, ids=str)
def test_every_moment_of_a_round(texts):
    """Faults with times of their own: at each tick, the round of those that are there."""
    network, horizon = graded(), 12
    parts = [text.partition(" ")[::2] for text in texts]
    faults = [replace(parse_fault(m), time=parse_time(t or "permanent")) for m, t in parts]
    struck = strike(network, faults, 1, range(4), horizon=horizon)
    for draw in range(4):
        for tick in range(horizon):
            found = state(struck, draw, tick)
            now = []
            for k, fault in enumerate(faults):
                seed = 1 if k == 0 else int(hash_words(1, k))
                level, occasion = 0.0, 0
                for change in fault.when.changes(horizon, seed, draw):
                    if change.tick <= tick:
                        level, occasion = change.level, change.occasion
                if level:
                    now.append(replace(fault, time=Fixed(level, occasion)))
            assert found == state(strike(network, now, 1, [draw], horizon=1)), (draw, tick)


def test_times_of_a_round_differ():
    """Two upsets of one round, each at a random tick, are not at the same one."""
    faults = [parse_fault("dead-neuron@1"), parse_fault("weight-loss@1")]
    faults = [replace(fault, time=parse_time("upset")) for fault in faults]
    for seed in (1, 2**64 - 1):
        copies = strike(graded(), faults, seed, range(10), horizon=1000).copies
        parts = [set(copies.tick[a:b].tolist()) for a, b in pairwise(copies.first)]
        assert all(len(part) == 2 for part in parts)


# --- what it does to spikes ------------------------------------------------------------------

ENCODER = FlipFlop([1.0, 2.0], 9, 3, 2, 0.8)


def driven(seed, ticks=60, leak=None):
    """A network, and input that makes it spike."""
    rng = np.random.default_rng(seed)
    network = random_controller(rng, ENCODER, READOUTS["winner-takes-all"](), 3)
    n = len(network.neurons)
    if leak is not None:
        columns = {"tau_mem": [leak] * n, "v_threshold": network.neurons.v_threshold.tolist()}
        s = network.synapses
        rows = zip(s.pre, s.post, s.weight, np.minimum(s.delay, 9), strict=True)
        network = Network.build(columns, list(rows))
    ext = rng.normal(0.2, 1.0, (ticks, n)) * (rng.random((ticks, n)) < 0.4)
    return network, ext


@pytest.mark.parametrize("text", ["dead-neuron@0.4", "gaussian@0.5", "delay-shift:ticks=2@0.7",
                                  "saturated-neuron@0.3", "parametric-threshold@0.8"])  # fmt: skip
def test_an_upset_is_golden_before_and_permanent_after(text):
    """Before its tick, spikes are those of the golden network; and then it stays."""
    changed = 0
    for seed in range(6 if JIT else 1):
        network, ext = driven(seed)
        golden = simulate(network, ext)
        for tick in (0, 1, 25, 59, 60):
            fault = replace(parse_fault(text), time=parse_time(f"upset:tick={tick}"))
            struck = strike(network, [fault], 1, range(4), horizon=60)
            spikes, voltage = simulate_copies(*struck, ext)
            assert np.array_equal(spikes[:tick], golden.spikes[:tick, :, None].repeat(4, axis=2))
            before = golden.voltage[:tick, :, None].repeat(4, axis=2)
            assert same_bits(voltage[:tick].copy(), before)
            changed += not np.array_equal(spikes, golden.spikes[:, :, None].repeat(4, axis=2))
            if tick == 0:
                permanent = replace(fault, time=parse_time("permanent"))
                always = simulate_copies(*strike(network, [permanent], 1, range(4)), ext)
                assert np.array_equal(spikes, always.spikes)
    assert changed > 5 or not JIT


@pytest.mark.parametrize("text", ["dead-neuron@0.4", "gaussian@0.5", "delay-shift:ticks=2@0.7",
                                  "saturated-neuron@0.3", "faulty-reset@0.5", "sign-flip@0.5",
                                  "potential-upset@0.5"])  # fmt: skip
def test_a_window_ends_and_the_network_recovers(text):
    """With a leak and without loops for ever, nothing is left of the fault in the end."""
    differs = 0
    for seed in range(4 if JIT else 1):
        network, ext = driven(seed, 400, leak=2.0)
        ext[320:] = 0.0
        fault = replace(parse_fault(text), time=parse_time("window:tick=30,ticks=12"))
        struck = strike(network, [fault], 1, range(4), horizon=400)
        golden, copies = simulate(network, ext), simulate_copies(*struck, ext)
        same = copies.spikes == golden.spikes[:, :, None]
        assert same[:30].all()
        differs += not same[30:42].all()
        assert same[320:].all()
        # What is left of a difference of potentials has decayed below any spike's reach.
        rest = np.abs(copies.voltage[-1] - golden.voltage[-1][:, None])
        assert rest.max() < 1e-12
    assert differs or not JIT


def test_who_was_dead_is_let_go():
    """Held for ever, but not longer than the fault is there; then as a neuron at rest."""
    network = Network.build({"bias": [0.5, 0.5], "refractory": [0, 2]})
    fault = Fault(DeadNeuron(), 1.0, time=parse_time("window:tick=3,ticks=4"))
    spikes, voltage = simulate_copies(
        *strike(network, [fault], 1, [0], horizon=12), np.zeros((12, 2))
    )
    assert spikes[:, 0, 0].astype(int).tolist() == [0, 1, 0, 0, 0, 0, 0, 1, 0, 1, 0, 1]
    assert voltage[3:7, 0, 0].tolist() == [0.5] * 4
    assert spikes[:, 1, 0].astype(int).tolist() == [0, 1, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0]


def test_who_is_refractory_fires_when_saturated():
    network = Network.build({"bias": [1.0], "refractory": [20]})
    for time in ("upset:tick=3", "window:tick=3,ticks=4"):
        fault = replace(parse_fault("saturated-neuron@1"), time=parse_time(time))
        copies = strike(network, [fault], 1, [0], horizon=10)
        spikes = simulate_copies(*copies, np.zeros((10, 1))).spikes[:, 0, 0].astype(int).tolist()
        after = [1, 1, 1] if time.startswith("upset") else [1, 0, 0]  # fires and is refractory
        assert spikes == [1, 0, 0, 1, 1, 1, 1, *after]


def test_a_potential_is_not_upset_again_by_other_changes():
    """A second fault's changes do not set a state once more."""
    network = Network.build({"tau_mem": [0.5], "v_threshold": [9.0]})
    faults = [
        replace(parse_fault("potential-upset@1"), time=parse_time("upset:tick=2")),
        replace(parse_fault("spike-deletion@1"), time=parse_time("redrawn")),
    ]
    voltage = simulate_copies(
        *strike(network, faults, 1, [0], horizon=9), np.zeros((9, 1))
    ).voltage[:, 0, 0]
    assert (voltage[:2] == 0.0).all()
    factor = float(np.exp(-2.0))
    assert voltage[2] > 0.0
    assert voltage[3:] == pytest.approx(voltage[2] * factor ** np.arange(1, 7))


def test_redrawn_noise():
    """New at every occasion, the same at the same occasion, and for a while in between."""
    network = graded()
    fault = Fault(Gaussian(), 0.3, time=parse_time("redrawn:every=3"))
    struck = strike(network, [fault], 1, range(2), horizon=12)
    weights = [[w for _, w in state(struck, 0, tick)["weight"]] for tick in range(12)]
    for tick in range(12):
        assert weights[tick] == weights[tick - tick % 3]
    assert len({tuple(w) for w in weights}) == 4
    # The first occasion is that of a permanent fault.
    assert state(struck, 1, 0) == state(at_once(Gaussian(), 0.3, network, draws=[1]))
    again = strike(network, [fault], 1, [1, 0], horizon=12)
    assert [state(again, 1, t) for t in range(12)] == [state(struck, 0, t) for t in range(12)]
    # A longer episode begins in the same way.
    longer = strike(network, [fault], 1, [0], horizon=30)
    assert [state(longer, 0, t) for t in range(12)] == [state(struck, 0, t) for t in range(12)]


@given(st.integers(2, 12), st.sampled_from(("dead-synapse", "dead-neuron", "sign-flip")))
@examples(20)
def test_accumulating_faults_stay(steps, name):
    """What is broken at a step is broken at all later ones, and in the end as by the severity."""
    network = graded()
    fault = replace(parse_fault(f"{name}@0.8"), time=parse_time(f"accumulating:steps={steps}"))
    struck = strike(network, [fault], 1, range(4), horizon=40)
    golden = state(strike(network, [], 1, [0]))
    for copy in range(4):
        broken = set()
        for tick in range(40):
            held = state(struck, copy, tick)
            now = set(golden["weight"]) - set(held["weight"])
            for name in ("in_weight", "held"):
                pairs = enumerate(zip(golden[name], held[name], strict=True))
                now |= {(name, k) for k, (was, has) in pairs if was != has}
            assert broken <= now
            broken = now
        permanent = replace(fault, time=Fixed())
        assert held == state(strike(network, [permanent], 1, [copy], horizon=1))


def test_levels_are_shares_of_the_severity():
    """A weight of 1 that loses 0.8 in four steps."""
    network = Network.build(2, [(0, 1, 1.0, 1)])
    fault = replace(parse_fault("weight-loss@0.8"), time=parse_time("accumulating:steps=4"))
    struck = strike(network, [fault], 1, [0], horizon=8)
    weights = [state(struck, 0, tick)["weight"][0][1] for tick in range(8)]
    assert weights == pytest.approx([0.8, 0.8, 0.6, 0.6, 0.4, 0.4, 0.2, 0.2])


def test_single_faults_in_time():
    """Every fault for a while; times are those of draw 0."""
    network = graded()
    fault = Fault(DeadSynapse(), 0.0, time=parse_time("window:tick=4,ticks=2"))
    struck = strike_each(network, fault, 1, [0, 3, 8], horizon=10)
    golden = state(strike(network, [], 1, [0]))
    for copy, missing in enumerate((0, 3, None)):
        for tick in range(10):
            held = state(struck, copy, tick)
            expected = list(golden["weight"])
            if 4 <= tick < 6 and missing is not None:
                del expected[missing]
            assert held["weight"] == expected
            alive = [0.5, -1.25, 0.0 if missing is None and 4 <= tick < 6 else 1.0]
            assert held["in_weight"] == alive


# --- what is refused -------------------------------------------------------------------------


@pytest.mark.parametrize("time", [parse_time(text) for text in SEVERAL[1:]], ids=repr)
def test_times_need_a_horizon(time):
    fault = Fault(Gaussian(), 0.1, time=time)
    for horizon in (0, -3):
        line = f"horizon: expected the ticks of an episode, for faults that are {time.name}, got "
        with pytest.raises(InputError) as error:
            strike(graded(), [fault], 1, [0], horizon=horizon)
        assert str(error.value) == f"{line}{horizon}"
    strike(graded(), [replace(fault, time=parse_time("permanent"))], 1, [0])


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("", "time: expected one of permanent, upset, window, intermittent, accumulating, redrawn"),
        ("transient", "time: expected one of permanent, upset, window"),
        ("permanent:tick=3", "time permanent: expected parameters (none), got tick=3"),
        ("window:on=3", "time window: expected parameters tick, ticks, got on=3"),
        ("upset:tick=-2", "time upset: tick: expected a whole number from -1 to"),
        ("upset:tick=1.5", "time upset: tick: expected a whole number from -1 to"),
        ("window:ticks=0", "time window: ticks: expected a whole number from 1 to"),
        ("intermittent:on=0", "time intermittent: on: expected a whole number from 1 to"),
        ("intermittent:off=x", "time intermittent: off: expected a number, got x"),
        ("accumulating:steps=0", "time accumulating: steps: expected a whole number from 1 to"),
        ("redrawn:every=0", "time redrawn: every: expected a whole number from 1 to"),
    ],
)
def test_parse_time_refuses(text, line):
    with pytest.raises(InputError) as error:
        parse_time(text)
    assert str(error.value).startswith(line)
    assert "\n" not in str(error.value)


def test_too_many_changes(monkeypatch):
    fault = Fault(Gaussian(), 0.1, time=parse_time("redrawn"))
    monkeypatch.setattr(injection, "MOST_EDITS", 9 * 10 * 3)
    strike(graded(), [fault], 1, range(3), horizon=11)  # those of tick 0 are no edits
    with pytest.raises(InputError) as error:
        strike(graded(), [fault], 1, range(3), horizon=12)
    assert str(error.value) == (
        "faults: expected at most 270 changes in all copies made at once; redraw noise less often "
        "or shorten the episodes"
    )


# --- of one's own ----------------------------------------------------------------------------


@dataclass(frozen=True)
class Twice(FaultTime):
    """In the second and the fourth quarter, as two different faults."""

    name: ClassVar[str] = "twice"

    def changes(self, horizon, seed, draw):
        quarter = horizon // 4
        return [Change(quarter, 1.0), Change(2 * quarter, 0.0), Change(3 * quarter, 0.5, 1)]


def test_a_time_of_ones_own(monkeypatch):
    monkeypatch.setitem(TIMES, "twice", Twice)
    fault = Fault(Gaussian(), 0.2, time=parse_time("twice"))
    struck = strike(graded(), [fault], 1, [0], horizon=8)
    kinds = [state(struck, 0, tick) for tick in range(8)]
    golden = state(strike(graded(), [], 1, [0]))
    assert kinds[0] == kinds[1] == kinds[4] == kinds[5] == golden
    assert kinds[2] == state(at_once(Gaussian(), 0.2, draws=[0]))
    half = replace(fault, time=Fixed(0.5, 1))
    assert kinds[6] == kinds[7] == state(strike(graded(), [half], 1, [0], horizon=1))


class Bad(FaultModel):
    """Whatever it is told to return."""

    name = "bad"
    severity = "none that makes sense"
    severities = (0.5,)
    typical = 0.5
    largest = 1.0

    def __init__(self, owner, name, value):
        self.owner, self._result = owner, (name, value)

    def strike(self, values, severity, draws):
        name, value = self._result
        if np.isscalar(value):
            value = np.full(values[name].shape, value)
        return {name: value}


@pytest.mark.parametrize(
    ("owner", "name", "value", "line"),
    [
        ("synapses", "colour", np.zeros((2, 9)), "expected what synapses have, got colour"),
        ("neurons", "weight", np.zeros((2, 9)), "expected what neurons have, got weight"),
        ("synapses", "weight", np.zeros(9), "faulty weight: expected shape (2, 9), got (9,)"),
        ("synapses", "weight", None, "faulty weight: expected an array of numbers, got None"),
        ("synapses", "weight", [[1.0], []], "faulty weight: expected an array of numbers, got [["),
        ("neurons", "bias", np.nan, "faulty bias: expected numbers, got nan"),
        ("synapses", "delay", 0.0, "faulty delay: expected whole ticks from 1 to 10000, got 0.0"),
        ("synapses", "delay", 1.5, "faulty delay: expected whole ticks from 1 to 10000, got 1.5"),
        ("synapses", "delay", 1e9, "faulty delay: expected whole ticks from 1 to 10000, got 1000"),
    ],
)
def test_models_that_return_nonsense(owner, name, value, line):
    with pytest.raises(InputError) as error:
        strike(graded(), [Fault(Bad(owner, name, value), 0.5)], 1, [0, 1])
    assert str(error.value).startswith(f"model bad: {line}")


def test_models_must_do_something():
    class Nothing(FaultModel):
        name, severity, severities, typical, largest = "nothing", "none at all", (0.5,), 0.5, 1.0

    with pytest.raises(NotImplementedError, match="Nothing has neither weights"):
        strike(pulsed(), [Fault(Nothing(), 0.5, FaultSite())], 1, [0])
