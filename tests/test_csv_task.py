"""Tables as tasks: what is read from good ones, and the line about each bad one."""

import csv
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from experiments.cli import main
from fitness import play
from fitness.tasks.csv_task import csv_task, read_table
from fitness.tasks.datasets import IRIS
from neuro import Current, InputError, Network, WinnerTakesAll, load

GOOD = "width,kind,height\n" + "".join(
    f"{0.5 * i},{'bird' if i % 2 else 'ant'},{-i}\n" for i in range(20)
)


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def make(text, options="?target=kind", name="a.csv"):
    Path(name).write_bytes(text if isinstance(text, bytes) else text.encode())
    return csv_task(f"{name}{options}")


def test_a_table():
    task = make(GOOD)
    assert task.name == "csv:a.csv?target=kind"
    assert task.kind == "classification"
    assert task.observations == ("width", "height")
    assert (task.actions, task.solved_at, task.worst) == (2, 0.95, 0.5)
    assert "a.csv" in task.source
    assert task.data.classes == ("ant", "bird")
    assert task.data.features.tolist() == [[0.5 * i, -float(i)] for i in range(20)]
    assert task.data.labels.tolist() == [0, 1] * 10
    assert [len(split) for split in task.splits] == [12, 4, 4]
    assert task.state_size == 3
    assert task.draw_starts(1, "training", 5).shape == (5, 3)


def test_it_can_be_played():
    task = make(GOOD)
    center, scale = task.ranges()
    network = Network.build(
        2, outputs=[0, 1], encoder=Current(scale=scale, center=center), readout=WinnerTakesAll()
    )
    assert play(network, task, task.draw_starts(1, "held-out", 100)).scores.mean() == 0.5


@pytest.mark.parametrize(
    "text",
    [
        GOOD.replace(",", ";"),
        GOOD.replace(",", "\t"),
        GOOD.replace("\n", "\r\n"),
        GOOD.replace("\n", "\r"),
        GOOD.rstrip("\n"),
        "\n" + GOOD.replace("\n", "\n\n") + "\n",
        "\ufeff" + GOOD,
        GOOD.replace("bird", '"bird"').replace("width", '"width"'),
        GOOD.replace(",", " , "),
    ],
    ids=["semicolons", "tabs", "crlf", "cr", "no end", "blank lines", "byte order mark", "quotes",
         "spaces"],
)  # fmt: skip
def test_ways_to_write_the_same_table(text):
    expected, found = make(GOOD), make(text)
    assert found.observations == expected.observations
    assert found.data.classes == expected.data.classes
    assert found.data.features.tobytes() == expected.data.features.tobytes()
    assert found.data.labels.tobytes() == expected.data.labels.tobytes()
    assert [s.tolist() for s in found.splits] == [s.tolist() for s in expected.splits]


def test_classes_that_are_numbers_are_sorted_as_numbers():
    task = make("x,kind\n" + "1,10\n2,9\n3,-1\n4,9.0\n" * 3)
    assert task.data.classes == ("-1", "9", "10")
    assert task.data.labels.tolist() == [2, 1, 0, 1] * 3
    assert task.worst == 0.5


def test_classes_of_which_one_is_no_number_are_sorted_as_text():
    task = make("x,kind\n" + "1,10\n2,9\n3,inf\n" * 3)
    assert task.data.classes == ("10", "9", "inf")


def test_names_that_need_care():
    rows = "1,a,5\n2,b,6\n" * 3
    assert make("x,007,true\n" + rows, "?target=007").observations == ("x", "true")
    assert make("true,kind,x\n" + rows).observations == ("true", "x")
    odd = make("x,a b+c&d,z\n" + rows, "?target=a+b%2Bc%26d")
    assert odd.observations == ("x", "z")


def test_solved_at():
    task = make(GOOD, "?target=kind&solved_at=0.9")
    assert (task.solved_at, task.name) == (0.9, "csv:a.csv?target=kind&solved_at=0.9")
    assert make(GOOD, "?solved_at=1&target=kind").solved_at == 1.0


