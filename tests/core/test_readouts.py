"""Readouts: one contract for all, and values computed by hand."""

import json
from dataclasses import FrozenInstanceError, fields, replace

import numba
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import any_actions, boxes, examples, readouts, same_bits, suits

from neuro import (
    READOUTS,
    Box,
    Controller,
    Current,
    FirstToSpike,
    HighestPotential,
    InputError,
    LaneController,
    Network,
    Potential,
    SpikeRate,
    Twin,
    WinnerTakesAll,
)
from neuro.actions import check_actions, count_values, describe_actions
from neuro.readouts import SEES
from neuro.specs import from_table, to_table

every_readout = pytest.mark.parametrize("cls", READOUTS.values(), ids=READOUTS)
CHOOSING = [cls for cls in READOUTS.values() if suits(cls, 2)]
CONTINUOUS = [cls for cls in READOUTS.values() if suits(cls, Box([-1], [1]))]
several = st.lists(st.integers(1, 4), min_size=1, max_size=3).map(tuple)


def actions_for(cls):
    """Actions of a kind that suits a readout."""
    return boxes() if cls in CONTINUOUS else st.integers(1, 5) | several


def draw_seen(data, readout, outputs, ticks=130):
    """What a network may show to a readout."""
    if readout.sees == "potential":
        value = st.sampled_from((0.0, -0.0, 1.0, -1.0, 1e100, -1e100)) | st.floats(-3.0, 3.0)
    else:
        value = st.integers(0, ticks).map(float)
    return np.array(data.draw(st.lists(value, min_size=outputs, max_size=outputs)))


@numba.njit
def compiled_read_out(read_out, seen, parameters, action):
    read_out(seen, parameters, action)


def read(readout, seen):
    """The action that follows from what is seen of the outputs."""
    action = np.full(readout.values, np.nan)
    readout.kernel(np.array(seen, dtype=np.float64), readout.parameters(), action)
    return action.tolist()


# --- the contract -----------------------------------------------------------------------------


def test_every_readout_is_for_choices_or_for_continuous_values():
    assert {*CHOOSING, *CONTINUOUS} == set(READOUTS.values())
    assert not {*CHOOSING} & {*CONTINUOUS}


@every_readout
@given(data=st.data())
@examples(50)
def test_tables_round_trip(cls, data):
    readout = data.draw(readouts(data.draw(actions_for(cls)), cls))
    table = to_table(readout)
    assert table["name"] == cls.name == readout.name
    assert READOUTS[cls.name] is cls
    assert from_table(READOUTS, json.loads(json.dumps(table)), "readout") == readout
    for name in [f.name for f in fields(readout)]:
        with pytest.raises(FrozenInstanceError):
            setattr(readout, name, None)


@every_readout
@given(data=st.data())
@examples(100)
def test_what_a_readout_says_of_itself(cls, data):
    actions = data.draw(actions_for(cls))
    readout = data.draw(readouts(actions, cls))
    assert readout.sees in SEES
    assert readout.values == count_values(actions)
    outputs = readout.outputs(actions)
    assert outputs >= readout.values
    assert readout.size in (None, outputs)
    parameters = readout.parameters()
    assert parameters.dtype == np.float64
    assert parameters.ndim == 1
    assert np.isfinite(parameters).all()
    columns = readout.neurons(outputs)
    assert columns.keys() <= {"tau_mem", "v_threshold", "v_min"}
    assert all(column.shape == (outputs,) for column in columns.values())
    # Potentials of outputs that reset would say little; the other readouts need spikes.
    silent = np.isinf(columns.get("v_threshold", np.ones(1))).all()
    assert silent == (readout.sees == "potential")
    if silent:  # a floor would let them go up but not down
        assert (columns["v_min"] == -np.inf).all()
    Network.build(
        {"v_threshold": np.ones(outputs), **columns}, outputs=range(outputs), readout=readout
    )  # fmt: skip


@every_readout
@given(data=st.data())
@examples(100)
def test_parameters_for_actions_make_it_fit(cls, data):
    actions = data.draw(actions_for(cls))
    given = cls.for_actions(actions)
    json.dumps(given)
    readout = from_table(READOUTS, {**given, "name": cls.name}, "readout")
    assert readout.values == count_values(actions)
    assert readout.outputs(actions) >= 1


