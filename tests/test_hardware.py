"""Hardware profiles: what evolution builds stays inside, checked on decoded networks."""

import json
import tomllib
from collections import Counter
from dataclasses import fields, replace

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from evo import MUTATIONS, PROFILES, HardwareProfile, SearchSpace, decode, operators
from evo.genome import Genome
from evo.hardware import Range, describe_profile, find_profile
from evo.operators import mate, mutate, random_genome
from experiments.cli import main
from experiments.config import resolve
from neuro import (
    Argyle,
    Current,
    FlipFlop,
    HighestPotential,
    InputError,
    Potential,
    WinnerTakesAll,
    load,
)
from neuro.symmetry import Symmetry

SCALE = (1.0, 2.0, 0.5)
SYMMETRY = Symmetry((-1, 1, -1))
RATES = {name: rate for name, (_, rate) in MUTATIONS.items()}
INF = float("inf")

SPACES = {
    "flip-flop": {"encoder": FlipFlop(SCALE), "readout": WinnerTakesAll(), "outputs": 2},
    "current": {"encoder": Current(SCALE), "readout": WinnerTakesAll(), "outputs": 3,
                "first_hidden": 1, "threshold_low": 0.5, "delay_limit": 3},
    "mirrored": {"encoder": FlipFlop(SCALE), "readout": WinnerTakesAll(), "outputs": 3,
                 "symmetry": SYMMETRY, "first_hidden": 1, "density": 0.8},
    "mirrored, odd channels": {"encoder": Current(SCALE), "readout": WinnerTakesAll(),
                               "outputs": 2, "symmetry": SYMMETRY, "weight_limit": 0.3},
    "integrators": {"encoder": Argyle(SCALE), "readout": HighestPotential(), "outputs": 2},
    "mirrored, odd outputs": {"encoder": FlipFlop(SCALE), "outputs": 2, "symmetry": SYMMETRY,
                              "readout": Potential([-1], [1], traces=[3.0, 20.0])},
}  # fmt: skip


def space_of(name, profile):
    return SearchSpace(**SPACES[name], hardware=profile)


def fits(profile, name):
    try:
        space_of(name, profile)
    except InputError:
        return False
    return True


# --- an independent reading of what a profile says ---------------------------------------------


def on_grid(values, step, low, high):
    places = [round(value / step) for value in values]
    assert [place * step for place in places] == list(values)
    assert all(low <= place <= high for place in places)


def obeys(network, profile, space):
    """Assert that a chip with this profile holds the network."""
    n, s, i = network.neurons, network.synapses, network.input_synapses
    weights = [*s.weight.tolist(), *i.weight.tolist()]
    if profile.weight_bits is not None:
        top = 2 ** (profile.weight_bits - 1) - 1
        on_grid(weights, space.weight_limit / top, -top, top)
    elif profile.weight_low is not None:
        on_grid(weights, profile.weight_step, profile.weight_low, profile.weight_high)
    else:
        assert all(abs(weight) <= space.weight_limit for weight in weights)
    if profile.threshold_low is not None:
        low, high = profile.threshold_low, profile.threshold_high
        on_grid(n.v_threshold.tolist(), profile.threshold_step, low, high)
    longest = profile.delay_high or space.delay_limit
    assert all(profile.delay_low <= delay <= longest for delay in s.delay.tolist())
    if profile.leaks is not None:
        assert set(n.tau_mem.tolist()) <= set(profile.leaks)
    if profile.v_min is not None:
        assert set(n.v_min.tolist()) <= {profile.v_min}
    heard = Counter([*s.post.tolist(), *i.post.tolist()])
    sent = Counter(s.pre.tolist())
    assert max(heard.values(), default=0) <= (profile.fan_in or len(weights))
    assert max(sent.values(), default=0) <= (profile.fan_out or len(weights))
    if profile.signs == "excitatory":
        assert all(weight >= 0.0 for weight in weights)
    if profile.signs == "dale":
        for neuron in sent:
            signs = set(np.sign(s.weight[s.pre == neuron]).tolist())
            assert not {-1.0, 1.0} <= signs
    if profile.plain:
        for column in (n.v_reset, n.v_leak, n.refractory, n.reset):
            assert not column.any()


