"""Evaluation by the workers of Dask: the same bits as here, whatever happens to the workers."""

import csv
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from distributed import Client, LocalCluster
from timeless import timeless

import fitness.distributed
import fitness.worker
from evo import SearchSpace, decode, dump_state, evolve
from evo.operators import random_genome
from experiments.cli import main
from experiments.config import resolve
from experiments.run_directory import objective_specs
from fitness import OBJECTIVES, TASKS, Evaluator, Objective, find_task
from fitness.distributed import distribute, scheduled
from neuro import Current, InputError, Network, WinnerTakesAll
from neuro.faults import BitFlip, DeadSynapse, Fault, FaultSite, Gaussian

SCRIPT = Path(sys.executable).with_name("tardigrade")
TASK = TASKS["cartpole"]
ANY_PORT = "127.0.0.1:0"
QUICK = [
    "--set", "encoder.name=current", "--set", "objectives.feasible=0.1",
    "--set", "resilience.draws=4", "--set", "validation.episodes=4", "--set", "validation.draws=4",
    "--set", "report.episodes=4", "--set", "report.draws=4", "--workers", "2",
]  # fmt: skip
SMALL = ["evolve", "cartpole", "--population", "8", "--generations", "3", "--seed", "1", *QUICK]

# A module of a user's own, as workers import it with --preload. One that is told to die by a file
# takes the file away, so that it is only one, and is gone in the middle of its work.
OWN = """
import os, signal
from dataclasses import replace
from pathlib import Path
from fitness import OBJECTIVES, TASKS, Objective
from fitness.objectives import score

def mortal(m):
    try:
        Path({order!r}).unlink()
    except FileNotFoundError:
        return score(m)
    os.kill(os.getpid(), signal.SIGKILL)

def span(task):
    return task.worst, task.solved_at

TASKS["own"] = replace(TASKS["cartpole"], name="own", max_steps=50)
OBJECTIVES["mortal"] = Objective("mortal", True, mortal, span)
"""


@pytest.fixture(scope="module")
def order(tmp_path_factory):
    """A file that, once it exists, makes a worker die."""
    return tmp_path_factory.mktemp("order") / "die"


@pytest.fixture(scope="module")
def cluster(order, tmp_path_factory):
    """A scheduler and two worker processes, which know the module of one's own."""
    module = tmp_path_factory.mktemp("own") / "own_parts.py"
    module.write_text(OWN.format(order=str(order)))
    with LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=ANY_PORT,
        memory_limit=0, preload=[str(module)], silence_logs=50,
    ) as made:  # fmt: skip
        yield made


@pytest.fixture(scope="module")
def client(cluster):
    with Client(cluster, set_as_default=False) as made:
        yield made


@pytest.fixture
def own(order):
    """The same module here."""
    before = dict(TASKS), dict(OBJECTIVES)
    exec(OWN.format(order=str(order)), {"__name__": "own_parts"})
    yield
    for registry, entries in zip((TASKS, OBJECTIVES), before, strict=True):
        registry.clear()
        registry.update(entries)


def balancing(factor=1.0):
    """Push right when a weighted sum of the observation is positive; solves CartPole."""
    rows = [(c, 1, factor * w) for c, w in enumerate((0.1, 0.3, 1.0, 1.0))]
    return Network.build(
        2, input_synapses=rows, outputs=[0, 1], encoder=Current(scale=TASK.scale),
        readout=WinnerTakesAll(),
    )  # fmt: skip


@pytest.fixture(scope="module")
def networks():
    space = SearchSpace(Current(scale=TASK.scale), WinnerTakesAll(), outputs=2)
    found = [random_genome(space, np.random.default_rng(seed)) for seed in range(20)]
    return [*(decode(g, space) for g in found), *(balancing(f) for f in (0.5, 1.0, 1.5))]


def same(a, b):
    assert a._fields == b._fields
    assert [np.asarray(x).tobytes() for x in a] == [np.asarray(x).tobytes() for x in b]
    assert [getattr(x, "shape", x) for x in a] == [getattr(x, "shape", x) for x in b]


def processes(client):
    return set(client.run(os.getpid).values())


