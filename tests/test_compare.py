"""What studies say of samples, against values from elsewhere; and tables that grow row by row."""

import csv
import os
import sys
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from experiments.studies import compare as comparing
from experiments.studies import record
from experiments.studies.compare import Comparison, compare, compare_with_all

# --- effect size and test ---------------------------------------------------------------------

A12 = [
    # Hogarty & Kromrey, "Using SAS to calculate tests of Cliff's delta", SUGI 24 (1999), also in
    # the tests of R's effsize: delta = -0.25. A12 = (delta + 1) / 2.
    ([10, 10, 20, 20, 20, 30, 30, 30, 40, 50], [10, 20, 30, 40, 40, 50], 0.375),
    # By hand: of 4 pairs two are larger and one is equal.
    ([2, 4], [1, 4], 0.625),
    ([1, 2, 3], [4, 5], 0.0),
    ([4, 5], [1, 2, 3], 1.0),
    ([7, 7, 7], [7, 7], 0.5),
    ([1], [-np.inf], 1.0),
]


@pytest.mark.parametrize(("first", "second", "expected"), A12)
def test_effect_size(first, second, expected):
    assert compare(first, second).a12 == expected


def test_p_by_counting():
    """All ways to split the values into samples of these sizes are equally likely."""
    first, second = [19, 22, 16, 29, 24], [20, 11, 17, 12]
    together = first + second

    def wins(chosen):
        others = [v for v in together if v not in chosen]
        return sum(a > b for a in chosen for b in others)

    middle = len(first) * len(second) / 2
    seen = abs(wins(first) - middle)
    found = [abs(wins(chosen) - middle) >= seen for chosen in combinations(together, len(first))]
    assert (sum(found), len(found)) == (14, 126)
    assert compare(first, second).p == pytest.approx(14 / 126, rel=1e-12)


def test_samples_without_differences_are_no_evidence():
    assert compare([3, 3, 3], [3, 3]) == Comparison(1.0, 0.5)


samples = st.lists(st.integers(0, 9), min_size=1, max_size=12)


@settings(max_examples=100, deadline=None, derandomize=True)
@given(samples, samples)
def test_comparing_the_other_way_round(first, second):
    one, other = compare(first, second), compare(second, first)
    assert one.a12 + other.a12 == pytest.approx(1.0, abs=1e-12)
    assert one.p == pytest.approx(other.p, rel=1e-9)
    assert 0.0 <= one.p <= 1.0


# --- many comparisons -------------------------------------------------------------------------

HOLM = [
    # Wikipedia, "Holm-Bonferroni method", example: at 0.05 the hypotheses 4 and 1 are rejected;
    # adjusted as by R's p.adjust(c(0.01, 0.04, 0.03, 0.005), "holm").
    ([0.01, 0.04, 0.03, 0.005], [0.03, 0.06, 0.06, 0.02]),
    # By hand: 3 * 0.02; 2 * 0.02 is less than that; 1 * 0.5.
    ([0.02, 0.02, 0.5], [0.06, 0.06, 0.5]),
    ([0.6, 0.4], [0.8, 0.8]),
    ([0.7, 0.9, 1.0], [1.0, 1.0, 1.0]),
    ([0.04], [0.04]),
    ([], []),
]


@pytest.mark.parametrize(("plain", "corrected"), HOLM)
def test_holm(monkeypatch, plain, corrected):
    monkeypatch.setattr(comparing, "compare", lambda first, p: Comparison(p, 0.1 * len(first)))
    others = {f"m{i}": p for i, p in enumerate(plain)}
    found = compare_with_all([1.0, 2.0], others)
    assert list(found) == list(others)
    assert [c.p for c in found.values()] == pytest.approx(corrected, rel=1e-12)
    assert all(c.a12 == 0.2 for c in found.values())


@settings(max_examples=100, deadline=None, derandomize=True)
@given(samples, st.lists(samples, min_size=1, max_size=5))
def test_corrections_only_raise(first, others):
    named = {str(i): other for i, other in enumerate(others)}
    found = compare_with_all(first, named)
    plain = {name: compare(first, other) for name, other in named.items()}
    for name, one in found.items():
        assert one.a12 == plain[name].a12
        assert plain[name].p <= one.p <= min(1.0, len(others) * plain[name].p * (1 + 1e-12))
    order = sorted(named, key=lambda name: plain[name].p)
    corrected = [found[name].p for name in order]
    assert corrected == sorted(corrected)


# --- tables that grow -------------------------------------------------------------------------

