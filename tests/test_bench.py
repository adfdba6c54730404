"""The benchmark: what it prints and writes, and that what it times is what it says.

No test here looks at how fast something is.
"""

import csv
import doctest
import json
import sys
from collections import Counter

import numpy as np
import pytest
from command import tardigrade

from benchmarks import launch, own, rows, scaling, search, table
from benchmarks.controllers import current_network, flip_flop_network, small_network
from benchmarks.curves import scaling_figure
from benchmarks.peers import PEERS
from benchmarks.problems import (
    EVENTS,
    events_per_tick,
    external_input,
    firing_problem,
    firing_share,
    noisy_copies,
    random_problem,
)
from experiments.config import resolve
from experiments.run_directory import objective_specs
from fitness import TASKS, play

KEYS = ["name", "value", "unit", "peer", "peer_value", "ratio"]
OWN_ROW = "32 copies of 10 neurons"


def bench(capsys, *arguments):
    """Run the command; return its exit code, stdout and stderr."""
    return tardigrade(capsys, "bench", *arguments)


@pytest.fixture
def interpreter(tmp_path):
    """Make a program that answers like a Python with peers."""

    def make(script):
        path = tmp_path / "python"
        path.write_text(f"#!{sys.executable}\n{script}\n")
        path.chmod(0o755)
        return path

    return make


# --- the command ------------------------------------------------------------------------------


def test_json_has_the_promised_keys(capsys):
    code, out, err = bench(capsys, "--quick", "--json", "--only", OWN_ROW)
    assert (code, err) == (0, "")
    (row,) = json.loads(out)
    assert list(row) == KEYS
    assert (row["name"], row["unit"], row["peer"]) == (OWN_ROW, "ns/step", "one network")
    assert min(row["value"], row["peer_value"], row["ratio"]) > 0.0
    assert row["ratio"] == row["peer_value"] / row["value"]


def test_csv_and_json_hold_the_same_figures(capsys, tmp_path):
    file = tmp_path / "bench.csv"
    code, out, err = bench(capsys, "--quick", "--json", "--only=--help", "--out", file)
    assert (code, err) == (0, "")
    with file.open(newline="") as text:
        read = list(csv.DictReader(text))
    (printed,) = json.loads(out)
    assert list(read[0]) == KEYS
    assert read == [{k: "" if v is None else str(v) for k, v in printed.items()}]
    assert float(read[0]["value"]) == printed["value"] > 0.0
    origin = json.loads(file.with_suffix(".json").read_text())
    assert origin["command"].startswith("tardigrade bench --quick")
    assert {"date", "amounts", "peers", "versions", "processor", "cores"} <= origin.keys()


def test_a_peer_that_answers_is_compared(capsys, interpreter, tmp_path):
    answer = {"ns": [90.0, 100.0, 5000.0], "steps": 1, "evaluations": 0, "version": "c 1",
              "settings": "fast"}  # fmt: skip
    python = interpreter(f"print('noise')\nprint({json.dumps(answer)!r})")
    file = tmp_path / "bench.csv"
    code, out, err = bench(
        capsys, "--quick", "--json", "--only", "brian2-standalone", "--python", python,
        "--out", file,
    )  # fmt: skip
    assert (code, err) == (0, "")
    (row,) = json.loads(out)
    assert (row["peer"], row["peer_value"]) == ("brian2-standalone", 100.0)
    assert row["ratio"] == 100.0 / row["value"]
    peers = json.loads(file.with_suffix(".json").read_text())["peers"]
    assert peers == {"brian2-standalone": {"version": "c 1", "open-loop": "fast"}}


def test_a_peer_that_is_not_installed_is_skipped(capsys, monkeypatch):
    monkeypatch.setenv("PATH", "")  # no compiler
    code, out, err = bench(capsys, "--quick", "--only", "c")
    assert (code, out) == (0, "")
    assert err == "skipped: c is not installed: it needs a program: cc or gcc\n"


def test_a_peer_that_fails_is_skipped(capsys, interpreter):
    python = interpreter("import sys\nsys.exit('first\\nNo module named benchmarks')")
    code, out, err = bench(
        capsys, "--quick", "--json", "--only", "jax-sparse-copies", "--python", python
    )
    assert (code, json.loads(out)) == (0, [])
    assert err == "skipped: jax-sparse-copies failed: No module named benchmarks\n"


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (
            ["--only", "ostrich"],
            "--only: expected a peer or part of a row's name (--list shows them)",
        ),
        (["--only", ""], "--only: expected a peer or part of a row's name (--list shows them)"),
        (["--python", "/nowhere/python"], "--python: expected a Python interpreter, got /nowhere"),
        (["--out", "bench.txt"], "--out: expected a name that ends in .csv, got bench.txt"),
        (["--out", "/nowhere/bench.csv"], "--out: expected a file in a directory that exists"),
        (["--scaling", "x", "--only", "c"], "--only says nothing about --scaling"),
    ],
)
def test_bad_arguments_end_in_one_line(capsys, arguments, line):
    code, out, err = bench(capsys, *arguments)
    assert (code, out) == (2, "")
    assert err.startswith(f"tardigrade bench: error: {line}")
    assert err.count("\n") == 1


