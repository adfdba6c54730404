"""Encoders and readouts: one contract for all, and values computed by hand."""

import json
import math

import numba
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import encoders, examples, same_bits

from neuro import (
    ENCODERS,
    READOUTS,
    Controller,
    Current,
    FlipFlop,
    InputError,
    Network,
    WinnerTakesAll,
)
from neuro.specs import from_table, to_table

SCALE = (2.0, 0.5, 1.0)
every_encoder = pytest.mark.parametrize("cls", ENCODERS.values(), ids=ENCODERS)
every_readout = pytest.mark.parametrize("cls", READOUTS.values(), ids=READOUTS)


@numba.njit
def compiled_encode(encode, observation, parameters, current, pulses):
    encode(observation, parameters, current, pulses)


@numba.njit
def compiled_read_out(read_out, counts, parameters, action):
    read_out(counts, parameters, action)


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


# --- the contract of encoders ----------------------------------------------------------------


@every_encoder
def test_encoder_tables_round_trip(cls):
    encoder = cls(scale=SCALE)
    table = to_table(encoder)
    assert table["name"] == cls.name
    assert from_table(ENCODERS, json.loads(json.dumps(table)), "encoder") == encoder
    assert from_table(ENCODERS, {"name": cls.name, "scale": list(SCALE)}, "encoder") == encoder


@every_encoder
def test_encoder_shapes(cls):
    encoder = cls(scale=SCALE)
    assert encoder.observations == 3
    assert isinstance(encoder.ticks, int)
    assert encoder.graded or isinstance(encoder.gain, float)
    assert encoder.parameters().dtype == np.float64
    assert encoder.parameters().ndim == 1
    assert hash(encoder) == hash(cls(scale=list(SCALE)))


OBSERVATIONS = st.lists(
    st.sampled_from((0.0, -0.0, 1.0, -2.0, 1e300, -1e300, 5e-324)) | st.floats(-5.0, 5.0),
    min_size=3,
    max_size=3,
)


@given(encoders(3), OBSERVATIONS)
@examples(400)
def test_encoders_write_only_where_they_may(encoder, observation):
    current, pulses = encode(encoder, observation)
    assert np.isfinite(current).all()
    if encoder.graded:
        assert not pulses.any()
        assert np.abs(current).max() <= 1.0
    else:
        assert not current.any()
        assert max([t for row in ticks_of(pulses) for t in row], default=0) < encoder.ticks
    again = encode(encoder, observation, compiled=True)
    assert same_bits(current, again[0])
    assert np.array_equal(pulses, again[1])


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
    assert ticks_of(encode(encoder, [value])[1]) == [[], ticks]
    assert ticks_of(encode(encoder, [-value])[1]) == ([ticks, []] if value else [[], []])


def test_flip_flop_defaults_are_those_of_the_benchmark():
    """Plank, Rizzo, White & Schuman 2025: 24 ticks, up to 8 spikes, every third tick."""
    encoder = FlipFlop(scale=(2.4,))
    assert (encoder.ticks, encoder.spikes, encoder.period, encoder.gain) == (24, 8, 3, 1.0)
    assert encoder.parameters().tolist() == [8.0, 3.0, 2.4]


def test_flip_flop_channels_go_by_value_and_sign():
    pulses = encode(FlipFlop(SCALE, ticks=4, spikes=2, period=2), [2.0, -0.25, 0.0])[1]
    assert ticks_of(pulses) == [[], [0, 2], [0], [], [], []]


def test_flip_flop_beyond_64_ticks():
    encoder = FlipFlop(scale=(1.0,), ticks=130, spikes=3, period=64)
    pulses = encode(encoder, [1.0])[1]
    assert pulses.shape == (2, 3)
    assert ticks_of(pulses) == [[], [0, 64, 128]]
    every = FlipFlop(scale=(1.0,), ticks=130, spikes=130, period=1)
    assert ticks_of(encode(every, [-1.0])[1]) == [list(range(130)), []]


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