@every_readout
@given(data=st.data())
@examples(200)
def test_readouts_write_an_action_and_nothing_else(cls, data):
    actions = data.draw(actions_for(cls))
    readout = data.draw(readouts(actions, cls))
    seen = draw_seen(data, readout, readout.outputs(actions))
    parameters = readout.parameters()
    kept = seen.copy(), parameters.copy()
    action, again = np.full((2, readout.values), np.nan)
    readout.kernel(seen, parameters, action)
    compiled_read_out(readout.kernel, seen, parameters, again)
    assert same_bits(action, again)
    assert same_bits(seen, kept[0])
    assert same_bits(parameters, kept[1])
    if isinstance(actions, Box):
        # Rounding: the middle and half of a range add up to its ends to the last bit or so.
        low, high = np.array(actions.low), np.array(actions.high)
        slack = 1e-15 * np.maximum(np.abs(low), np.abs(high))
        assert (action >= low - slack).all()
        assert (action <= high + slack).all()
    else:
        counts = np.array(actions if isinstance(actions, tuple) else (actions,))
        assert (action == np.floor(action)).all()
        assert ((action >= 0) & (action < counts)).all()


@every_readout
@given(data=st.data())
@examples(100)
def test_other_actions_are_refused_with_one_line(cls, data):
    readout = data.draw(readouts(data.draw(actions_for(cls)), cls))
    others = several | st.integers(1, 5) if cls in CONTINUOUS else boxes()
    actions = data.draw(others)
    with pytest.raises(InputError) as error:
        readout.outputs(actions)
    assert str(error.value).startswith(f"readout {cls.name}: expected ")
    assert str(error.value).endswith(f": {describe_actions(actions)}")
    assert len(str(error.value).splitlines()) == 1
    assert not suits(cls, actions)


def test_refusals_name_what_was_expected():
    two, one = WinnerTakesAll(choices=[3, 2]), Box([-1], [1])
    cases = [
        (WinnerTakesAll(), (3, 2), "one choice (see its parameter `choices`), got choices: 3 x 2"),
        (WinnerTakesAll(), one, "one choice, got continuous values: [-1, 1]"),
        (two, 5, "choices [3, 2], got choices: 5"),
        (two, (2, 3), "choices [3, 2], got choices: 2 x 3"),
        (two, one, "choices [3, 2], got continuous values: [-1, 1]"),
        (SpikeRate([-1], [1]), 2, "[-1, 1], got choices: 2"),
        (SpikeRate([-1], [1]), Box([-1], [2]), "[-1, 1], got continuous values: [-1, 2]"),
        (Potential([-1, 0], [1, 5]), one, "[-1, 1] [0, 5], got continuous values: [-1, 1]"),
    ]
    for readout, actions, line in cases:
        with pytest.raises(InputError) as error:
            readout.outputs(actions)
        assert str(error.value) == f"readout {readout.name}: expected {line}"
    for cls in CONTINUOUS:
        with pytest.raises(InputError, match=rf"^readout {cls.name}: expected continuous values"):
            cls.for_actions(3)


def test_one_choice_may_be_given_as_several():
    for cls in CHOOSING:
        assert cls().outputs((4,)) == cls(choices=[4]).outputs(4) == cls(choices=4).outputs(4) == 4
        assert cls().size is None
        assert cls(choices=[3, 2]).size == 5
        assert cls(choices=[3, 2]).values == 2


