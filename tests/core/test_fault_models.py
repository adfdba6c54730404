"""What single fault models do, against values by hand and networks built otherwise."""

import inspect
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
from faulty import (
    EVERY,
    Fixed,
    at_once,
    graded,
    pulsed,
    rebuilt,
    state,
)
from hypothesis import given
from hypothesis import strategies as st
from strategies import JIT, examples, random_controller, same_bits, weighed

from neuro import (
    READOUTS,
    Controller,
    Current,
    FlipFlop,
    HighestPotential,
    InputError,
    LaneController,
    Network,
    simulate,
    simulate_copies,
)
from neuro.faults import (
    MODELS,
    BitFlip,
    DeadSynapse,
    Draws,
    Fault,
    FaultModel,
    FaultSite,
    Gaussian,
    SiteFault,
    Values,
    inject,
    parse_fault,
    parse_model,
    single_faults,
    strike,
    strike_each,
)

KEYS = np.arange(1, 501, dtype=np.uint64)


class Numbers:
    """Draws that are given."""

    def __init__(self, uniform=0.5, normal=0.0):
        self._uniform, self._normal = uniform, normal

    def uniform(self, which=0):
        return np.atleast_2d(self._uniform(which) if callable(self._uniform) else self._uniform)

    def normal(self, which=0):
        return np.atleast_2d(self._normal(which) if callable(self._normal) else self._normal)


def faulty(name, weights, severity, **numbers):
    """Faulty weights of a single network for given random numbers."""
    result = parse_model(name).weights(np.array([weights]), severity, Numbers(**numbers))
    return result[0].tolist()


def damaged(name, weights, **numbers):
    """The same where every synapse is hit."""
    network = Network.build(len(weights) + 1, [(0, k + 1, w, 1) for k, w in enumerate(weights)])
    struck = parse_model(name).strike(Values(network, 1), 1.0, Numbers(**numbers))
    return struck["weight"][0].tolist()


# --- random numbers --------------------------------------------------------------------------


def test_models_bits_and_occasions_draw_independent_numbers():
    a = Draws(1, range(10), KEYS, "gaussian").uniform()
    for other in (
        Draws(1, range(10), KEYS, "dead-synapse").uniform(),
        Draws(1, range(10), KEYS, "gaussian 1").uniform(),
        Draws(1, range(10), KEYS, "gaussian").uniform(1),
        Draws(2, range(10), KEYS, "gaussian").uniform(),
    ):
        assert abs(np.corrcoef(a.ravel(), other.ravel())[0, 1]) < 4 / np.sqrt(a.size)


def test_pinned_draws():
    """Published campaigns can be repeated only as long as these stay."""
    keys = np.array([1, 2**64 - 1], dtype=np.uint64)
    draws = Draws(42, [0, 9], keys, "gaussian")
    assert draws.uniform().ravel().tolist() == pytest.approx(UNIFORMS, abs=1e-14)
    assert draws.normal(3).ravel().tolist() == pytest.approx(NORMALS, abs=1e-12)


UNIFORMS = [0.714461539450095, 0.775862276799414, 0.233171862910926, 0.212944002285206]
NORMALS = [0.57479934964474, 0.20739130015592, -1.21349273502132, -0.05815253891055]


def test_the_names_address_the_numbers():
    """A copy's number is that of its seed, draw, model and key, and of nothing else."""
    network = graded()
    u = Draws(7, [3], network.synapse_keys(), "dead-synapse").uniform()[0]
    weight = strike(network, [Fault(DeadSynapse(), 0.4)], 7, [3]).copies.weight[0]
    assert np.array_equal(weight, np.where(u[:6] < 0.4, 0.0, network.synapses.weight))
    x = Draws(7, [3], network.synapse_keys(), "read-noise").normal()[0]
    weight = at_once(parse_model("read-noise"), 0.5, network, 7, [3]).copies.weight[0]
    assert np.array_equal(weight, network.synapses.weight * (1.0 + 0.5 * x[:6]))


# --- analogue --------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["gaussian", "uniform"])
@pytest.mark.parametrize("kind", ["", "-independent"])
def test_moments_of_errors(name, kind):
    """200,000 draws of a weight that is the largest; bounds are four standard errors."""
    model = parse_model(name + kind)
    draws = Draws(2024, range(400), KEYS, model.name)
    count, severity = 400 * 500, 0.25
    error = (model.weights(np.full((400, 500), 2.0), severity, draws) / 2.0 - 1.0) / severity
    fourth = 3.0 if name == "gaussian" else 1.8
    assert abs(error.mean()) < 4 / np.sqrt(count)
    assert abs((error**2).mean() - 1.0) < 4 * np.sqrt((fourth - 1.0) / count)
    tails = {1.0: 0.158655, 2.0: 0.022750, 3.0: 0.001350}
    if name == "uniform":
        assert np.abs(error).max() < np.sqrt(3.0)
        tails = {1.0: (1.0 - 1.0 / np.sqrt(3.0)) / 2.0}
    for z, tail in tails.items():
        bound = 4 * np.sqrt(tail / count)
        assert abs((error > z).mean() - tail) < bound
        assert abs((error < -z).mean() - tail) < bound
    # Neighbouring synapses and draws are independent.
    for a, b in ((error[:, 1:], error[:, :-1]), (error[1:], error[:-1])):
        assert abs((a * b).mean()) < 4 / np.sqrt(a.size)


def test_perturbations_by_hand():
    weights = [1.0, 2.0, -2.0, 0.0]  # largest 2, mean square 9 / 4
    cases = {
        "gaussian": [1.1, 2.2, -2.2, 0.0],
        "gaussian-independent": [1.2, 2.2, -1.8, 0.2],
        "gaussian-inverse": [1.2, 2.1125, -1.8875, 0.2],  # 2.25 / 1 is above 2; 2.25 / 2 is not
        "read-noise": [1.1, 2.2, -2.2, 0.0],
    }
    for name, expected in cases.items():
        assert faulty(name, weights, 0.1, normal=1.0) == pytest.approx(expected, abs=1e-12)
        twice = [w + 2 * (e - w) for w, e in zip(weights, expected, strict=True)]
        assert faulty(name, weights, 0.2, normal=1.0) == pytest.approx(twice, abs=1e-12)
    # u = 0.75 is half of the way to the end at sqrt(3).
    share = 0.1 * 0.5 * 3**0.5
    for name, scale in (("uniform", (1, 2, -2, 0)), ("uniform-independent", (2, 2, 2, 2)),
                        ("uniform-inverse", (2, 1.125, 1.125, 2))):  # fmt: skip
        expected = [w + share * s for w, s in zip(weights, scale, strict=True)]
        assert faulty(name, weights, 0.1, uniform=0.75) == pytest.approx(expected, abs=1e-12)
    assert faulty("gaussian-inverse", [0.0, 0.0], 0.1, normal=1.0) == [0.1, 0.1]


def test_gaussian_errors_are_proportional_and_common():
    """The error of a synapse is the same number at every severity, in proportion to it."""
    weights = np.array([[1.0, 1.0, 0.0, -2.0]])
    draws = Draws(1, [0], np.array([7, 8, 9, 7], dtype=np.uint64), "gaussian")
    low = Gaussian().weights(weights, 0.1, draws)
    high = Gaussian().weights(weights, 0.2, draws)
    assert high[0, 0] - 1.0 == pytest.approx(2.0 * (low[0, 0] - 1.0))
    assert low[0, 2] == 0.0
    assert low[0, 3] == -2.0 * low[0, 0]


