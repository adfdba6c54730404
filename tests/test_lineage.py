"""Lineage: who descends from whom, written, told, drawn and exported."""

import csv
import json
import shutil

import networkx as nx
import pytest

from evo import Birth, load_state
from evo.lineage import line_of_descent
from experiments.cli import main
from experiments.lineage import Lineage, ancestry, contracted, describe_descent, read_lineage
from experiments.plots import lineage_figure, save_figure

SMALL = [
    "evolve", "cartpole", "--population", "10", "--generations", "6", "--seed", "1",
    "--set", "encoder.name=current", "--set", "objectives.feasible=0.05",
    "--set", "objectives.starts=2", "--set", "resilience.draws=2", "--set", "report.episodes=2",
    "--set", "report.draws=2", "--set", "validation.episodes=2", "--set", "validation.draws=2",
    "--set", "evolution.refine.share=0.4", "--set", "evolution.refine.samples=2",
    "--set", "evolution.refine.patience=1", "--set", "evolution.mate=0.6",
]  # fmt: skip

BIRTHS = [
    Birth(0, 0, (), ("first",)), Birth(1, 0, (), ("seed",)), Birth(2, 1, (0,), ("refine",)),
    Birth(3, 2, (2,), ("refine",)), Birth(4, 3, (3,), ("refine",)),
    Birth(5, 3, (1, 0), ("mate", "add_synapse")), Birth(6, 4, (5, 4), ("mate",)),
    Birth(7, 5, (6,), ("refine",)), Birth(8, 6, (7,), ("refine",)), Birth(9, 7, (8,), ("refine",)),
    Birth(10, 8, (9,), ()), Birth(11, 8, (0,), ("first",)),
]  # fmt: skip
LINEAGE = Lineage({b.number: b for b in BIRTHS}, {10: "front/000.json", 8: "front/001.json"})


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    path = tmp_path_factory.mktemp("lineage") / "run"
    assert main([*SMALL, "--out", str(path)]) == 0
    return path


def test_the_line_of_descent_follows_first_parents():
    line = line_of_descent(LINEAGE.births, 10)
    assert [b.number for b in line] == [1, 5, 6, 7, 8, 9, 10]
    assert [b.number for b in line_of_descent(LINEAGE.births, 0)] == [0]


def test_the_graph_has_all_ancestors():
    graph = ancestry(LINEAGE, 10)
    assert set(graph) == {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10}
    assert sorted(graph.edges(data="parent")) == [
        (0, 2, 1), (0, 5, 2), (1, 5, 1), (2, 3, 1), (3, 4, 1), (4, 6, 2), (5, 6, 1), (6, 7, 1),
        (7, 8, 1), (8, 9, 1), (9, 10, 1),
    ]  # fmt: skip


def test_runs_of_refinement_become_one():
    """2, 3 and 4 are one run; 8 has a file of its own and stays."""
    small = contracted(ancestry(LINEAGE, 10))
    assert {n: small.nodes[n]["count"] for n in small} == {
        0: 1, 1: 1, 4: 3, 5: 1, 6: 1, 8: 2, 9: 1, 10: 1,
    }  # fmt: skip
    assert (small.nodes[4]["begun"], small.nodes[4]["generation"]) == (1, 3)
    assert set(small.edges) == {(0, 4), (0, 5), (1, 5), (4, 6), (5, 6), (6, 8), (8, 9), (9, 10)}


def test_refinement_with_other_children_stays():
    births = [*BIRTHS[:4], Birth(4, 3, (3,), ("refine",)), Birth(5, 4, (4, 2), ("mate",))]
    small = contracted(ancestry(Lineage({b.number: b for b in births}, {5: "front/000.json"}), 5))
    assert {n: small.nodes[n]["count"] for n in small} == {0: 1, 2: 1, 4: 2, 5: 1}


def test_what_is_told():
    result, text = describe_descent(LINEAGE, 10)
    assert (result["file"], result["number"], result["ancestors"]) == ("front/000.json", 10, 10)
    assert [birth["number"] for birth in result["line"]] == [1, 5, 6, 7, 8, 9, 10]
    lines = [line.split() for line in text.splitlines()[3:]]
    assert lines == [
        ["0", "1", "seed"], ["3", "5", "mate", "add_synapse", "0"], ["4", "6", "mate", "4"],
        ["6", "8", "refine", "x", "2"], ["7", "9", "refine"], ["8", "10", "no", "change"],
    ]  # fmt: skip


