"""The command line from end to end: what it prints, what it writes, and that it can be repeated."""

import csv
import io
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from command import answer, tardigrade
from interrupting import interrupt
from timeless import timeless

import experiments.commands.tasks as tasks_command
import neuro.export
from experiments import progress as progress_module
from experiments.cli import COMMANDS, main
from experiments.config import resolve
from experiments.evolution import interruptible
from experiments.progress import Progress
from fitness import TASKS, episode_seeds, play
from neuro import Current, FlipFlop, Network, WinnerTakesAll, load, save
from neuro.export import Parity

SCRIPT = Path(sys.executable).with_name("tardigrade")
TASK = TASKS["cartpole"]
QUICK = [
    "--set", "encoder.name=current", "--set", "objectives.feasible=0.1",
    "--set", "resilience.draws=4", "--set", "report.episodes=4", "--set", "report.draws=4",
]  # fmt: skip
SMALL = ["cartpole", "--population", "8", "--generations", "2", "--seed", "1", *QUICK]
# Long enough to be interrupted: a generation takes some 10 ms.
LONG = ["cartpole", "--population", "16", "--generations", "40", "--seed", "2", *QUICK,
        "--set", "objectives.starts=2"]  # fmt: skip
LEAN = (0.1, 0.3, 1.0, 1.0)


def files_in(folder):
    """Every file below a folder as bytes, by relative name."""
    return {
        str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()
    }  # fmt: skip


def same_file(name, a, b):
    return a == b or timeless(name, a) == timeless(name, b)


def same_runs(a, b, *, but=("manifest.json",)):
    a, b = files_in(a), files_in(b)
    assert a.keys() == b.keys()
    assert [name for name in a if name not in but and not same_file(name, a[name], b[name])] == []


def rows_of(file):
    with file.open() as text:
        return list(csv.DictReader(text))


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """A finished run; tests must not write into it."""
    path = tmp_path_factory.mktemp("runs") / "small"
    assert main(["evolve", *SMALL, "--out", str(path)]) == 0
    return path


@pytest.fixture
def networks(tmp_path):
    """A solving network with input synapses, and one that is fed with spikes."""
    current = Network.build(
        3, [(2, 1, 0.3, 2)], input_synapses=[(3, 2, 0.5), *[(c, 1, w) for c, w in enumerate(LEAN)]],
        outputs=[0, 1], encoder=Current(scale=TASK.scale), readout=WinnerTakesAll(),
        task=TASK.name,
    )  # fmt: skip
    rows = [
        (2 * i + side, 8 + side, w, 1 + 2 * side) for i, w in enumerate(LEAN) for side in (0, 1)
    ]
    spiking = Network.build(
        10, rows, inputs=range(8), outputs=[8, 9], encoder=FlipFlop(scale=TASK.scale),
        readout=WinnerTakesAll(), task=TASK.name,
    )  # fmt: skip
    return save(current, tmp_path / "current.json"), save(spiking, tmp_path / "spiking.json")


# --- tasks, help, version ---------------------------------------------------------------------


def test_tasks(capsys):
    found = answer(capsys, "tasks")
    assert [t["name"] for t in found] == list(TASKS)
    types = {"name": str, "kind": str, "observations": int, "solved_at": float, "source": str}
    for task in found:
        # A number of choices; or, as text, several choices or the bounds of continuous values.
        kind = type(TASKS[task["name"]].actions)
        assert type(task.pop("actions")) is (int if kind is int else str)
        assert {k: type(v) for k, v in task.items()} == types
    code, out, err = tardigrade(capsys, "tasks")
    assert (code, err) == (0, "")
    assert all(any(line.startswith(name) for line in out.splitlines()) for name in TASKS)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_with_an_example(capsys, command):
    code, out, err = tardigrade(capsys, command, "--help")
    assert (code, err) == (0, "")
    assert out.startswith(f"usage: tardigrade {command}")
    assert re.search(rf"example:\n  tardigrade {command}\b", out)
    assert "--json" in out


def test_help_and_version(capsys):
    for arguments in (["--help"], []):
        code, out, err = tardigrade(capsys, *arguments)
        assert (code, err) == (0, "")
        assert all(command in out for command in COMMANDS)
    assert tardigrade(capsys, "--version")[1].startswith("tardigrade ")