def files_in(folder):
    """The files of a run, without what they tell of time."""
    files = {str(p.relative_to(folder)): p for p in folder.rglob("*") if p.is_file()}
    return {name: timeless(name, p.read_bytes()) for name, p in files.items()}


def same_runs(a, b):
    a, b = files_in(a), files_in(b)
    assert a.keys() == b.keys()
    assert [name for name in a if name != "manifest.json" and a[name] != b[name]] == []


def refused(capsys, *arguments):
    """Run a command that ends in one line; return the line."""
    with pytest.raises(SystemExit) as end:
        main([str(a) for a in arguments])
    out, err = capsys.readouterr()
    assert (end.value.code, out, err.count("\n")) == (2, "", 1)
    return err


# --- the same results -------------------------------------------------------------------------


@pytest.mark.parametrize("count", [0, 1, 2, 23])
def test_results_are_those_of_the_evaluator(client, networks, count):
    evaluator = Evaluator(TASK, seed=1, draws=4, feasible=0.1)
    same(distribute(evaluator, client)(networks[:count]), evaluator(networks[:count]))


@pytest.mark.parametrize("chunks", [1, 2, 5, 100])
def test_chunks_make_no_difference(client, networks, monkeypatch, chunks):
    monkeypatch.setattr(fitness.distributed, "CHUNKS_PER_THREAD", chunks)
    evaluator = Evaluator(TASK, seed=1, draws=2, feasible=0.1)
    same(distribute(evaluator, client)(networks), evaluator(networks))


@pytest.mark.parametrize(
    "settings",
    [
        {"seed": 2**64 - 1, "purpose": "held-out", "starts": 3, "draws": 0},
        {"aggregate": "cvar:0.3", "each": 2,
         "objectives": (OBJECTIVES["resilience"], OBJECTIVES["size"])},
        {"seed": np.int64(3), "feasible": np.float64(0.2), "faults": (
            Fault(BitFlip(bits=6), 0.1), Fault(DeadSynapse(), 0.3, FaultSite("synapses")),
            Fault(Gaussian(), 1 / 3, FaultSite("input-synapses", (0, 2))))},
    ],
)  # fmt: skip
def test_every_setting_reaches_the_workers(client, settings):
    evaluator = Evaluator(TASK, **{"seed": 1, "draws": 3, "feasible": 0.1, **settings})
    networks = [balancing(f) for f in (0.5, 1.0, 2.0)]
    far = distribute(evaluator, client)
    for epoch in (0, 2):
        same(far(networks, epoch), evaluator(networks, epoch))
    # Validation, for instance, is another purpose of the same evaluator.
    same(replace(far, purpose="new")(networks), replace(evaluator, purpose="new")(networks))


def test_environments_are_played_by_workers(client, networks):
    task = find_task("gymnasium:CartPole-v1")
    evaluator = Evaluator(task, seed=1, starts=2, draws=1, feasible=0.05)
    same(distribute(evaluator, client)(networks[-5:]), evaluator(networks[-5:]))


def test_workers_know_what_they_import(client, own, networks):
    objectives = (OBJECTIVES["mortal"], OBJECTIVES["size"])
    evaluator = Evaluator(TASKS["own"], seed=1, draws=2, objectives=objectives)
    same(distribute(evaluator, client)(networks), evaluator(networks))


def test_a_module_can_be_handed_to_workers_that_run(client, monkeypatch, networks, tmp_path):
    module = tmp_path / "handed_over.py"
    module.write_text(
        "from dataclasses import replace\nfrom fitness import TASKS\n"
        "TASKS['handed'] = replace(TASKS['cartpole'], name='handed', max_steps=30)\n"
    )
    monkeypatch.setitem(TASKS, "handed", replace(TASK, name="handed", max_steps=30))
    client.upload_file(str(module))
    evaluator = Evaluator(TASKS["handed"], seed=1, draws=0)
    same(distribute(evaluator, client)(networks), evaluator(networks))