def test_factors_by_hand():
    e = float(np.e)
    assert faulty("lognormal", [1.0, -2.0, 0.0], 0.5, normal=2.0) == pytest.approx([e, -2 * e, 0])
    assert faulty("weight-loss", [1.0, -2.0, 0.0], 0.25) == [0.75, -1.5, 0.0]
    assert faulty("weight-loss", [1.0, -2.0, 0.0], 1.0) == [0.0, 0.0, 0.0]


def test_programming_noise_by_hand():
    """Joshi et al. (2020): microsiemens of 25, for conductances 1, 0.5 and 0 of the largest."""
    sigma = [1.0554 / 25, 0.952725 / 25, 0.2635 / 25]
    written = faulty("programming-noise", [2.0, -1.0, 0.0], 3.0, normal=1.0)
    expected = [2 + 6 * sigma[0], -1 + 6 * sigma[1], 6 * sigma[2]]
    assert written == pytest.approx(expected, rel=1e-12)
    # A conductance is not below 0: no error turns a sign.
    assert faulty("programming-noise", [2.0, -1.0, 0.0], 3.0, normal=-100.0)[::2] == [0.0, 0.0]
    assert faulty("programming-noise", [2.0, -1.0, 0.0], 3.0, normal=100.0)[1] == 0.0
    assert faulty("programming-noise", [0.0, 0.0], 1.0, normal=1.0) == [sigma[2]] * 2


def test_drift_by_hand():
    """(10,000 s / 20 s) ** -0.1 = exp(-0.1 ln 500) = exp(-0.6214608) = 0.53716."""
    assert faulty("drift", [1.0, -2.0], 1e4) == pytest.approx([0.53716, -1.07432], rel=1e-5)
    for seconds in (0.0, 1.0, 20.0):
        assert faulty("drift", [1.0, -2.0], seconds, normal=1.0) == [1.0, -2.0]
    # nu = 0.1 + 2 * 0.05, and not below 0
    assert faulty("drift", [1.0], 2000.0, normal=2.0) == pytest.approx([100**-0.2])
    assert faulty("drift", [1.0], 2000.0, normal=-2.5) == [1.0]
    assert faulty("drift:nu=1,spread=0,t0=1", [1.0], 8.0, normal=9.0) == [0.125]


# --- digital ---------------------------------------------------------------------------------


def words(model, weights, severity, draws):
    golden, step = model.quantise(weights)
    broken = model.weights(weights, severity, draws) / step
    return golden.astype(np.int64), np.rint(broken).astype(np.int64)


def flipped(model, weights, severity, draws):
    before, after = words(model, weights, severity, draws)
    return (before ^ after) & ((1 << model.bits) - 1)


def naive_bits(weights, bits, strike_digit):
    """Bit faults as one would do them by hand: a word is a string of binary digits."""
    largest = max((abs(w) for w in weights), default=0.0)
    step = largest / (2 ** (bits - 1) - 1) if largest > 0.0 else 1.0
    result = []
    for site, weight in enumerate(weights):
        word = round(weight / step)  # a tie goes to the even word
        digits = format(word if word >= 0 else 2**bits + word, f"0{bits}b")
        broken = "".join(
            strike_digit(digit, site, bits - 1 - place) for place, digit in enumerate(digits)
        )
        value = int(broken, 2) - (2**bits if broken[0] == "1" else 0)
        result.append(float(value) * step)
    return result


WEIGHT = st.sampled_from((0.0, -0.0, 1.0, -0.5)) | st.floats(-5.0, 5.0).filter(
    lambda w: abs(w) > 1e-290
)
HUGE = st.floats(-1e100, 1e100).filter(lambda w: abs(w) > 1e-290)
RATE = st.sampled_from((0.0, 0.25, 1.0))


@given(
    st.sampled_from(("bit-flip", "stuck-bit-0", "stuck-bit-1")),
    st.lists(WEIGHT, max_size=6) | st.lists(HUGE, max_size=6),
    st.sampled_from((2, 3, 4, 8, 16, 31, 32)), st.integers(0, 2),
    st.sampled_from((0.0, 0.01, 0.3, 1.0)), st.tuples(RATE, RATE), st.integers(0, 2**64 - 1),
)  # fmt: skip
@examples(200)
def test_bit_faults_equal_digits_struck_in_a_string(
    name, weights, bits, protected, severity, rates, seed
):
    directions = {"zeros": rates[0], "ones": rates[1]} if name == "bit-flip" else {}
    model = MODELS[name](bits=bits, protected=protected, **directions)
    draws = Draws(seed, [5], KEYS[: len(weights)], model.name)
    uniforms = [draws.uniform(bit)[0] for bit in range(bits)]
    becomes = {
        "bit-flip": {"0": "1", "1": "0"}, "stuck-bit-0": {"0": "0", "1": "0"},
        "stuck-bit-1": {"0": "1", "1": "1"},
    }[name]  # fmt: skip
    share = {"0": directions.get("zeros", 1.0), "1": directions.get("ones", 1.0)}

    def strike_digit(digit, site, bit):
        hit = bit < bits - protected and uniforms[bit][site] < severity * share[digit]
        return becomes[digit] if hit else digit

    result = model.weights(np.array([weights]).reshape(1, -1), severity, draws)
    expected = naive_bits(weights, bits, strike_digit)
    assert same_bits(result, np.array([expected]).reshape(1, -1))


@given(
    st.lists(st.floats(0.0, 1.0), min_size=2, max_size=4).map(sorted), st.sampled_from((2, 8, 32)),
    st.sampled_from(("bit-flip", "stuck-bit-0", "stuck-bit-1")),
)  # fmt: skip
@examples(60)
def test_bits_are_nested_in_severity(severities, bits, name):
    model = MODELS[name](bits=bits)
    weights = np.random.default_rng(1).normal(size=(4, 500))
    draws = Draws(3, range(4), KEYS, model.name)
    masks = [flipped(model, weights, s, draws) for s in severities]
    for milder, worse in pairwise(masks):
        assert not (milder & ~worse).any()


def test_share_of_flipped_bits_is_the_same_for_every_bit():
    model, severity = BitFlip(), 0.1
    weights = np.random.default_rng(1).normal(size=(40, 500))
    masks = flipped(model, weights, severity, Draws(3, range(40), KEYS, model.name))
    for bit in range(8):
        assert abs(((masks >> bit) & 1).mean() - severity) < 4 * np.sqrt(0.09 / 20_000)
    together = ((masks & 1) & ((masks >> 1) & 1)).mean()
    assert abs(together - severity**2) < 4 * np.sqrt(0.01 / 20_000)


def test_share_of_bits_that_flip_in_each_direction():
    model, severity = BitFlip(zeros=0.25, ones=0.75), 0.4
    weights = np.random.default_rng(1).normal(size=(40, 500))
    before = model.quantise(weights)[0].astype(np.int64)
    masks = flipped(model, weights, severity, Draws(3, range(40), KEYS, model.name))
    for digit, rate in ((0, 0.1), (1, 0.3)):
        hits = np.concatenate([
            (masks >> bit & 1)[(before >> bit & 1) == digit] for bit in range(8)
        ])  # fmt: skip
        assert abs(hits.mean() - rate) < 4 * np.sqrt(rate * (1 - rate) / len(hits))


