"""Runs that begin with given networks, and can be repeated from their directory."""

import json
import shutil
import tomllib
from pathlib import Path

import numpy as np
import pytest
from timeless import timeless

from evo import decode, encode, load_state
from evo.operators import random_genome
from experiments.cli import main
from experiments.config import resolve
from neuro import load, prune, save

QUICK = [
    "--population", "6", "--set", "encoder.name=current", "--set", "objectives.feasible=0.05",
    "--set", "objectives.starts=2", "--set", "resilience.draws=2", "--set", "report.episodes=2",
    "--set", "report.draws=2", "--set", "validation.episodes=2", "--set", "validation.draws=2",
]  # fmt: skip
SMALL = ["cartpole", "--generations", "2", *QUICK]


def run(*arguments):
    assert main([str(a) for a in ("evolve", *arguments)]) == 0


def files_in(folder):
    return {
        name: timeless(name, p.read_bytes())
        for p in folder.rglob("*")
        if p.is_file() and (name := p.relative_to(folder).as_posix()) != "manifest.json"
    }


@pytest.fixture(scope="module")
def networks(tmp_path_factory):
    """Two networks that fit the runs of this module."""
    path = tmp_path_factory.mktemp("given")
    space = resolve("cartpole", [("encoder.name", "current")]).space
    genomes = [random_genome(space, np.random.default_rng(seed)) for seed in (1, 2)]
    made = [prune(decode(genome, space)) for genome in genomes]
    return [save(n, path / f"{name}.json") for n, name in zip(made, "ab", strict=True)]


def test_they_are_the_first_individuals(networks, tmp_path):
    run(*SMALL, "--generations", 0, "--seed-network", *networks, "--out", tmp_path / "run")
    config = resolve(str(tmp_path / "run" / "config.toml"))
    state = load_state((tmp_path / "run" / "checkpoint" / "state.npz").read_bytes())
    found = {i.number: i.genome for i in state.population}
    for number, file in enumerate(networks):
        assert found[number].fingerprint() == encode(load(file), config.space).fingerprint()
    how = [birth.operators for birth in state.lineage.values()]
    assert how == [("seed",)] * 2 + [("first",)] * 4


def test_the_directory_repeats_the_run(networks, tmp_path, monkeypatch):
    monkeypatch.chdir(Path(networks[0]).parent)
    run(*SMALL, "--seed-network", "a.json", "--seed-network", "b.json", "--out", tmp_path / "one")
    copies = [(tmp_path / "one" / "seeds" / f"{k:03d}.json").read_bytes() for k in range(2)]
    assert copies == [Path(file).read_bytes() for file in networks]
    table = tomllib.loads((tmp_path / "one" / "config.toml").read_text())
    assert table["run"]["seed_networks"] == ["seeds/000.json", "seeds/001.json"]
    # With the task behind them.
    run("--seed-network", "a.json", "b.json", *SMALL, "--out", tmp_path / "behind")
    assert files_in(tmp_path / "behind") == files_in(tmp_path / "one")
    # From anywhere, and when the directory was moved.
    monkeypatch.chdir(tmp_path)
    Path("one").rename("moved")
    run("moved/config.toml", "--out", "two")
    assert files_in(Path("moved")) == files_in(Path("two"))
    run(*SMALL, "--out", "random")
    assert files_in(Path("random"))["history.csv"] != files_in(Path("two"))["history.csv"]


def test_a_run_is_resumed_without_them(networks, tmp_path):
    given = ["--seed-network", *networks, "--out"]
    run(*SMALL, "--generations", 1, *given, tmp_path / "short")
    run(*SMALL, *given, tmp_path / "whole")
    shutil.rmtree(tmp_path / "short" / "seeds")
    config = tmp_path / "short" / "config.toml"
    config.write_text(config.read_text().replace("generations = 1", "generations = 2"))
    assert main(["resume", str(tmp_path / "short")]) == 0
    short, whole = files_in(tmp_path / "short"), files_in(tmp_path / "whole")
    for name in ("history.csv", "front.csv", "lineage.csv", "checkpoint/state.npz"):
        assert short[name] == whole[name], name


def test_paths_are_relative_to_the_file_or_to_where_they_are_typed(networks, tmp_path, monkeypatch):
    (tmp_path / "there").mkdir()
    shutil.copy(networks[0], tmp_path / "there" / "net.json")
    text = '[run]\ntask = "cartpole"\nseed_networks = ["net.json"]\n[encoder]\nname = "current"\n'
    (tmp_path / "there" / "my.toml").write_text(text)
    monkeypatch.chdir(tmp_path)
    run("there/my.toml", *QUICK, "--generations", 0, "--out", "one")
    shutil.copy(networks[1], "other.json")
    run("there/my.toml", *QUICK, "--generations", 0, "--seed-network", "other.json", "--out", "two")
    assert Path("one/seeds/000.json").read_bytes() == Path(networks[0]).read_bytes()
    assert Path("two/seeds/000.json").read_bytes() == Path(networks[1]).read_bytes()
    assert not Path("two/seeds/001.json").exists()


MISTAKES = [
    (["--seed-network", "none.json"], "none.json: cannot be read: No such file or directory"),
    (["--seed-network", "a.json", "--set", "encoder.ticks=7"],
     "a.json: encoder.ticks: expected 7, as in the search space, got 10"),
    (["--seed-network", "a.json", "--set", "space.dt=0.5"],
     "a.json: dt: expected 0.5, as in the search space, got 1.0"),
    (["--seed-network", *["a.json"] * 7],
     "run.seed_networks: expected at most 6 networks, the population, got 7"),
    (["--set", "run.seed_networks=a.json"],
     "run.seed_networks: expected a list of network files, got a.json"),
    (["--set", "run.seed_networks=[1]"], "run.seed_networks: expected a list of network files"),
]  # fmt: skip


@pytest.mark.parametrize(("words", "line"), MISTAKES, ids=[line for _, line in MISTAKES])
def test_mistakes(networks, monkeypatch, capsys, tmp_path, words, line):
    monkeypatch.chdir(Path(networks[0]).parent)
    with pytest.raises(SystemExit) as end:
        main(["evolve", *SMALL, *words, "--out", str(tmp_path / "run")])
    out, err = capsys.readouterr()
    assert (end.value.code, out) == (2, "")
    assert err.startswith(f"tardigrade evolve: error: {line}")
    assert len(err.splitlines()) == 1
    assert not (tmp_path / "run").exists()


def test_a_network_that_is_no_network(networks, monkeypatch, capsys, tmp_path):
    bad = tmp_path / "bad.json"
    bad.write_text(json.dumps({"format": "something"}))
    with pytest.raises(SystemExit):
        main(["evolve", *SMALL, "--seed-network", str(bad)])
    assert f"error: {bad}: format: expected" in capsys.readouterr().err
