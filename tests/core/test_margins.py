"""Margins: inside of them nothing changes, to the last bit; beyond them spikes do."""

import itertools
from dataclasses import replace
from decimal import Decimal, localcontext

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import JIT, any_actions, controllers, examples, random_controller, suits

from fitness import TASKS, CompiledTask, play
from fitness.margins import find_margins
from neuro import (
    ENCODERS,
    READOUTS,
    Controller,
    Current,
    FlipFlop,
    Network,
    WinnerTakesAll,
    golden_copies,
)
from neuro.jit import ENCODE, OBSERVE, STEP, kernel_function
from neuro.margins import Margins, first_use, harmless, rounding
from neuro.program import compile_network
from neuro.slots import with_edits
from neuro.trace import FARTHEST, NEVER

CARTPOLE = TASKS["cartpole"]
SHORT = replace(CARTPOLE, max_steps=12 if JIT else 4)


def with_weights(network, weights):
    """The network with other weights: synapses, then input synapses."""
    e = len(network.synapses)
    return replace(
        network,
        synapses=replace(network.synapses, weight=weights[:e].copy()),
        input_synapses=replace(network.input_synapses, weight=weights[e:].copy()),
    )


def copies_of(network, weights):
    e = len(network.synapses)
    return golden_copies(network, len(weights))._replace(
        weight=np.ascontiguousarray(weights[:, :e]), in_weight=np.ascontiguousarray(weights[:, e:])
    )


def watch(network, task, start):
    """Play an episode; return what was observed, and every spike."""
    controller, state = Controller(network), start.copy()
    observations, spikes, ended = [], [], False
    while not ended and len(spikes) < task.max_steps:
        observations.append(np.zeros(len(task.observations)))
        task.observe(state, observations[-1])
        action = controller.act(observations[-1])
        spikes.append(controller.spikes.copy())
        ended = task.step(state, action)[1]
    return observations, np.concatenate(spikes)


def spikes_on(network, observations):
    """What a network does when it is shown these observations."""
    controller, spikes = Controller(network), []
    for observation in observations:
        controller.act(observation)
        spikes.append(controller.spikes.copy())
    return np.concatenate(spikes)


def alone(network, moved):
    """Weights of copies in which one weight has been moved: one for each that has."""
    weights = network.weights
    changed = np.flatnonzero(moved != weights)
    rows = np.repeat(weights[None, :], len(changed), axis=0)
    rows[np.arange(len(changed)), changed] = moved[changed]
    return rows


