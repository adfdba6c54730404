"""Fault models: one contract for all, and what is special to each."""

import inspect
from dataclasses import dataclass
from itertools import pairwise
from typing import ClassVar

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import examples, same_bits

from neuro import InputError, Network, golden_copies, simulate_copies
from neuro.faults import (
    MODELS,
    BitFlip,
    DeadSynapse,
    Draws,
    Fault,
    FaultModel,
    FaultSite,
    FaultTime,
    Gaussian,
    inject,
    parse_model,
)

ALL = [*(cls() for cls in MODELS.values()), BitFlip(bits=2), BitFlip(bits=32)]
every_model = pytest.mark.parametrize("model", ALL, ids=repr)


def network():
    """Six synapses, two of them parallel, and two input synapses."""
    return Network.build(
        {"key": [10, 20, 30, 40], "v_threshold": [1.0, 2.0, np.inf, 0.5]},
        [(0, 1, 0.7, 1), (0, 1, -0.31, 5), (1, 2, 1.5, 1), (2, 3, -2.0, 2), (3, 3, 0.25, 1),
         (3, 0, 0.0, 1)],
        input_synapses=[(0, 0, 0.9), (2, 1, -1.1)],
    )  # fmt: skip


def all_weights(copies):
    return np.concatenate([copies.weight, copies.in_weight], axis=1)


def struck(model, severity, seed=1, draws=range(8), of=None, **settings):
    return all_weights(inject(of or network(), [Fault(model, severity, **settings)], seed, draws))


def middle(model):
    """A severity that hits some of the eight weights in some of the draws."""
    return min(0.5, model.largest)


# --- the contract ----------------------------------------------------------------------------


@every_model
def test_registered_and_described(model):
    assert MODELS[model.name] is type(model)
    assert len(model.severity) > 10
    assert model.severities == tuple(sorted(model.severities))
    assert 0.0 < model.severities[0] <= model.severities[-1] <= model.largest


@every_model
def test_shape_and_untouched_input(model):
    weights = np.array([[0.5, -1.0, 2.0]] * 4)
    weights.setflags(write=False)
    keys = np.array([1, 2, 3], dtype=np.uint64)
    result = model.weights(weights, middle(model), Draws(1, range(4), keys, model.name))
    assert result.shape == (4, 3)
    assert result.dtype == np.float64
    assert not np.shares_memory(result, weights)
    assert np.isfinite(result).all()


@every_model
def test_copies_are_complete_and_the_network_untouched(model):
    golden = network()
    copies = inject(golden, [Fault(model, middle(model))], 1, range(5))
    assert [a.shape for a in copies] == [(5, 6), (5, 2), (5, 4)]
    assert all(a.flags.c_contiguous and a.flags.writeable for a in copies)
    assert same_bits(copies.v_threshold, golden_copies(golden, 5).v_threshold)
    assert np.array_equal(golden.weights, network().weights)
    assert (all_weights(copies) != golden.weights).any()


@every_model
def test_a_draw_does_not_depend_on_which_others_are_asked_for(model):
    together = struck(model, middle(model), draws=range(8))
    for draw in range(8):
        assert same_bits(struck(model, middle(model), draws=[draw]), together[draw : draw + 1])
    order = [5, 0, 7, 5]
    assert same_bits(struck(model, middle(model), draws=order), together[order])
    assert len({row.tobytes() for row in together}) > 3


@every_model
def test_the_seed_decides(model):
    first = struck(model, middle(model), seed=1)
    assert same_bits(first, struck(model, middle(model), seed=1))
    assert not np.array_equal(first, struck(model, middle(model), seed=2))


@every_model
def test_severity_zero_changes_nothing_but_the_resolution(model):
    result = struck(model, 0.0)
    expected = np.repeat(network().weights[None], 8, axis=0)
    if isinstance(model, BitFlip):
        words, step = model.quantise(expected)
        assert np.abs(words * step - expected).max() <= step.max() / 2
        expected = (words + 0.0) * step  # a word has no negative zero
    assert same_bits(result, expected)


@every_model
def test_the_same_synapse_meets_the_same_fault_in_every_network(model):
    """Keys 10 -> 20 at other indices, among other synapses; the largest weight is the same."""
    other = Network.build(
        {"key": [99, 20, 10]}, [(2, 1, 0.7, 3), (2, 1, -0.31, 4), (0, 1, -2.0, 1), (1, 1, 1.0, 1)],
        input_synapses=[(0, 2, 0.9)],
    )  # fmt: skip
    severity = middle(model)
    here, there = struck(model, severity), struck(model, severity, of=other)
    # Synapses are sorted by (pre, post, delay): 0 and 1 here are 2 and 3 there.
    assert other.synapses.weight.tolist() == [-2.0, 1.0, 0.7, -0.31]
    assert same_bits(here[:, :2].copy(), there[:, 2:4].copy())
    assert same_bits(here[:, 6].copy(), there[:, 4].copy())