def test_the_reading_is_strict():
    """Networks of no restriction break each restriction, or the tests below would show nothing."""
    space = SearchSpace(**SPACES["flip-flop"])
    network = decode(grown(space, 3, {**RATES, "add_synapse": 2.0}), space)
    for profile in (
        HardwareProfile(weight_bits=8), HardwareProfile(weight_low=-1, weight_high=1),
        HardwareProfile(threshold_low=1, threshold_high=9), HardwareProfile(delay_high=3),
        HardwareProfile(delay_low=2, delay_high=9), HardwareProfile(leaks=(INF, 0.0)),
        HardwareProfile(v_min=-1.0), HardwareProfile(fan_in=2), HardwareProfile(fan_out=2),
        HardwareProfile(signs="excitatory"), HardwareProfile(signs="dale"),
    ):  # fmt: skip
        with pytest.raises(AssertionError):
            obeys(network, profile, space)


# --- profiles ----------------------------------------------------------------------------------


@st.composite
def user_profiles(draw):
    given = {}
    grid = draw(st.sampled_from(["none", "bits", "whole", "whole"]))
    if grid == "bits":
        given["weight_bits"] = draw(st.integers(2, 9))
    if grid == "whole":
        low = draw(st.sampled_from([-20, -7, -1, 0, 1]))
        given |= {"weight_low": low, "weight_high": draw(st.integers(max(low, 1), 20)),
                  "weight_step": draw(st.sampled_from([1.0, 0.1, 0.37]))}  # fmt: skip
    if draw(st.booleans()):
        low = draw(st.integers(1, 4))
        given |= {"threshold_low": low, "threshold_high": low + draw(st.integers(0, 12)),
                  "threshold_step": draw(st.sampled_from([1.0, 0.1]))}  # fmt: skip
    if draw(st.booleans()):
        low = draw(st.integers(1, 3))
        given |= {"delay_low": low, "delay_high": low + draw(st.integers(0, 20))}
    if draw(st.booleans()):
        given["leaks"] = tuple(draw(st.sets(st.sampled_from([INF, 0.0, 5.0, 20.0]), min_size=1)))
    for name in ("fan_in", "fan_out"):
        if draw(st.booleans()):
            given[name] = draw(st.integers(1, 5))
    given["signs"] = draw(st.sampled_from(["any", "dale", "excitatory"]))
    if draw(st.booleans()):
        given["v_min"] = draw(st.sampled_from([-INF, -1.0, 0.0]))
    given["plain"] = draw(st.booleans())
    return HardwareProfile(**given)


profiles = st.sampled_from(sorted(PROFILES)).map(PROFILES.__getitem__) | user_profiles()
names = st.sampled_from(sorted(SPACES))
seeds = st.integers(0, 10**6)


def examples(count):
    return settings(max_examples=count, deadline=None, derandomize=True)


def grown(space, seed, rates=None, steps=20):
    rng = np.random.default_rng(seed)
    genome = random_genome(space, rng)
    for _ in range(steps):
        genome = mutate(genome, space, rng, rates or RATES)
    return genome


@given(profiles, names, st.lists(st.sampled_from(sorted(MUTATIONS)), max_size=12), seeds)
@examples(400)
def test_every_operator_stays_inside(profile, name, mutations, seed):
    assume(fits(profile, name))
    space, rng = space_of(name, profile), np.random.default_rng(seed)
    pair = [random_genome(space, rng), random_genome(space, rng)]
    for genome in pair:
        obeys(decode(genome, space), profile, space)
    for mutation in mutations:
        for i, genome in enumerate(pair):
            before = genome.fingerprint()
            pair[i] = mutate(genome, space, rng, {mutation: 1.0})
            assert genome.fingerprint() == before
            obeys(decode(pair[i], space), profile, space)
    child = mate(*pair, space, rng, join=0.5)
    obeys(decode(child, space), profile, space)
    assert child.key.tolist() == pair[0].key.tolist()
    obeys(decode(mutate(child, space, rng, RATES), space), profile, space)