def test_bits_by_hand():
    """Words of 8 bits; in two's complement the highest is worth -128."""
    weights = [127.0, -127.0, 5.0, 0.0]  # 01111111, 10000001, 00000101, 00000000
    only = {bit: (lambda which, bit=bit: 0.0 if which == bit else 0.9) for bit in (0, 2, 7)}
    cases = {
        ("bit-flip", 7): [-1.0, 1.0, -123.0, -128.0], ("bit-flip", 0): [126.0, -128.0, 4.0, 1.0],
        ("stuck-bit-0", 7): [127.0, 1.0, 5.0, 0.0], ("stuck-bit-0", 2): [123.0, -127.0, 1.0, 0.0],
        ("stuck-bit-1", 7): [-1.0, -127.0, -123.0, -128.0],
        ("stuck-bit-1", 2): [127.0, -123.0, 5.0, 4.0],
        ("bit-flip:protected=5", 2): [123.0, -123.0, 1.0, 4.0],
        ("bit-flip:protected=1", 7): weights,
        ("bit-flip:protected=6", 2): weights,
        ("stuck-bit-1:protected=8", 0): weights,
        ("bit-flip:zeros=0", 2): [123.0, -127.0, 1.0, 0.0],
        ("bit-flip:ones=0", 2): [127.0, -123.0, 5.0, 4.0],
    }  # fmt: skip
    for (name, bit), expected in cases.items():
        assert faulty(name, weights, 0.5, uniform=only[bit]) == expected, (name, bit)
    assert faulty("bit-flip", weights, 1.0) == [~int(w) for w in weights]


def test_single_bits_by_hand():
    """0.7, -0.3 of at most 0.7 in words of 4 bits: 0111 and 1101, with steps of 0.1."""
    network = Network.build(2, [(0, 1, 0.7, 1), (1, 0, -0.3, 1)])
    model = BitFlip(bits=4, protected=1)
    numbers = single_faults(network, model, FaultSite())
    assert numbers.tolist() == [0, 1, 2, 3, 4, 5]
    weight = strike_each(network, Fault(model, 0.0), 0, numbers).copies.weight
    assert weight.round(9).tolist() == [
        [0.6, -0.3], [0.5, -0.3], [0.3, -0.3], [0.7, -0.4], [0.7, -0.1], [0.7, -0.7],
    ]  # fmt: skip
    assert single_faults(network, BitFlip(bits=4, protected=4), FaultSite()).tolist() == []


@pytest.mark.parametrize("weight", [5e-324, 5e-324 * 180, 1e-320, 1e-310, 2.3e-308])
def test_tiny_weights_stay_in_range(weight):
    """The step may not underflow to nothing: words must fit their bits."""
    weights = np.array([[weight, -weight / 2, 0.0]])
    for model in (BitFlip(), parse_model("stuck-bit-0"), parse_model("quantisation")):
        result = model.weights(weights, 0.0, Draws(1, [0], KEYS[:3], model.name))
        assert np.isfinite(result).all()
        assert (np.abs(result) <= weight).all()


@pytest.mark.parametrize("bits", [1, 33, 8.0, "8", True, None])
def test_bad_number_of_bits(bits):
    for name in ("bit-flip", "stuck-bit-0", "stuck-bit-1"):
        with pytest.raises(InputError, match=r"^bits: expected a whole number from 2 to 32, got"):
            MODELS[name](bits=bits)


def test_quantisation_by_hand():
    weights = [1.0, -0.3, 0.1, 0.125, 0.375]
    # The largest weight is 1, so a step is a quarter; ties go to the even multiple.
    assert faulty("quantisation", weights, 0.25) == [1.0, -0.25, 0.0, 0.0, 0.5]
    assert faulty("quantisation", weights, 2.0) == [0.0, 0.0, 0.0, 0.0, 0.0]


@given(st.lists(st.floats(-5.0, 5.0), min_size=1, max_size=9), st.integers(0, 9))
@examples(100)
def test_quantisation_is_idempotent(weights, k):
    """Where the largest weight is a multiple of the step."""
    once = faulty("quantisation", weights, 2.0**-k)
    assert faulty("quantisation", once, 2.0**-k) == once
    assert (
        max(map(abs, once)) == max(max(map(abs, weights)), 0.0) or max(map(abs, weights)) < 1e-290
    )


def test_sign_flips_have_no_negative_zero():
    assert damaged("sign-flip", [1.0, -2.0]) == [-1.0, 2.0]
    result = damaged("sign-flip", [0.0, -0.0])
    assert result == [0.0, 0.0]
    assert not np.signbit(result).any()


def test_random_weights_spread_over_the_range():
    network = Network.build(501, [(0, k + 1, 2.0 * (-1) ** k, 1) for k in range(500)])
    model = parse_model("random-weight")
    weight = at_once(model, 1.0, network, draws=range(40)).copies.weight / 2.0
    assert np.abs(weight).max() < 1.0
    assert abs(weight.mean()) < 4 / np.sqrt(3 * 20_000)
    assert abs((weight**2).mean() - 1 / 3) < 4 * np.sqrt((1 / 5 - 1 / 9) / 20_000)
    # What a weight becomes says nothing about whether it is hit.
    half = at_once(model, 0.5, network, draws=range(40)).copies.weight / 2.0
    assert abs(half[np.abs(half) < 1.0].mean()) < 4 / np.sqrt(3 * 9_500)


# --- structural ------------------------------------------------------------------------------


def test_stuck_weights_by_hand():
    weights = [0.5, -2.0, 0.0]
    cases = {
        "dead-synapse": [0.0, 0.0, 0.0], "synaptic-failure": [0.0, 0.0, 0.0],
        "stuck-synapse": [2.0, 2.0, 2.0], "stuck-synapse:value=-0.25": [-0.5, -0.5, -0.5],
        "stuck-low-resistance": [2.0, -2.0, 2.0],
        "stuck-high-resistance": [0.02, -0.02, 0.02],
        "stuck-high-resistance:ratio=4": [0.5, -0.5, 0.5],
    }  # fmt: skip
    for name, expected in cases.items():
        assert damaged(name, weights) == expected


def test_saturated_synapses_are_at_tukeys_fences():
    """Quartiles by linear interpolation: Tukey (1977), as in SpikeFI."""
    cases = [
        # quartiles -1 and 1, 2 apart: fences at 1.5 or 3 times that
        ([-2.0, -1.0, 0.0, 1.0, 2.0], [-4.0, -4.0, 4.0, 4.0, 4.0], 1.5),
        ([-2.0, -1.0, 0.0, 1.0, 2.0], [-7.0, -7.0, 7.0, 7.0, 7.0], 3.0),
        # quartiles 1.75 and 3.25
        ([1.0, 2.0, 3.0, 4.0], [5.5, 5.5, 5.5, 5.5], 1.5),
        # What lies beyond its fence (here at -2.5) is neither weakened nor turned.
        ([-5.0, -5.0, -4.0, -4.0, 0.125], [-6.5, -6.5, -6.5, -6.5, 0.125], 1.5),
        ([0.0, 0.0, 0.0, 0.0, 9.0], [0.0, 0.0, 0.0, 0.0, 9.0], 1.5),
    ]
    for weights, expected, fence in cases:
        assert damaged(f"saturated-synapse:fence={fence}", weights) == expected


@given(st.lists(st.floats(0.0, 1.0), min_size=2, max_size=6).map(sorted))
@examples(60)
def test_dead_synapses_are_nested_in_severity(severities):
    network = Network.build(501, [(0, k + 1, 1.0, 1) for k in range(500)])
    dead = [at_once(DeadSynapse(), s, network).copies.weight == 0.0 for s in severities]
    for milder, worse in pairwise(dead):
        assert not (milder & ~worse).any()


@pytest.mark.parametrize("severity", [0.0, 0.05, 0.3, 1.0])
def test_share_of_dead_synapses(severity):
    network = Network.build(501, [(0, k + 1, 1.0, 1) for k in range(500)])
    copies = at_once(DeadSynapse(), severity, network, draws=range(40)).copies
    share = (copies.weight == 0.0).mean()
    # Four standard errors of a proportion of 20,000.
    assert abs(share - severity) <= 4 * np.sqrt(severity * (1 - severity) / 20_000)