def test_the_file_holds_the_living_and_their_ancestors(finished):
    state = load_state((finished / "checkpoint" / "state.npz").read_bytes())
    lineage = read_lineage(finished)
    assert lineage.births == state.lineage
    known = lineage.births.keys()
    assert {i.number for i in state.population} <= known
    assert {parent for birth in lineage.births.values() for parent in birth.parents} <= known
    assert {len(b.parents) for b in lineage.births.values()} == {0, 1, 2}
    with (finished / "front.csv").open() as front:
        rows = list(csv.DictReader(front))
    assert list(rows[0])[-1] == "number"
    assert lineage.files == {int(row["number"]): row["file"] for row in rows}
    # The number is that of the individual whose network the file holds.
    living = {i.number: i for i in state.population}
    for row in rows:
        assert living[int(row["number"])].fitness.values[1] == float(row["size"])


def test_show_tells_and_draws(finished, tmp_path, capsys):
    assert main(["show", str(finished), "--lineage", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["file"] == "front/000.json"
    second = str(finished / "front" / "001.json")
    for name in ("front/001.json", second):
        assert main(["show", str(finished), "--lineage", name]) == 0
        assert capsys.readouterr().out.startswith("front/001.json is number ")
    pictures = [tmp_path / f"{k}.svg" for k in range(2)]
    for picture in pictures:
        assert main(["show", str(finished), "--lineage", "--out", str(picture)]) == 0
        assert f"picture: {picture}" in capsys.readouterr().out
    assert pictures[0].read_bytes() == pictures[1].read_bytes()
    graph = tmp_path / "graph.graphml"
    assert main(["show", str(finished), "--lineage", "--out", str(graph)]) == 0
    exported = nx.read_graphml(graph, node_type=int)
    assert len(exported) == told["ancestors"] + 1
    births = read_lineage(finished).births
    for number, node in exported.nodes(data=True):
        assert node["operators"] == " ".join(births[number].operators)
        assert set(exported.predecessors(number)) == set(births[number].parents)


def test_pictures_say_what_happened(tmp_path):
    small = contracted(ancestry(LINEAGE, 10))
    figure = lineage_figure(small, [1, 5, 6, 8, 9, 10], "a title")
    (axes,) = figure.axes
    assert {t.get_text() for t in axes.texts} == {
        "seed", "mate add_synapse", "mate", "3", "2", "front/000.json", "front/001.json",
    }  # fmt: skip
    assert [t.get_text() for t in axes.get_yticklabels()] == ["0", "3", "4", "6", "7", "8"]
    assert axes.yaxis_inverted()
    assert save_figure(figure, tmp_path / "lineage.png").stat().st_size > 1000


def test_long_lines_can_be_drawn(tmp_path):
    births = {n: Birth(n, n, (n - 1,) if n else (), ("add_synapse",)) for n in range(400)}
    small = contracted(ancestry(Lineage(births, {399: "front/000.json"}), 399))
    figure = lineage_figure(small, list(range(400)), "long")
    assert figure.get_size_inches()[1] == 40.0
    assert len(figure.axes[0].get_yticks()) == 100


MISTAKES = [
    ("run --lineage front/999.json", "--lineage: expected one of front/000.json, "),
    ("run --lineage --out x.gif",
     "--out: expected a name that ends in .png, .svg, .pdf, .graphml, got x.gif"),
    ("run --out x.graphml", "--out: expected a name that ends in .png, .svg, .pdf, got x.graphml"),
    ("run/front/000.json --lineage", "--lineage: expected a run directory, got run/front/000.json"),
    ("run --lineage --raster --out x.png", "--raster: expected a network file, got run"),
    ("old --lineage", "old/lineage.csv: cannot be read: No such file or directory"),
    ("cyclic --lineage", "cyclic/lineage.csv: row 2: expected number, generation, parents, "),
    ("torn --lineage", "torn/lineage.csv: row 2: expected number, generation, parents, "),
    ("empty --lineage", "empty/lineage.csv: expected the births of a run, got none with a file"),
]  # fmt: skip


@pytest.mark.parametrize(("words", "line"), MISTAKES)
def test_mistakes(finished, tmp_path, monkeypatch, capsys, words, line):
    monkeypatch.chdir(tmp_path)
    shutil.copytree(finished, "run")
    head = "number,generation,parents,operators,file\n0,0,,first,\n"
    for name, text in (
        ("old", None), ("cyclic", head + "1,1,1,refine,front/000.json\n"), ("torn", head + "1,1\n"),
        ("empty", head),
    ):  # fmt: skip
        (tmp_path / name).mkdir()
        if text is not None:
            (tmp_path / name / "lineage.csv").write_text(text)
    with pytest.raises(SystemExit) as end:
        main(["show", *words.split()])
    assert end.value.code == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(f"tardigrade show: error: {line}")
    assert len(err.splitlines()) == 1