def test_a_worker_makes_an_evaluator_once(client, networks):
    far = distribute(Evaluator(TASK, seed=77, draws=0), client)

    def made():
        from fitness.worker import _evaluator

        return _evaluator.cache_info().misses

    before = client.run(made)
    far(networks)
    far(networks, 1)
    assert client.run(made) == before


# --- workers that die -------------------------------------------------------------------------


def test_a_worker_killed_in_the_middle_of_a_generation_loses_nothing(client, own, order):
    config = resolve("cartpole", [
        ("encoder.name", "current"), ("objectives.feasible", 0.1), ("resilience.draws", 4),
        ("evolution.population", 10), ("evolution.generations", 4), ("evolution.refresh", 2),
        ("objectives.names", ["mortal", "size", "resilience"]), ("run.workers", 2),
    ])  # fmt: skip

    def outcome(evaluator, callback=None):
        found = evolve(
            evaluator, config.space, objective_specs(config), config.settings, seed=1,
            callback=callback,
        )  # fmt: skip
        return timeless("state.npz", dump_state(found.state))

    expected, before = outcome(config.evaluator), processes(client)
    generations = iter(range(5))
    far = distribute(config.evaluator, client)
    assert outcome(far, lambda state: next(generations) == 2 and order.touch()) == expected
    assert not order.exists()
    client.wait_for_workers(2, timeout=60)
    assert len(before - processes(client)) == 1


def test_a_run_with_a_worker_killed_is_the_same_run(client, own, order, tmp_path, capsys):
    words = [*SMALL, "--set", 'objectives.names=["mortal", "size", "resilience"]', "--json"]
    assert main([*words, "--out", str(tmp_path / "here")]) == 0
    order.touch()
    address = client.scheduler.address
    assert main([*words, "--out", str(tmp_path / "there"), "--scheduler", address]) == 0
    assert not order.exists()
    assert capsys.readouterr().err == ""
    same_runs(tmp_path / "here", tmp_path / "there")
    said = [
        json.loads((tmp_path / run / "manifest.json").read_text())["scheduler"]
        for run in ("here", "there")
    ]
    assert said == [None, address]
    assert "scheduler" not in (tmp_path / "there" / "config.toml").read_text()


def test_networks_that_kill_every_worker_end_in_one_line(cluster, client, own, order, monkeypatch):
    monkeypatch.setattr(cluster.scheduler, "allowed_failures", 0)
    far = distribute(Evaluator(TASK, seed=1, draws=0, objectives=(OBJECTIVES["mortal"],)), client)
    order.touch()
    with pytest.raises(InputError, match=r"^scheduler tcp://\S+: workers died again and again, "):
        far([balancing()])
    client.wait_for_workers(2, timeout=60)


# --- what is refused --------------------------------------------------------------------------


def refusal(client, evaluator):
    with pytest.raises(InputError) as error:
        distribute(evaluator, client)
    return str(error.value)


@pytest.mark.parametrize("package", fitness.worker.PACKAGES)
def test_workers_with_other_versions_are_refused(client, monkeypatch, package):
    here = fitness.worker._software()
    monkeypatch.setattr(fitness.worker, "_software", lambda: {**here, package: "0.0.1"})
    line = refusal(client, Evaluator(TASK, seed=1))
    assert line.startswith("worker tcp://127.0.0.1:")
    assert f": {package}: expected 0.0.1 as where the evolution runs, got {here[package]}" in line


def test_workers_with_other_sources_are_refused(client, monkeypatch, tmp_path):
    (tmp_path / "a.py").write_text("")
    monkeypatch.setattr(fitness, "__path__", [*fitness.__path__, str(tmp_path)])
    fitness.worker._software.cache_clear()
    try:
        assert ": sources of Tardigrade: expected " in refusal(client, Evaluator(TASK, seed=1))
    finally:
        fitness.worker._software.cache_clear()


def test_a_worker_that_comes_later_is_refused_too(client, monkeypatch, networks):
    far = distribute(Evaluator(TASK, seed=1), client)
    monkeypatch.setattr(fitness.worker, "_software", lambda: {"numpy": "0.0.1"})
    with pytest.raises(InputError, match=r"^worker tcp://\S+: numpy: expected 0.0.1 as where"):
        replace(far, purpose="new")(networks)