@pytest.mark.parametrize(
    ("table", "line"),
    [
        ({"name": 3}, "readout.name: expected one of winner-takes-all, first-to-spike"),
        ({"name": "rates"}, "readout.name: expected one of winner-takes-all"),
        ({"name": "winner-takes-all", "k": 1},
         "readout.k: unknown parameter of winner-takes-all; expected choices"),
        ({"name": "first-to-spike", "choices": [2, 0]},
         "readout.choices[1]: expected a whole number from 1 to"),
        ({"name": "winner-takes-all", "choices": "two"}, "readout.choices[0]: expected a whole"),
        ({"name": "highest-potential", "tau": 0}, "readout.tau: expected a number from 1e-09"),
        ({"name": "rate", "low": [-1]}, "readout.high: the parameter is missing"),
        ({"name": "rate", "low": [-1], "high": [1, 2]}, "readout.high: expected 1 numbers as in"),
        ({"name": "rate", "low": [1], "high": [-1]}, "readout.high[0]: expected a number from 1"),
        ({"name": "rate", "low": [], "high": []}, "readout.low: expected a list of at least one"),
        ({"name": "rate", "low": [-1], "high": [1], "gain": float("nan")},
         "readout.gain: expected a number from"),
        ({"name": "rate", "low": [-1], "high": [1], "pairs": 1},
         "readout.pairs: expected true or false, got 1"),
        ({"name": "potential", "low": [-1], "high": [float("inf")]}, "readout.high[0]: expected"),
        ({"name": "potential", "low": [-1], "high": [1], "traces": []},
         "readout.traces: expected a list of at least one number"),
        ({"name": "potential", "low": [-1], "high": [1], "traces": [10, 0]},
         "readout.traces[1]: expected a number from"),
    ],
)  # fmt: skip
def test_refused_with_one_line(table, line):
    with pytest.raises(InputError) as error:
        from_table(READOUTS, table, "readout")
    assert str(error.value).startswith(line)
    assert "\n" not in str(error.value)


def test_the_nearest_name_is_suggested():
    with pytest.raises(InputError, match=r"got rates; did you mean rate\?$"):
        from_table(READOUTS, {"name": "rates"}, "readout")


@pytest.mark.parametrize(
    ("readout", "wanted"),
    [
        (WinnerTakesAll(choices=[3, 2]), 5), (FirstToSpike(choices=[2]), 2),
        (HighestPotential(choices=[2, 2]), 4), (SpikeRate([-1, 0], [1, 1]), 4),
        (SpikeRate([-1, 0], [1, 1], pairs=False), 2), (Potential([-1], [1], traces=[5, 50]), 2),
    ],
    ids=repr,
)  # fmt: skip
def test_networks_need_the_outputs_that_are_read(readout, wanted):
    """The kernels check no bounds: a readout that looks further would read foreign memory."""
    Network.build(9, outputs=range(wanted), readout=readout)
    for count in (0, wanted - 1, wanted + 1):
        with pytest.raises(InputError) as error:
            Network.build(9, outputs=range(count), readout=readout)
        expected = f"outputs: expected {wanted} neurons for the readout {readout.name}, got {count}"
        assert str(error.value) == expected


# --- actions ----------------------------------------------------------------------------------


@given(any_actions)
@examples(50)
def test_actions_are_what_they_were(actions):
    assert check_actions(actions) == actions
    assert count_values(actions) >= 1
    assert len(describe_actions(actions).splitlines()) == 1


@pytest.mark.parametrize("actions", [0, -1, True, 1.0, "2", (), (2, 0), (2, 1.5), [2, 2], None])
def test_what_is_no_action(actions):
    with pytest.raises(InputError, match=r"^actions"):
        check_actions(actions)


def test_boxes():
    box = Box(np.array([-1, 0]), [1.0, 0])
    assert (box.low, box.high) == ((-1.0, 0.0), (1.0, 0.0))
    for low, high, line in [
        ([0], [-1], r"^high\[0\]: expected a number from 0"), ([], [], "^low: expected a list"),
        ([0], [1, 2], "^high: expected 1 numbers as in low, got 2"),
        ([-np.inf], [1], r"^low\[0\]: expected"), ([0], [np.nan], r"^high\[0\]: expected"),
    ]:  # fmt: skip
        with pytest.raises(InputError, match=line):
            Box(low, high)


# --- values computed by hand ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("counts", "action"),
    [([0], 0), ([0, 0, 0], 0), ([0, 1], 1), ([2, 2], 0), ([1, 3, 3, 2], 1), ([5, 4, 9], 2)],
)
def test_winner_takes_all(counts, action):
    assert read(WinnerTakesAll(), counts) == [action]
    assert read(WinnerTakesAll(choices=[len(counts)]), counts) == [action]
    assert WinnerTakesAll().outputs(len(counts)) == len(counts)


