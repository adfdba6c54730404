"""The study of resilience: its runs, and what its report says of made-up results."""

import itertools

import pytest

from experiments.studies import record
from experiments.studies.resilience import report, runs
from experiments.tables import write_csv

DROPS = {"score": 0.4, "score, size": 0.2, "gaussian": 0.05, "mixture": 0.15}
SIZES = {"score": 20, "score, size": 10, "gaussian": 6, "mixture": 12}


def made_up(task, arm, seed):
    row = {"run": f"{task}/{arm}/evaluations/{seed}", "task": task, "arm": arm, "seed": seed}
    for pick in ("chosen", "small"):
        row |= {f"{pick} score": 500.0, f"{pick} neurons": 2, f"{pick} synapses": SIZES[arm] - 2}
        # No two alike, as with real ones: ties would leave the rank test without ranks.
        row |= {f"{pick} drop {f}": DROPS[arm] * (1 + 0.01 * seed) for f in runs.TESTS}
    return row


@pytest.fixture
def results(tmp_path, monkeypatch):
    for module in (report, record):
        monkeypatch.setattr(module, "RESULTS", tmp_path)
    rows = [made_up("cartpole", arm, s) for s, arm in itertools.product(range(20), runs.MAIN)]
    # A seed that one arm lacks says nothing.
    rows.append({**made_up("cartpole", "gaussian", 20), "chosen neurons": 1000})
    write_csv(tmp_path / "resilience-main.csv", rows, list(rows[0]))
    return tmp_path


def test_runs_are_named_once():
    named = [*runs.main_runs(), *runs.matrix_runs(), *runs.time_runs()]
    assert len(named) == len(set(named)) == 480 + 180 + 480


def test_a_run_can_be_repeated(monkeypatch):
    monkeypatch.setattr(runs, "EVALUATIONS", {"iris": 1500})
    row, again = (runs.measure("iris/mixture/evaluations/1") for _ in range(2))
    assert {**row, "seconds": 0} == {**again, "seconds": 0}
    assert row["evaluations"] == 1500
    assert 0.333 < row["chosen score"] <= 1.0
    assert row["small neurons"] + row["small synapses"] <= (
        row["chosen neurons"] + row["chosen synapses"]
    )


def test_the_report_counts_what_was_expected(results):
    text = report.write_report()
    assert text == (results / "resilience.md").read_text()
    assert (results / "resilience-main.png").stat().st_size > 1000
    # Against score: 0.05 of 0.4 and 6 of 20, 0.15 of 0.4 and 12 of 20; against score and size:
    # 0.05 of 0.2 and 6 of 10, 0.15 of 0.2 and 12 of 10.
    assert "at most half in 2 of 2 comparisons (significantly less in 2)" in text
    assert "at most half in 1 of 2 comparisons (significantly less in 2)" in text
    assert "0.30 to 0.60 times their size, at least 30 % smaller in 2" in text
    assert "0.60 to 1.20 times their size, at least 30 % smaller in 1" in text
    assert "All three hold in 3 of 4 comparisons." in text
    assert "| cartpole | gaussian | score | 0.30 (A12 0.00) |" in text
    assert "| cartpole | score | 20 | 500 | 20 |" in text
    assert "equal time" not in text