@given(profiles, names, seeds)
@examples(300)
def test_any_genome_can_be_made_to_fit_and_then_does(profile, name, seed):
    """Also one that evolved without the chip; twice is the same as once."""
    assume(fits(profile, name))
    space, free = space_of(name, profile), SearchSpace(**SPACES[name])
    genome = grown(free, seed, {**RATES, "add_synapse": 1.0})
    before = genome.fingerprint()
    once = profile.conform(genome, space)
    assert genome.fingerprint() == before
    obeys(decode(once, space), profile, space)
    assert profile.conform(once, space).fingerprint() == once.fingerprint()
    assert profile.conform(genome, space).fingerprint() == once.fingerprint()
    for f in fields(Genome):
        assert getattr(once, f.name).dtype == getattr(genome, f.name).dtype
    assert not np.signbit(once.weight[once.weight == 0.0]).any()


@given(names, seeds)
@examples(60)
def test_operators_depend_on_their_arguments_alone(name, seed):
    profile = HardwareProfile(weight_bits=3, fan_in=4, fan_out=4, leaks=(INF, 0.0), delay_high=9)
    assume(fits(profile, name))
    space = space_of(name, profile)
    first, again = (grown(space, seed).fingerprint() for _ in range(2))
    assert first == again


@given(st.sampled_from(sorted(SPACES)), seeds)
@examples(60)
def test_float_changes_nothing(name, seed):
    """Nor does a chip that holds just what the search space has: same draws, same genomes."""
    plain = SearchSpace(**SPACES[name])
    wide = HardwareProfile(delay_high=plain.delay_limit, signs="any")
    assert PROFILES["float"].free
    assert not wide.free
    found = []
    for hardware in (plain.hardware, HardwareProfile(), PROFILES["float"], wide):
        space, rng = replace(plain, hardware=hardware), np.random.default_rng(seed)
        first, other = grown(space, seed), grown(space, seed + 1)
        child = mate(first, other, space, rng, join=0.5)
        found.append((first.fingerprint(), child.fingerprint(), rng.random()))
    assert found.count(found[0]) == len(found)
    assert PROFILES["float"].conform(child, plain) is child


# --- operators have an effect on coarse grids ---------------------------------------------------

COARSE = {
    "ternary": HardwareProfile(weight_bits=2, threshold_low=1, threshold_high=2),
    "two weights": HardwareProfile(weight_low=0, weight_high=1, leaks=(0.0, INF)),
    "risp-15": PROFILES["risp-15"],
    "int8": replace(PROFILES["int8"], threshold_low=1, threshold_high=127, threshold_step=0.02),
}


@pytest.mark.parametrize("name", COARSE)
def test_a_perturbation_always_moves_something(name):
    space, rng = space_of("flip-flop", COARSE[name]), np.random.default_rng(1)
    genome, shares = grown(space, 2, {**RATES, "add_synapse": 1.0}), []
    for _ in range(100):
        moved = operators.perturb_weights(genome, space, rng)
        shares.append((moved.weight != genome.weight).mean())
        moved = operators.perturb_threshold(genome, space, rng)
        if COARSE[name].threshold_low is not None:
            assert (moved.v_threshold != genome.v_threshold).sum() == 1
        moved = operators.perturb_tau(genome, space, rng)
        if COARSE[name].leaks is not None:
            assert (moved.tau_mem != genome.tau_mem).sum() == 1
    assert min(shares) > 0.0
    assert 0.4 < np.mean(shares) < 0.6  # about half, as without a grid


@given(
    st.integers(-9, 9), st.integers(0, 9), st.sampled_from([1.0, 0.1, 0.3]),
    st.floats(-30.0, 30.0), st.integers(0, 9),
)  # fmt: skip
@examples(300)
def test_moving_on_a_grid(low, width, step, change, place):
    there = Range(low * step, (low + width) * step, step)
    value = (low + min(place, width)) * step
    moved = float(there.moved(value, change))
    assert moved in [k * step for k in range(low, low + width + 1)]
    assert (moved != value) == (change != 0.0 and width > 0)
    assert float(there.nearest(moved)) == moved


def test_ranges_reach_all_their_values():
    there, rng = Range(-2 * 0.3, 1 * 0.3, 0.3), np.random.default_rng(0)
    values = {-2 * 0.3, -0.3, 0.0, 0.3}
    assert set(there.draw(rng, 100).tolist()) == values
    assert {float(there.moved(0.0, d)) for d in (-9.0, -0.01, 0.01, 9.0)} == values - {0.0}
    assert [there.at_least(x) for x in (-9.0, -0.2, 0.3, 0.31)] == [-0.6, 0.0, 0.3, 0.3]
    assert Range(-1.0, 1.0).at_least(0.31) == 0.31


