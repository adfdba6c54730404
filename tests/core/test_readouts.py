"""Readouts: one contract for all, and values computed by hand."""

import json

import numba
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import examples

from neuro import READOUTS, Controller, Current, InputError, Network, WinnerTakesAll
from neuro.specs import from_table, to_table

every_readout = pytest.mark.parametrize("cls", READOUTS.values(), ids=READOUTS)


@numba.njit
def compiled_read_out(read_out, counts, parameters, action):
    read_out(counts, parameters, action)


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


@pytest.mark.parametrize(
    ("make", "line"),
    [
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