def test_help_imports_no_numpy():
    check = (
        "import sys\nfrom experiments.cli import main\n"
        "try:\n    main(['evolve', '--help'])\nexcept SystemExit:\n    pass\n"
        "sys.exit('numpy' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


# --- evolve -----------------------------------------------------------------------------------

EVOLVE_KEYS = {
    "run_dir": str, "seed": int, "generations": int, "evaluations": int, "env_steps": int,
    "wall_seconds": float, "front_size": int, "hypervolume": float, "best_score": float,
    "stopped_by": str,
}  # fmt: skip


def test_evolve_answers_with_its_keys(capsys, tmp_path):
    result = answer(capsys, "evolve", *SMALL, "--out", tmp_path / "run")
    for key, kind in EVOLVE_KEYS.items():
        assert type(result[key]) is kind, key
    assert result["run_dir"] == str(tmp_path / "run")
    assert (result["seed"], result["generations"], result["evaluations"]) == (1, 2, 24)
    assert result["stopped_by"] == "generations"
    history, front = (rows_of(tmp_path / "run" / f) for f in ("history.csv", "front.csv"))
    assert result["front_size"] == len(front) >= 1
    assert result["best_score"] == float(front[0]["score_held_out"])
    assert result["hypervolume"] == float(history[-1]["hypervolume"])
    assert result["env_steps"] == int(history[-1]["env_steps"])


def test_evolve_prints_the_front(capsys, tmp_path):
    code, out, err = tardigrade(capsys, "evolve", *SMALL, "--out", tmp_path / "run")
    assert (code, err) == (0, "")  # progress stays silent where stderr is no terminal
    for row in rows_of(tmp_path / "run" / "front.csv"):
        assert row["file"] in out
    assert f"run directory: {tmp_path / 'run'}" in out
    assert "24 evaluations" in out


def test_the_run_directory_is_complete(small):
    present = set(files_in(small))
    front = {f"front/{k:03d}.json" for k in range(len(rows_of(small / "front.csv")))}
    required = {
        "config.toml", "manifest.json", "history.csv", "front.csv", "lineage.csv",
        "checkpoint/state.npz", "checkpoint/config.toml", "pareto.png", "network.png",
        "raster.png", *front,
    }  # fmt: skip
    assert required <= present
    assert present <= required | {"smallest.png"}


def test_the_manifest_says_where_results_come_from(small):
    table = json.loads((small / "manifest.json").read_text())
    assert table["command"] == ["tardigrade", "evolve", *SMALL, "--out", str(small)]
    assert table["seed"] == 1
    assert table["evaluations"] == 24
    assert table["env_steps"] == int(rows_of(small / "history.csv")[-1]["env_steps"])
    assert table["started"] <= table["ended"]
    assert table["wall_seconds"] > 0
    assert table["cpu_seconds"] > 0
    assert table["platform"]
    for package in ("tardigrade", "numpy", "numba", "deap"):
        assert re.match(r"\d+\.", table["versions"][package])


def test_history_and_front_have_their_columns(small):
    names = ("score", "size", "resilience")
    history, front = rows_of(small / "history.csv"), rows_of(small / "front.csv")
    assert [int(row["generation"]) for row in history] == [0, 1, 2]
    assert [int(row["evaluations"]) for row in history] == [8, 16, 24]
    wanted = {"env_steps", "hypervolume", "front_size"}
    wanted |= {f"{which}_{n}" for which in ("best", "median") for n in names}
    assert wanted <= set(history[0])
    suffixes = ("", "_validation", "_held_out")
    assert {"file", *(n + suffix for n in names for suffix in suffixes)} <= set(front[0])
    scores = [float(row["score_validation"]) for row in front]
    assert scores == sorted(scores, reverse=True)
    assert len(scores) >= 2


def test_the_front_holds_what_was_measured(small):
    config = resolve(str(small / "config.toml"))
    rows = rows_of(small / "front.csv")
    found = [load(small / row["file"]) for row in rows]
    for column, suffix, evaluator in (
        ("training", "", config.evaluator),
        ("validation", "_validation", config.validation()),
        ("held out", "_held_out", config.held_out()),
    ):  # fmt: skip
        batch = evaluator(found)
        for k, objective in enumerate(config.objectives):
            written = [float(row[f"{objective.name}{suffix}"]) for row in rows]
            assert written == batch.objectives[:, k].tolist(), (column, objective.name)
    for row, network in zip(rows, found, strict=True):
        assert int(row["neurons"]) == len(network.neurons)
        assert int(row["synapses"]) == len(network.weights)
        assert network.task == "cartpole"
        assert network.provenance["seed"] == 1


def test_an_existing_run_is_never_overwritten(capsys, small, tmp_path):
    run = tmp_path / "run"
    shutil.copytree(small, run)
    before = files_in(run)
    code, out, err = tardigrade(capsys, "evolve", *SMALL, "--out", run)
    assert (code, out) == (2, "")
    assert err == (
        f"tardigrade evolve: error: {run}: expected a new or empty directory, got one with files "
        "in it\n"
    )
    assert files_in(run) == before


def test_runs_without_a_name_get_their_own(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    nothing = [*SMALL, "--generations", "0", "--set", "objectives.feasible=1"]
    found = [Path(answer(capsys, "evolve", *nothing)["run_dir"]) for _ in range(3)]
    assert len({str(p) for p in found}) == 3  # even within one second
    for path in found:
        assert path.parent == Path("runs")
        assert re.fullmatch(r"cartpole-\d{8}-\d{6}(-\d+)?", path.name)
        assert (tmp_path / path / "front.csv").is_file()


def test_the_configuration_repeats_the_run(small, tmp_path):
    assert main(["evolve", str(small / "config.toml"), "--out", str(tmp_path / "again")]) == 0
    same_runs(small, tmp_path / "again")


def test_workers_change_nothing(tmp_path):
    for workers in ("1", "2"):
        assert main(["evolve", *SMALL, "--workers", workers, "--out", str(tmp_path / workers)]) == 0
    configs = ("config.toml", "checkpoint/config.toml")
    same_runs(tmp_path / "1", tmp_path / "2", but=("manifest.json", *configs))
    one, two = ((tmp_path / w / "config.toml").read_text().splitlines() for w in "12")
    assert [line for line in zip(one, two, strict=True) if line[0] != line[1]] == [
        ("workers = 1", "workers = 2")
    ]


def test_another_seed_is_another_run(small, tmp_path):
    assert main(["evolve", *SMALL, "--seed", "3", "--out", str(tmp_path / "other")]) == 0
    assert (tmp_path / "other" / "history.csv").read_text() != (small / "history.csv").read_text()


def test_evaluations_are_a_budget(capsys, tmp_path):
    result = answer(capsys, "evolve", *SMALL, "--evaluations", 20, "--out", tmp_path / "run")
    assert (result["evaluations"], result["stopped_by"]) == (16, "evaluations")


def test_a_run_that_finds_nothing_says_so(capsys, tmp_path):
    run = tmp_path / "run"
    arguments = [*SMALL, "--generations", 0, "--set", "objectives.feasible=1", "--out", run]
    code, out, _ = tardigrade(capsys, "evolve", *arguments)
    assert code == 0
    assert "no network reached the score of 475" in out
    (row,) = rows_of(run / "front.csv")
    assert float(row["score_held_out"]) < 475.0
    result = answer(capsys, "resume", run)
    assert (result["front_size"], result["feasible"], result["hypervolume"]) == (1, 0, 0.0)
    assert result["best_score"] == float(row["score_held_out"])
    assert len(answer(capsys, "show", run)["front"]) == 1


@pytest.mark.parametrize("names", [["score"], ["size", "score"], ["resilience", "size"]])
def test_runs_with_other_objectives(capsys, tmp_path, names):
    run = tmp_path / "run"
    wanted = f"objectives.names={json.dumps(names)}"
    arguments = [*SMALL, "--generations", 4, "--set", wanted, "--set", "objectives.feasible=0.02"]
    result = answer(capsys, "evolve", *arguments, "--out", run)
    front = rows_of(run / "front.csv")
    assert result["front_size"] == len(front) >= 1
    assert {*names, *(f"{n}_held_out" for n in names)} <= set(front[0])
    assert (run / "network.png").is_file()
    code, out, _ = tardigrade(capsys, "show", run)
    assert code == 0
    assert front[0]["file"] in out
    assert not {"score", "size", "resilience"} - set(names) & {
        column.removesuffix("_held_out") for column in front[0]
    }
    # Without all three objectives there may be no picture to draw, but one line that says so.
    code, _, err = tardigrade(capsys, "show", run, "--out", tmp_path / "pareto.png")
    assert code == 2 * len(err.splitlines())
    assert code in (0, 2)


# --- resume -----------------------------------------------------------------------------------


def test_resuming_a_finished_run_changes_nothing(capsys, small, tmp_path):
    run = tmp_path / "run"
    shutil.copytree(small, run)
    result = answer(capsys, "resume", run)
    for key, kind in EVOLVE_KEYS.items():
        assert type(result[key]) is kind, key
    assert (result["evaluations"], result["stopped_by"]) == (24, "generations")
    same_runs(small, run)
    assert json.loads((run / "manifest.json").read_text())["resumed"] is True


def test_a_run_can_be_made_longer(small, tmp_path):
    """With more generations in its configuration, it ends as if it had always had them."""
    longer = tmp_path / "longer"
    shutil.copytree(small, longer)
    config = (longer / "config.toml").read_text()
    (longer / "config.toml").write_text(config.replace("generations = 2", "generations = 4"))
    assert main(["resume", str(longer), "--workers", "2"]) == 0
    whole = tmp_path / "whole"
    assert main(["evolve", *SMALL, "--generations", "4", "--out", str(whole)]) == 0
    same_runs(longer, whole, but=("manifest.json", "checkpoint/config.toml"))


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory):
    path = tmp_path_factory.mktemp("long") / "run"
    assert main(["evolve", *LONG, "--out", str(path)]) == 0
    return path


def interrupt_run(run, number, file="state.npz"):
    """Start the long run in a process of its own and send it a signal at its first checkpoint."""
    file = run / "checkpoint" / file
    return interrupt([SCRIPT, "evolve", *LONG, "--out", run, "--json"], number, file.exists)


def test_ctrl_c_leaves_a_run_that_can_be_resumed(capsys, uninterrupted, tmp_path):
    run = tmp_path / "run"
    code, out, err = interrupt_run(run, signal.SIGINT)
    assert code == 130
    assert err.split("\n") == ["", "stopping after this generation; again to abort at once", ""]
    result = json.loads(out)
    assert result["stopped_by"] == "interrupt"
    assert result["generations"] < 40
    present = files_in(run)
    assert {"config.toml", "manifest.json", "history.csv", "front.csv"} <= set(present)
    assert len(rows_of(run / "history.csv")) == result["generations"] + 1
    begun = (uninterrupted / "history.csv").read_bytes().splitlines(keepends=True)
    known = present["history.csv"].count(b"\n")
    assert same_file("history.csv", b"".join(begun[:known]), present["history.csv"])

    assert tardigrade(capsys, "show", run)[0] == 0
    assert answer(capsys, "resume", run)["generations"] == 40
    same_runs(run, uninterrupted)


@pytest.mark.parametrize("pressed", [True, False])
def test_a_ctrl_c_that_turns_into_an_error_is_one_all_the_same(capsys, monkeypatch, pressed):
    """As while kernels are compiled, where LLVM calls Python and what that raises is lost."""

    class Called:
        def __del__(self):
            if pressed:
                os.kill(os.getpid(), signal.SIGINT)
            raise OSError("of a callback")

    def compiling(options):
        Called()
        raise RuntimeError("no compiled object yet")

    monkeypatch.setattr("experiments.commands.tasks.run", compiling)
    monkeypatch.setattr("sys.unraisablehook", lambda problem: print(problem.exc_value))
    before = signal.getsignal(signal.SIGINT), sys.unraisablehook
    if pressed:
        assert tardigrade(capsys, "tasks") == (130, "", "tardigrade tasks: interrupted\n")
    else:
        with pytest.raises(RuntimeError):
            tardigrade(capsys, "tasks")
        assert capsys.readouterr() == ("of a callback\n", "")
    assert (signal.getsignal(signal.SIGINT), sys.unraisablehook) == before


def test_a_killed_run_can_be_resumed(capsys, uninterrupted, tmp_path):
    run = tmp_path / "run"
    code, out, _ = interrupt_run(run, signal.SIGKILL)
    assert (code, out) == (-signal.SIGKILL, "")
    assert answer(capsys, "resume", run, "--workers", 1)["generations"] == 40
    same_runs(run, uninterrupted)


def test_a_run_killed_before_its_first_generation_begins_again(capsys, uninterrupted, tmp_path):
    run = tmp_path / "run"
    code, out, _ = interrupt_run(run, signal.SIGKILL, "config.toml")
    assert (code, out) == (-signal.SIGKILL, "")
    assert not (run / "checkpoint" / "state.npz").exists()
    assert "go on with: tardigrade resume" in tardigrade(capsys, "show", run)[2]
    assert answer(capsys, "resume", run)["generations"] == 40
    same_runs(run, uninterrupted)


def test_the_second_ctrl_c_is_the_usual(capsys):
    before = signal.getsignal(signal.SIGINT)
    with interruptible() as should_stop:
        assert not should_stop()
        signal.raise_signal(signal.SIGINT)
        assert should_stop()
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is before
    assert "again to abort at once" in capsys.readouterr().err


def test_ctrl_c_elsewhere_ends_in_one_line(capsys, monkeypatch):
    def run(options):
        raise KeyboardInterrupt

    monkeypatch.setattr(tasks_command, "run", run)
    assert tardigrade(capsys, "tasks") == (130, "", "tardigrade tasks: interrupted\n")


@pytest.mark.parametrize(("words", "who"), [(["--version"], ""), (["tasks"], " tasks")])
def test_ctrl_c_while_something_is_imported_ends_in_one_line(capsys, monkeypatch, words, who):
    class Slow:
        def find_spec(self, name, path=None, target=None):
            if name in ("experiments.manifest", "neuro.errors"):
                raise KeyboardInterrupt

    for name in ("experiments.manifest", "neuro.errors"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    monkeypatch.setattr(sys, "meta_path", [Slow(), *sys.meta_path])
    assert tardigrade(capsys, *words) == (130, "", f"tardigrade{who}: interrupted\n")


# --- evaluate ---------------------------------------------------------------------------------

EVALUATE_KEYS = {
    "task": str, "episodes": int, "seed": int, "score_mean": float, "score_std": float,
    "score_min": float, "solved_fraction": float, "terminated_fraction": float, "neurons": int,
    "synapses": int, "engine": str,
}  # fmt: skip


@pytest.mark.parametrize("which", [0, 1])
def test_evaluate_compiled_and_in_gymnasium(capsys, networks, which):
    arguments = ("evaluate", networks[which], "--episodes", 7, "--seed", 3)
    compiled, real = answer(capsys, *arguments), answer(capsys, *arguments, "--gymnasium")
    for result in (compiled, real):
        assert {k: type(v) for k, v in result.items()} == EVALUATE_KEYS
    assert (compiled.pop("engine"), real.pop("engine")) == ("compiled", "gymnasium")
    assert compiled == real
    starts = TASK.starts(episode_seeds(3, "held-out", 7))
    scores = play(load(networks[which]), TASK, starts).scores
    assert compiled["score_mean"] == scores.mean()
    assert compiled["score_std"] == pytest.approx(np.std(scores, ddof=1))
    assert compiled["score_min"] == scores.min()
    assert compiled["solved_fraction"] == np.mean(scores >= 475)
    assert compiled["terminated_fraction"] == np.mean(scores < 500)
    sizes = [(3, 6), (10, 8)][which]
    assert (compiled["neurons"], compiled["synapses"]) == sizes
    assert (compiled["task"], compiled["episodes"], compiled["seed"]) == ("cartpole", 7, 3)


def test_the_limit_itself_counts_as_solved(capsys, networks, monkeypatch):
    starts = TASK.starts(episode_seeds(0, "held-out", 6))
    scores = play(load(networks[1]), TASK, starts).scores
    limit = float(np.sort(scores)[2])
    monkeypatch.setitem(TASKS, "cartpole", replace(TASK, solved_at=limit))
    result = answer(capsys, "evaluate", networks[1], "--episodes", 6)
    assert result["solved_fraction"] == np.mean(scores >= limit) > np.mean(scores > limit)


def test_evaluate_prints_for_people(capsys, networks):
    code, out, err = tardigrade(capsys, "evaluate", networks[0], "--episodes", 3)
    assert (code, err) == (0, "")
    assert "mean 500.00" in out
    assert "100% of episodes at 475 or more" in out
    assert "3 neurons, 6 synapses" in out


def test_evaluate_repeats_the_held_out_score_of_a_run(capsys, small):
    for row in rows_of(small / "front.csv"):
        result = answer(capsys, "evaluate", small / row["file"], "--episodes", 4, "--seed", 1)
        assert result["score_mean"] == float(row["score_held_out"])


def test_seeds_of_evaluate_differ(capsys, networks):
    means = {
        answer(capsys, "evaluate", networks[1], "--episodes", 5, "--seed", s)["score_mean"]
        for s in (0, 1, 2**64 - 1)
    }
    assert len(means) == 3


def test_a_file_without_a_task_needs_one(capsys, networks, tmp_path):
    unnamed = tmp_path / "unnamed.json"
    unnamed.write_text(networks[0].read_text().replace('"task": "cartpole"', '"task": null'))
    code, _, err = tardigrade(capsys, "evaluate", unnamed)
    assert code == 2
    assert "the file names no task; give one with --task" in err
    assert answer(capsys, "evaluate", unnamed, "--task", "cartpole")["task"] == "cartpole"


# --- faults -----------------------------------------------------------------------------------

FEW = ("--draws", 6, "--episodes", 2, "--seed", 5)


def test_faults_writes_a_row_per_draw(capsys, networks, tmp_path):
    out = tmp_path / "faults"
    result = answer(
        capsys, "faults", *networks, "--model", "gaussian", "--model", "bit-flip:bits=6",
        "--severity", "0.3,0.1", *FEW, "--out", out,
    )  # fmt: skip
    assert result == {
        "out": str(out), "rows": 2 * 2 * 2 * 6, "networks": [str(n) for n in networks],
        "models": ["gaussian", "bit-flip"],
    }  # fmt: skip
    rows = rows_of(out / "rows.csv")
    assert list(rows[0]) == [
        "network", "model", "site", "bit", "time", "tick", "severity", "draw", "score_mean",
        "score_min", "drop", "outcome",
    ]  # fmt: skip
    keys = [(r["network"], r["model"], float(r["severity"]), int(r["draw"])) for r in rows]
    models = ("gaussian", "bit-flip:bits=6")
    assert keys == [
        (str(n), m, s, k) for n in networks for m in models for s in (0.1, 0.3) for k in range(6)
    ]  # fmt: skip
    assert {(r["bit"], r["tick"]) for r in rows} == {("", "")}
    for row in rows:
        assert float(row["score_min"]) <= float(row["score_mean"]) <= 500
        masked, drop = row["outcome"] == "masked", float(row["drop"])
        expected = "improved" if drop <= 0 else "degraded" if drop <= 0.1 else "critical"
        assert row["outcome"] == expected or (masked and drop == 0.0)
        assert (row["site"], row["time"]) == ("all", "permanent")
    assert len({r["outcome"] for r in rows}) >= 3
    tables = {"rows.csv", "summary.csv", "curves.csv"}
    assert tables | {"campaign.toml", "manifest.json", "degradation.png"} <= set(files_in(out))
    assert not {"sites.csv", "bits.csv"} & set(files_in(out))
    manifest = json.loads((out / "manifest.json").read_text())
    assert manifest["rows"] == len(rows)
    assert manifest["models"][1]["bits"] == 6
    assert [n["file"] for n in manifest["networks"]] == [str(n) for n in networks]


def test_the_summary_sums_up_the_rows(capsys, networks, tmp_path):
    out = tmp_path / "faults"
    answer(capsys, "faults", networks[1], "--model", "dead-synapse", *FEW, "--out", out)
    rows, summary = rows_of(out / "rows.csv"), rows_of(out / "summary.csv")
    assert len(summary) == 7
    for line in summary:
        mine = [r for r in rows if r["severity"] == line["severity"]]
        scores = [float(r["score_mean"]) for r in mine]
        assert float(line["mean"]) == pytest.approx(np.mean(scores))
        assert float(line["min"]) == min(scores)
        assert float(line["masked"]) == np.mean([r["outcome"] == "masked" for r in mine])
        assert line["severity_meaning"] == "probability that a synapse is dead"
    assert len({line["mean"] for line in summary}) > 3


def test_faults_print_for_people(capsys, networks, tmp_path):
    out = tmp_path / "faults"
    code, text, err = tardigrade(
        capsys, "faults", networks[0], "--model", "gaussian", "--severity", "0.1..0.4:3", *FEW,
        "--out", out,
    )  # fmt: skip
    assert (code, err) == (0, "")
    assert [line.split()[2] for line in text.splitlines()[1:4]] == ["0.1", "0.2", "0.4"]
    assert f"18 draws of 2 episodes, played in 0.0 s; tables and pictures in {out}" in re.sub(
        r"in [\d.]+ s", "in 0.0 s", text
    )


@pytest.fixture
def campaign(networks, tmp_path):
    """Run a campaign with options and return its rows."""

    def run(name, *options, draws=6):
        out = tmp_path / name
        arguments = ["faults", networks[1], "--draws", draws, "--episodes", 2, "--out", out]
        assert main([str(a) for a in (*arguments, *options)]) == 0
        return rows_of(out / "rows.csv"), files_in(out)

    return run


def test_workers_do_not_change_campaigns(campaign):
    (_, one), (_, two) = (campaign(w, "--workers", w, draws=60) for w in ("1", "2"))
    for name in ("rows.csv", "summary.csv", "degradation.png"):
        assert one[name] == two[name]


def test_draws_do_not_depend_on_how_many_there_are(campaign):
    few, _ = campaign("few", draws=4)
    many, _ = campaign("many", draws=9)
    assert few == [row for row in many if int(row["draw"]) < 4]


def test_severities_do_not_depend_on_each_other(campaign):
    gaussian = ("--model", "gaussian", "--severity")
    alone, _ = campaign("alone", *gaussian, "0.2")
    among, _ = campaign("among", *gaussian, "0.05,0.2,0.4")
    assert alone == [row for row in among if row["severity"] == "0.2"]


def test_faults_of_severity_zero_are_masked(campaign):
    rows, _ = campaign("none", "--model", "gaussian", "--model", "dead-synapse", "--severity", "0")
    assert len(rows) == 12
    assert {row["outcome"] for row in rows} == {"masked"}
    assert {float(row["drop"]) for row in rows} == {0.0}


# --- export -----------------------------------------------------------------------------------


def test_export_is_verified_in_brian2(capsys, networks, tmp_path):
    script = tmp_path / "network.py"
    result = answer(
        capsys, "export", networks[1], "--to", "brian2", "--decisions", 20, "--out", script,
        "--verify",
    )  # fmt: skip
    spikes = result.pop("spikes_compared")
    assert spikes > 20
    assert result == {
        "file": str(script), "format": "brian2", "ticks": 20 * 24, "spikes_equal": True,
        "max_abs_voltage_difference": 0.0,
    }  # fmt: skip
    assert "import brian2" in script.read_text()


def test_export_without_verification(capsys, networks, tmp_path):
    script = tmp_path / "network.py"
    arguments = ("export", networks[0], "--to", "brian2", "--decisions", 3, "--out", script)
    assert answer(capsys, *arguments) == {"file": str(script), "format": "brian2"}
    first = script.read_text()
    assert first.isascii()
    answer(capsys, *arguments)
    assert script.read_text() == first


def test_a_failed_verification_is_exit_code_1(capsys, networks, tmp_path, monkeypatch):
    monkeypatch.setattr(
        neuro.export, "verify_script", lambda *a, **k: Parity(30, 5, spikes_equal=False,
                                                              max_abs_voltage_difference=0.25)
    )  # fmt: skip
    arguments = ("export", networks[0], "--to", "brian2", "--decisions", 3, "--out",
                 tmp_path / "n.py", "--verify")  # fmt: skip
    code, out, err = tardigrade(capsys, *arguments)
    assert (code, err) == (1, "")
    assert "DIFFERENT" in out
    code, out, _ = tardigrade(capsys, *arguments, "--json")
    assert code == 1
    assert json.loads(out)["spikes_equal"] is False


# --- show -------------------------------------------------------------------------------------


def test_show_a_network(capsys, networks):
    result = answer(capsys, "show", networks[0])
    assert (result["task"], result["dt"]) == ("cartpole", 1.0)
    assert (result["neurons"], result["synapses"], result["size"]) == (3, 6, 9)
    assert result["encoder"]["name"] == "current"
    assert result["readout"] == {"name": "winner-takes-all", "choices": []}
    code, out, err = tardigrade(capsys, "show", networks[1])
    assert (code, err) == (0, "")
    assert sum("input " in line for line in out.splitlines()) == 8
    assert sum("output " in line for line in out.splitlines()) == 2


def test_show_a_run(capsys, small):
    result = answer(capsys, "show", small)
    manifest = json.loads((small / "manifest.json").read_text())
    for key in ("task", "seed", "generations", "evaluations", "env_steps", "hypervolume"):
        assert result[key] == manifest[key]
    front = rows_of(small / "front.csv")
    assert [row["file"] for row in result["front"]] == [row["file"] for row in front]
    line = tardigrade(capsys, "evolve", small)[2]
    assert line.endswith(f"did you mean {small}/config.toml, or tardigrade resume {small}?\n")
    code, out, _ = tardigrade(capsys, "show", small)
    assert code == 0
    assert all(row["file"] in out for row in front)


MAGIC = {"png": b"\x89PNG", "svg": b"<?xml", "pdf": b"%PDF"}


@pytest.mark.parametrize("ending", MAGIC)
def test_pictures_come_in_three_formats(capsys, networks, small, tmp_path, ending):
    for what, options in ((networks[0], ()), (networks[1], ("--raster",)), (small, ())):
        found = []
        for copy in (1, 2):
            picture = tmp_path / f"{Path(what).stem}-{copy}.{ending}"
            assert tardigrade(capsys, "show", what, *options, "--out", picture)[0] == 0
            found.append(picture.read_bytes())
        assert found[0].startswith(MAGIC[ending])
        assert found[0] == found[1]  # the same figure is the same file
    assert not [p for p in tmp_path.iterdir() if p.name.startswith(".")]


# --- terminals --------------------------------------------------------------------------------


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture
def clock(monkeypatch):
    """Time that stands still until it is set."""
    now = [100.0]
    monkeypatch.setattr(progress_module.time, "monotonic", lambda: now[0])
    return now


def test_progress_on_a_terminal(clock):
    stream = Terminal()
    progress = Progress(10, stream)
    clock[0] += 30
    progress.update(2, "generation 2")
    assert stream.getvalue() == "\r 20%  generation 2  ETA 2:00"
    clock[0] += 0.05
    progress.update(3, "too soon")
    assert "too soon" not in stream.getvalue()
    clock[0] += 29.95
    progress.update(5, "short")
    line = stream.getvalue().rpartition("\r")[2]
    assert line.rstrip() == " 50%  short  ETA 1:00"
    assert len(line) == len(" 20%  generation 2  ETA 2:00")  # covers the longer one before
    progress.update(10, "done")  # the last one is always shown
    assert "100%  done  ETA 0.0 s" in stream.getvalue()
    progress.close()
    assert stream.getvalue().endswith(" \r")


def test_progress_counts_up(clock):
    stream = Terminal()
    progress = Progress(4, stream)
    for _ in range(4):
        clock[0] += 1
        progress.advance(1, "draws")
    shares = re.findall(r"(\d+)%", stream.getvalue())
    assert shares == ["25", "50", "75", "100"]


def test_time_left_does_not_count_what_was_done_before(clock):
    stream = Terminal()
    with Progress(10, stream, done=5) as progress:
        clock[0] += 20
        progress.update(7, "generation 7")
    begun, shown = stream.getvalue().split("\r")[1:3]
    assert begun == " 50%  beginning; kernels are compiled on first use, half a minute"
    assert shown.rstrip() == " 70%  generation 7  ETA 30.0 s"


def test_no_work_is_no_trouble(clock):
    stream = Terminal()
    progress = Progress(0, stream)
    clock[0] += 1
    progress.update(0, "nothing")
    assert "100%" in stream.getvalue()


def test_progress_is_silent_elsewhere():
    stream = io.StringIO()
    progress = Progress(10, stream)
    progress.update(10, "done")
    progress.close()
    assert stream.getvalue() == ""


def test_evolve_shows_progress_on_a_terminal(monkeypatch, tmp_path, capsys):
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    assert main(["evolve", *SMALL, "--out", str(tmp_path / "run"), "--json"]) == 0
    shown = terminal.getvalue()
    assert shown.startswith("\r  0%  beginning; kernels are compiled on first use")
    assert "generation 2/2" in shown
    assert " 0 evaluations/s" not in shown
    assert "ETA" in shown
    assert "hypervolume" in shown
    assert json.loads(capsys.readouterr().out)["generations"] == 2


@pytest.mark.parametrize(
    "words",
    [["faults", "--model", "gaussian", "--severity", "0", "--draws", "1", "--out", "f"],
     ["harden", "--model", "dead-synapse", "--draws", "2", "--budget", "1"]],
)  # fmt: skip
def test_others_say_that_they_begin(monkeypatch, tmp_path, networks, words):
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.chdir(tmp_path)
    assert main([words[0], str(networks[0]), *words[1:], "--episodes", "1"]) == 0
    begun, *later = terminal.getvalue().split("\r")[1:]
    assert begun.startswith("  0%  beginning; kernels are compiled on first use")
    assert "100%" in "".join(later)
    assert [text.strip() for text in later[-2:]] == ["", ""]  # wiped


def test_a_closed_pipe_is_no_error(networks):
    process = subprocess.Popen(
        [SCRIPT, "show", networks[1]], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    process.stdout.close()
    assert process.stderr.read() == ""
    process.stderr.close()
    assert process.wait() == 0


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="has no full device")
@pytest.mark.parametrize("words", [["faults", "--list"], ["tasks", "--json"], ["--version"], []])
def test_output_that_cannot_be_written_is_one_line(words):
    with Path("/dev/full").open("w") as full:
        done = subprocess.run([SCRIPT, *words], stdout=full, stderr=subprocess.PIPE, text=True)
    who = " ".join(["tardigrade", *words[:1]]) if words[:1] != ["--version"] else "tardigrade"
    line = f"{who}: error: stdout: cannot be written: No space left on device\n"
    assert (done.returncode, done.stderr) == (2, line)


def test_the_installed_command_works(networks):
    done = subprocess.run(
        [SCRIPT, "evaluate", networks[0], "--episodes", "2", "--json"], capture_output=True,
        text=True,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout)["score_mean"] == 500.0