def test_a_task_that_workers_do_not_know_is_named(client, monkeypatch):
    monkeypatch.setitem(TASKS, "unheard", replace(TASK, name="unheard"))
    line = refusal(client, Evaluator(TASKS["unheard"], seed=1))
    assert "got unheard" in line
    assert line.endswith("(what is not of Tardigrade is made known to workers with --preload)")


@pytest.mark.parametrize("change", [{"max_steps": 19}, {"solved_at": 474.0}, {"reset": None}])
def test_another_task_of_the_same_name_is_refused(client, monkeypatch, change):
    if "reset" in change:
        change = {"reset": lambda rng: rng.uniform(-0.05, 0.05000001, 4)}
    monkeypatch.setitem(TASKS, "cartpole", replace(TASK, **change))
    line = refusal(client, Evaluator(TASKS["cartpole"], seed=1))
    assert "task cartpole: expected the same episodes as where the evolution runs, got" in line


def test_what_is_not_registered_cannot_be_sent(client):
    task = replace(TASK, name="unheard")
    assert refusal(client, Evaluator(task, seed=1)).startswith("task: expected one of")
    assert refusal(client, Evaluator(replace(TASK, max_steps=9), seed=1)).startswith("task: ")
    other = Objective("score", True, lambda m: 1.0, lambda task: (0.0, 1.0))
    assert refusal(client, Evaluator(TASK, seed=1, objectives=(other,))) == (
        "objectives: expected registered ones, got score"
    )


def test_bad_networks_are_refused_as_they_are_here(client):
    evaluator = Evaluator(TASK, seed=1, draws=0)
    bad = [balancing(), Network.build(2, outputs=[0, 1], readout=WinnerTakesAll())]
    lines = []
    for some in (evaluator, distribute(evaluator, client)):
        with pytest.raises(InputError) as error:
            some(bad)
        lines.append(str(error.value))
    assert lines[0] == lines[1]


def test_a_defect_keeps_its_traceback(client, own, order):
    # A directory cannot be unlinked, which is not what the objective is prepared for.
    far = distribute(Evaluator(TASK, seed=1, draws=0, objectives=(OBJECTIVES["mortal"],)), client)
    order.mkdir()
    try:
        with pytest.raises(OSError, match="die") as error:
            far([balancing()])
    finally:
        order.rmdir()
    assert "mortal" in [frame.name for frame in error.traceback]


# A worker where Tardigrade is not installed.
BARE = """
import sys

class Bare:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("fitness", "neuro"):
            raise ModuleNotFoundError(f"No module named {name!r}")

sys.meta_path.insert(0, Bare())
"""


def test_a_worker_without_tardigrade_is_named(tmp_path):
    (tmp_path / "bare.py").write_text(BARE)
    with (
        LocalCluster(
            n_workers=1, threads_per_worker=1, processes=True, dashboard_address=ANY_PORT,
            memory_limit=0, preload=[str(tmp_path / "bare.py")], silence_logs=50,
        ) as bare,
        Client(bare, set_as_default=False) as client,
    ):  # fmt: skip
        line = refusal(client, Evaluator(TASK, seed=1))
    assert "expected the same Tardigrade to be installed there, got ModuleNotFoundError" in line


def test_without_workers_there_is_nobody_to_ask(capsys, tmp_path):
    with LocalCluster(n_workers=0, processes=False, dashboard_address=ANY_PORT) as empty:
        out = tmp_path / "run"
        line = refused(capsys, *SMALL, "--out", out, "--scheduler", empty.scheduler_address)
    assert line.endswith(": expected at least one worker, got none\n")
    assert not out.exists()