def open_loop(network, model, severity, ticks=2000, draws=range(10), **where):
    """Run copies without input."""
    fault = Fault(model, severity, **where)
    struck = strike(network, [fault], 3, draws, horizon=ticks)
    return simulate_copies(struck.network, struck.copies, np.zeros((ticks, len(network.neurons))))


TICKS = 1000 if JIT else 200


def close(share, probability, count):
    return abs(share - probability) <= 4 * np.sqrt(probability * (1 - probability) / count)


def test_share_of_failing_spikes():
    """A neuron that always fires; what it sends is seen in potentials that forget at once."""
    count = 20
    network = Network.build(
        {"bias": [1.0, *[0.0] * count], "tau_mem": [0.0] * (count + 1),
         "v_threshold": [1.0, *[np.inf] * count]},
        [(0, k + 1, 0.5, 1) for k in range(count)],
    )  # fmt: skip
    seen = open_loop(network, parse_model("synaptic-failure"), 0.3, TICKS).voltage[1:, 1:]
    assert set(np.unique(seen)) == {0.0, 0.5}
    assert close((seen == 0.0).mean(), 0.3, seen.size)
    # Failures are independent from tick to tick, synapse to synapse and draw to draw.
    lost = (seen == 0.0) - 0.3
    for a, b in (
        (lost[1:], lost[:-1]), (lost[:, 1:], lost[:, :-1]), (lost[..., 1:], lost[..., :-1]),
    ):  # fmt: skip
        assert abs((a * b).mean()) < 4 * 0.21 / np.sqrt(a.size)
    # Those of a row fail together: the spike itself is lost.
    row = open_loop(network, parse_model("synaptic-failure"), 0.3, TICKS,
                    site=FaultSite(group="row")).voltage[1:, 1:]  # fmt: skip
    assert (row == row[:, :1]).all()
    assert close((row[:, 0] == 0.0).mean(), 0.3, row[:, 0].size)


def test_read_noise_at_every_spike():
    network = Network.build(
        {"bias": [1.0, 0.0], "tau_mem": [0.0, 0.0], "v_threshold": [1.0, np.inf]},
        [(0, 1, 0.5, 1)],
    )
    seen = open_loop(network, parse_model("read-noise"), 0.2, TICKS).voltage[1:, 1]
    error = (seen / 0.5 - 1.0) / 0.2
    assert abs(error.mean()) < 4 / np.sqrt(error.size)
    assert abs(error.std() - 1.0) < 4 / np.sqrt(2 * error.size)
    assert abs((error[1:] * error[:-1]).mean()) < 4 / np.sqrt(error.size)


# --- delays ----------------------------------------------------------------------------------


def chain(delays):
    """A neuron that fires in tick 2 alone, and one for each delay to hear of it."""
    columns = {"v_threshold": [1.0, *[0.5] * len(delays)]}
    network = Network.build(columns, [(0, k + 1, 1.0, d) for k, d in enumerate(delays)])
    ext = np.zeros((40, len(delays) + 1))
    ext[2, 0] = 1.0
    return network, ext


def heard(name, delays, severity=1.0, **where):
    network, ext = chain(delays)
    struck = at_once(parse_model(name), severity, network, draws=[0], **where)
    spikes = simulate_copies(struck.network, struck.copies, ext).spikes[:, 1:, 0]
    return [np.flatnonzero(column).tolist() for column in spikes.T]


def test_delays_by_hand():
    """A spike of tick 2 arrives after the delay; one tick is the least."""
    assert heard("delay-shift:ticks=0", [1, 5, 9]) == [[3], [7], [11]]
    assert heard("delay-shift", [1, 5, 9]) == [[4], [8], [12]]
    assert heard("delay-shift:ticks=20", [1, 5, 9]) == [[23], [27], [31]]
    assert heard("delay-shift:ticks=-3", [1, 5, 9]) == [[3], [4], [8]]
    assert heard("stuck-delay:ticks=6", [1, 5, 9]) == [[8], [8], [8]]
    site = FaultSite("synapses", (1,))
    assert heard("delay-shift", [1, 5, 9], site=site) == [[3], [8], [11]]


def test_delay_jitter_by_hand():
    network, _ = chain([1, 5, 9])
    model = parse_model("delay-jitter")
    for x, expected in ((1.0, [3, 7, 11]), (-1.0, [1, 3, 7]), (0.2, [1, 5, 9]), (-9.0, [1, 1, 1])):
        struck = model.strike(Values(network, 1), 2.0, Numbers(normal=x))
        assert struck["delay"].tolist() == [expected]


def test_jitter_is_new_for_every_spike():
    """Of spikes 40 ticks apart, early and late ones as a rounded normal error has them."""
    network = Network.build({"v_threshold": [1.0, 0.5]}, [(0, 1, 1.0, 10)])
    ticks, draws = 40 * 20, range(100 if JIT else 10)
    ext = np.zeros((ticks, 2))
    ext[::40, 0] = 1.0
    fault = Fault(parse_model("delay-jitter"), 1.0)
    struck = strike(network, [fault], 3, draws, horizon=ticks)
    late = np.nonzero(simulate_copies(*struck, ext).spikes[:, 1].T)[1] % 40 - 10
    assert len(late) == 20 * len(draws)
    for shift, share in ((0, 0.382925), (1, 0.241730), (-1, 0.241730), (2, 0.060598)):
        assert close((late == shift).mean(), share, len(late))


def test_parallel_synapses_that_meet():
    """Two synapses with the same faulty delay add up, one after the other."""
    network = Network.build(2, [(0, 1, 0.1, 1), (0, 1, 0.2, 3), (0, 1, 0.3, 5)])
    ext = np.zeros((8, 2))
    ext[0, 0] = 1.0
    struck = at_once(parse_model("stuck-delay:ticks=3"), 1.0, network, draws=[0])
    voltage = simulate_copies(*struck, ext).voltage[:, 1, 0]
    assert voltage.tolist() == [0.0] * 3 + [(0.1 + 0.2) + 0.3] * 5
    # Only one of them is late, so that it overtakes none.
    site = FaultSite("synapses", (0,))
    struck = at_once(parse_model("delay-shift:ticks=2"), 1.0, network, draws=[0], site=site)
    voltage = simulate_copies(*struck, ext).voltage[:, 1, 0]
    assert voltage.tolist() == [0.0] * 3 + [0.1 + 0.2] * 2 + [(0.1 + 0.2) + 0.3] * 3


# --- the faulty network built otherwise ------------------------------------------------------


def check_same(network, struck, rng, neurons=None):
    """A copy is, spike for spike and bit for bit, the network given.

    `neurons` restricts the comparison of potentials.
    """
    n = len(network.neurons)
    neurons = np.arange(n) if neurons is None else neurons
    ext = rng.normal(0.0, 1.0, (60 if JIT else 20, n)) * (rng.random((60 if JIT else 20, n)) < 0.3)
    alone, copy = simulate(network, ext), simulate_copies(*struck, ext)
    assert np.array_equal(alone.spikes, copy.spikes[:, :, 0])
    assert same_bits(alone.voltage[:, neurons].copy(), copy.voltage[:, neurons, 0].copy())
    controller, lanes = Controller(network), LaneController(*struck)
    lanes.begin(0)
    for _ in range(8 if JIT else 2):
        observed = rng.normal(size=2)
        assert controller.act(observed).tolist() == lanes.act([observed])[0].tolist()
        potentials = np.array([lanes._lanes.v[32 * j] for j in neurons])
        assert same_bits(controller.voltage[-1][neurons].copy(), potentials)
    return alone.spikes