@pytest.mark.parametrize(
    ("ticks", "action"),
    [([24], 0), ([24, 24], 0), ([24, 23], 1), ([0, 0], 0), ([7, 3, 3], 1), ([70, 66, 65, 65], 2)],
)
def test_first_to_spike(ticks, action):
    """24 ticks and no spike, or 100 and some late ones."""
    assert read(FirstToSpike(), ticks) == [action]
    assert read(FirstToSpike(choices=[len(ticks)]), ticks) == [action]


@pytest.mark.parametrize(
    ("potentials", "action"),
    [([0.0], 0), ([0.0, -0.0], 0), ([-0.0, 0.0], 0), ([-2.0, -1.0], 1), ([0.5, 0.5], 0),
     ([-1e100, 1e-100, 0.0], 1)],
)  # fmt: skip
def test_highest_potential(potentials, action):
    assert read(HighestPotential(), potentials) == [action]


def test_several_choices_have_outputs_one_after_another():
    wide, first, high = (cls(choices=[3, 2]) for cls in (WinnerTakesAll, FirstToSpike,
                                                         HighestPotential))  # fmt: skip
    assert read(wide, [1, 2, 0, 5, 9]) == [1, 1]
    assert read(wide, [0, 0, 4, 9, 5]) == [2, 0]
    assert read(wide, [0, 0, 0, 0, 0]) == [0, 0]
    assert read(wide, [4, 4, 4, 4, 4]) == [0, 0]
    assert read(first, [9, 9, 2, 1, 0]) == [2, 1]
    assert read(first, [10, 10, 10, 10, 10]) == [0, 0]
    assert read(high, [-1, -2, -0.5, -3, -2.5]) == [2, 1]
    assert read(WinnerTakesAll(choices=[1, 2, 1]), [0, 1, 5, 7]) == [0, 1, 0]


def test_rates_in_pairs():
    """Middle 2, half 3: the value is 2 + 3 * clip(0.25 * (up - down), -1, 1)."""
    readout = SpikeRate([-1.0], [5.0], gain=0.25)
    expected = {(0, 0): 2.0, (1, 0): 2.75, (0, 1): 1.25, (3, 1): 3.5, (4, 0): 5.0, (9, 0): 5.0,
                (0, 4): -1.0, (2, 99): -1.0, (7, 7): 2.0}  # fmt: skip
    for counts, value in expected.items():
        assert read(readout, counts) == [value]
    assert read(replace(readout, gain=-0.25), [1, 0]) == [1.25]


def test_rates_of_one_output_each():
    """The value is low + range * clip(0.25 * n, 0, 1)."""
    readout = SpikeRate([-1.0, 0.0], [5.0, 8.0], gain=0.25, pairs=False)
    assert read(readout, [0, 0]) == [-1.0, 0.0]
    assert read(readout, [1, 2]) == [0.5, 4.0]
    assert read(readout, [4, 100]) == [5.0, 8.0]
    assert read(replace(readout, gain=-1.0), [3, 3]) == [-1.0, 0.0]


def test_rates_of_several_values():
    readout = SpikeRate([-1.0, -8.0], [1.0, 8.0], gain=0.5)
    assert read(readout, [1, 0, 0, 1]) == [0.5, -4.0]
    assert read(readout, [0, 9, 2, 1]) == [-1.0, 4.0]


def test_potentials_as_values():
    """Middle 1, half 2: the value is 1 + 2 * clip(0.5 * sum of traces, -1, 1)."""
    readout = Potential([-1.0, -1.0], [3.0, 3.0], traces=[20.0, 100.0], gain=0.5)
    assert read(readout, [0.5, 0.25, 0.0, -1.0]) == [1.75, 0.0]
    assert read(readout, [2.0, -2.0, 4.0, -1.0]) == [1.0, 3.0]
    assert read(readout, [-3.0, 0.5, 1e100, 1e100]) == [-1.0, 3.0]
    assert readout.neurons(4)["tau_mem"].tolist() == [20.0, 100.0, 20.0, 100.0]
    assert readout.neurons(4)["v_threshold"].tolist() == [np.inf] * 4


