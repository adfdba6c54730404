"""Encoders: one contract for all, and values computed by hand."""

import json
import math

import numba
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import encoders, examples, same_bits

from neuro import Controller, InputError, Network, WinnerTakesAll, load, save
from neuro.encoders import (
    ENCODERS,
    Argyle,
    Bins,
    Current,
    FlipFlop,
    Latency,
    Population,
    Rate,
)
from neuro.hashing import hash_words, uniform
from neuro.specs import from_table, to_table

SCALE = (2.0, 0.5, 1.0)
every_encoder = pytest.mark.parametrize("cls", ENCODERS.values(), ids=ENCODERS)


@numba.njit
def compiled_encode(encode, observation, parameters, current, pulses):
    encode(observation, parameters, current, pulses)


def encode(encoder, observation, compiled=False):
    """What an encoder writes into zeroed arrays: channel values and pulse words."""
    current = np.zeros(encoder.channels)
    pulses = np.zeros((encoder.channels, (encoder.ticks + 63) // 64), dtype=np.uint64)
    arguments = np.array(observation, dtype=float), encoder.parameters(), current, pulses
    if compiled:
        compiled_encode(encoder.kernel, *arguments)
    else:
        arguments[0].setflags(write=False)
        arguments[1].setflags(write=False)
        encoder.kernel(*arguments)
    return current, pulses


def ticks_of(pulses):
    """Ticks at which each channel has a pulse."""
    return [
        [t for t in range(64 * len(row)) if row[t // 64] >> (t % 64) & 1] for row in pulses.tolist()
    ]


def pulses_at(encoder, *values):
    return ticks_of(encode(encoder, values)[1])


# --- the contract ----------------------------------------------------------------------------


@every_encoder
@pytest.mark.parametrize("center", [(), (0.5, -1.0, 1e-3)])
def test_tables_round_trip(cls, center):
    encoder = cls(scale=SCALE, center=center)
    table = to_table(encoder)
    assert table["name"] == cls.name
    assert table["center"] == list(center or (0.0, 0.0, 0.0))
    assert list(table)[-1] == "center"
    assert from_table(ENCODERS, json.loads(json.dumps(table)), "encoder") == encoder


@every_encoder
def test_tables_may_leave_everything_but_the_scale_out(cls):
    """As files do that were written before encoders had a center."""
    table = {"name": cls.name, "scale": list(SCALE)}
    assert from_table(ENCODERS, table, "encoder") == cls(scale=SCALE)
    assert from_table(ENCODERS, {**table, "center": []}, "encoder") == cls(scale=SCALE)


@every_encoder
def test_files_round_trip(cls, tmp_path):
    encoder = cls(scale=SCALE, center=(0.1, 0.2, 0.3))
    ends = 0 if encoder.graded else encoder.channels
    network = Network.build(ends + 1, inputs=range(ends), outputs=[ends], encoder=encoder)
    assert load(save(network, tmp_path / "network.json")).encoder == encoder


@every_encoder
def test_shapes(cls):
    encoder = cls(scale=SCALE)
    assert encoder.observations == 3
    assert encoder.channels > 0
    assert isinstance(encoder.ticks, int)
    assert encoder.graded or isinstance(encoder.gain, float)
    assert encoder.parameters().dtype == np.float64
    assert encoder.parameters().ndim == 1
    assert hash(encoder) == hash(cls(scale=list(SCALE), center=[0, 0, 0]))
    assert encoder == cls(scale=np.array(SCALE), center=np.zeros(3))


OBSERVATIONS = st.lists(
    st.sampled_from((0.0, -0.0, 0.25, 1.0, -2.0, 1e300, -1e300, 5e-324)) | st.floats(-5.0, 5.0),
    min_size=3,
    max_size=3,
)


@given(encoders(3), OBSERVATIONS)
@examples(1000)
def test_encoders_write_only_where_they_may(encoder, observation):
    current, pulses = encode(encoder, observation)
    assert np.isfinite(current).all()
    if encoder.graded:
        assert not pulses.any()
        assert np.abs(current).max() <= 1.0
    else:
        assert not current.any()
        assert max([t for row in ticks_of(pulses) for t in row], default=0) < encoder.ticks
    for again in (encode(encoder, observation), encode(encoder, observation, compiled=True)):
        assert same_bits(current, again[0])
        assert np.array_equal(pulses, again[1])


@every_encoder
@given(values=st.lists(st.integers(-40, 40), min_size=3, max_size=3))
@examples(50)
def test_only_the_place_in_the_range_matters(cls, values):
    """Differences and quotients by powers of two are exact; the rate's draws are of the value."""
    x = np.array(values) / 8.0
    options = {"peak": 1.0} if cls is Rate else {}
    moved = cls(scale=(4.0, 1.0, 2.0), center=(1.0, -2.0, 0.25), **options)
    if cls is Rate:
        x = np.sign(x) * 5.0
    for ours, theirs in zip(
        encode(cls(scale=(2.0, 0.5, 1.0), **options), x),
        encode(moved, 2.0 * x + np.array(moved.center)), strict=True,
    ):  # fmt: skip
        assert np.array_equal(ours, theirs)


def channel_groups(encoder, observation):
    """What each value of the observation makes, without a constant channel."""
    current, pulses = encode(encoder, observation)
    if encoder.graded:
        return np.split(current[:-1], encoder.observations)
    return np.split(pulses, encoder.observations)


@pytest.mark.parametrize("cls", [c for c in ENCODERS.values() if c is not Rate])
def test_each_value_has_channels_of_its_own(cls):
    base, changed = [0.3, 0.1, -0.6], [0.3, -0.4, -0.6]
    first, second = (channel_groups(cls(scale=SCALE), x) for x in (base, changed))
    assert [np.array_equal(a, b) for a, b in zip(first, second, strict=True)] == [True, False, True]


# --- flip-flop -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "count"),
    [
        # scale 2, 8 spikes: ceil(min(|x| / 2, 1) * 8)
        (0.0, 0), (-0.0, 0), (0.5, 2), (0.51, 3), (0.25, 1), (1e-300, 1), (1.99, 8), (2.0, 8),
        (2.1, 8), (1e300, 8), (1.75, 7), (np.nextafter(1.75, 2.0), 8),
    ],
)  # fmt: skip
def test_flip_flop_counts(value, count):
    encoder = FlipFlop(scale=(2.0,))
    ticks = list(range(0, 3 * count, 3))
    assert pulses_at(encoder, value) == [[], ticks]
    assert pulses_at(encoder, -value) == ([ticks, []] if value else [[], []])


def test_flip_flop_defaults_are_those_of_the_benchmark():
    """Plank, Rizzo, White & Schuman 2025: 24 ticks, up to 8 spikes, every third tick."""
    encoder = FlipFlop(scale=(2.4,))
    assert (encoder.ticks, encoder.spikes, encoder.period, encoder.gain) == (24, 8, 3, 1.0)
    assert encoder.parameters().tolist() == [8.0, 3.0, 2.4, 0.0]


def test_flip_flop_channels_go_by_value_and_sign():
    encoder = FlipFlop(SCALE, ticks=4, spikes=2, period=2)
    assert pulses_at(encoder, 2.0, -0.25, 0.0) == [[], [0, 2], [0], [], [], []]


def test_flip_flop_counts_from_the_center():
    encoder = FlipFlop((2.0,), center=(10.0,))
    assert pulses_at(encoder, 10.0) == [[], []]
    assert pulses_at(encoder, 10.5) == [[], [0, 3]]
    assert pulses_at(encoder, 9.5) == [[0, 3], []]


def test_flip_flop_beyond_64_ticks():
    encoder = FlipFlop(scale=(1.0,), ticks=130, spikes=3, period=64)
    assert encode(encoder, [1.0])[1].shape == (2, 3)
    assert pulses_at(encoder, 1.0) == [[], [0, 64, 128]]
    every = FlipFlop(scale=(1.0,), ticks=130, spikes=130, period=1)
    assert pulses_at(every, -1.0) == [list(range(130)), []]


@pytest.mark.parametrize("ticks", [63, 64, 65, 128, 129])
def test_pulses_reach_the_input_neurons(ticks):
    """Each pulse is `gain` for one tick; inputs are wired in the order of the channels."""
    encoder = FlipFlop((1.0,), ticks, ticks, 1, gain=0.3)
    network = Network.build(
        3, inputs=[2, 0], outputs=[1], encoder=encoder, readout=WinnerTakesAll()
    )
    controller = Controller(network)
    controller.act([-1.0])
    assert controller.ext.tolist() == [[0.0, 0.0, 0.3]] * ticks
    controller.act([0.5])
    half = math.ceil(ticks / 2)
    assert controller.ext.tolist() == [[0.3, 0.0, 0.0]] * half + [[0.0] * 3] * (ticks - half)


# --- bins ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "index"),
    [
        # scale 2, 4 bins: [-2, -1), [-1, 0), [0, 1), [1, 2]
        (-1e300, 0), (-2.0, 0), (np.nextafter(-1.0, -2.0), 0), (-1.0, 1), (-0.5, 1), (-0.0, 2),
        (0.0, 2), (0.99, 2), (1.0, 3), (2.0, 3), (1e300, 3),
    ],
)  # fmt: skip
def test_bins_are_closed_on_the_left(value, index):
    expected = [[], [], [], []]
    expected[index] = list(range(0, 24, 3))
    assert pulses_at(Bins(scale=(2.0,)), value) == expected


def test_bins_of_several_values():
    encoder = Bins((1.0, 1.0), ticks=70, bins=3, spikes=2, period=64, center=(0.0, 5.0))
    assert pulses_at(encoder, -1.0, 5.0) == [[0, 64], [], [], [], [0, 64], []]


# --- argyle ----------------------------------------------------------------------------------


def test_argyle_follows_the_sine_example_of_tennlab():
    """3 fields, 61 spikes, 120 regions of 0 to 2 pi; r < 60: 60 - r and r + 1 spikes."""
    encoder = Argyle(
        (math.pi,), ticks=240, fields=3, spikes=61, period=3, center=(math.pi,)
    )  # fmt: skip
    for region, value in ((0, 0.0), (59, 3.14), (119, 6.28)):
        expected = [0, 0, 0]
        if region < 60:
            expected[:2] = 60 - region, region + 1
        else:
            expected[1:] = 120 - region, region - 59
        trains = pulses_at(encoder, value)
        assert [len(train) for train in trains] == expected
        assert all(train == list(range(0, 3 * len(train), 3)) for train in trains)


@pytest.mark.parametrize(
    ("value", "counts"),
    [
        # 3 spikes, 3 fields: regions [-2, -1), [-1, 0), [0, 1), [1, 2]
        (-9.0, [2, 1, 0]), (-2.0, [2, 1, 0]), (-1.0, [1, 2, 0]), (-0.01, [1, 2, 0]),
        (0.0, [0, 2, 1]), (0.99, [0, 2, 1]), (1.0, [0, 1, 2]), (2.0, [0, 1, 2]),
    ],
)  # fmt: skip
def test_argyle_shares_its_spikes_between_neighbours(value, counts):
    encoder = Argyle((2.0, 1.0), ticks=4, fields=3, spikes=3, period=3)
    trains = pulses_at(encoder, value, -1.0)
    assert trains == [*([0, 3][:n] for n in counts), [0, 3], [0], []]


@given(st.floats(-2.0, 2.0), st.integers(2, 9), st.integers(2, 7))
@examples(200)
def test_argyle_always_makes_the_same_number_of_spikes(value, spikes, fields):
    trains = pulses_at(Argyle((1.0,), fields=fields, spikes=spikes), value)
    assert sum(map(len, trains)) == spikes
    assert sum(map(bool, trains)) == 2


# --- latency ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "tick"),
    # scale 2, 9 ticks: int((1 - |x| / 2) * 8 + 0.5)
    [(2.0, 0), (5.0, 0), (1.875, 1), (1.88, 0), (1.5, 2), (1.0, 4), (0.1, 8), (1e-300, 8)],
)
def test_latency_of_signed_values(value, tick):
    encoder = Latency((2.0,), ticks=9)
    assert pulses_at(encoder, value) == [[], [tick]]
    assert pulses_at(encoder, -value) == [[tick], []]


def test_latency_has_no_pulse_at_the_center():
    assert pulses_at(Latency((2.0,), center=(3.0,)), 3.0) == [[], []]
    assert pulses_at(Latency((2.0,)), -0.0) == [[], []]


@pytest.mark.parametrize(
    ("value", "tick"), [(2.0, 0), (9.0, 0), (1.0, 2), (0.0, 4), (-1.0, 6), (-2.0, 8), (-9.0, 8)]
)
def test_latency_over_the_whole_range(value, tick):
    assert pulses_at(Latency((2.0,), ticks=9, signed=False), value) == [[tick]]


def test_latency_at_the_edges_of_words():
    encoder = Latency((64.0,), ticks=65)
    assert [pulses_at(encoder, x)[1] for x in (64.0, 1.0, 0.5)] == [[0], [63], [64]]
    assert pulses_at(Latency((2.0,), ticks=1), -0.1) == [[0], []]


# --- rate ------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", [0, 1, 2**53])
@pytest.mark.parametrize("signed", [True, False])
def test_rate_draws_are_hashes(seed, signed):
    """H(seed, bits of all values, channel, tick), with the hash of structural keys."""
    encoder = Rate((2.0, 1.0), 70, 0.75, signed, seed, center=(0.5, 0.0))
    x = np.array([1.5, -0.25])
    chances = {1: 0.375, 2: 0.1875} if signed else {0: 0.75 * 0.75, 1: 0.75 * 0.375}
    expected = []
    for channel in range(encoder.channels):
        draws = uniform(hash_words(seed, *x.view(np.uint64), channel, np.arange(70)))
        expected.append(np.flatnonzero(draws < chances.get(channel, 0.0)).tolist())
    assert pulses_at(encoder, *x) == expected
    assert sum(map(len, expected)) > 0


def test_rate_extremes():
    assert pulses_at(Rate((2.0,), 70, 1.0), 2.0) == [[], list(range(70))]
    assert pulses_at(Rate((2.0,), 70, 1.0), -9.0) == [list(range(70)), []]
    assert pulses_at(Rate((2.0,), 70, 1.0), 0.0) == [[], []]
    assert pulses_at(Rate((2.0,), 70, 0.0), 2.0) == [[], []]
    assert pulses_at(Rate((2.0,), 70, 1.0, signed=False), 2.0) == [list(range(70))]
    assert pulses_at(Rate((2.0,), 70, 1.0, signed=False), -2.0) == [[]]


def test_rate_trains_belong_to_the_observation():
    encoder = Rate((1.0, 1.0), ticks=60)
    base = pulses_at(encoder, 0.5, 0.0)
    assert pulses_at(encoder, 0.5, -0.0) == base  # equal observations
    for other in ([0.5, 5e-324], [np.nextafter(0.5, 1.0), 0.0]):
        assert pulses_at(encoder, *other)[1] != base[1]
    assert pulses_at(Rate((1.0, 1.0), ticks=60, seed=1), 0.5, 0.0) != base


def test_rate_statistics():
    """Means within five standard errors; trains of channels and of ticks are uncorrelated."""
    encoder, count = Rate((1.0, 1.0), 20, 0.6, signed=False), 2000
    rng = np.random.default_rng(5)
    draws = np.zeros((count, 2, 20))
    chances = np.empty((count, 2))
    for k in range(count):
        x = rng.uniform(-1.2, 1.2, 2)
        chances[k] = 0.6 * (np.clip(x, -1.0, 1.0) + 1.0) / 2.0
        words = encode(encoder, x, compiled=True)[1]
        draws[k] = words >> np.arange(20, dtype=np.uint64) & np.uint64(1)
    spread = chances * (1.0 - chances)
    error = (draws - chances[:, :, None]).sum(axis=(0, 2))
    assert (np.abs(error) < 5.0 * np.sqrt(20 * spread.sum(axis=0))).all()
    noise = (draws - chances[:, :, None]) / np.sqrt(np.maximum(spread, 1e-12))[:, :, None]
    inside = (spread > 1e-3).all(axis=1)
    assert inside.sum() > 1000
    pairs = np.corrcoef(noise[inside].reshape(-1, 40).T) - np.eye(40)
    assert np.abs(pairs).max() < 5.0 / np.sqrt(inside.sum())


# --- current ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "expected"),
    [(0.0, 0.0), (1.0, 0.5), (-1.0, -0.5), (2.0, 1.0), (9.0, 1.0), (-9.0, -1.0), (0.6, 0.3)],
)
def test_current_is_a_clipped_ratio(value, expected):
    current, pulses = encode(Current(scale=(2.0,)), [value])
    assert current.tolist() == [expected, 1.0]
    assert pulses.shape == (2, 1)