def test_the_list_has_every_row_once(capsys):
    code, out, _ = bench(capsys, "--list", "--json")
    listed = Counter((row["name"], row["peer"]) for row in json.loads(out))
    assert code == 0
    assert max(listed.values()) == 1
    assert {peer for _, peer in listed} >= PEERS.keys()


def test_a_quick_table_leaves_out_slow_peers_that_are_not_named():
    slow = {"brian2-standalone", "brian2-cython", "snntorch", "norse", "jax-sparse-copies"}
    assert not slow & {line.peer for line in table.choose(quick=True)}
    assert {line.peer for line in table.choose(["norse", "--help"], quick=True)} == {"norse", ""}


def test_examples_in_docstrings():
    for module in (rows, table):
        assert doctest.testmod(module) == (0, doctest.testmod(module).attempted)


# --- what is timed ----------------------------------------------------------------------------


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("neurons", EVENTS)
def test_problems_have_the_events_they_are_calibrated_for(neurons, seed):
    problem = random_problem(neurons, 5000, seed=seed)
    assert events_per_tick(problem) == pytest.approx(EVENTS[neurons], rel=0.15)


@pytest.mark.parametrize(("neurons", "share"), [(5, 0.1), (50, 0.01), (50, 0.4), (500, 0.1)])
def test_problems_fire_as_much_as_asked(neurons, share):
    assert firing_share(firing_problem(neurons, 5000, share)) == pytest.approx(share, rel=0.2)


def test_problems_follow_their_seed():
    one, same, other = (random_problem(10, 100, seed=s) for s in (1, 1, 2))
    assert np.array_equal(external_input(one), external_input(same))
    assert np.array_equal(one.network.weights, same.network.weights)
    assert not np.array_equal(one.pulses, other.pulses)
    # A longer problem is the same network, and its input begins alike.
    longer = random_problem(10, 2000, seed=1)
    assert np.array_equal(longer.pulses[:100], one.pulses)
    assert np.array_equal(longer.network.synapses.delay, one.network.synapses.delay)


def test_copies_follow_their_seed():
    network = random_problem(10, 100).network
    one, same, other = (noisy_copies(network, 4, seed=s) for s in (1, 1, 2))
    assert np.array_equal(one.weight, same.weight)
    assert not np.array_equal(one.weight, other.weight)
    assert len(np.unique(one.weight[:, 0])) == 4


def test_steps_are_counted():
    problem = random_problem(10, 300)
    assert own.one_network(problem).steps == 300
    assert own.side_by_side(problem, 33).steps == 33 * 300
    task = TASKS["cartpole"]
    taken = int(play(small_network(), task, task.starts(range(8))).steps.sum())
    assert own.closed_loop(small_network(), 8).steps == taken < 8 * 500


@pytest.mark.parametrize("network", [flip_flop_network(), current_network()])
def test_survivors_survive(network):
    assert (
        play(network, TASKS["cartpole"], TASKS["cartpole"].starts(range(64))).steps == 500
    ).all()
    assert own.evaluation(network).evaluations == own.BATCH


def test_an_evaluation_refuses_networks_that_fail():
    with pytest.raises(RuntimeError, match="a pole fell; expected 200000 decisions"):
        own.evaluation(small_network())


def test_no_pole_falls_under_faults_either():
    faulty, golden = search.faults_and_without(1)  # it raises if one does
    assert min(*faulty, *golden) > 0.0


def test_the_evolution_that_is_timed_is_the_default_one():
    config, timed = resolve("cartpole"), search.default_search()
    assert timed.space == config.space
    assert timed.objectives == objective_specs(config)
    assert timed.evaluator == config.evaluator
    assert search.settings(100, 40) == config.settings


def test_time_outside_evaluation_is_a_share():
    assert 0.0 < search.share_outside_evaluation(20, 2) < 1.0


def test_the_command_line_is_launched():
    assert launch.help_seconds() > 0.0
    assert launch.first_generation_seconds() > 0.0


# --- scaling ----------------------------------------------------------------------------------


def test_scaling_curves(capsys, tmp_path):
    code, out, err = bench(capsys, "--quick", "--json", "--scaling", tmp_path / "curves")
    assert (code, err) == (0, "")
    tables = json.loads(out)
    assert sum(map(len, tables.values())) == scaling.points(scaling.QUICK)
    assert set(tables) == set(scaling.CURVES)
    for name, points in tables.items():
        with (tmp_path / "curves" / f"{name}.csv").open(newline="") as text:
            assert list(csv.DictReader(text)) == [{k: str(v) for k, v in p.items()} for p in points]
        (unit,) = {key.removeprefix("median_") for key in points[0] if key.startswith("median_")}
        for point in points:
            assert 0.0 < point[f"min_{unit}"] <= point[f"median_{unit}"] <= point[f"max_{unit}"]
    assert (tmp_path / "curves" / "scaling.png").stat().st_size > 10_000
    assert "versions" in json.loads((tmp_path / "curves" / "scaling.json").read_text())
    assert [panel.get_xlabel() != "" for panel in scaling_figure(tables).axes] == [True] * 4