class Exact:
    """Potentials and traces of one golden episode, to fifty digits, as one would on paper.

    The events are those of binary64: who spiked, was held or hit the floor. `rooms` has, for
    each receiver and tick, how far its potential may rise and fall, its traces, and what is
    allowed for rounding.
    """

    def __init__(self, network, observations, unit, added):
        p = self.p = compile_network(network)
        controller, n = Controller(network), len(p.al)
        self.rooms = [[] for _ in range(n)]
        number = np.vectorize(Decimal, otypes=[object])
        al, be, leak, reset, bias = map(number, (p.al, p.be, p.v_leak, p.v_reset, p.bias))
        weight, in_weight = number(network.synapses.weight), number(network.input_synapses.weight)
        pre, delay = network.synapses.pre, network.synapses.delay
        exact, g = leak.copy(), number(np.zeros(n))
        trace = number(np.zeros(len(weight) + len(in_weight)))
        slow = number(np.zeros(len(weight)))
        v, fast, held, past = p.v_leak.copy(), np.zeros(n), np.zeros(n), []
        slack, creep, bound, top = np.zeros(n), np.zeros(n), np.zeros(n), 1.0
        self.peak, self.least = np.full(n, -np.inf), np.full(n, np.inf)
        for observation in observations:
            controller.act(observation)
            current, pulses = self.encoded(network, observation)
            top = max([top, *(float(abs(c)) for c in current)])
            for t, fired in enumerate(controller.spikes):
                ends = zip(pre.tolist(), delay.tolist(), strict=True)
                come = np.array([k <= len(past) and past[-k][i] for i, k in ends], dtype=bool)
                past.append(fired)
                arriving = self.sums(come)
                for j in range(n):
                    into = np.flatnonzero(p.post == j)
                    fast[j] = fast[j] * p.be[j] + arriving[j]
                    slow[into] = slow[into] * be[j] + number(come[into].astype(float))
                    g[j] = g[j] * be[j] + sum(weight[e] for e in into if come[e])
                    if held[j] > 0:
                        held[j] -= 1
                        continue
                    total = fast[j] + (controller.ext[t, j] + p.bias[j])
                    raw = p.v_leak[j] + (v[j] - p.v_leak[j]) * p.al[j] + total
                    inputs = np.flatnonzero(p.in_post == j)
                    ext = sum((in_weight[i] * current[p.in_channel[i]] for i in inputs), Decimal(0))
                    ext += pulses[t].get(j, Decimal(0)) + bias[j]
                    exact[j] = leak[j] + (exact[j] - leak[j]) * al[j] + g[j] + ext
                    trace[into] = trace[into] * al[j] + slow[into]
                    late = len(weight) + inputs
                    trace[late] = trace[late] * al[j] + current[p.in_channel[inputs]]
                    slack[j] = slack[j] * p.al[j] + unit[j] * abs(raw) + added[j] * top
                    bound[j] = bound[j] * p.al[j] + top
                    creep[j] = creep[j] * p.al[j] + unit[j] * bound[j]
                    traces = {int(e): trace[e] for e in np.concatenate([into, late])}
                    allowed = [Decimal(float(a[j])) for a in (slack, creep)]
                    room = self.room(j, raw, exact[j], fired[j])
                    self.rooms[j].append((*room, traces, *allowed))
                    below = raw < p.v_min[j]
                    v[j] = max(raw, p.v_min[j])
                    assert fired[j] == (v[j] >= p.v_threshold[j])
                    if fired[j]:
                        self.least[j] = min(self.least[j], v[j])
                    else:
                        self.peak[j] = max(self.peak[j], v[j])
                    if below:
                        exact[j] = Decimal(float(p.v_min[j]))
                    if fired[j]:
                        held[j] = p.refractory[j]
                        step = p.v_threshold[j] - p.v_reset[j]
                        v[j] = v[j] - step if p.subtract[j] else p.v_reset[j]
                        taken = Decimal(float(p.v_threshold[j])) - reset[j]
                        exact[j] = exact[j] - taken if p.subtract[j] else reset[j]
                    if below or (fired[j] and not p.subtract[j]):
                        slack[j] = creep[j] = bound[j] = 0.0
                        trace[np.concatenate([into, late])] = Decimal(0)
            assert np.array_equal(v, controller.voltage[-1])

    def encoded(self, network, observation):
        p, words = self.p, (self.p.ticks + 63) // 64
        current, pulses = np.zeros(p.channels), np.zeros((p.channels, words), dtype=np.uint64)
        network.encoder.kernel(observation, p.encoder, current, pulses)
        gain = Decimal(float(p.gain))
        at = [
            {j: gain for c, j in enumerate(p.inputs) if int(pulses[c, t // 64]) >> (t % 64) & 1}
            for t in range(p.ticks)
        ]
        return np.array([Decimal(x) for x in current.tolist()], dtype=object), at

    def sums(self, come):
        """What arrives at each neuron, added up in the order of the model."""
        p = self.p
        pre = np.repeat(np.arange(len(p.al)), np.diff(p.first))
        arriving = np.zeros(len(p.al))
        for e in np.lexsort((pre, -p.delay)):
            arriving[p.post[e]] += p.weight[e] if come[e] else 0.0
        return arriving

    def room(self, j, raw, exact, fired):
        """How far a potential may rise and fall."""
        threshold, floor = Decimal(float(self.p.v_threshold[j])), Decimal(float(self.p.v_min[j]))
        if raw < self.p.v_min[j]:
            return floor - exact, Decimal("Infinity")
        if fired:
            return Decimal("Infinity"), exact - max(threshold, floor)
        return threshold - exact, exact - floor

    def margins(self, times):
        """How far weights can fall and rise, with so many times what is allowed for rounding."""
        e = len(self.p.weight)
        m = e + len(self.p.in_weight)
        down, up = [Decimal(FARTHEST)] * m, [Decimal(FARTHEST)] * m
        for rise, fall, traces, slack, creep in itertools.chain(*self.rooms):
            for i, c in traces.items():
                for room, slope, side in ((rise, c, up), (fall, -c, up), (rise, -c, down),
                                          (fall, c, down)):  # fmt: skip
                    # Only what input synapses bring can cancel.
                    slope = max(slope, 0) + times * creep if i >= e else slope
                    if slope > 0:
                        side[i] = min(side[i], max(room - times * slack, Decimal(0)) / slope)
        return down, up


def check_against_paper(network, task, start):
    """Margins are the exact ones, but for what is allowed for rounding."""
    margins, _ = find_margins(network, task, start[None, :])
    observations, _ = watch(network, task, start)
    p = compile_network(network)
    unit, added, shortening = rounding(p, task.max_steps * p.ticks)
    with localcontext() as context:
        context.prec = 50
        exact = Exact(network, observations, unit, added)
        wide, tight = exact.margins(Decimal("0.99")), exact.margins(Decimal("1.01"))
    plain = (p.subtract == 0.0) | (exact.least == np.inf)
    assert np.array_equal(margins.threshold_high[0][plain], exact.least[plain])
    seen = plain & (exact.peak > -np.inf)
    assert np.array_equal(margins.threshold_low[0][seen], np.nextafter(exact.peak, np.inf)[seen])
    used = margins.first[0] != NEVER
    read = network.readout.sees == "potential" and np.isin(margins.post, p.outputs)
    for found, most, least in zip((margins.down[0], margins.up[0]), wide, tight, strict=True):
        assert (found[~used] == np.inf).all()
        assert (found[used & read] == 0.0).all()
        checked = np.flatnonzero(used & ~read)
        for e in checked:
            assert Decimal(found[e]) <= most[e]
            shorter = 1 - 2 * Decimal(shortening[margins.post[e]])
            assert Decimal(found[e]) >= least[e] * shorter
    return margins


@examples(60)
@given(st.data())
def test_margins_are_those_on_paper(data):
    """Every kind of neuron, encoder and readout; numbers that swallow each other in a sum."""
    network = data.draw(controllers(4, actions=2))
    seed = data.draw(st.integers(0, 2**31))
    check_against_paper(network, replace(CARTPOLE, max_steps=2), CARTPOLE.starts([seed])[0])


def random_ends(rng, kind):
    """An encoder and a readout of given kinds, or of any, that suit two choices."""
    encoder = ENCODERS[kind] if kind else rng.choice(list(ENCODERS.values()))
    given = {"scale": CARTPOLE.scale, "ticks": int(rng.integers(3, 12))}
    if encoder.name in ("flip-flop", "bins", "argyle"):
        given |= {"spikes": 2, "period": 2}
    readouts = [cls for cls in READOUTS.values() if suits(cls, 2)]
    return encoder(**given), readouts[int(rng.integers(len(readouts)))]()


def random_one(rng, kind=None):
    encoder, readout = random_ends(rng, kind)
    return random_controller(rng, encoder, readout, 2)


def same_episodes(network, task, starts, weights, proven):
    """Copies that are proven harmless play as the network does; those not proven may not."""
    golden = play(network, task, starts)
    copies, episodes = np.nonzero(proven)
    played = play(
        network, task, starts, copies=copies_of(network, weights), copy_of=copies,
        start_of=episodes,
    )  # fmt: skip
    assert np.array_equal(played.scores, golden.scores[episodes])
    assert np.array_equal(played.steps, golden.steps[episodes])
    assert np.array_equal(played.terminated, golden.terminated[episodes])


def shifted(margins, falls, share):
    """Every weight moved down or up by so much of its margin (or by some, if it is free)."""
    reach = np.minimum(np.where(falls, margins.down[0], margins.up[0]), 5.0) * share
    return margins.weights + np.where(falls, -reach, reach)


@pytest.mark.parametrize("kind", ENCODERS)
def test_inside_the_margins_nothing_changes(kind):
    """Each weight alone, at the ends and between: the same spikes, the same episodes."""
    rng = np.random.default_rng(list(ENCODERS).index(kind))
    for _ in range(20 if JIT else 2):
        network = random_one(rng, kind)
        starts = SHORT.starts(rng.integers(0, 2**31, 3).tolist())
        margins, episodes = find_margins(network, SHORT, starts)
        assert all(np.array_equal(a, b) for a, b in zip(episodes, play(network, SHORT, starts),
                                                       strict=True))  # fmt: skip
        observations, spikes = watch(network, SHORT, starts[0])
        ends = np.clip([margins.low[0], margins.high[0]], -20.0, 20.0)
        falls = rng.random(len(margins.weights)) < 0.5
        for moved in [*ends, shifted(margins, falls, rng.random())]:
            weights = alone(network, moved)
            proven = harmless(margins, weights)
            assert proven[:, 0].all()
            same_episodes(network, SHORT, starts, weights, proven)
            for row in weights[rng.permutation(len(weights))[:10]]:
                assert np.array_equal(spikes_on(with_weights(network, row), observations), spikes)


def test_margins_end_where_spikes_change():
    """Without a floor, every margin that is not far is there because of a spike."""
    rng, beyond = np.random.default_rng(3), 0
    for _ in range(60 if JIT else 6):
        network = random_one(rng)
        network = replace(
            network, neurons=replace(network.neurons, v_min=np.full(len(network.neurons), -np.inf))
        )
        start = SHORT.starts([int(rng.integers(0, 2**31))])
        margins, _ = find_margins(network, SHORT, start)
        observations, spikes = watch(network, SHORT, start[0])
        read = network.readout.sees == "potential"
        for margin, sign in ((margins.down[0], -1.0), (margins.up[0], 1.0)):
            # What rounding takes is far less than a millionth, except where hardly any is left.
            for e in np.flatnonzero((margin < 1e3) & (margin > 1e-3)):
                assert not (read and np.isin(margins.post[e], network.outputs))
                row = network.weights
                row[e] += sign * margin[e] * (1.0 + 1e-6)
                assert not np.array_equal(
                    spikes_on(with_weights(network, row), observations), spikes
                )
                assert not harmless(margins, row[None, :]).any()
                beyond += 1
    assert beyond > (500 if JIT else 20)


def shares(rng, margins, synapses, falls):
    """Shares of margins, for each receiver 1 in all of what rises, and 1 of what falls."""
    share, inputs = rng.random(len(falls)) ** 2, np.arange(len(falls)) >= synapses
    for j in np.unique(margins.post):
        onto = margins.post == j
        left = rng.random() if (onto & inputs).any() else 0.0
        for some, total in (
            (inputs, left),
            (~inputs & falls, 1 - left),
            (~inputs & ~falls, 1 - left),
        ):
            share[onto & some] *= total / max(share[onto & some].sum(), 1e-9)
    return share * (1.0 - 1e-9)


def test_changes_of_several_weights_share_a_margin():
    """What rises and what falls have a share each, and may come and go where spikes are weighed."""
    rng, moved = np.random.default_rng(4), 0
    for _ in range(60 if JIT else 5):
        network = random_one(rng)
        e = len(network.synapses)
        starts = SHORT.starts(rng.integers(0, 2**31, 3).tolist())
        margins, _ = find_margins(network, SHORT, starts)
        falls = rng.random((8, len(margins.weights))) < 0.5
        weights = np.array([shifted(margins, row, shares(rng, margins, e, row)) for row in falls])
        proven = harmless(margins, weights)
        assert proven[:, 0].all()
        same_episodes(network, SHORT, starts, weights, proven)
        observations, spikes = watch(network, SHORT, starts[0])
        for row in weights[:2]:
            assert np.array_equal(spikes_on(with_weights(network, row), observations), spikes)
        moved += int((weights != network.weights).sum())

        copy = np.repeat(np.arange(8), 2 * e)
        tick = rng.integers(0, SHORT.max_steps * network.encoder.ticks, len(copy))
        slot = np.tile(np.arange(e), 16)
        now = np.where(rng.random(len(copy)) < 0.5, weights[copy, slot], network.weights[slot])
        edited = with_edits(golden_copies(network, 8), copy, tick, slot, now)
        golden = play(network, SHORT, starts[:1])
        played = play(
            network, SHORT, starts, copies=edited, copy_of=np.arange(8),
            start_of=np.zeros(8, dtype=np.int64),
        )  # fmt: skip
        assert (played.scores == golden.scores).all()
        assert (played.steps == golden.steps).all()
    assert moved > (1000 if JIT else 50)


def test_the_rule_for_several_weights():
    """Three synapses, two of them onto one neuron, and an input synapse, in two episodes."""
    never = np.inf
    margins = Margins(
        np.array([1.0, 1.0, 1.0, 0.0]),
        np.array([5, 2, 5, 5]),
        np.array([[1.0, 1.0, 2.0, 1.0], [never, 4.0, 1.0, never]]),
        np.array([[9e9, 9e9, 9e9, 0.5], [never, 9e9, 9e9, never]]),
        np.array([[9e9, 9e9, 9e9, 1.0], [never, 9e9, 9e9, never]]),
        np.array([[0.5, 1.0, 0.0, 9e9], [never] * 4]),
        np.zeros((2, 4), dtype=np.int64),
        np.zeros((2, 6)),
        np.zeros((2, 6)),
    )
    assert margins.up.tolist() == [[1.0, 1.0, 2.0, 0.5], [never, 4.0, 1.0, never]]
    assert margins.down.tolist() == [[0.5, 1.0, 0.0, 1.0], [never, 9e9, 9e9, never]]
    cases = [
        ([1.0, 1.0, 1.0, 0.0], True, True),
        ([1.5, 2.0, 1.99, 0.0], True, True),
        ([1.5, 0.0, 2.1, 0.0], False, False),
        ([0.5, 1.0, 1.0, 0.0], True, True),
        ([0.49, 1.0, 1.0, 0.0], False, True),
        ([1.0, 1.0, 0.9, 0.0], False, True),
        ([-9.0, 4.9, 1.9, 0.0], False, True),
        ([-9.0, 5.1, 2.0, 0.0], False, False),
        ([1.0, 1.0, 2.1, 0.0], True, False),
        ([0.51, 1.0, 2.9, 0.0], True, False),  # one falls and one rises, both to their ends
        ([0.51, 1.0, 1.0, -0.9], True, True),  # one makes it too low, the other too high
        ([0.75, 1.0, 1.0, 0.26], False, True),
        ([0.75, 1.0, 1.0, 0.24], True, True),
        ([1.5, 1.0, 1.0, 0.51], False, True),
        ([1.5, 1.0, 1.0, 0.49], True, True),
        ([1.5, 1.0, 1.0, -0.51], False, True),
        ([1.5, 1.0, 1.0, -0.49], True, True),
    ]
    rows = np.array([row for row, _, _ in cases])
    before = rows.copy()
    assert harmless(margins, rows).tolist() == [[first, second] for _, first, second in cases]
    assert np.array_equal(rows, before)
    assert harmless(margins, rows[:0]).shape == (0, 2)


def test_infinite_and_undefined_weights_are_not_proven():
    margins, _ = find_margins(relay(1.0), LINE, LEFT)
    rows = np.array([[np.nan, 0.0], [np.inf, 0.0], [1.0, np.nan], [1.0, np.inf], [1.0, 1e9]])
    assert harmless(margins, rows).tolist() == [[False], [False], [False], [False], [True]]


def test_first_use_is_that_of_the_weights_that_changed():
    crossing = np.array([[-0.03, 0.02], [0.03, -0.01], [0.03, 0.0]])
    margins, _ = find_margins(relay(1.0), LINE, crossing)
    rows = np.array([[1.0, 0.0], [1.5, 0.0], [1.0, 0.1], [0.0, 0.1]])
    never = NEVER
    assert margins.first.tolist() == [[0, 2], [never, 0], [never, 0]]
    assert first_use(margins, rows).tolist() == [
        [never, never, never], [0, never, never], [2, 0, 0], [0, 0, 0],
    ]  # fmt: skip
    assert first_use(margins, rows[:0]).shape == (0, 3)


def relay(weight, threshold=1.0, **columns):
    """Two channels that turn to two outputs: negative positions to the first, others not."""
    return Network.build(
        {"v_threshold": [0.5, 0.5, threshold, 1.0]} | {k: [v] * 4 for k, v in columns.items()},
        [(0, 2, weight, 1), (1, 3, 0.0, 1)], inputs=[0, 1], outputs=[2, 3],
        encoder=FlipFlop([0.05], 4, 2, 2), readout=WinnerTakesAll(),
    )  # fmt: skip


@kernel_function(OBSERVE)
def _place(state, observation):
    observation[0] = state[0]


@kernel_function(STEP)
def _move(state, action):
    state[0] += state[1]
    return 1.0, False


LINE = CompiledTask(
    name="line", observations=("x",), scale=(1.0,), actions=2, max_steps=3, solved_at=3.0,
    worst=0.0, source="a point that moves by itself", reset=lambda rng: rng.uniform(-1.0, 1.0, 2),
    observe=_place, step=_move,
)  # fmt: skip
LEFT = np.array([[-0.04, 0.0]])


def found(network, start=LEFT):
    margins, _ = find_margins(network, LINE, start)
    return (
        *np.stack([margins.low[0], margins.high[0]], axis=1).tolist(),
        margins.first[0].tolist(),
    )


def test_a_weight_that_just_reaches_the_threshold():
    """It may rise, as the neuron starts anew after each spike, but not fall."""
    driven, unused, first = found(relay(1.0))
    assert driven[0] == 1.0
    assert driven[1] > 1e20
    assert unused == [-np.inf, np.inf]
    assert first == [0, NEVER]


def test_a_weight_that_just_does_not_reach_the_threshold():
    """Without a leak the second of two spikes decides: with 0.75 it comes to 1.5."""
    (low, high), _, _ = found(relay(0.75))
    assert low == pytest.approx(0.5, abs=1e-9)
    assert low > 0.5
    assert high == pytest.approx(1.0, abs=1e-9)
    assert high < 1.0
    (low, high), _, _ = found(relay(0.5))
    assert low == 0.5
    assert high == pytest.approx(1.0, abs=1e-9)


def test_neurons_that_cannot_spike_and_weights_of_zero():
    (low, high), _, _ = found(relay(2.0, threshold=np.inf))
    assert low < -1e20
    assert high > 1e20
    (low, high), _, _ = found(relay(0.0))
    assert low < -1e20
    assert 0.0 < high < 1.0


def test_a_floor_ends_margins():
    """The neuron is at -0.5 after its first spike arrives, and hits the floor with the second."""
    (low, high), _, _ = found(relay(-0.5, v_min=-0.75))
    assert low == pytest.approx(-0.75, abs=1e-9)
    assert high == pytest.approx(-0.375, abs=1e-9)
    # At the floor from the first spike on: from there it can only go up.
    (low, high), _, _ = found(relay(-2.0, v_min=-0.75))
    assert low < -1e20
    assert high == pytest.approx(-0.75, abs=1e-9)


def test_what_arrives_at_a_held_neuron_bounds_nothing():
    """It spikes at ticks 1, 5 and 9, keeps what is left over, and is held in between."""
    network = relay(1.3)
    neurons = replace(
        network.neurons, refractory=np.array([0, 0, 3, 0]), reset=np.array([0, 0, 1, 0], np.int8)
    )
    (low, high), _, _ = found(replace(network, neurons=neurons))
    assert low == pytest.approx(1.0, abs=1e-9)
    assert high > 1e20


def test_a_potential_that_is_read_leaves_no_margin():
    readout = READOUTS["highest-potential"]()
    (low, high), unused, _ = found(replace(relay(0.25), readout=readout))
    assert low == high == 0.25
    assert unused == [-np.inf, np.inf]


def test_a_silent_network_has_no_bounds():
    network = relay(1.0)
    network = replace(network, neurons=replace(network.neurons, v_threshold=np.full(4, np.inf)))
    margins, _ = find_margins(network, LINE, LEFT)
    assert (margins.low == -np.inf).all()
    assert (margins.high == np.inf).all()
    assert (margins.first == NEVER).all()
    assert (margins.threshold_high == np.inf).all()
    # Without a leak, two pulses in each of three decisions.
    assert margins.threshold_low[0].tolist() == np.nextafter([6.0, 0.0, 0.0, 0.0], 9.0).tolist()


def test_first_use_is_a_decision():
    """The point crosses the middle: one channel falls silent and the other speaks."""
    crossing = np.array([[-0.03, 0.02]])
    margins, _ = find_margins(relay(1.0), LINE, crossing)
    assert margins.first.tolist() == [[0, 2]]
    graded = Network.build(
        2, input_synapses=[(0, 0, 0.1), (1, 1, 0.1)], outputs=[0, 1],
        encoder=Current(scale=[1.0]), readout=WinnerTakesAll(),
    )  # fmt: skip
    resting = np.array([[0.0, 0.1]])
    margins, _ = find_margins(graded, LINE, resting)
    assert margins.first.tolist() == [[1, 0]]


def test_thresholds_between_their_bounds_change_nothing():
    rng, checked = np.random.default_rng(7), 0
    for _ in range(40 if JIT else 4):
        network = random_one(rng)
        start = SHORT.starts([int(rng.integers(0, 2**31))])
        margins, _ = find_margins(network, SHORT, start)
        observations, spikes = watch(network, SHORT, start[0])
        low, high = margins.threshold_low[0], margins.threshold_high[0]
        assert (low <= network.neurons.v_threshold).all()
        assert (network.neurons.v_threshold <= high).all()

        def changes(j, value, network=network, observations=observations, spikes=spikes):
            threshold = network.neurons.v_threshold.copy()
            threshold[j] = value
            other = replace(network, neurons=replace(network.neurons, v_threshold=threshold))
            return not np.array_equal(spikes_on(other, observations), spikes)

        for j in rng.permutation(len(low))[:5]:
            assert not changes(j, max(low[j], -1e99))
            assert not changes(j, high[j])
            if low[j] < high[j]:
                assert low[j] == -np.inf or changes(j, np.nextafter(low[j], -np.inf))
                assert high[j] == np.inf or changes(j, np.nextafter(high[j], np.inf))
                checked += 1
    assert checked > (50 if JIT else 3)


@kernel_function(ENCODE)
def _loud(observation, parameters, current, pulses):
    for i in range(len(observation)):
        current[i] = 3000.0 * observation[i]
    current[len(observation)] = 1.0


class Loud(Current):
    """Currents far above 1."""

    kernel = _loud


def test_large_currents_are_allowed_for():
    rng = np.random.default_rng(8)
    for _ in range(10 if JIT else 2):
        encoder = Loud(CARTPOLE.scale, ticks=6)
        network = random_controller(rng, encoder, WinnerTakesAll(), 2)
        start = CARTPOLE.starts([int(rng.integers(0, 2**31))])[0]
        check_against_paper(network, replace(CARTPOLE, max_steps=1), start)


@kernel_function(OBSERVE)
def _play_back(state, observation):
    for i in range(len(observation)):
        observation[i] = state[int(state[0]) + i]


@kernel_function(STEP)
def _wind_on(state, action):
    state[0] += 2.0
    return 1.0, state[0] >= len(state)


TAPE = replace(
    LINE, name="tape", observations=("a", "b"), scale=(1.0, 1.0), max_steps=12,
    observe=_play_back, step=_wind_on, reset=lambda rng: rng.uniform(-1.0, 1.0, 25),
)  # fmt: skip


def test_sums_that_miss_the_threshold_by_their_rounding():
    """All numbers are multiples of one that is not exact: it is a matter of rounding who spikes.

    What is read back from a tape does not depend on actions, so there is a lot of the same.
    """
    rng, ties = np.random.default_rng(5), 0
    for _ in range(80 if JIT else 4):
        unit = rng.choice([0.1, 1 / 3, 0.7])
        columns = {
            "v_threshold": (unit * rng.integers(1, 9, 3)).tolist(),
            "tau_mem": rng.choice([np.inf, np.inf, 1 / np.log(2)], 3).tolist(),
            "reset": rng.choice(["to_value", "subtract"], 3).tolist(),
            "v_min": rng.choice([-np.inf, -2.0 * unit], 3).tolist(),
        }
        rows = [(c, j, unit * int(rng.integers(-4, 9))) for c in range(3) for j in range(3)]
        network = Network.build(
            columns, [(0, 2, unit * 2, 2), (1, 2, -unit, 1), (2, 0, unit, 3)], input_synapses=rows,
            outputs=[1, 2], encoder=Current([1.0, 1.0], 4), readout=WinnerTakesAll(),
        )  # fmt: skip
        start = np.concatenate([[1.0], 0.25 * rng.integers(-4, 5, 24)])
        margins, _ = find_margins(network, TAPE, start[None, :])
        ties += int((margins.up == 0.0).sum())
        observations, spikes = watch(network, TAPE, start)
        ends = np.clip([margins.low[0], margins.high[0]], -20.0, 20.0)
        beside = np.nextafter(network.weights, [[-np.inf], [np.inf]])
        grid = network.weights + unit * rng.integers(-1, 2, (2, 12))
        for moved in (*ends, *beside, *grid):
            weights = alone(network, moved)
            for row in weights[harmless(margins, weights)[:, 0]]:
                assert np.array_equal(spikes_on(with_weights(network, row), observations), spikes)
    assert ties > (80 if JIT else 2)


@kernel_function(STEP)
def _diverge(state, action):
    state[0] = np.nan if state[0] > -0.02 else state[0] + state[1]
    return 1.0, False


def test_what_diverges_is_not_a_number_and_goes_on():
    task = replace(LINE, step=_diverge)
    starts = np.array([[-0.04, 0.0], [-0.04, 0.03], [-0.04, 0.0]])
    margins, episodes = find_margins(relay(1.0), task, starts)
    played = play(relay(1.0), task, starts)
    assert np.array_equal(episodes.scores, [3.0, np.nan, 3.0], equal_nan=True)
    assert np.array_equal(played.scores, episodes.scores, equal_nan=True)
    assert episodes.steps.tolist() == [3, 3, 3]
    assert (margins.down[:, 0] == 0.0).all()


@kernel_function(STEP)
def _drift(state, action):
    """Drift by what was decided, whatever the action is made of."""
    for i in range(len(action)):
        state[i % 4] += 0.01 * (1.0 + np.tanh(action[i]))
    return state[1], state[0] > 2.4


@examples(40)
@given(st.data())
def test_any_controller_plays_as_it_does_elsewhere(data):
    """Nine episodes: one more than lie side by side."""
    actions = data.draw(any_actions)
    task = replace(SHORT, actions=actions, step=_drift)
    network = data.draw(controllers(4, actions=actions))
    starts = task.starts(range(9))
    starts[::2, 0] = 2.39
    margins, episodes = find_margins(network, task, starts)
    played = play(network, task, starts)
    assert all(np.array_equal(a, b) for a, b in zip(episodes, played, strict=True))
    rng = np.random.default_rng(data.draw(st.integers(0, 2**31)))
    weights = np.repeat(network.weights[None, :], 6, axis=0)
    struck = rng.random(weights.shape) < 1.5 / max(1, weights.shape[1])
    weights = np.where(struck, weights + rng.normal(0.0, 0.5, weights.shape), weights)
    same_episodes(network, task, starts, weights, harmless(margins, weights))