def columns_of(name, n, hit):
    """Columns of the neurons with those of `hit` as the fault leaves them."""
    t, rest, reset = n.v_threshold, n.v_leak, n.v_reset
    way = np.where(np.isfinite(t), np.abs(t - rest), 0.0)
    rules = np.array(["to_value", "subtract"])[n.reset]
    finite = np.where(np.isfinite(t), t, reset)
    faulty_columns = {
        "parametric-threshold": {"v_threshold": t + 0.5 * way},
        "parametric-leak": {"tau_mem": np.where(np.isinf(n.tau_mem), np.inf, 0.5 * n.tau_mem)},
        "parametric-reset": {"v_reset": reset + 0.3 * way},
        "parametric-refractory": {"refractory": n.refractory + 5},
        "faulty-leak": {"tau_mem": np.full(len(n), np.inf)},
        "faulty-integrate": {"tau_mem": np.zeros(len(n))},
        "faulty-reset": {"v_reset": finite, "reset": np.full(len(n), "subtract")},
        # Spikes alone: potentials of neurons that never fire go on, of dead ones they do not.
        "dead-neuron": {"v_threshold": np.full(len(n), np.inf)},
        "spike-deletion": {"v_threshold": np.full(len(n), np.inf)},
        "saturated-neuron": {"v_threshold": np.full(len(n), -1e100), "refractory": np.zeros(len(n)),
                             "reset": np.full(len(n), "to_value")},
        "spike-insertion": {"v_threshold": np.full(len(n), -1e100),
                            "reset": np.full(len(n), "to_value")},
    }[name]  # fmt: skip
    golden = {"reset": rules} | {
        c: getattr(n, c) for c in ("v_threshold", "tau_mem", "v_reset", "refractory")
    }
    return {c: np.where(hit, v, golden[c]).tolist() for c, v in faulty_columns.items()}


CONTROLLERS = {"graded": Current([1.0, 2.0], ticks=7), "pulsed": FlipFlop([1.0, 2.0], 9, 3, 2, 0.8)}
NEURON_MODELS = [
    name for name, cls in MODELS.items()
    if cls.family == "neuron" and name not in ("device-mismatch", "potential-upset")
]  # fmt: skip


@pytest.mark.parametrize("encoder", CONTROLLERS)
@pytest.mark.parametrize("name", NEURON_MODELS)
def test_neurons_as_in_a_network_with_other_columns(name, encoder):
    rng = np.random.default_rng([len(name), len(encoder)])
    differs = 0
    for _ in range(6 if JIT else 1):
        network = random_controller(rng, CONTROLLERS[encoder], READOUTS["first-to-spike"](), 3)
        n = network.neurons
        hit = rng.random(len(n)) < 0.4
        columns = columns_of(name, n, hit)
        if "refractory" in columns:
            columns["refractory"] = np.array(columns["refractory"], dtype=int).tolist()
        site = FaultSite("neurons", tuple(np.flatnonzero(hit).tolist()))
        struck = at_once(parse_model(name), 1.0, network, draws=[0], site=site)
        others = np.flatnonzero(~hit) if name == "dead-neuron" else None
        other = rebuilt(network, **columns)
        spikes = check_same(other, struck, rng, others)
        differs += not np.array_equal(spikes, simulate(network, np.zeros(spikes.shape)).spikes)
    assert differs


@pytest.mark.parametrize("encoder", CONTROLLERS)
def test_mismatch_as_in_a_network_with_other_columns(encoder):
    rng = np.random.default_rng(len(encoder))
    for seed in range(6 if JIT else 1):
        network = random_controller(rng, CONTROLLERS[encoder], READOUTS["winner-takes-all"](), 3)
        n = network.neurons
        draws = Draws(seed, [4], n.key, "device-mismatch")
        factor = [np.maximum(1.0 + 0.3 * draws.normal(which)[0], 0.05) for which in range(3)]
        columns = {
            "v_threshold": n.v_leak + (n.v_threshold - n.v_leak) * factor[0],
            "tau_mem": n.tau_mem * factor[1], "tau_syn": np.minimum(n.tau_syn * factor[2], 1e100),
        }  # fmt: skip
        finite = np.isfinite(n.tau_mem)
        columns["tau_mem"][finite] = np.minimum(columns["tau_mem"][finite], 1e100)
        other = rebuilt(network, **{name: column.tolist() for name, column in columns.items()})
        struck = at_once(parse_model("device-mismatch"), 0.3, network, seed, [4])
        check_same(other, struck, rng)
    struck = parse_model("device-mismatch").strike(Values(graded(), 1), 1.0, Numbers(normal=-9.0))
    assert struck["tau_mem"][0, 0] == 20.0 * 0.05


@pytest.mark.parametrize("encoder", CONTROLLERS)
@pytest.mark.parametrize("text", ["delay-shift:ticks=3", "delay-shift:ticks=-2", "stuck-delay",
                                  "stuck-delay:ticks=64", "delay-jitter"])  # fmt: skip
def test_delays_as_in_a_network_with_other_delays(text, encoder):
    """Shadows are exact."""
    rng = np.random.default_rng([len(text), len(encoder)])
    model, moved = parse_model(text), 0
    for _ in range(8 if JIT else 2):
        network = random_controller(rng, CONTROLLERS[encoder], READOUTS["winner-takes-all"](), 3)
        s = network.synapses
        severity = 2.0 if model.name == "delay-jitter" else 0.6
        draws = Draws(9, [1], network.synapse_keys(), model.name)
        delay = s.delay.copy()
        if model.name == "delay-jitter":
            delay = np.maximum(delay + np.rint(2.0 * draws.normal()[0, : len(s)]), 1).astype(int)
        else:
            hit = draws.uniform()[0, : len(s)] < 0.6
            new = np.full(len(s), model.ticks)
            if model.name == "delay-shift":
                new = np.maximum(delay + model.ticks, 1)
            delay[hit] = new[hit]
        moved += int((delay != s.delay).sum())
        rows = zip(s.pre, s.post, s.weight, delay, strict=True)
        other = replace(network, synapses=Network.build(len(network.neurons), list(rows)).synapses)
        # Three draws at once: the shadows of others are in the way.
        struck = at_once(model, severity, network, 9, [0, 1, 2])
        lanes = struck.copies
        mine = strike(network, [Fault(model, severity, time=Fixed())], 9, [1], horizon=1)
        assert state(struck, 1) == state(mine, 0)
        only = struck.copies._replace(
            weight=lanes.weight[1:2], in_weight=lanes.in_weight[1:2], first=np.zeros(2, dtype=int)
        )
        check_same(other, (struck.network, only), rng)
    assert moved


@pytest.mark.parametrize("model", [m for m in EVERY if m.owner == "synapses"], ids=repr)
def test_weights_as_in_a_network_with_other_weights(model):
    rng = np.random.default_rng(len(model.name))
    network = random_controller(rng, CONTROLLERS["graded"], READOUTS["winner-takes-all"](), 3)
    struck = at_once(model, model.typical, network, draws=[2])
    assert len(struck.copies.tick) == 0
    check_same(weighed(struck.network, struck.copies, 0), struck, rng)


# --- neurons ---------------------------------------------------------------------------------


def alone(name, ticks, ext=0.0, **columns):
    """Spikes and potentials of one faulty neuron."""
    network = Network.build({column: [value] for column, value in columns.items()})
    struck = at_once(parse_model(name), 1.0, network, draws=[0])
    spikes, voltage = simulate_copies(*struck, np.full((ticks, 1), ext))
    return spikes[:, 0, 0].astype(int).tolist(), voltage[:, 0, 0].tolist()