@every_model
def test_a_network_without_synapses(model):
    copies = inject(Network.build(2), [Fault(model, middle(model))], 1, range(3))
    assert [a.shape for a in copies] == [(3, 0), (3, 0), (3, 2)]


@every_model
def test_no_draws(model):
    assert struck(model, middle(model), draws=[]).shape == (0, 8)


@every_model
@pytest.mark.parametrize("severity", [-0.1, 1e9, float("nan"), float("inf"), "0.1", None])
def test_severity_out_of_range(model, severity):
    with pytest.raises(InputError) as error:
        Fault(model, severity)
    line = f"severity of {model.name}: expected a number from 0 to {model.largest:g}, got "
    assert str(error.value).startswith(line)


@every_model
def test_only_the_site_is_struck(model):
    golden = network().weights
    for kind, index, covered in (
        ("all", None, range(8)), ("synapses", None, range(6)), ("input-synapses", None, (6, 7)),
        ("synapses", (3, 0), (0, 3)), ("input-synapses", (1,), (7,)), ("all", (7, 2), (2, 7)),
        ("all", (), ()),
    ):  # fmt: skip
        site = FaultSite(kind, index)
        mask = np.isin(np.arange(8), covered)
        assert site.mask(network()).tolist() == mask.tolist()
        result = struck(model, middle(model), site=site)
        everywhere = struck(model, middle(model))
        assert same_bits(result, np.where(mask, everywhere, golden))


# --- sites, times, rounds --------------------------------------------------------------------


def test_bad_sites_and_times():
    with pytest.raises(InputError, match=r"^site: expected one of all, synapses, input-synapses"):
        FaultSite("neurons")
    with pytest.raises(InputError, match=r"^site: expected an index below 6 of synapses, got 6"):
        FaultSite("synapses", (6,)).mask(network())
    with pytest.raises(InputError, match=r"^site: expected an index below 2 of input-synapses"):
        FaultSite("input-synapses", (-1,)).mask(network())
    with pytest.raises(InputError, match=r"^time: expected permanent, got transient"):
        FaultTime("transient")


@pytest.mark.parametrize(("seed", "draws"), [(-1, [0]), (2**64, [0]), (1, [-1]), (1, ["x"])])
def test_bad_seeds_and_draws(seed, draws):
    with pytest.raises(InputError, match=r"^(seed|draws): expected .*, got "):
        inject(network(), [Fault(Gaussian(), 0.1)], seed, draws)


def test_a_round_injects_each_fault_into_the_result_of_the_one_before():
    faults = [Fault(Gaussian(), 0.5), Fault(DeadSynapse(), 0.4, FaultSite("synapses"))]
    both = all_weights(inject(network(), faults, 1, range(8)))
    dead = struck(DeadSynapse(), 0.4, site=FaultSite("synapses")) != network().weights
    assert same_bits(both, np.where(dead, 0.0, struck(Gaussian(), 0.5)))
    quantised = all_weights(inject(network(), [faults[0], Fault(BitFlip(), 0.0)], 1, range(8)))
    steps = np.abs(struck(Gaussian(), 0.5)).max(axis=1, keepdims=True) / 127
    assert np.allclose(quantised / steps, np.rint(quantised / steps))


def test_no_faults_are_golden_copies():
    assert same_bits(all_weights(inject(network(), [], 1, range(2))),
                     all_weights(golden_copies(network(), 2)))  # fmt: skip


# --- each model ------------------------------------------------------------------------------

KEYS = np.arange(1, 501, dtype=np.uint64)


@given(st.lists(st.floats(0.0, 1.0), min_size=2, max_size=6).map(sorted))
@examples(60)
def test_dead_synapses_are_nested_in_severity(severities):
    draws = Draws(3, range(4), KEYS, "dead-synapse")
    dead = [DeadSynapse().weights(np.ones((4, 500)), s, draws) == 0.0 for s in severities]
    for milder, worse in pairwise(dead):
        assert not (milder & ~worse).any()


@pytest.mark.parametrize("severity", [0.0, 0.05, 0.3, 1.0])
def test_share_of_dead_synapses(severity):
    draws = Draws(3, range(40), KEYS, "dead-synapse")
    share = (DeadSynapse().weights(np.ones((40, 500)), severity, draws) == 0.0).mean()
    # Four standard errors of a proportion of 20,000.
    assert abs(share - severity) <= 4 * np.sqrt(severity * (1 - severity) / 20_000)


def words(model, weights, severity, draws):
    golden, step = model.quantise(weights)
    faulty = model.weights(weights, severity, draws) / step
    return golden.astype(np.int64), np.rint(faulty).astype(np.int64)