def test_only_what_can_change_is_mutated(monkeypatch):
    """On RISP-1+ all weights, thresholds and leaks are the same."""
    space, calls = space_of("flip-flop", PROFILES["risp-1+"]), Counter()
    genome = grown(space, 1)
    for name in MUTATIONS:

        def operator(genome, space, rng, name=name):
            calls[name] += 1

        monkeypatch.setitem(operators.MUTATIONS, name, (operator, 0.0))
    for seed in range(300):
        mutate(genome, space, np.random.default_rng(seed), RATES)
    assert calls.keys() == {
        "add_synapse", "delete_synapse", "split_synapse", "delete_neuron", "change_delay"
    }  # fmt: skip
    # Where nothing else may happen, nothing does.
    same = mutate(genome, space, np.random.default_rng(0), {"perturb_weights": 1.0})
    assert same.fingerprint() == genome.fingerprint()


PASSING = {
    **PROFILES,
    "odd step": HardwareProfile(weight_low=-9, weight_high=9, weight_step=0.3),
}


@pytest.mark.parametrize("name", PASSING)
def test_a_split_synapse_still_passes_each_spike(name):
    space, found = space_of("flip-flop", PASSING[name]), 0
    for seed in range(20):
        genome = grown(space, seed)
        split = operators.split_synapse(genome, space, np.random.default_rng(seed))
        if split is None:
            continue
        conformed = space.hardware.conform(split, space)
        (key,) = set(conformed.key.tolist()) - set(genome.key.tolist())
        into = conformed.weight[conformed.post == key]
        threshold = conformed.v_threshold[conformed.key == key]
        assert into.tolist() >= threshold.tolist()
        found += 1
    assert found >= 10


def test_split_delays_add_up_where_they_can():
    space = space_of("flip-flop", HardwareProfile(delay_low=2, delay_high=12))
    a, left = int(space.input_keys[0]), int(space.output_keys[0])
    for delay, total in ((2, 4), (3, 4), (4, 4), (5, 5), (9, 9)):
        genome, found = hand_made(space, [(a, left, 0.5, delay)]), set()
        for seed in range(40):
            split = operators.split_synapse(genome, space, np.random.default_rng(seed))
            assert split.delay.sum() == total
            found |= set(split.delay.tolist())
        assert found == set(range(2, total - 1))


# --- fans and signs -----------------------------------------------------------------------------


def hand_made(space, rows):
    key = np.concatenate([space.input_keys, space.output_keys])
    empty = Genome(
        key, np.full(len(key), 9.0), np.ones(len(key)), key[:0], key[:0], np.empty(0),
        np.empty(0, dtype=np.int64),
    )  # fmt: skip
    return empty.with_synapses(rows)


def weights_of(genome):
    columns = (genome.pre, genome.post, genome.weight)
    return {(int(a), int(b)): w for a, b, w in zip(*(c.tolist() for c in columns), strict=True)}


def test_the_smallest_weights_too_many_go():
    space = space_of("flip-flop", HardwareProfile(fan_in=2))
    a, b, c, d, *_ = (int(k) for k in space.input_keys)
    left, right = (int(k) for k in space.output_keys)
    rows = {(a, left): 0.5, (b, left): -1.0, (c, left): 0.75, (d, left): 0.1, (d, right): 0.1}
    genome = hand_made(space, [(*pair, w, 1) for pair, w in rows.items()])
    kept = weights_of(space.hardware.conform(genome, space))
    assert kept == {(b, left): -1.0, (c, left): 0.75, (d, right): 0.1}
    space = space_of("flip-flop", HardwareProfile(fan_out=1))
    genome = hand_made(space, [(a, left, 0.5, 1), (a, right, -0.6, 1), (b, left, 0.1, 1)])
    kept = weights_of(space.hardware.conform(genome, space))
    assert kept == {(a, right): -0.6, (b, left): 0.1}


