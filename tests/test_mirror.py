"""Mirrored networks: the same thing in a mirror, by construction."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evo import SearchSpace, decode
from evo.mirror import twin_keys, unfold
from evo.operators import MUTATIONS, mate, mutate, random_genome
from experiments.config import resolve
from fitness import TASKS, CompiledTask
from neuro import (
    Argyle,
    Bins,
    Controller,
    Current,
    FlipFlop,
    HighestPotential,
    InputError,
    Latency,
    Population,
    Potential,
    Rate,
    SpikeRate,
    WinnerTakesAll,
)
from neuro.symmetry import Symmetry

SCALE = (1.0, 2.0, 2.0)
SYMMETRY = Symmetry((-1, 1, -1))
SYMMETRIES = [
    SYMMETRY,
    Symmetry((-1, 1, 1), values=(0, 2, 1)),
    Symmetry((1, -1, -1), values=(0, 2, 1)),
]
RATES = dict.fromkeys(MUTATIONS, 1.0)

ENCODERS = [
    Current(SCALE, ticks=8), Population(SCALE, ticks=8, fields=3), FlipFlop(SCALE),
    Bins(SCALE, bins=5), Argyle(SCALE), Latency(SCALE),
]  # fmt: skip
READOUTS = [
    (WinnerTakesAll(), 3), (HighestPotential(), 2), (SpikeRate([-1, -2], [1, 2]), 4),
    (Potential([-1], [1], traces=[3.0, 20.0]), 2),
]  # fmt: skip


def evolved(space, seed):
    """A genome some mutations and a mating away from a first one."""
    rng = np.random.default_rng(seed)
    parents = []
    for _ in range(2):
        genome = random_genome(space, rng)
        for _ in range(8):
            genome = mutate(genome, space, rng, RATES)
        parents.append(genome)
    return mate(*parents, space, rng, join=0.5)


@st.composite
def spaces(draw):
    encoder = draw(st.sampled_from(ENCODERS))
    readout, outputs = draw(st.sampled_from(READOUTS))
    return SearchSpace(
        encoder, readout, outputs, symmetry=draw(st.sampled_from(SYMMETRIES)),
        first_hidden=draw(st.integers(0, 2)),
        # Sums of multiples of powers of two are exact in any order.
        tau_low=1e9, tau_high=1e9,
    )  # fmt: skip


def on_a_grid(genome):
    """Weights and thresholds that add without rounding, so that equal means equal."""
    grid = 2.0**-10
    return replace(
        genome,
        weight=np.round(genome.weight / grid) * grid,
        v_threshold=np.maximum(grid, np.round(genome.v_threshold / grid) * grid),
        tau_mem=np.full(len(genome.key), np.inf),
    )


@given(spaces(), st.integers(0, 10**6))
@settings(max_examples=150, deadline=None, derandomize=True)
def test_a_mirrored_observation_has_a_mirrored_effect(space, seed):
    network = decode(on_a_grid(evolved(space, seed)), space)
    signs, places = np.array(space.symmetry.signs), list(space.symmetry.places)
    mirror = space.readout.mirror(space.symmetry, space.outputs)
    one, other = Controller(network), Controller(network)
    rng = np.random.default_rng(seed)
    for _ in range(5):
        # Values off the edges of bins, on a grid of their own.
        seen = rng.integers(-511, 512, 3) / 512.0 * np.array(SCALE) + 2.0**-12
        one.act(seen)
        other.act(signs * seen[places])
        outputs = network.outputs
        spikes, mirrored = one.spikes[:, outputs], other.spikes[:, outputs]
        assert np.array_equal(spikes[:, mirror.place], mirrored)
        if isinstance(space.encoder, Population) or (
            space.silent and isinstance(space.readout, Potential)
        ):
            continue  # exponentials and leaking outputs do round
        values, twins = one.voltage[:, outputs], other.voltage[:, outputs]
        assert np.array_equal(values[:, mirror.place] * mirror.sign, twins)


@given(spaces(), st.integers(0, 10**6))
@settings(max_examples=60, deadline=None, derandomize=True)
def test_genes_are_one_half_and_the_network_has_both(space, seed):
    genome = evolved(space, seed)
    hidden = genome.key[space.fixed :]
    targets = {*space.targets.tolist(), *hidden.tolist()}
    assert set(genome.post.tolist()) <= targets
    whole = unfold(genome, space)
    assert len(whole.key) == space.fixed + 2 * len(hidden)
    assert set(twin_keys(hidden).tolist()) <= set(whole.key.tolist())
    pairs = list(zip(whole.pre.tolist(), whole.post.tolist(), strict=True))
    assert len(set(pairs)) == len(pairs)
    assert pairs == sorted(pairs)
    # Doing it again to the synapses adds nothing.
    again = {(p, q): w for (p, q), w in zip(pairs, whole.weight.tolist(), strict=True)}
    twins = dict(space.twins)
    for key, other in zip(hidden.tolist(), twin_keys(hidden).tolist(), strict=True):
        twins[key], twins[other] = other, key
    for (pre, post), weight in again.items():
        sign = -1.0 if (pre in space.odd) != (post in space.odd) else 1.0
        assert again[twins[pre], twins[post]] == sign * weight


def test_twins_have_the_same_parameters():
    space = SearchSpace(FlipFlop(SCALE), WinnerTakesAll(), 3, symmetry=SYMMETRY)
    network = decode(evolved(space, 5), space)
    for name in ("tau_mem", "v_threshold"):
        column = getattr(network.neurons, name)
        inputs, outputs = column[network.inputs], column[network.outputs]
        assert inputs[0] == inputs[1]  # the first value is odd
        assert inputs[4] == inputs[5]
        assert inputs[2] != inputs[3]  # the second is even: a neuron for each sign
        assert outputs[0] == outputs[2]


def test_deleting_a_neuron_takes_its_twin_along():
    space = SearchSpace(Current(SCALE), SpikeRate([-1], [1]), 2, symmetry=SYMMETRY, first_hidden=1)
    rng = np.random.default_rng(0)
    genome = random_genome(space, rng)
    key = genome.key[space.fixed]
    genome = genome.with_synapses([(twin_keys(key), space.targets[0], 0.5, 1)])
    smaller = MUTATIONS["delete_neuron"][0](genome, space, rng)
    assert not np.isin(smaller.pre, [key, twin_keys(key)]).any()
    decode(smaller, space)


# --- the tasks that say they are symmetric ---------------------------------------------------

FLIPPED = {  # how the state looks in the mirror, where it is more than negated
    "acrobot": (-1, -1, -1, -1, 1, -1, 1, -1),
    "tennlab-medium": (-1, -1, -1, -1, 1, 1),
}
SYMMETRIC = [t for t in TASKS.values() if t.symmetry is not None]


@pytest.mark.parametrize("task", SYMMETRIC, ids=lambda t: t.name)
def test_tasks_are_as_symmetric_as_they_say(task):
    assert isinstance(task, CompiledTask)
    signs = np.array(task.symmetry.signs)
    assert len(signs) == len(task.observations)
    rng = np.random.default_rng(1)
    for seed in range(5):
        state = task.starts([seed])[0]
        flip = np.ones(len(state))
        known = FLIPPED.get(task.name, (-1,) * min(len(state), 6))
        flip[: len(known)] = known
        if task.name.endswith("damped") or task.name == "double-pole-no-velocity":
            flip[6:] = 1  # time and what damping has been
        other = state * flip
        for _ in range(30):
            seen, mirrored = np.zeros(len(signs)), np.zeros(len(signs))
            task.observe(state, seen)
            task.observe(other, mirrored)
            np.testing.assert_allclose(mirrored, signs * seen, rtol=1e-6, atol=1e-9)
            if isinstance(task.actions, int):
                action = np.array([float(rng.integers(task.actions))])
                reply = np.array([float(task.symmetry.swap(task.actions)[int(action[0])])])
            else:
                action = rng.uniform(-1.0, 1.0, 1) * np.array(task.actions.high)
                reply = -action
            reward, ended = task.step(state, action)
            same, also = task.step(other, reply)
            assert ended == also
            assert same == pytest.approx(reward, rel=1e-6, abs=1e-9)
            if ended:
                break


# --- what is refused -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "line"),
    [
        (lambda: Symmetry(5), "signs: expected a tuple of whole numbers, got 5"),
        (lambda: Symmetry((1, -1), values=2), "values: expected a tuple of whole numbers, got 2"),
        (lambda: Symmetry(()), "signs: expected 1 or -1 for each value"),
        (lambda: Symmetry((1, 0)), "signs: expected 1 or -1 for each value"),
        (lambda: Symmetry((1,), (1, 2, 0)), "choices: expected options that take each other's pl"),
        (lambda: Symmetry((1,), (0, 3)), "choices: expected options that take each other's place"),
        (lambda: Symmetry((1,), (1, 0)).swap(3), "choices: expected 2 options, got 3"),
        (lambda: Symmetry((1, 1), values=(1,)), "values: expected 2 numbers, got 1"),
        (lambda: Symmetry((1, 1, 1), values=(1, 2, 0)), "values: expected values that take each"),
        (lambda: Symmetry((1, 1), values=(0, 2)), "values: expected values that take each other's"),
        (lambda: Symmetry((1, -1), values=(1, 0)), "signs: expected the same for values that take"),
        (lambda: Current(SCALE).mirror(Symmetry((1, 1, 1), values=(1, 0, 2))),
         "scale: expected the same for values that the mirror swaps, got [1.0, 2.0, 2.0]"),
        (lambda: Bins(SCALE, center=(0, 1, 2)).mirror(Symmetry((1, 1, 1), values=(0, 2, 1))),
         "center: expected the same for values that the mirror swaps, got [0.0, 1.0, 2.0]"),
        (lambda: Latency(SCALE, signed=False).mirror(SYMMETRY), "encoder latency: expected one w"),
        (lambda: Rate(SCALE, signed=False).mirror(SYMMETRY), "encoder rate: expected one with mi"),
        (lambda: Current(SCALE, center=(1, 0, 0)).mirror(SYMMETRY), "center: expected 0 where th"),
        (lambda: FlipFlop(SCALE, center=(1, 0, 0)).mirror(SYMMETRY), "center: expected 0 where t"),
        (lambda: SpikeRate([0], [1]).mirror(SYMMETRY, 2), "low[0]: expected -1 for a mirrored va"),
        (lambda: SpikeRate([-1], [1], pairs=False).mirror(SYMMETRY, 1), "readout rate: expected"),
        (lambda: WinnerTakesAll((2, 2)).mirror(SYMMETRY, 4), "readout winner-takes-all: expected"),
        (lambda: resolve("mountain-car", [("space.mirrored", True)]),
         "space.mirrored: expected a task that is symmetric, got mountain-car"),
        (lambda: resolve("pendulum", [("space.mirrored", 1)]),
         "space.mirrored: expected true or false, got 1"),
    ],
)  # fmt: skip
def test_refused_with_one_line(make, line):
    with pytest.raises(InputError) as error:
        make()
    assert str(error.value).startswith(line)


# --- one gene for a pair, none for its own opposite ------------------------------------------


def test_a_single_value_keeps_its_constant_channel():
    assert Population([1.0], fields=4).mirror(Symmetry((-1,))).place.tolist() == [3, 2, 1, 0, 4]


@given(st.integers(0, 10**6))
@settings(max_examples=60, deadline=None, derandomize=True)
def test_every_gene_has_an_effect_of_its_own(seed):
    """The middle one of three options is its own twin: odd values and images may not reach it."""
    for encoder in (Current((1.0, 1.0)), FlipFlop((1.0, 1.0))):
        space = SearchSpace(
            encoder, WinnerTakesAll(), 3, symmetry=Symmetry((-1, -1)), first_hidden=1
        )
        genome = evolved(space, seed)
        middle = int(space.output_keys[1])
        for pre, post in zip(genome.pre.tolist(), genome.post.tolist(), strict=True):
            assert space.allows(pre, post) or post != middle
            assert not (pre in space.odd and post == middle)
        pairs = set(zip(genome.pre.tolist(), genome.post.tolist(), strict=True))
        twins = dict(space.twins)
        hidden = genome.key[space.fixed :]
        for key, other in zip(hidden.tolist(), twin_keys(hidden).tolist(), strict=True):
            twins[key], twins[other] = other, key
        for pre, post in pairs:
            image = (twins[pre], twins[post])
            assert image == (pre, post) or image not in pairs


@pytest.mark.parametrize(
    ("make", "line"),
    [
        (lambda: SearchSpace(Current(SCALE), WinnerTakesAll(), 2, symmetry=Symmetry((-1,))),
         "symmetry: expected 3 signs, got 1"),
        (lambda: SearchSpace(Current(SCALE), SpikeRate([-1], [1]), 3),
         "outputs: expected 2 for the readout rate, got 3"),
        (lambda: replace(TASKS["cartpole"], symmetry=Symmetry((-1,))),
         "symmetry: expected 4 signs, got 1"),
        (lambda: replace(TASKS["cartpole"], symmetry=(-1, -1, -1, -1)),
         "symmetry: expected a neuro.symmetry.Symmetry, got (-1, -1, -1, -1)"),
        (lambda: replace(TASKS["cartpole"], symmetry=Symmetry((-1,) * 4, (0, 2, 1))),
         "symmetry: expected choices for 2 options, got (0, 2, 1)"),
        (lambda: replace(TASKS["pendulum"], symmetry=Symmetry((1, -1, -1), (1, 0))),
         "symmetry: expected no choices, which only one choice among options has, got (1, 0)"),
        (lambda: resolve("acrobot", [("encoder.name", "latency"), ("encoder.signed", False)]),
         "space.mirrored: encoder latency: expected one with mirrored channels"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused(make, line):
    with pytest.raises(InputError) as error:
        make()
    assert str(error.value).startswith(line)