def test_a_saturated_neuron_fires_at_every_tick():
    for columns in (
        {}, {"v_threshold": np.inf}, {"refractory": 7}, {"bias": -1e100}, {"reset": "subtract"},
        {"v_min": 0.5, "v_threshold": 3.0}, {"v_leak": -2.0, "tau_mem": 1.0, "tau_syn": 5.0},
    ):  # fmt: skip
        spikes, voltage = alone("saturated-neuron", 6, **{"v_reset": 0.25, **columns})
        assert spikes == [1] * 6
        assert voltage == [0.25] * 6


def test_a_dead_neuron_never_fires_and_rests():
    for columns in ({"bias": 3.0}, {"v_leak": 0.5, "v_threshold": 0.2}, {"v_min": 9.0}):
        spikes, voltage = alone("dead-neuron", 6, ext=5.0, **columns)
        assert spikes == [0] * 6
        assert voltage == [columns.get("v_leak", 0.0)] * 6


def test_a_dead_output_that_is_read_by_its_potential():
    """Without input to the dead one, the other one decides by its sign."""
    network = Network.build(
        {"tau_mem": [10.0, 10.0], "v_threshold": [np.inf, np.inf]},
        input_synapses=[(0, 0, 1.0), (0, 1, 2.0)], outputs=[0, 1],
        encoder=Current([1.0], ticks=3), readout=HighestPotential(),
    )  # fmt: skip
    choices = []
    for index in ((), (0,), (1,)):
        site = FaultSite("outputs", index)
        struck = at_once(parse_model("dead-neuron"), 1.0, network, draws=[0], site=site)
        controller = LaneController(*struck)
        controller.begin(0)
        choices.append([float(controller.act([[x]])[0, 0]) for x in (0.5, -1.0, -1.0)])
        if index:
            assert controller._lanes.v[32 * index[0]] == 0.0
    # Golden: twice the input wins or loses. A dead one has 0, which loses to what is positive.
    assert choices == [[1.0, 0.0, 0.0], [1.0, 0.0, 0.0], [0.0, 1.0, 1.0]]


def test_a_faulty_reset_keeps_the_potential():
    spikes, voltage = alone("faulty-reset", 4, bias=0.75, v_reset=-1.0)
    assert spikes == [0, 1, 1, 1]
    assert voltage == [0.75, 1.5, 2.25, 3.0]
    # Refractory periods stay.
    spikes, voltage = alone("faulty-reset", 5, bias=0.75, refractory=1)
    assert spikes == [0, 1, 0, 1, 0]
    assert voltage == [0.75, 1.5, 1.5, 2.25, 2.25]


def test_parameters_by_hand():
    # 0.75 a tick against 1.5 instead of 1, then 0.5
    assert alone("parametric-threshold", 5, bias=0.75)[0] == [0, 1, 0, 1, 0]
    assert alone("parametric-threshold:factor=0.5", 5, bias=0.75)[0] == [1, 1, 1, 1, 1]
    assert alone("parametric-refractory:ticks=2", 7, bias=1.0)[0] == [1, 0, 0, 1, 0, 0, 1]
    assert alone("parametric-reset:share=0.5", 4, bias=0.5)[1] == [0.5, 0.5, 0.5, 0.5]
    # Half of the time constant is the square of the factor: exp(-1) for 1 ms.
    e = float(np.exp(-1.0))
    _, voltage = alone("parametric-leak", 2, ext=0.5, tau_mem=2.0, v_threshold=9.0)
    assert voltage == pytest.approx([0.5, 0.5 * e + 0.5])
    assert alone("faulty-leak", 3, ext=0.5, tau_mem=2.0, v_threshold=9.0)[1] == [0.5, 1.0, 1.5]
    assert alone("faulty-integrate", 3, ext=0.5, v_threshold=9.0)[1] == [0.5, 0.5, 0.5]


def test_shifted_thresholds_are_harder_to_reach():
    """Also those at, below or far from zero: what counts is the distance from rest."""
    network = Network.build(
        {"v_threshold": [1.0, -1.0, 0.0, -50.0, np.inf], "v_leak": [0.0, 0.0, 0.0, -65.0, 0.0]}
    )
    for factor, expected in ((1.5, [1.5, -0.5, 0.0, -42.5, np.inf]),
                             (1.0, [1.0, -1.0, 0.0, -50.0, np.inf]),
                             (0.0, [0.0, -2.0, 0.0, -65.0, np.inf])):  # fmt: skip
        struck = at_once(parse_model(f"parametric-threshold:factor={factor}"), 1.0, network)
        assert state(struck)["v_threshold"] == expected


def test_potentials_are_upset_once():
    network = Network.build({"v_reset": [-1.0] * 400, "v_threshold": [3.0] * 400})
    ext = np.zeros((4, 400))
    fault = [parse_fault("potential-upset@0.5")]
    struck = strike(network, fault, 1, range(10), horizon=4)
    voltage = simulate_copies(*struck, ext).voltage
    tick = struck.copies.tick[struck.copies.first[:-1]]
    assert len(set(tick.tolist())) > 1
    for k, when in enumerate(tick.tolist()):
        assert (voltage[:when, :, k] == 0.0).all()
        assert (voltage[when:, :, k] == voltage[when, :, k]).all()
    last = voltage[-1]
    upset = last[last != 0.0]
    assert close(upset.size / last.size, 0.5, last.size)
    assert -1.0 < upset.min() < upset.max() < 3.0
    assert abs(upset.mean() - 1.0) < 4 * 4 / np.sqrt(12 * upset.size)


@pytest.mark.parametrize("refractory", [0, 5])
def test_rate_of_inserted_spikes(refractory):
    """Silent neurons; a spike makes them refractory, and does not keep the next from coming."""
    network = Network.build({"v_threshold": [1.0] * 20, "refractory": [refractory] * 20})
    spikes = open_loop(network, parse_model("spike-insertion"), 0.1, TICKS).spikes
    assert close(spikes.mean(), 0.1, spikes.size)
    centred = spikes - 0.1
    assert abs((centred[1:] * centred[:-1]).mean()) < 4 * 0.09 / np.sqrt(spikes.size)


def test_inserted_spikes_have_their_refractory_period():
    network = Network.build({"bias": [0.25], "refractory": [3]})
    spikes, voltage = open_loop(network, parse_model("spike-insertion"), 0.05, 200, [0])
    inserted = np.flatnonzero(spikes[:, 0, 0])
    gaps = np.diff(inserted)
    assert (voltage[:, 0, 0] < 1.0).all()
    golden = 3 + 4  # three ticks held, and a quarter each in four more
    assert gaps.max() == golden
    assert (gaps < golden).any()


def test_rate_of_deleted_spikes():
    """A neuron that would fire at every tick fires later, not less strongly."""
    network = Network.build({"bias": [1.0] * 20})
    spikes, voltage = open_loop(network, parse_model("spike-deletion"), 0.3, TICKS)
    assert close(1.0 - spikes.mean(), 0.3, spikes.size)
    assert (voltage[spikes] == 0.0).all()
    silent = np.flatnonzero(~spikes[:, 0, 0])
    assert voltage[silent[0], 0, 0] == 1.0  # what has come in stays


# --- channels --------------------------------------------------------------------------------


def received(struck, observation):
    """Potentials after a decision, of neurons that sum up what they receive."""
    lanes = LaneController(*struck)
    lanes.begin(0)
    lanes.act([observation])
    return [lanes._lanes.v[32 * j] for j in range(len(struck[0].neurons))]


def summing(encoder, **given):
    count = 2 if encoder.graded else encoder.channels
    return Network.build(
        {"v_threshold": [np.inf] * count}, outputs=[0, 1], encoder=encoder,
        readout=READOUTS["winner-takes-all"](), **given,
    )  # fmt: skip


def hit(name, network, *channels):
    site = FaultSite("channels", channels)
    return at_once(parse_model(name), 1.0, network, draws=[0], site=site)