MEASURING = """
import os

def square(key):
    return {"square": key * key, "root": key ** 0.5}

def place(key):
    return {"process": os.getpid()}

def only_small(key):
    if key > 3:
        raise ValueError(f"no row of {key}")
    return square(key)
"""


@pytest.fixture
def results(tmp_path, monkeypatch):
    folder = tmp_path / "results"
    monkeypatch.setattr(record, "RESULTS", folder)
    return folder


@pytest.fixture
def measuring(tmp_path, monkeypatch):
    """A module that other processes can import: they have the same path."""
    (tmp_path / "measuring_of_this_test.py").write_text(MEASURING)
    monkeypatch.syspath_prepend(tmp_path)
    import measuring_of_this_test

    yield measuring_of_this_test
    del sys.modules["measuring_of_this_test"]


def counted(measure):
    """Note which keys are measured."""
    asked = []

    def spy(key):
        asked.append(key)
        return measure(key)

    return spy, asked


def rows_of(file):
    with file.open(newline="") as lines:
        return list(csv.DictReader(lines))


def test_a_table_is_made_in_the_order_of_its_keys(results, measuring):
    assert record.read_rows("squares") == []
    rows = record.complete("squares", [3, 1, 2], "n", measuring.square)
    assert rows == [{"n": n, "square": n * n, "root": n**0.5} for n in (3, 1, 2)]
    text = (results / "squares.csv").read_text().splitlines()
    assert text[:2] == ["n,square,root", f"3,9,{3**0.5!r}"]
    assert [row["n"] for row in record.read_rows("squares")] == ["3", "1", "2"]


def test_only_what_is_missing_is_measured(results, measuring):
    record.complete("squares", [3, 1], "n", measuring.square)
    spy, asked = counted(measuring.square)
    rows = record.complete("squares", [1, 2, 3, 4], "n", spy)
    assert asked == [2, 4]
    assert [int(row["n"]) for row in rows] == [1, 2, 3, 4]
    assert rows[0] == {"n": "1", "square": "1", "root": "1.0"}  # as it was read
    assert rows[1] == {"n": 2, "square": 4, "root": 2**0.5}
    assert [row["n"] for row in rows_of(results / "squares.csv")] == ["1", "2", "3", "4"]
    whole = (results / "squares.csv").read_bytes()
    spy, asked = counted(measuring.square)
    record.complete("squares", [1, 2, 3, 4], "n", spy)
    assert asked == []
    assert (results / "squares.csv").read_bytes() == whole


def test_rows_of_other_keys_stay(results, measuring):
    record.complete("squares", [9], "n", measuring.square)
    rows = record.complete("squares", [2, 1], "n", measuring.square)
    assert [row["n"] for row in rows] == [2, 1]
    assert [row["n"] for row in rows_of(results / "squares.csv")] == ["9", "2", "1"]


@pytest.mark.parametrize("processes", [1, 2])
def test_what_was_measured_before_a_failure_is_kept(results, measuring, processes):
    with pytest.raises(ValueError, match="no row of 4"):
        record.complete("squares", [1, 2, 4], "n", measuring.only_small, processes=processes)
    done = [row["n"] for row in record.read_rows("squares")]
    if processes == 1:
        assert done == ["1", "2"]
    spy, asked = counted(measuring.square)
    record.complete("squares", [1, 2, 4], "n", spy)
    assert [str(key) for key in asked] == [key for key in ("1", "2", "4") if key not in done]
    assert [row["square"] for row in record.read_rows("squares")] == ["1", "4", "16"]


def test_several_processes_make_the_same_table(results, measuring, capsys):
    keys = [5, 3, 8, 1, 9, 2]
    one = record.complete("serial", keys, "n", measuring.square)
    two = record.complete("parallel", keys, "n", measuring.square, processes=2)
    assert two == one
    assert (results / "parallel.csv").read_bytes() == (results / "serial.csv").read_bytes()
    told = capsys.readouterr().out.splitlines()
    assert sorted(told[: len(keys)]) == sorted(told[len(keys) :])


def test_other_processes_do_the_work(results, measuring):
    here = os.getpid()
    rows = record.complete("here", [1, 2], "n", measuring.place)
    assert {row["process"] for row in rows} == {here}
    rows = record.complete("there", [1, 2], "n", measuring.place, processes=2)
    assert here not in {row["process"] for row in rows}
    rows = record.complete("single", [1], "n", measuring.place, processes=2)
    assert {row["process"] for row in rows} == {here}  # one row is not worth a process


def test_the_origin_says_how_it_was_made(results):
    record.write_origin("squares", "make study-squares", seeds=[1, 2])
    text = (results / "squares.json").read_text()
    assert '"command": "make study-squares"' in text
    assert '"versions"' in text