def flipped(model, weights, severity, draws):
    before, after = words(model, weights, severity, draws)
    return (before ^ after) & ((1 << model.bits) - 1)


@given(
    st.lists(st.floats(0.0, 1.0), min_size=2, max_size=4).map(sorted), st.sampled_from((2, 8, 32))
)
@examples(60)
def test_flipped_bits_are_nested_in_severity(severities, bits):
    model = BitFlip(bits=bits)
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


def test_all_bits_flip_at_severity_one():
    weights = np.array([[1.0, -1.0, 0.25, 0.0]])
    draws = Draws(1, [0], KEYS[:4], "bit-flip")
    before, after = words(BitFlip(), weights, 1.0, draws)
    assert after.tolist() == [[~w for w in before[0].tolist()]]


def test_flipping_the_sign_bit_of_a_byte():
    """In two's complement the highest of 8 bits is worth -128."""

    class Only:
        """Draws that strike one bit."""

        def uniform(self, which):
            return np.full((1, 2), 0.0 if which == 7 else 0.9)

    result = BitFlip().weights(np.array([[127.0, -127.0]]), 0.5, Only())
    assert result.tolist() == [[-1.0, 1.0]]


def naive_bit_flip(weights, bits, is_flipped):
    """Bit flips as one would do them by hand: a word is a string of binary digits."""
    largest = max((abs(w) for w in weights), default=0.0)
    step = largest / (2 ** (bits - 1) - 1) if largest > 0.0 else 1.0
    result = []
    for site, weight in enumerate(weights):
        word = round(weight / step)  # a tie goes to the even word
        digits = format(word if word >= 0 else 2**bits + word, f"0{bits}b")
        faulty = "".join(
            {"0": "1", "1": "0"}[d] if is_flipped(site, bits - 1 - place) else d
            for place, d in enumerate(digits)
        )
        value = int(faulty, 2) - (2**bits if faulty[0] == "1" else 0)
        result.append(float(value) * step)
    return result


WEIGHT = st.sampled_from((0.0, -0.0, 1.0, -0.5)) | st.floats(-5.0, 5.0).filter(
    lambda w: abs(w) > 1e-290
)
HUGE = st.floats(-1e100, 1e100).filter(lambda w: abs(w) > 1e-290)


@given(
    st.lists(WEIGHT, max_size=6) | st.lists(HUGE, max_size=6),
    st.sampled_from((2, 3, 4, 8, 16, 31, 32)),
    st.sampled_from((0.0, 0.01, 0.3, 1.0)),
    st.integers(0, 2**64 - 1),
)
@examples(500)
def test_bit_flip_equals_bits_flipped_in_a_string(weights, bits, severity, seed):
    model = BitFlip(bits=bits)
    draws = Draws(seed, [5], KEYS[: len(weights)], model.name)
    uniforms = [draws.uniform(bit)[0] for bit in range(bits)]
    expected = naive_bit_flip(weights, bits, lambda site, bit: uniforms[bit][site] < severity)
    result = model.weights(np.array([weights]).reshape(1, -1), severity, draws)
    assert same_bits(result, np.array([expected]).reshape(1, -1))


@pytest.mark.parametrize("weight", [5e-324, 5e-324 * 180, 1e-320, 1e-310, 2.3e-308])
def test_tiny_weights_stay_in_range(weight):
    """The step may not underflow to nothing: words must fit their bits."""
    weights = np.array([[weight, -weight / 2, 0.0]])
    result = BitFlip().weights(weights, 0.0, Draws(1, [0], KEYS[:3], "bit-flip"))
    assert np.isfinite(result).all()
    assert (np.abs(result) <= weight).all()


@pytest.mark.parametrize("bits", [1, 33, 8.0, "8", True, None])
def test_bad_number_of_bits(bits):
    with pytest.raises(InputError, match=r"^bits: expected a whole number from 2 to 32, got"):
        BitFlip(bits=bits)


def test_moments_of_gaussian_errors():
    """200,000 draws; bounds are four standard errors of mean, deviation and tails."""
    draws = Draws(2024, range(400), KEYS, "gaussian")
    count, severity = 400 * 500, 0.25
    error = (Gaussian().weights(np.full((400, 500), 2.0), severity, draws) / 2.0 - 1.0) / severity
    assert abs(error.mean()) < 4 / np.sqrt(count)
    assert abs(error.std() - 1.0) < 4 / np.sqrt(2 * count)
    for z, tail in ((1.0, 0.158655), (2.0, 0.022750), (3.0, 0.001350)):
        bound = 4 * np.sqrt(tail / count)
        assert abs((error > z).mean() - tail) < bound
        assert abs((error < -z).mean() - tail) < bound
    # Neighbouring synapses and draws are independent.
    for a, b in ((error[:, 1:], error[:, :-1]), (error[1:], error[:-1])):
        assert abs((a * b).mean()) < 4 / np.sqrt(a.size)