@pytest.mark.parametrize(
    "address",
    ["nonsense", "", "what://127.0.0.1:1", "7", "a:b", "::1:8786", "tcp://:1", "tcp://a:99999"],
)
def test_what_is_no_address_is_refused_without_asking_anybody(
    capsys, tmp_path, monkeypatch, address
):
    monkeypatch.delattr("distributed.Client")
    line = refused(capsys, *SMALL, "--out", tmp_path / "run", "--scheduler", address)
    what = "scheduler: expected an address such as tcp://10.0.0.1:8786, got"
    assert line == f"tardigrade evolve: error: {what} {address or repr('')}\n"
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:1", "127.0.0.1:1"])
def test_a_scheduler_that_does_not_answer_is_one_line(capsys, tmp_path, monkeypatch, address):
    monkeypatch.setattr(fitness.distributed, "CONNECT_SECONDS", 0.2)
    out = tmp_path / "run"
    line = refused(capsys, *SMALL, "--out", out, "--scheduler", address)
    what = "scheduler: expected the address of a Dask scheduler that answers, got"
    assert line.startswith(f"tardigrade evolve: error: {what} {address}")
    assert not out.exists()


@pytest.mark.parametrize("words", [b"", b"HTTP/1.1 400 Bad request\r\n\r\n"])
def test_what_is_open_but_no_scheduler_is_one_line(capsys, tmp_path, monkeypatch, words):
    """It waits for a request, or says something that would be taken for a length."""
    monkeypatch.setattr(fitness.distributed, "CONNECT_SECONDS", 0.2)
    monkeypatch.delattr("distributed.Client")
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer():
            line, _ = server.accept()
            with line, suppress(ConnectionError):
                line.sendall(words)
                line.recv(1)  # until the other side has had enough

        thread = threading.Thread(target=answer)
        thread.start()
        address = f"tcp://127.0.0.1:{server.getsockname()[1]}"
        line = refused(capsys, *SMALL, "--out", tmp_path / "run", "--scheduler", address)
        thread.join()
    what = "scheduler: expected the address of a Dask scheduler that answers, got"
    assert line.startswith(f"tardigrade evolve: error: {what} {address}")
    assert not (tmp_path / "run").exists()


def test_without_the_package_one_line_says_what_to_install(capsys, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    line = refused(capsys, *SMALL, "--out", tmp_path / "run", "--scheduler", "local")
    assert line.endswith("install it with: pip install 'tardigrade[distributed]'\n")
    assert not (tmp_path / "run").exists()


# --- a cluster on this machine ----------------------------------------------------------------


def test_a_local_cluster_has_a_process_for_each_worker():
    evaluator = Evaluator(TASK, seed=1, workers=2)
    with scheduled(evaluator, "local") as far:
        assert list(far.client.nthreads().values()) == [1, 1]
        assert len(processes(far.client) - {os.getpid()}) == 2
        assert far.scheduler == "local"
    with scheduled(evaluator, None) as near:
        assert near is evaluator


def test_ctrl_c_leaves_a_run_that_can_be_resumed(client, tmp_path, capsys):
    """As in a terminal, where it reaches every process."""
    words = [*SMALL, "--generations", "20"]
    run, whole = tmp_path / "run", tmp_path / "whole"
    process = subprocess.Popen(
        [SCRIPT, *words, "--out", run, "--scheduler", "local", "--json"], text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True,
    )  # fmt: skip
    try:
        while not (run / "checkpoint" / "state.npz").exists():
            try:
                process.wait(0.005)
            except subprocess.TimeoutExpired:
                continue
            raise AssertionError(f"ended early: {process.communicate()}")
        os.killpg(process.pid, signal.SIGINT)
        out, err = process.communicate(timeout=60)
    finally:
        process.kill()
    assert (process.returncode, json.loads(out)["stopped_by"]) == (130, "interrupt")
    assert err == "\nstopping after this generation; again to abort at once\n"
    assert json.loads((run / "manifest.json").read_text())["scheduler"] == "local"
    with (run / "history.csv").open() as history:
        assert len(list(csv.DictReader(history))) < 20

    before = files_in(run)
    assert "scheduler: expected an address" in refused(capsys, "resume", run, "--scheduler", "x")
    assert files_in(run) == before
    assert main(["resume", str(run), "--scheduler", client.scheduler.address]) == 0
    assert main([*words, "--out", str(whole)]) == 0
    manifest = json.loads((run / "manifest.json").read_text())
    assert manifest["scheduler"] == client.scheduler.address
    same_runs(run, whole)