def test_graded_channels_by_hand():
    """Four ticks; channels say 0.5 and, the last one, 1."""
    network = summing(Current([1.0], ticks=4), input_synapses=[(0, 0, 2.0), (1, 0, 8.0), (1, 1, 1)])
    assert received(hit("dead-channel", network), [0.5]) == [4 * 9.0, 4.0]
    assert received(hit("dead-channel", network, 0), [0.5]) == [4 * 8.0, 4.0]
    assert received(hit("dead-channel", network, 1), [0.5]) == [4.0, 0.0]
    assert received(hit("stuck-channel:value=-3", network, 0), [0.5]) == [4 * 2.0, 4.0]
    assert received(hit("stuck-channel", network, 0, 1), [0.5]) == [4 * 10.0, 4.0]


def test_pulsed_channels_by_hand():
    """Eight ticks with pulses of 0.5 at ticks 0, 2 and 4 of the second channel."""
    network = summing(FlipFlop([1.0], 8, gain=0.5, period=2, spikes=3), inputs=[0, 1])
    assert received(hit("dead-channel", network), [1.0]) == [0.0, 1.5]
    assert received(hit("dead-channel", network, 1), [1.0]) == [0.0, 0.0]
    assert received(hit("stuck-channel", network, 0), [1.0]) == [4.0, 1.5]
    assert received(hit("stuck-channel", network, 1), [1.0]) == [0.0, 4.0]  # one in every tick
    assert received(hit("stuck-channel:value=3", network, 1), [1.0]) == [0.0, 12.0]
    both = [Fault(parse_model(m), 1.0, time=Fixed()) for m in ("channel-noise", "dead-channel")]
    assert received(strike(network, both, 1, [0], horizon=1), [1.0]) == [0.0, 0.0]
    assert received(strike(network, both[::-1], 1, [0], horizon=1), [1.0]) == [4.0, 4.0]


def test_stuck_channels_as_in_a_network_with_other_biases():
    rng = np.random.default_rng(5)
    network = random_controller(rng, CONTROLLERS["graded"], READOUTS["winner-takes-all"](), 3)
    i, bias = network.input_synapses, network.neurons.bias.copy()
    for c, j, w in zip(i.channel, i.post, i.weight, strict=True):
        if c == 1:
            bias[j] += w * 0.75
    silent = replace(i, weight=np.where(i.channel == 1, 0.0, i.weight))
    other = replace(rebuilt(network, bias=bias.tolist()), input_synapses=silent)
    check_same(other, hit("stuck-channel:value=0.75", network, 1), rng)
    check_same(replace(network, input_synapses=silent), hit("dead-channel", network, 1), rng)


@pytest.mark.parametrize("name", ["channel-dropout", "channel-noise"])
def test_rates_of_channels(name):
    """Each tick of a channel that always says 1, or never says anything, is one trial."""
    ticks = 1500 if JIT else 300
    graded_one = summing(Current([1.0], ticks=ticks), input_synapses=[(0, 0, 1.0), (1, 1, 1.0)])
    encoder = FlipFlop([1.0], ticks, gain=1.0, period=1, spikes=ticks)
    for network, observation in ((graded_one, [0.0]), (summing(encoder, inputs=[0, 1]), [1.0])):
        fault = Fault(parse_model(name), 0.2)
        struck = strike(network, [fault], 1, [0], horizon=ticks)
        silent, loud = received(struck, observation)
        if name == "channel-dropout":
            assert silent == 0.0
            assert close(loud / ticks, 0.8, ticks)
        else:
            assert loud == ticks  # what is said anyway is not said twice
            assert close(silent / ticks, 0.2, ticks)


# --- rounds and names ------------------------------------------------------------------------


def all_weights(copies):
    return np.concatenate([copies.weight, copies.in_weight], axis=1)


def test_a_round_injects_each_fault_into_the_result_of_the_one_before():
    network = graded()

    def struck(*faults):
        return all_weights(inject(network, faults, 1, range(8)))

    noise, dead = Fault(Gaussian(), 0.5), Fault(DeadSynapse(), 0.4, FaultSite("synapses"))
    gone = struck(dead) != network.weights
    assert gone.any()
    assert same_bits(struck(noise, dead), np.where(gone, 0.0, struck(noise)))
    steps = np.abs(struck(noise)).max(axis=1, keepdims=True) / 127
    quantised = struck(noise, Fault(BitFlip(), 0.0)) / steps
    assert np.allclose(quantised, np.rint(quantised))


def test_a_round_of_everything():
    """Weights, delays, neurons and channels together: no fault undoes another."""
    texts = ["weight-loss@0.5", "delay-shift:ticks=2@1", "parametric-threshold@1",
             "faulty-leak@1", "stuck-channel:value=0.5@1"]  # fmt: skip
    for network in (graded(), pulsed()):
        struck = strike(network, [parse_fault(text) for text in texts], 1, [0])
        held, was = state(struck), Values(network, 1)
        weights = {(a, b): (d, w) for (a, b, d), w in held["weight"]}
        s = network.synapses
        for a, b, w, d in zip(s.pre, s.post, s.weight, s.delay, strict=True):
            assert weights[(a, b)] == (d + 2, 0.5 * w)
        way = np.abs(was["v_threshold"] - was["v_leak"])[0]
        assert held["v_threshold"] == (was["v_threshold"][0] + 0.5 * way).tolist()
        assert held["al"] == [1.0] * 5
        extra = [0.5 * 0.5] * 2 if network.encoder.graded is False else []
        bias = was["bias"][0].copy()
        if extra:
            bias[[0, 2]] += 0.25  # pulses of 0.5, half of one at every tick
        else:
            bias[[0, 1, 2]] += 0.5 * 0.5 * np.array([0.5, -1.25, 1.0])
        assert held["bias"] == bias.tolist()
        assert held["in_weight"] == ([] if extra else [0.0, 0.0, 0.0])
        assert held["gain"] == ([0.0, 0.0] if extra else [])


def test_later_faults_of_a_round_override():
    texts = {"dead": "dead-neuron@1", "saturated": "saturated-neuron@1", "reset": "faulty-reset@1"}
    network = Network.build({"reset": ["subtract"], "refractory": [3]})

    def spikes(*names):
        struck = strike(network, [parse_fault(texts[name]) for name in names], 1, [0])
        recorded = simulate_copies(*struck, np.full((5, 1), 0.5))
        assert np.isfinite(recorded.voltage).all()
        return recorded.spikes[:, 0, 0].astype(int).tolist()

    assert spikes("dead", "saturated") == [1] * 5
    assert spikes("saturated", "dead") == [0] * 5
    assert spikes("saturated", "reset") == spikes("reset", "saturated") == [1] * 5


@dataclass(frozen=True)
class StuckAt(FaultModel):
    """Each weight is stuck at a value with a probability."""

    name: ClassVar[str] = "stuck-at"
    severity: ClassVar[str] = "probability that a synapse is stuck"
    severities: ClassVar[tuple[float, ...]] = (0.01, 0.1, 0.5)
    typical: ClassVar[float] = 0.1
    largest: ClassVar[float] = 1.0
    value: float = 1.0

    def weights(self, weights, severity, draws):
        return np.where(draws.uniform() < severity, self.value, weights)


@dataclass(frozen=True)
class Burnt(SiteFault):
    """Neurons conduct all input at once, and fire on it."""

    name: ClassVar[str] = "burnt"
    owner: ClassVar[str] = "neurons"
    limit: float = 0.5

    def damage(self, values, draws):
        return {
            "v_threshold": np.full(values["v_threshold"].shape, self.limit),
            "tau_mem": np.zeros(values["tau_mem"].shape),
        }