def test_bounds_are_reached_exactly():
    """A difference in the last bit would be out of the task's bounds."""
    for low, high in ((-2.0, 2.0), (-10.0, 10.0), (0.0, 1.0), (-1.0, 0.0), (3.0, 3.0)):
        for cls in CONTINUOUS:
            up = cls([low], [high], gain=1e9)
            down = replace(up, gain=-1e9)
            seen = [1.0, 0.0][: up.size]
            assert read(up, seen) == [high]
            assert read(down, seen) == [low]


# --- in networks ------------------------------------------------------------------------------


def all_ways(network, observation):
    """The action of one decision, which all ways of taking it share."""
    twin, one, lanes = Twin(network), Controller(network), LaneController(network)
    for lane in (0, 9):
        lanes.begin(lane)
    action = one.act(observation).tolist()
    assert twin.act(observation)[0].tolist() == action
    assert lanes.act([observation])[0].tolist() == action
    fresh = LaneController(network)
    for lane in range(10):
        fresh.begin(lane)
    assert fresh.act([observation] * 10).tolist() == [action] * 10
    return action


def counting_up(readout, thresholds, ticks, **columns):
    """Neurons whose potential grows by 1 per tick; each fires when it reaches its threshold."""
    count = len(thresholds)
    return Network.build(
        {"bias": [1.0] * count, "v_threshold": thresholds, **columns}, outputs=range(count),
        encoder=Current(scale=(1.0,), ticks=ticks), readout=readout,
    )  # fmt: skip


def test_spikes_are_counted_over_the_whole_decision():
    """Output 1 fires at each of 70 ticks, output 0 at each but one."""
    network = Network.build(
        {"bias": [1.0, 1.0], "v_leak": [-1.0, 0.0]}, outputs=[0, 1],
        encoder=Current(scale=(1.0,), ticks=70), readout=WinnerTakesAll(),
    )  # fmt: skip
    controller = Controller(network)
    assert controller.act([0.0])[0] == 1.0
    assert controller.spikes.sum(axis=0).tolist() == [69, 70]
    assert all_ways(network, [0.0]) == [1.0]


def test_rates_are_counts_of_a_decision():
    """In 100 ticks thresholds of 3 and 7 are reached 33 and 14 times."""
    network = counting_up(SpikeRate([-100.0], [100.0], gain=0.01), [3.0, 7.0], 100)
    assert all_ways(network, [0.0]) == pytest.approx([19.0])


@pytest.mark.parametrize(
    ("thresholds", "action"),
    [([71.0, 67.0, 90.0], 1), ([70.0, 200.0, 66.0], 2), ([200.0, 150.0, 101.0], 0),
     ([101.0, 100.0, 101.0], 1), ([65.0, 65.0, 64.0], 2), ([3.0, 64.0, 1.0], 2)],
)  # fmt: skip
def test_first_spikes_beyond_64_ticks_and_many_spikes(thresholds, action):
    """Of neurons that fire again and again the first spike counts; 101 ticks come too late."""
    assert all_ways(counting_up(FirstToSpike(), thresholds, 100), [0.0]) == [action]


def test_potentials_are_those_at_the_end():
    """After 5 ticks: 5; a leak of exp(-1/tau) per tick: a geometric series."""
    network = counting_up(
        Potential([-10.0], [10.0], traces=[1e9, 2.0], gain=0.1), [np.inf, np.inf], 5,
        tau_mem=[np.inf, 2.0],
    )  # fmt: skip
    decay = np.exp(-0.5)
    expected = 5.0 + (1 - decay**5) / (1 - decay)
    assert all_ways(network, [0.0]) == pytest.approx([expected])


def test_outputs_that_never_spike_may_still_be_compared():
    network = counting_up(HighestPotential(), [np.inf] * 3, 70, tau_mem=[1.0, 3.0, 2.0])
    assert all_ways(network, [0.0]) == [1.0]
    assert not Controller(network).spikes.any()


def test_potentials_of_outputs_that_do_spike_are_those_after_the_reset():
    """Output 0 has just been reset when the decision ends, output 1 is about to be."""
    network = counting_up(HighestPotential(), [5.0, 6.0], 5)
    assert all_ways(network, [0.0]) == [1.0]