def test_mirror_images_count():
    """The middle output of three is its own twin: each gene onto it is two synapses."""
    space = space_of("mirrored", HardwareProfile(fan_in=2, fan_out=1))
    a, twin, b, *_ = (int(k) for k in space.input_keys)
    middle = int(space.output_keys[1])
    assert space.twins[a] == twin
    genome = hand_made(space, [(a, middle, 0.5, 1), (b, middle, -0.2, 1)])
    conformed = space.hardware.conform(genome, space)
    assert weights_of(conformed) == {(a, middle): 0.5}
    assert len(decode(conformed, space).synapses) == 2


@pytest.mark.parametrize("limit", [{"fan_in": 2}, {"fan_out": 2}])
@pytest.mark.parametrize("name", ["flip-flop", "current", "mirrored"])
def test_fans_fill_up_and_no_further(name, limit):
    profile = HardwareProfile(**limit)
    space, rng = space_of(name, profile), np.random.default_rng(5)
    genome, refused = random_genome(space, rng), 0
    for _ in range(300):
        more = operators.add_synapse(genome, space, rng)
        refused += more is None
        genome = more or genome
        obeys(decode(genome, space), profile, space)  # without help by `conform`
    assert refused > 100
    s, i = decode(genome, space).synapses, decode(genome, space).input_synapses
    ends = np.concatenate([s.post, i.post]) if "fan_in" in limit else s.pre
    assert Counter(Counter(ends.tolist()).values()).most_common(1)[0][0] == 2


def test_crossing_and_splitting_respect_fans():
    """What is there stays: nothing is added that would push something else out."""
    for name, limit in (("flip-flop", 3), ("mirrored", 4)):
        profile = HardwareProfile(fan_in=limit, fan_out=limit)
        space, joined, split = space_of(name, profile), 0, 0
        for seed in range(30):
            one, other = (grown(space, 2 * seed + k) for k in (0, 1))
            child = mate(one, other, space, np.random.default_rng(seed), join=1.0)
            assert weights_of(one).keys() <= weights_of(child).keys()
            joined += len(child.pre) - len(one.pre)
            longer = operators.split_synapse(one, space, np.random.default_rng(seed))
            if longer is not None:
                obeys(decode(longer, space), profile, space)  # without help by `conform`
                split += 1
        assert joined > 20
        assert split > 15


def test_no_room_no_split():
    """Split, the one synapse onto itself in the mirror would become two from the same neuron."""
    space = space_of("mirrored", HardwareProfile(fan_out=1))
    even, middle = int(space.input_keys[2]), int(space.output_keys[1])
    assert space.twins[even] == even
    genome = hand_made(space, [(even, middle, 0.5, 1)])
    assert len(decode(space.hardware.conform(genome, space), space).synapses) == 1
    assert operators.split_synapse(genome, space, np.random.default_rng(0)) is None


def test_channels_are_not_neurons():
    space = space_of("current", HardwareProfile(fan_out=1, signs="dale"))
    channel, left, right = (int(k) for k in (space.channel_keys[0], *space.output_keys[:2]))
    genome = hand_made(space, [(channel, left, 0.5, 1), (channel, right, -0.75, 1)])
    kept = weights_of(space.hardware.conform(genome, space))
    assert kept == {(channel, left): 0.5, (channel, right): -0.75}
    space = space_of("current", HardwareProfile(fan_in=1))
    other = int(space.channel_keys[1])
    genome = hand_made(space, [(channel, left, 0.5, 1), (other, left, -0.75, 1)])
    assert weights_of(space.hardware.conform(genome, space)) == {(other, left): -0.75}


def test_first_networks_prefer_no_neuron():
    """All weights are equal on RISP-1+: which synapses are too many is left to chance."""
    profile = replace(PROFILES["risp-1+"], fan_in=1)
    space = replace(space_of("flip-flop", profile), density=1.0)
    rng = np.random.default_rng(2)
    heard = Counter(
        pre for _ in range(200) for pre in random_genome(space, rng).pre.tolist()
    )  # fmt: skip
    assert heard.keys() == set(space.input_keys.tolist())
    assert max(heard.values()) < 2 * min(heard.values())