def test_models_of_ones_own(monkeypatch):
    network = graded()
    for cls in (StuckAt, Burnt):
        assert len(inspect.getsource(cls).splitlines()) <= 15
        monkeypatch.setitem(MODELS, cls.name, cls)
    assert parse_model("stuck-at:value=3") == StuckAt(3.0)
    assert (all_weights(inject(network, [Fault(StuckAt(3.0), 1.0)], 1, range(8))) == 3.0).all()
    some = all_weights(inject(network, [parse_fault("stuck-at@0.5")], 1, range(8))) == 1.0
    assert 10 < some.sum() < 62
    fault = parse_fault("burnt:limit=0.75@1")
    held = state(strike(network, [fault], 1, [0]))
    assert held["v_threshold"] == [0.75] * 5
    assert held["al"] == [0.0] * 5
    each = strike_each(network, fault, 1, single_faults(network, fault.model, FaultSite()))
    assert [state(each, k)["al"].index(0.0) for k in range(5)] == [0, 1, 2, 3, 4]


NOT_MODELS = [
    (StuckAt(), "a dataclass that is a subclass of FaultModel or SiteFault, got StuckAt("),
    (FaultSite, "a dataclass that is a subclass of FaultModel or SiteFault, got FaultSite"),
    (type("Plain", (Gaussian.__base__,), {"name": "x"}), "a dataclass that is a subclass"),
    (dataclass(type("Idle", (SiteFault,), {"name": "x"})), "a class with damage(), got Idle"),
    (dataclass(type("Mute", (FaultModel,), {"name": "x"})), "a class with weights() or strike(), "),
    (dataclass(type("Bare", (FaultModel,), {"name": "x", "strike": StuckAt.strike, "typical": 1.0,
                                            "weights": StuckAt.weights, "severity": "share"})),
     "a class with severities, largest, got Bare"),
    (StuckAt, "a class whose name is x, got StuckAt"),
]  # fmt: skip


@dataclass(frozen=True)
class Told(SiteFault):
    """Neurons are damaged as the model is told."""

    name: ClassVar[str] = "told"
    owner: ClassVar[str] = "neurons"
    result: object = None

    def damage(self, values, draws):
        return self.result


@pytest.mark.parametrize(
    ("result", "line"),
    [
        (None, "model told: expected a dictionary of quantities by name, got None"),
        ({"bia": np.zeros((2, 5))}, "model told: expected what neurons have, got bia"),
        ({"bias": np.zeros((2, 4))}, "model told: faulty bias: expected shape (2, 5), got (2, 4)"),
        (
            {"bias": np.zeros((3, 2, 5))},
            "model told: faulty bias: expected shape (2, 5), got (3, 2",
        ),
        ({"bias": None}, "model told: faulty bias: expected an array of numbers, got None"),
        ({"bias": "high"}, "model told: faulty bias: expected an array of numbers, got high"),
    ],
)
def test_damage_that_is_nonsense_names_the_model(result, line):
    fault = Fault(Told(result), 0.5)
    for strikes, what in ((strike, [fault]), (strike_each, fault)):
        with pytest.raises(InputError) as error:
            strikes(graded(), what, 1, [0, 1])
        assert str(error.value).startswith(line)


def test_owners_that_do_not_exist(monkeypatch):
    lost = dataclass(frozen=True)(type("Lost", (Told,), {"name": "lost", "owner": "foo"}))
    monkeypatch.setitem(MODELS, "lost", lost)
    line = "owner: expected one of synapses, neurons, channels, got foo$"
    with pytest.raises(InputError, match=f"^model lost: {line}"):
        parse_model("lost")
    with pytest.raises(InputError, match=f"^site of lost: {line}"):
        Fault(lost(), 0.5)
    with pytest.raises(InputError, match=f"^site: {line}"):
        single_faults(graded(), lost(), FaultSite())


@pytest.mark.parametrize(("registered", "line"), NOT_MODELS, ids=[line for _, line in NOT_MODELS])
def test_what_is_no_model_of_ones_own_is_named(monkeypatch, registered, line):
    monkeypatch.setitem(MODELS, "x", registered)
    for text in ("x", "x:value=2.0"):
        with pytest.raises(InputError) as error:
            parse_model(text)
        assert str(error.value).startswith(f"model x: expected {line}")


@pytest.mark.parametrize("base", ["(FaultModel):", "(SiteFault):"])
def test_models_of_ones_own_take_fifteen_lines_in_the_documentation(base):
    page = (Path(__file__).resolve().parents[2] / "docs" / "extending.md").read_text()
    blocks = [block.partition("```")[0] for block in page.split("```python\n")[1:]]
    shown = [block.splitlines() for block in blocks if base in block]
    assert [len(block) <= 15 for block in shown] == [True]
    assert shown[0][-1].startswith("MODELS[")


@pytest.mark.parametrize(
    ("text", "model"),
    [
        ("gaussian", Gaussian()),
        ("dead-synapse", DeadSynapse()),
        ("bit-flip", BitFlip(bits=8)),
        ("bit-flip:bits=6", BitFlip(bits=6)),
        ("bit-flip:bits=6,protected=2,zeros=0.5", BitFlip(6, 2, 0.5)),
    ],
)
def test_parse_model(text, model):
    assert parse_model(text) == model


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("", "model: expected one of the 43 of tardigrade faults --list, got "),
        ("Gaussian", "model: expected one of the 43 of tardigrade faults --list, got "),
        ("dead-neurone", "model: expected one of the 43 of tardigrade faults --list, "
         "got dead-neurone; did you mean dead-neuron?"),
        ("gaussian:bits=6", "model gaussian: expected parameters (none), got bits=6"),
        ("gaussian:largest=6", "model gaussian: expected parameters (none), got largest=6"),
        ("bit-flip:name=6", "model bit-flip: expected parameters bits, protected, zeros, ones"),
        ("bit-flip:bit=6", "model bit-flip: expected parameters bits, protected, zeros, ones"),
        ("bit-flip:bits=6,bits=6", "model bit-flip: expected each parameter once, got bits=6,"),
        ("bit-flip:bits", "model bit-flip: bits: expected a number, got ''"),
        ("bit-flip:bits=six", "model bit-flip: bits: expected a number, got six"),
        ("bit-flip:bits=6.5", "model bit-flip: bits: expected a whole number from 2 to 32, got 6."),
        ("bit-flip:bits=64", "model bit-flip: bits: expected a whole number from 2 to 32, got 64"),
        ("bit-flip:bits=-1", "model bit-flip: bits: expected a whole number from 2 to 32, got -1"),
        ("bit-flip:protected=9", "model bit-flip: protected: expected a whole number from 0 to 8"),
        ("bit-flip:zeros=1.5", "model bit-flip: zeros: expected a number from 0 to 1, got 1.5"),
        ("bit-flip:bits=\u00b2", "model bit-flip: bits: expected a number"),
        ("bit-flip:bits=6\n", "model bit-flip: bits: expected"),
        ("drift:t0=0", "model drift: t0: expected a number from 1e-09 to 1e+09, got 0"),
        ("delay-shift:ticks=0.5", "model delay-shift: ticks: expected a whole number from -1000"),
        ("stuck-delay:ticks=0", "model stuck-delay: ticks: expected a whole number from 1 to 1000"),
        ("parametric-leak:factor=-1", "model parametric-leak: factor: expected a number from 0"),
        ("stuck-high-resistance:ratio=0.5", "model stuck-high-resistance: ratio: expected a"),
        ("stuck-channel:value=nan", "model stuck-channel: value: expected a number from -1e+06"),
    ],
)  # fmt: skip
def test_parse_model_refuses(text, line):
    with pytest.raises(InputError) as error:
        parse_model(text)
    assert str(error.value).startswith(line)
    assert "\n" not in str(error.value)