def test_gaussian_errors_are_proportional_and_common():
    """The error of a synapse is the same number at every severity, in proportion to it."""
    weights = np.array([[1.0, 1.0, 0.0, -2.0]])
    draws = Draws(1, [0], np.array([7, 8, 9, 7], dtype=np.uint64), "gaussian")
    low = Gaussian().weights(weights, 0.1, draws)
    high = Gaussian().weights(weights, 0.2, draws)
    assert high[0, 0] - 1.0 == pytest.approx(2.0 * (low[0, 0] - 1.0))
    assert low[0, 2] == 0.0
    assert low[0, 3] == -2.0 * low[0, 0]


def test_models_and_bits_draw_independent_numbers():
    a = Draws(1, range(10), KEYS, "gaussian").uniform()
    b = Draws(1, range(10), KEYS, "dead-synapse").uniform()
    c = Draws(1, range(10), KEYS, "gaussian").uniform(1)
    for other in (b, c):
        assert abs(np.corrcoef(a.ravel(), other.ravel())[0, 1]) < 4 / np.sqrt(a.size)


def test_pinned_draws():
    """Published campaigns can be repeated only as long as these stay."""
    keys = np.array([1, 2**64 - 1], dtype=np.uint64)
    draws = Draws(42, [0, 9], keys, "gaussian")
    assert draws.uniform().ravel().tolist() == pytest.approx(UNIFORMS, abs=1e-14)
    assert draws.normal(3).ravel().tolist() == pytest.approx(NORMALS, abs=1e-12)


UNIFORMS = [0.714461539450095, 0.775862276799414, 0.233171862910926, 0.212944002285206]
NORMALS = [0.57479934964474, 0.20739130015592, -1.21349273502132, -0.05815253891055]


# --- names -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "model"),
    [
        ("gaussian", Gaussian()),
        ("dead-synapse", DeadSynapse()),
        ("bit-flip", BitFlip(bits=8)),
        ("bit-flip:bits=6", BitFlip(bits=6)),
    ],
)
def test_parse_model(text, model):
    assert parse_model(text) == model


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("", "model: expected one of gaussian, dead-synapse, bit-flip, got ''"),
        ("nope", "model: expected one of gaussian, dead-synapse, bit-flip, got nope"),
        ("Gaussian", "model: expected one of"),
        ("gaussian:bits=6", "model gaussian: expected parameters (none), got bits=6"),
        ("gaussian:largest=6", "model gaussian: expected parameters (none), got largest=6"),
        ("bit-flip:name=6", "model bit-flip: expected parameters bits, got name=6"),
        ("bit-flip:bit=6", "model bit-flip: expected parameters bits, got bit=6"),
        ("bit-flip:bits", "model bit-flip: bits: expected a number, got ''"),
        ("bit-flip:bits=six", "model bit-flip: bits: expected a number, got six"),
        ("bit-flip:bits=6.5", "model bit-flip: bits: expected a whole number from 2 to 32, got 6."),
        ("bit-flip:bits=64", "model bit-flip: bits: expected a whole number from 2 to 32, got 64"),
        ("bit-flip:bits=-1", "model bit-flip: bits: expected a whole number from 2 to 32, got -1"),
        ("bit-flip:bits=\u00b2", "model bit-flip: bits: expected a number"),
        ("bit-flip:bits=6\n", "model bit-flip: bits: expected"),
    ],
)
def test_parse_model_refuses(text, line):
    with pytest.raises(InputError) as error:
        parse_model(text)
    assert str(error.value).startswith(line)
    assert "\n" not in str(error.value)


# --- a model of one's own --------------------------------------------------------------------


@dataclass(frozen=True)
class StuckAt(FaultModel):
    """Each weight is stuck at a value with a probability."""

    name: ClassVar[str] = "stuck-at"
    severity: ClassVar[str] = "probability that a synapse is stuck"
    severities: ClassVar[tuple[float, ...]] = (0.01, 0.1, 0.5)
    largest: ClassVar[float] = 1.0
    value: float = 1.0

    def weights(self, weights, severity, draws):
        return np.where(draws.uniform() < severity, self.value, weights)


def test_a_model_of_ones_own(monkeypatch):
    assert len(inspect.getsource(StuckAt).splitlines()) <= 15
    assert (struck(StuckAt(value=3.0), 1.0) == 3.0).all()
    assert 0 < (struck(StuckAt(value=3.0), 0.5) == 3.0).sum() < 64
    monkeypatch.setitem(MODELS, "stuck-at", StuckAt)
    assert parse_model("stuck-at:value=0.5") == StuckAt(0.5)
    copies = inject(network(), [Fault(StuckAt(), 0.5)], 1, range(3))
    assert simulate_copies(network(), copies, np.ones((5, 4, 3))).spikes.any()