def test_a_neuron_has_the_sign_of_most_of_its_weights():
    space = space_of("flip-flop", HardwareProfile(signs="dale"))
    a, b, c, *_ = (int(k) for k in space.input_keys)
    left, right = (int(k) for k in space.output_keys)
    rows = {(a, left): 0.5, (a, right): -0.75, (b, left): 0.3, (b, right): -0.1, (c, left): -1.0}
    genome = hand_made(space, [(*pair, w, 1) for pair, w in rows.items()])
    assert weights_of(space.hardware.conform(genome, space)) == {
        (a, left): -0.5, (a, right): -0.75, (b, left): 0.3, (b, right): 0.1, (c, left): -1.0
    }  # fmt: skip


def test_twins_share_a_sign():
    space = space_of("mirrored", HardwareProfile(signs="dale"))
    a, twin, *_ = (int(k) for k in space.input_keys)
    left, middle, _ = (int(k) for k in space.output_keys)
    genome = hand_made(space, [(a, left, -1.0, 1), (twin, left, 0.5, 1), (a, middle, 0.2, 1)])
    found = weights_of(space.hardware.conform(genome, space))
    assert set(found.values()) == {-1.0, -0.5, -0.2}


def test_both_signs_stay_in_reach():
    """Without genes for signs, evolution still turns neurons from one into the other."""
    space, rng = space_of("flip-flop", HardwareProfile(signs="dale")), np.random.default_rng(3)
    genome, turned = random_genome(space, rng), 0
    for _ in range(300):
        before = weights_of(genome)
        genome = mutate(genome, space, rng, {"perturb_weights": 1.0, "replace_weight": 1.0})
        after = weights_of(genome)
        turned += any(before[pair] * after[pair] < 0.0 for pair in before)
    assert turned > 20


# --- built-in profiles --------------------------------------------------------------------------


def test_built_in_profiles_are_what_their_sources_say():
    assert set(PROFILES) == {"float", "int8", "risp-15", "risp-1+"}
    space = replace(space_of("flip-flop", PROFILES["int8"]), weight_limit=127.0)
    assert space.weights == Range(-127.0, 127.0, 1.0)
    # TENNLab's framework, markdown/risp.md: RISP-n has weights and thresholds up to n, potentials
    # from -n and delays up to max(n, 15); RISP-n+ has weights and thresholds from 1, potentials
    # from 0.
    for name, low in (("risp-15", -15.0), ("risp-1+", 1.0)):
        high = abs(low)
        space = space_of("flip-flop", PROFILES[name])
        assert space.weights == Range(low, high, 1.0)
        assert space.thresholds == Range(1.0, high, 1.0)
        assert space.delays == (1, 15)
        assert space.floor == min(low, 0.0)
    assert set(PROFILES["risp-15"].leaks) == {INF, 0.0}


# --- what is refused ----------------------------------------------------------------------------

MIRRORED = {"symmetry": SYMMETRY}


@pytest.mark.parametrize(
    ("given", "line"),
    [
        ({"weight_bits": 1}, "weight_bits: expected a whole number from 2 to 32, got 1"),
        ({"weight_bits": 8, "weight_low": 0, "weight_high": 1},
         "weight_bits: expected none beside weight_low, got 8"),
        ({"weight_low": 1}, "weight_high: expected a whole number beside weight_low, got none"),
        ({"weight_high": 1}, "weight_low: expected a whole number beside weight_high, got none"),
        ({"weight_low": 3, "weight_high": 2}, "weight_high: expected a whole number from 3"),
        ({"weight_low": 0.5, "weight_high": 2}, "weight_low: expected a whole number from"),
        ({"weight_low": 0, "weight_high": 0}, "weight_high: expected a weight other than 0"),
        ({"weight_step": 0.5}, "weight_low: expected a whole number beside weight_step, got none"),
        ({"weight_low": 0, "weight_high": 1, "weight_step": 0}, "weight_step: expected a number"),
        ({"threshold_low": 0, "threshold_high": 1}, "threshold_low: expected a whole number from"),
        ({"delay_low": 2}, "delay_high: expected a whole number beside delay_low, got none"),
        ({"delay_high": 5000}, "delay_high: expected a whole number from 1 to 4096, got 5000"),
        ({"leaks": []}, "leaks: expected a list of at least one number"),
        ({"leaks": [0, 0.0]}, "leaks: expected distinct time constants, got [0.0, 0.0]"),
        ({"leaks": [1e20]}, "leaks[0]: expected a number from 0 to 1e+09, or inf, got 1e+20"),
        ({"fan_in": 0}, "fan_in: expected a whole number from 1"),
        ({"signs": "dales"}, "signs: expected one of any, dale, excitatory, got dales; did you"),
        ({"signs": "excitatory", "weight_low": -3, "weight_high": 0},
         "weight_high: expected at least 1 for excitatory signs, got 0"),
        ({"v_min": "low"}, "v_min: expected a number from -inf"),
        ({"plain": 1}, "plain: expected true or false, got 1"),
    ],
)  # fmt: skip
def test_profiles_that_make_no_sense(given, line):
    with pytest.raises(InputError) as error:
        HardwareProfile(**given)
    assert str(error.value).startswith(line)
    with pytest.raises(InputError) as error:
        resolve("cartpole", [("evolution.hardware", given)])
    assert str(error.value).startswith(f"evolution.hardware.{line}")