def test_current_counts_from_the_center():
    current, _ = encode(Current(scale=(2.0, 4.0), center=(10.0, -1.0)), [11.0, -9.0])
    assert current.tolist() == [0.5, -1.0, 1.0]


@pytest.mark.parametrize("compiled", [False, True])
def test_current_keeps_the_sign_of_zero(compiled):
    current, _ = encode(Current(scale=(2.0,)), [-0.0], compiled)
    assert np.signbit(current[0])


def test_current_reaches_neurons_through_input_synapses():
    """Sums in the order of channels: (0.1 + 0.2) + 0.3 is not 0.1 + (0.2 + 0.3)."""
    network = Network.build(
        {"v_threshold": [9.0, 9.0]},
        input_synapses=[(0, 0, 0.1), (1, 0, 0.2), (2, 0, 0.3), (0, 1, -4.0), (2, 1, 1.0)],
        outputs=[0], encoder=Current(scale=(1.0, 1.0), ticks=2), readout=WinnerTakesAll(),
    )  # fmt: skip
    controller = Controller(network)
    controller.act([1.0, 5.0])
    assert controller.ext.tolist() == [[(0.1 + 0.2) + 0.3, -3.0]] * 2
    assert (0.1 + 0.2) + 0.3 != 0.1 + (0.2 + 0.3)
    controller.act([-0.5, 0.0])
    assert controller.ext.tolist() == [[(-0.05 + 0.0) + 0.3, 3.0]] * 2