# --- current ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "expected"),
    [(0.0, 0.0), (1.0, 0.5), (-1.0, -0.5), (2.0, 1.0), (9.0, 1.0), (-9.0, -1.0), (0.6, 0.3)],
)
def test_current_is_a_clipped_ratio(value, expected):
    current, pulses = encode(Current(scale=(2.0,)), [value])
    assert current.tolist() == [expected, 1.0]
    assert pulses.shape == (2, 1)


def test_current_keeps_the_sign_of_zero():
    current, _ = encode(Current(scale=(2.0,)), [-0.0])
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


# --- readouts --------------------------------------------------------------------------------


@every_readout
def test_readout_tables_round_trip(cls):
    table = to_table(cls())
    assert table["name"] == cls.name
    assert from_table(READOUTS, json.loads(json.dumps(table)), "readout") == cls()
    assert cls().parameters().dtype == np.float64
    assert cls().parameters().ndim == 1


@every_readout
@given(data=st.data())
@examples(100)
def test_readouts_write_an_action_and_nothing_else(cls, data):
    readout = cls()
    actions = data.draw(st.integers(1, 6))
    size = readout.outputs(actions)
    counts = np.array(data.draw(st.lists(st.integers(0, 9), min_size=size, max_size=size)))
    counts.setflags(write=False)
    action = np.full(1, np.nan)
    readout.kernel(counts, readout.parameters(), action)
    assert np.isfinite(action).all()
    again = np.full(1, np.nan)
    compiled_read_out(readout.kernel, counts.copy(), readout.parameters(), again)
    assert action.tolist() == again.tolist()


@pytest.mark.parametrize(
    ("counts", "action"),
    [([0], 0), ([0, 0, 0], 0), ([0, 1], 1), ([2, 2], 0), ([1, 3, 3, 2], 1), ([5, 4, 9], 2)],
)
def test_winner_takes_all(counts, action):
    result = np.empty(1)
    WinnerTakesAll.kernel(np.array(counts), np.empty(0), result)
    assert result[0] == action
    assert WinnerTakesAll().outputs(len(counts)) == len(counts)


def test_spikes_are_counted_over_the_whole_decision():
    """Output 1 fires at each of 70 ticks, output 0 at each but one."""
    network = Network.build(
        {"bias": [1.0, 1.0], "v_leak": [-1.0, 0.0]}, outputs=[0, 1],
        encoder=Current(scale=(1.0,), ticks=70), readout=WinnerTakesAll(),
    )  # fmt: skip
    controller = Controller(network)
    assert controller.act([0.0])[0] == 1.0
    assert controller.spikes.sum(axis=0).tolist() == [69, 70]


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
        (lambda: from_table(ENCODERS, {"name": "rate"}, "encoder"),
         "encoder.name: expected one of flip-flop, current, got rate"),
        (lambda: from_table(ENCODERS, "current", "encoder"),
         "encoder: expected a table with a name, got current"),
        (lambda: from_table(ENCODERS, {"name": "current"}, "encoder"),
         "encoder.scale: the parameter is missing"),
        (lambda: from_table(ENCODERS, {"name": "current", "scale": [1], "gain": 1}, "encoder"),
         "encoder.gain: unknown parameter of current; expected scale, ticks"),
        (lambda: from_table(ENCODERS, {"name": "current", "scale": [0]}, "encoder"),
         "encoder.scale[0]: expected a number from 1e-09 to 1e+09, got 0"),
        (lambda: from_table(READOUTS, {"name": 3}, "readout"),
         "readout.name: expected one of winner-takes-all, got 3"),
        (lambda: from_table(READOUTS, {"name": "winner-takes-all", "k": 1}, "readout"),
         "readout.k: unknown parameter of winner-takes-all; expected none"),
    ],
)  # fmt: skip
def test_refused_with_one_line(make, line):
    with pytest.raises(InputError) as error:
        make()
    assert str(error.value).startswith(line)
    assert "\n" not in str(error.value)