@pytest.mark.parametrize(
    ("name", "profile", "line"),
    [
        ("integrators", PROFILES["risp-15"],
         "hardware.threshold_high: expected a readout whose outputs the chip can hold, "
         "got highest-potential: v_threshold inf"),
        ("integrators", HardwareProfile(leaks=(0.0,)),
         "hardware.leaks: expected a readout whose outputs the chip can hold, "
         "got highest-potential: tau_mem 10"),
        ("integrators", HardwareProfile(v_min=0.0), "hardware.v_min: expected a readout whose"),
        ("mirrored, odd channels", PROFILES["risp-1+"],
         "hardware.signs: expected the opposite of each weight, for mirrored networks, "
         "got weights from 1 to 1"),
        ("mirrored, odd channels", HardwareProfile(weight_low=-2, weight_high=3),
         "hardware.weight_low: expected the opposite of each weight, for mirrored networks"),
        ("mirrored, odd outputs", HardwareProfile(signs="dale"),
         "hardware.signs: expected any, for mirrored networks whose outputs change their sign"),
    ],
)  # fmt: skip
def test_spaces_that_the_chip_cannot_hold(name, profile, line):
    with pytest.raises(InputError) as error:
        space_of(name, profile)
    assert str(error.value).startswith(line)


def test_what_does_fit_is_taken():
    """Integrators where only weights are restricted, mirrored networks on symmetric grids."""
    assert fits(PROFILES["int8"], "integrators")
    assert fits(HardwareProfile(leaks=(10.0, 3.0, 20.0)), "mirrored, odd outputs")
    assert not fits(HardwareProfile(leaks=(10.0, 3.0)), "mirrored, odd outputs")
    assert fits(HardwareProfile(leaks=(10.0,)), "integrators")
    assert fits(PROFILES["risp-15"], "mirrored, odd channels")
    assert fits(HardwareProfile(signs="dale"), "mirrored, odd channels")
    assert fits(PROFILES["risp-1+"], "mirrored")


@pytest.mark.parametrize(
    ("settings", "line"),
    [
        ({"v_reset": 0.5}, "hardware.plain: expected a search space with v_reset 0.0, got v_reset"),
        ({"v_leak": 0.5}, "hardware.plain: expected a search space with v_leak 0.0, got v_leak"),
        ({"refractory": 1}, "hardware.plain: expected a search space with refractory 0, got ref"),
        ({"reset": "subtract"}, "hardware.plain: expected a search space with reset to_value, got"),
        ({"hardware": "int8"}, "hardware: expected a HardwareProfile, got int8"),
    ],
)
def test_spaces_of_other_neurons(settings, line):
    with pytest.raises(InputError) as error:
        replace(space_of("flip-flop", PROFILES["risp-15"]), **settings)
    assert str(error.value).startswith(line)


# --- configurations -----------------------------------------------------------------------------


@given(user_profiles())
@examples(100)
def test_profiles_survive_configurations(profile):
    assume(fits(profile, "flip-flop"))
    described = describe_profile(profile)
    assert find_profile(described) == profile
    config = resolve("cartpole", [("evolution.hardware", described)])
    assert config.space.hardware == profile
    tables = tomllib.loads(config.to_toml())
    again = resolve("cartpole", [("evolution.hardware", tables["evolution"]["hardware"])])
    assert again.space.hardware == profile
    assert again.to_toml() == config.to_toml()


