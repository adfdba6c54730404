"""Degradation in a few numbers, against values by hand."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fitness import aggregate_scores
from fitness.curves import describe, normalised_area, outcomes, severity_of_drop
from neuro import InputError

# --- along severities -------------------------------------------------------------------------


def test_areas_by_hand():
    # (1 + 0.8) / 2 * 0.1 + (0.8 + 0.2) / 2 * 0.2, over 0.3.
    assert normalised_area([0.0, 0.1, 0.3], [1.0, 0.8, 0.2]) == pytest.approx(0.19 / 0.3)
    # Two decades and one: (1 + 0.5) / 2 * 2 + (0.5 + 0) / 2 * 1, over 3.
    rates, kept = [0.0001, 0.01, 0.1], [1.0, 0.5, 0.0]
    assert normalised_area(rates, kept, "log") == pytest.approx(1.75 / 3)
    assert normalised_area(rates, kept) == pytest.approx((0.75 * 0.0099 + 0.25 * 0.09) / 0.0999)


SWEEP, KEPT = [0.0, 0.1, 0.2, 0.4], [1.0, 0.98, 0.88, 0.9]


@pytest.mark.parametrize(
    ("drop", "severity"),
    [
        (0.01, 0.05),  # half way to 0.98
        (0.02, 0.1),
        (0.05, 0.13),  # 3 of 10 from 0.98 to 0.88
        (0.1, 0.18),  # the first crossing; there is another one at 0.4
        (0.12, 0.2),
        (0.0, 0.0),
    ],
)
def test_severities_by_hand(drop, severity):
    assert severity_of_drop(SWEEP, KEPT, drop) == pytest.approx(severity, abs=1e-12)


def test_severity_on_a_log_axis():
    # Half way from 1 to 0.9 lies half way between the logarithms.
    assert severity_of_drop([0.001, 0.1], [1.0, 0.9], 0.05, "log") == pytest.approx(0.01)


def test_a_drop_that_never_comes():
    assert math.isnan(severity_of_drop(SWEEP, KEPT, 0.13))


def test_a_drop_that_is_there_from_the_start():
    assert severity_of_drop([0.1, 0.2], [0.9, 0.5], 0.05) == 0.1
    # 0.9 is not 1 - 0.1, in floating point.
    assert severity_of_drop([0.3, 0.4], [0.9, 0.5], 0.1, "log") == 0.3


curves = st.lists(st.floats(0.0, 1.0), min_size=2, max_size=12)


@settings(max_examples=100, deadline=None, derandomize=True)
@given(curves, st.sampled_from(["linear", "log"]), st.floats(0.0, 1.0))
def test_invariants_of_curves(kept, axis, drop):
    severities = np.geomspace(0.001, 0.5, len(kept))
    assert min(kept) - 1e-12 <= normalised_area(severities, kept, axis) <= max(kept) + 1e-12
    found = severity_of_drop(severities, kept, drop, axis)
    assert math.isnan(found) == (min(kept) > 1.0 - drop + 1e-12)
    if not math.isnan(found):
        before = [k for s, k in zip(severities, kept, strict=True) if s < found * (1 - 1e-9)]
        assert all(k > 1.0 - drop - 1e-9 for k in before)


# --- over draws -------------------------------------------------------------------------------

GOLDEN = [100.0, 50.0]
FAULTY = [
    [100.0, 50.0],  # masked
    [50.0, 100.0],  # other scores, same mean
    [100.0, 60.0],  # better
    [100.0, 49.0],  # 1 of 150 lost
    [100.0, 20.0],  # a fifth lost
    [0.0, 0.0],
]


def test_outcomes_by_hand():
    found = outcomes(GOLDEN, FAULTY)
    assert found.drop == pytest.approx([0.0, 0.0, -1 / 15, 1 / 150, 0.2, 1.0])
    assert found.masked.tolist() == [True] + [False] * 5
    assert found.improved.tolist() == [False, True, True, False, False, False]
    assert found.degraded.tolist() == [False, False, False, True, True, True]
    assert found.critical(0.1).tolist() == [False] * 4 + [True] * 2
    assert found.rates() == {
        "masked": 1 / 6, "improved": 2 / 6, "degraded": 3 / 6,
        "critical_0": 3 / 6, "critical_0.01": 2 / 6, "critical_0.05": 2 / 6, "critical_0.1": 2 / 6,
    }  # fmt: skip


def test_drops_are_counted_from_the_worst_score():
    # Acrobot: -500 is the worst, -100 golden, -200 faulty: a quarter is lost.
    assert outcomes([-100.0], [[-200.0]], worst=-500.0).drop == pytest.approx([0.25])
    # Nothing can be lost by a network that is no better than the worst.
    assert outcomes([-500.0], [[-500.0], [-400.0]], worst=-500.0).drop.tolist() == [0.0, 0.0]


@settings(max_examples=100, deadline=None, derandomize=True)
@given(st.data())
def test_every_draw_is_one_thing(data):
    episodes = data.draw(st.integers(1, 4))
    score = st.integers(0, 5).map(float)
    golden = data.draw(st.lists(score, min_size=episodes, max_size=episodes))
    row = st.lists(score, min_size=episodes, max_size=episodes)
    scores = data.draw(st.lists(row, min_size=1, max_size=8))
    found = outcomes(golden, scores)
    assert (found.masked.astype(int) + found.improved + found.degraded == 1).all()
    assert not (found.masked & found.critical(0.0)).any()


def test_descriptions():
    values = np.arange(101.0)
    found = describe(values)
    assert found == {
        "mean": 50.0, "min": 0.0, "q05": 5.0, "q25": 25.0, "q50": 50.0, "q75": 75.0, "q95": 95.0,
        "cvar10": 5.0,
    }  # fmt: skip
    assert found["cvar10"] == aggregate_scores(values, "cvar:0.1")


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: normalised_area([0.1], [1.0]), "at least two"),
        (lambda: normalised_area([0.2, 0.1], [1.0, 1.0]), "ascending"),
        (lambda: normalised_area([0.0, 0.1], [1.0, 1.0], "log"), "positive"),
        (lambda: normalised_area([0.0, 0.1], [1.0, 1.0], "square"), "axis"),
        (lambda: normalised_area([0.0, 0.1], [1.0, np.nan]), "values"),
        (lambda: severity_of_drop([], [], 0.1), "severities"),
        (lambda: severity_of_drop([0.0, 0.1], [1.0], 0.1), "values"),
        (lambda: severity_of_drop([0.0, 0.1], [1.0, 0.9], -0.1), "drop"),
        (lambda: outcomes([], [[]]), "golden"),
        (lambda: outcomes([1.0], [[1.0, 2.0]]), "scores"),
        (lambda: outcomes([1.0], np.empty((0, 1))), "scores"),
        (lambda: describe([]), "values"),
    ],
)
def test_bad_input(call, message):
    with pytest.raises(InputError, match=message):
        call()