# --- population ------------------------------------------------------------------------------


def test_population_fields():
    """Middles -1, 0, 1; sigma is 0.5 of a space of 1; exp(-2), exp(-1/2) and exp(-9/2)."""
    encoder = Population((2.0,), fields=3, width=0.5)
    near, half, far = math.exp(-2.0), math.exp(-0.5), math.exp(-4.5)
    assert encode(encoder, [0.0])[0].tolist() == [near, 1.0, near, 1.0]
    assert encode(encoder, [1.0])[0].tolist() == [far, half, half, 1.0]
    assert encode(encoder, [9.0])[0].tolist() == [math.exp(-8.0), near, 1.0, 1.0]


def test_population_fields_are_symmetric_about_the_center():
    encoder = Population((2.0, 1.0), fields=5, center=(1.0, 0.0))
    above, below = (encode(encoder, [x, 0.0])[0] for x in (1.75, 0.25))
    assert np.array_equal(above[:5], below[4::-1])
    assert above[5:].tolist() == below[5:].tolist()
    assert above[7] == above[10] == 1.0


# --- what is refused -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "line"),
    [
        (lambda: Current(scale=()), "scale: expected a list of at least one number, got ()"),
        (lambda: Current(scale=2.0), "scale: expected a list of at least one number, got 2.0"),
        (lambda: Current(scale="12"), "scale: expected a list of at least one number, got 12"),
        (lambda: Current(scale=(1.0, 0.0)), "scale[1]: expected a number from 1e-09 to 1e+09, got"),
        (lambda: Current(scale=(-1.0,)), "scale[0]: expected a number from 1e-09 to 1e+09, got -1"),
        (lambda: Current(scale=(math.nan,)), "scale[0]: expected a number from 1e-09 to 1e+09, g"),
        (lambda: Current(scale=(math.inf,)), "scale[0]: expected a number from 1e-09 to 1e+09, g"),
        (lambda: Current(scale=("1",)), "scale[0]: expected a number from 1e-09 to 1e+09, got 1"),
        (lambda: Current(scale=(True,)), "scale[0]: expected a number from 1e-09 to 1e+09, got T"),
        (lambda: Current(SCALE, center=(0.0,)), "center: expected as many numbers as scale has, 3"),
        (lambda: Current(SCALE, center=3.0), "center: expected a list of at least one number, go"),
        (lambda: Current(SCALE, center=None), "center: expected a list of at least one number, g"),
        (lambda: Current(SCALE, center=(0, 1e10, 0)), "center[1]: expected a number from -1e+09"),
        (lambda: Current(SCALE, center=(0, 0, math.nan)), "center[2]: expected a number from -1"),
        (lambda: Current(SCALE, ticks=0), "ticks: expected a whole number from 1 to 10000, got 0"),
        (lambda: Current(SCALE, ticks=10_001), "ticks: expected a whole number from 1 to 10000"),
        (lambda: Current(SCALE, ticks=2.0), "ticks: expected a whole number from 1 to 10000, got"),
        (lambda: Current(SCALE, ticks=True), "ticks: expected a whole number from 1 to 10000, go"),
        (lambda: FlipFlop(SCALE, period=0), "period: expected a whole number from 1 to 24, got 0"),
        (lambda: FlipFlop(SCALE, period=25), "period: expected a whole number from 1 to 24, got 2"),
        (lambda: FlipFlop(SCALE, spikes=0), "spikes: expected a whole number from 1 to 8, got 0"),
        (lambda: FlipFlop(SCALE, spikes=9), "spikes: expected a whole number from 1 to 8, got 9"),
        (lambda: FlipFlop(SCALE, gain=math.nan), "gain: expected a number from -1e+09 to 1e+09"),
        (lambda: FlipFlop(SCALE, gain="1"), "gain: expected a number from -1e+09 to 1e+09, got 1"),
        (lambda: Bins(SCALE, bins=1), "bins: expected a whole number from 2 to 1000, got 1"),
        (lambda: Bins(SCALE, spikes=9), "spikes: expected a whole number from 1 to 8, got 9"),
        (lambda: Argyle(SCALE, fields=1), "fields: expected a whole number from 2 to 1000, got 1"),
        (lambda: Argyle(SCALE, spikes=1), "spikes: expected a whole number from 2 to 9, got 1"),
        (lambda: Argyle(SCALE, spikes=10), "spikes: expected a whole number from 2 to 9, got 10"),
        (lambda: Latency(SCALE, signed=1), "signed: expected true or false, got 1"),
        (lambda: Latency(SCALE, gain=1e10), "gain: expected a number from -1e+09 to 1e+09, got"),
        (lambda: Rate(SCALE, signed=None), "signed: expected true or false, got None"),
        (lambda: Rate(SCALE, peak=1.5), "peak: expected a number from 0 to 1, got 1.5"),
        (lambda: Rate(SCALE, peak=-0.1), "peak: expected a number from 0 to 1, got -0.1"),
        (lambda: Rate(SCALE, seed=-1), "seed: expected a whole number from 0 to 9007199254740992"),
        (lambda: Rate(SCALE, seed=2**53 + 1), "seed: expected a whole number from 0 to 900719925"),
        (lambda: Population(SCALE, fields=1), "fields: expected a whole number from 2 to 1000, "),
        (lambda: Population(SCALE, width=0.0), "width: expected a number from 0.001 to 1000, got"),
        (lambda: from_table(ENCODERS, {"name": "poisson"}, "encoder"),
         f"encoder.name: expected one of {', '.join(ENCODERS)}, got poisson"),
        (lambda: from_table(ENCODERS, "current", "encoder"),
         "encoder: expected a table with a name, got current"),
        (lambda: from_table(ENCODERS, {"name": "current"}, "encoder"),
         "encoder.scale: the parameter is missing"),
        (lambda: from_table(ENCODERS, {"name": "current", "scale": [1], "gain": 1}, "encoder"),
         "encoder.gain: unknown parameter of current; expected scale, ticks, center"),
        (lambda: from_table(ENCODERS, {"name": "current", "scale": [0]}, "encoder"),
         "encoder.scale[0]: expected a number from 1e-09 to 1e+09, got 0"),
        (lambda: from_table(ENCODERS, {"name": "bins", "scale": [1], "center": [0, 0]}, "encoder"),
         "encoder.center: expected as many numbers as scale has, 1, got 2"),
    ],
)  # fmt: skip
def test_refused_with_one_line(make, line):
    with pytest.raises(InputError) as error:
        make()
    assert str(error.value).startswith(line)
    assert "\n" not in str(error.value)