def test_names_and_tables(tmp_path):
    assert resolve("cartpole").space.hardware.free
    assert resolve("cartpole").tables["evolution"]["hardware"] == "float"
    for name, profile in PROFILES.items():
        config = resolve("cartpole", [("evolution.hardware", name)])
        assert config.space.hardware == profile
        assert config.tables["evolution"]["hardware"] == name
    file = tmp_path / "mine.toml"
    file.write_text(
        '[run]\ntask = "cartpole"\n[evolution.hardware]\nname = "risp-15"\nfan_in = 8\n'
    )
    mine = replace(PROFILES["risp-15"], fan_in=8)
    assert resolve(str(file)).space.hardware == mine
    file.write_text(resolve(str(file)).to_toml())
    assert resolve(str(file)).space.hardware == mine
    # Single fields go over what is there, a name begins anew, in whatever order they were typed.
    more = resolve(str(file), [("evolution.hardware.fan_out", 3)])
    assert more.space.hardware == replace(mine, fan_out=3)
    other = [("evolution.hardware.fan_out", 3), ("evolution.hardware", "int8")]
    assert resolve(str(file), other).space.hardware == HardwareProfile(weight_bits=8, fan_out=3)
    same = [("evolution.hardware.fan_out", 3), ("evolution.hardware.name", "int8")]
    assert resolve(str(file), same).space.hardware == HardwareProfile(weight_bits=8, fan_out=3)


@pytest.mark.parametrize(
    ("overrides", "line"),
    [
        ([("evolution.hardware", "risp15")],
         "evolution.hardware: expected one of float, int8, risp-15, risp-1+, got risp15; did you "
         "mean risp-15?"),
        ([("evolution.hardware", 8)], "evolution.hardware: expected one of float, int8"),
        ([("evolution.hardware.name", "int9")], "evolution.hardware.name: expected one of float"),
        ([("evolution.hardware.weight_bit", 8)],
         "evolution.hardware: expected one of weight_bits, "),
        ([("evolution.hardware.weight_bits", "eight")],
         "evolution.hardware.weight_bits: expected a whole number from 2 to 32, got eight"),
        ([("evolution.hardware", "risp-15"), ("space.reset", "subtract")],
         "evolution.hardware.plain: expected a search space with reset to_value"),
        ([("evolution.hardware", "risp-15"), ("readout.name", "highest-potential")],
         "evolution.hardware.threshold_high: expected a readout whose outputs the chip can hold"),
        ([("evolution.hardware", "risp-1+"), ("space.mirrored", True),
          ("encoder.name", "current")],
         "evolution.hardware.signs: expected the opposite of each weight"),
    ],
)  # fmt: skip
def test_configurations_are_refused_with_one_line(overrides, line):
    with pytest.raises(InputError) as error:
        resolve("cartpole", overrides)
    assert str(error.value).startswith(line)
    assert len(str(error.value).splitlines()) == 1


def test_what_is_wrong_with_a_field_suggests_another():
    with pytest.raises(InputError, match=r"got weight_bit; did you mean weight_bits\?$"):
        find_profile({"weight_bit": 8})


# --- a whole run --------------------------------------------------------------------------------


def test_evolving_for_a_chip(tmp_path, capsys):
    out = tmp_path / "run"
    arguments = [
        "evolve", "cartpole", "--set", "evolution.hardware=risp-15", "--generations", "3",
        "--population", "20", "--seed", "1", "--set", "objectives.feasible=0.1",
        "--set", "report.episodes=2", "--set", "report.draws=2", "--set", "validation.draws=2",
        "--set", "resilience.draws=2", "--out", str(out), "--json",
    ]  # fmt: skip
    assert main(arguments) == 0
    outcome = json.loads(capsys.readouterr().out)
    networks = [load(path) for path in sorted((out / "front").glob("*.json"))]
    assert len(networks) == outcome["front_size"] >= 1
    config = resolve(str(out / "config.toml"))
    assert config.space.hardware == PROFILES["risp-15"]
    for network in networks:
        obeys(network, PROFILES["risp-15"], config.space)
        assert len(network.synapses) > 0
    assert outcome["feasible"] > 0