def test_the_file_of_a_bundled_set_gives_the_same_task():
    with Path("iris.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow([*IRIS.observations, "species"])
        for row, label in zip(IRIS.data.features, IRIS.data.labels, strict=True):
            writer.writerow([*row.tolist(), IRIS.data.classes[label]])
    task = csv_task("iris.csv?target=species")
    assert task.observations == IRIS.observations
    assert task.worst == IRIS.worst
    assert task.ranges() == IRIS.ranges()
    for purpose in ("training", "validation", "held-out"):
        drawn = task.draw_starts(3, purpose, 17)
        assert drawn.tobytes() == IRIS.draw_starts(3, purpose, 17).tobytes()


finite = st.floats(-1e9, 1e9)


@given(st.lists(st.tuples(finite, finite, st.sampled_from("abc")), max_size=20))
def test_what_is_written_is_read(rows):
    rows = [*rows, *((float(i), 0.0, kind) for i in range(3) for kind in "abc")]
    Path("a.csv").write_text("x,y,kind\n" + "".join(f"{x!r},{y!r},{k}\n" for x, y, k in rows))
    data, observations = read_table("a.csv", "kind")
    assert observations == ["x", "y"]
    assert data.features.tolist() == [[x, y] for x, y, _ in rows]
    assert "".join(data.classes[label] for label in data.labels) == "".join(k for *_, k in rows)


# --- bad tables and options -------------------------------------------------------------------

ROWS = "1,a,5\n2,b,6\n" * 3
WIDE = ",".join(f"column{i}" for i in range(300))

BAD_TABLES = [
    ("", "a.csv: expected a line with column names, got an empty file"),
    ("\n\n", "a.csv: expected a line with column names, got an empty file"),
    (b"\xff\xfe\x00\x01", "a.csv: expected a text file, got bytes that are not UTF-8"),
    ("x,kind,y\n", "a.csv: expected lines under the column names, got none"),
    ("x,Kind,y\n" + ROWS,
     "a.csv: target: expected one of x, Kind, y, got kind; did you mean Kind?"),
    ("x,z,y\n" + ROWS, "a.csv: target: expected one of x, z, y, got kind"),
    (WIDE + "\n", "a.csv: target: expected one of column"),
    ("kind\na\nb\n", "a.csv: columns: expected at least one beside kind, got none"),
    ("x,kind,x\n" + ROWS, "a.csv: line 1: expected names that differ, got x twice"),
    (",kind,x\n" + ROWS, "a.csv: line 1: expected a name for every column, got none for column 1"),
    ("x,kind,y\n" + ROWS + "1,a\n", "a.csv: line 8: expected 3 values as in line 1, got 2"),
    ("x,kind,y\n1,a,5,7\n" + ROWS, "a.csv: line 2: expected 3 values as in line 1, got 4"),
    ("x;kind,y\n" + ROWS, "a.csv: target: expected one of x;kind, y, got kind"),
    ("x,kind,y\n" + ROWS + ",a,5\n",
     "a.csv: line 8, column x: expected a number, got a missing value, ''"),
    ("x,kind,y\n" + ROWS + "1,a,NA\n",
     "a.csv: line 8, column y: expected a number, got a missing value, 'NA'"),
    ("x,kind,y\n1,a,nan\n" + ROWS,
     "a.csv: line 2, column y: expected a number, got a missing value, 'nan'"),
    ("x,kind,y\n" + ROWS + "1,,5\n",
     "a.csv: line 8, column kind: expected a class, got a missing value, ''"),
    ("x,kind,y\n" + ROWS + "1,NaN,5\n",
     "a.csv: line 8, column kind: expected a class, got a missing value, 'NaN'"),
    ("x,kind,y\n" + ROWS + "1,a,heavy\n", "a.csv: line 8, column y: expected a number, got heavy"),
    ("x;kind;y\n1;a;2,5\n" + ROWS, "a.csv: line 2, column y: expected a number, got 2,5"),
    ("x,kind,y\n" + ROWS + "1,a,1_000\n", "a.csv: line 8, column y: expected a number, got 1_000"),
    ("x,kind,y\n" + ROWS + "1,a,-nan\n", "a.csv: line 8, column y: expected a number, got -nan"),
    ("x,kind,y\n" + ROWS + "1,a,inf\n",
     "a.csv: line 8, column y: expected a number from -1e+09 to 1e+09, got inf"),
    ("x,kind,y\n" + ROWS + "-1e999,a,1\n",
     "a.csv: line 8, column x: expected a number from -1e+09 to 1e+09, got -inf"),
    ("x,kind,y\n" + ROWS + "1,a,2e9\n",
     "a.csv: line 8, column y: expected a number from -1e+09 to 1e+09, got 2000000000.0"),
    ("x,kind,y\n" + "1,a,5\n" * 9, "a.csv: column kind: expected at least 2 classes, got a"),
    ("x,kind,y\n" + ROWS + "1,c,5\n1,c,6\n",
     "a.csv: column kind: class c: expected at least 3 samples, got 2"),
    ('x,kind,y\n' + ROWS + '1,"a,5\n', "a.csv: line 8: not valid CSV: unexpected end of data"),
    ("x,kind,y\n" + ROWS + "1," + "a" * 200_000 + ",5\n",
     "a.csv: line 8: not valid CSV: field larger than field limit"),
    ("x,kind,y\n" + "1,a,5\n" * 97 + "1,b,5\n" * 3,
     "csv:a.csv?target=kind: solved_at: expected a number above 0.97, the share of the largest "
     "class, to 1, got 0.95"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "line"), BAD_TABLES, ids=range(len(BAD_TABLES)))
def test_bad_table(text, line):
    with pytest.raises(InputError) as error:
        make(text)
    assert str(error.value).startswith(line), error.value
    assert len(str(error.value)) < 400


def test_of_many_columns_the_nearest_are_listed():
    with pytest.raises(InputError, match=r"did you mean column123\?$"):
        make(WIDE + "\n", "?target=colum123")


BAD_NAMES = [
    ("", "csv:: expected a name after the colon, got none"),
    ("?target=kind", "csv:?target=kind: expected a name after the colon, got none"),
    ("a.csv", "csv:a.csv: expected the column with the class: csv:a.csv?target=COLUMN"),
    ("a.csv?solved_at=0.9", "csv:a.csv?solved_at=0.9: expected the column with the class: "
     "csv:a.csv?target=COLUMN"),
    ("a.csv?target", "csv:a.csv?target: expected ?option=value&..., got ?target"),
    ("a.csv?target=kind&taget=x",
     "csv:a.csv?target=kind&taget=x: option: expected one of target, solved_at, got taget; "
     "did you mean target?"),
    ("a.csv?target=kind&target=x",
     "csv:a.csv?target=kind&target=x: expected each option once, got target twice"),
    ("a.csv?target=kind&solved_at=95", "csv:a.csv?target=kind&solved_at=95: solved_at: expected a "
     "number from 0 to 1, got 95"),
    ("a.csv?target=kind&solved_at=all", "csv:a.csv?target=kind&solved_at=all: solved_at: expected "
     "a number from 0 to 1, got all"),
    ("a.csv?target=kind&solved_at=0.5", "csv:a.csv?target=kind&solved_at=0.5: solved_at: expected "
     "a number above 0.5, the share of the largest class, to 1, got 0.5"),
    ("missing.csv?target=kind", "missing.csv: cannot be read: No such file or directory"),
    ("folder?target=kind", "folder: cannot be read: Is a directory"),
    ("a.csv/b?target=kind", "a.csv/b: cannot be read: Not a directory"),
    ("a\0.csv?target=kind", r"a\x00.csv: cannot be read: embedded null"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "line"), BAD_NAMES, ids=[text for text, _ in BAD_NAMES])
def test_bad_name(text, line):
    Path("a.csv").write_text(GOOD)
    Path("folder").mkdir()
    with pytest.raises(InputError) as error:
        csv_task(text)
    assert str(error.value).startswith(line), error.value


def test_a_feature_that_never_changes_is_allowed():
    task = make("x,kind,y\n" + "1,a,5\n2,b,5\n" * 3)
    center, scale = task.ranges()
    assert (center[1], scale[1]) == (5.0, 1.0)
    assert np.isfinite(task.data.features).all()


# --- from the command line -------------------------------------------------------------------


def rows_about(values):
    return "a,b,kind\n" + "".join(
        f"{i % 7},{i % 5 + (3 if i % 2 else 0)},{'odd' if i % 2 else 'even'}\n" for i in values
    )


def test_a_run_is_not_resumed_with_other_data(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "x.csv").write_text(rows_about(range(60)))
    small = ["--population", "8", "--generations", "1"]
    assert main(["evolve", "csv:x.csv?target=kind", *small, "--out", "run"]) == 0
    network = load("run/front/000.json")
    assert network.provenance["classes"] == ["even", "odd"]
    capsys.readouterr()
    assert main(["resume", "run"]) == 0
    (tmp_path / "x.csv").write_text(rows_about(range(62)))
    capsys.readouterr()
    with pytest.raises(SystemExit) as stopped:
        main(["resume", "run"])
    assert stopped.value.code == 2
    error = capsys.readouterr().err
    assert "run.data: expected " in error
    assert "the fingerprint of the data of csv:x.csv?target=kind" in error


def test_directories_of_runs_have_plain_names(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "x.csv").write_text(rows_about(range(60)))
    assert main(["evolve", "csv:x.csv?target=kind", "--population", "8", "--generations", "0"]) == 0
    (made,) = (tmp_path / "runs").iterdir()
    assert made.name.startswith("csv-x.csv-target-kind-")


def test_evaluate_and_faults_use_the_whole_test_split(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "x.csv").write_text(rows_about(range(80)))
    small = ["--population", "8", "--generations", "0"]
    assert main(["evolve", "csv:x.csv?target=kind", *small, "--out", "run"]) == 0
    capsys.readouterr()
    assert main(["evaluate", "run/front/000.json"]) == 0
    assert "on 16 test samples" in capsys.readouterr().out
    few = ["--draws", "3", "--model", "gaussian", "--severity", "0.1", "--out", "faults"]
    assert main(["faults", "run/front/000.json", *few]) == 0
    assert "3 draws of 16 episodes" in capsys.readouterr().out
