"""Loggers are told what happens, write it, and change nothing."""

import json
import signal
import struct
import sys
import types

import pytest
from timeless import timeless

from experiments.cli import main
from experiments.config import resolve
from experiments.evolution import run_evolution
from experiments.loggers import LOGGERS, MLflow, TensorBoard, named
from experiments.run_directory import begin, read_checkpoint

QUICK = [
    ("encoder.name", "current"), ("evolution.population", 6), ("evolution.generations", 2),
    ("objectives.feasible", 0.05), ("objectives.starts", 2), ("resilience.draws", 2),
    ("report.episodes", 2), ("report.draws", 2), ("validation.episodes", 2),
    ("validation.draws", 2),
]  # fmt: skip
WORDS = [word for key, value in QUICK for word in ("--set", f"{key}={value}")]


@pytest.fixture
def evolved(tmp_path):
    """Run an evolution with loggers, from the start or from where it was."""

    def run(name, *make, resumed=False, **changes):
        path = tmp_path / name
        config = resolve("cartpole", [*QUICK, *((f"evolution.{k}", v) for k, v in changes.items())])
        state = None
        if resumed:
            state = read_checkpoint(path)
        else:
            path.mkdir()
            begin(path, config)
        outcome, _, code = run_evolution(config, path, [], state, loggers=[m(path) for m in make])
        return path, outcome, code

    return run


class Recorder:
    def __init__(self, path):
        self.told = []

    def begin(self, config):
        self.told.append(("begin", config.task.name))

    def generation(self, state):
        self.told.append(("generation", state.generation, len(state.history)))

    def end(self, outcome):
        self.told.append(("end", outcome and outcome["stopped_by"]))


def recording():
    """A logger, and what makes it."""
    logger = Recorder(None)
    return logger.told, lambda path: logger


def test_loggers_are_told_what_happens(evolved):
    told, make = recording()
    evolved("run", make)
    generations = [("generation", g, g + 1) for g in range(3)]
    assert told == [("begin", "cartpole"), *generations, ("end", "generations")]
    told, make = recording()
    evolved("run", make, resumed=True, generations=4)
    assert told == [
        ("begin", "cartpole"), ("generation", 3, 4), ("generation", 4, 5), ("end", "generations"),
    ]  # fmt: skip


def test_ctrl_c_ends_them_properly(evolved, capsys):
    told, make = recording()

    class Impatient(Recorder):
        def generation(self, state):
            if state.generation == 1:
                signal.raise_signal(signal.SIGINT)

    _, _, code = evolved("run", make, Impatient)
    assert code == 130
    assert told[-2:] == [("generation", 1, 2), ("end", "interrupt")]
    capsys.readouterr()


def test_the_second_ctrl_c_ends_them_as_well(evolved, capsys):
    told, make = recording()

    class VeryImpatient(Recorder):
        def generation(self, state):
            signal.raise_signal(signal.SIGINT)
            signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        evolved("run", make, VeryImpatient)
    assert told == [("begin", "cartpole"), ("generation", 0, 1), ("end", None)]
    capsys.readouterr()


@pytest.mark.parametrize("when", ["begin", "generation", "end"])
def test_one_that_fails_does_not_end_the_run(evolved, capsys, when):
    told, make = recording()

    class Broken(Recorder):
        pass

    def fail(self, _):
        raise OSError("no space left\nand more")

    setattr(Broken, when, fail)
    _, outcome, code = evolved("run", Broken, make)
    assert (code, outcome["stopped_by"], len(told)) == (0, "generations", 5)
    assert capsys.readouterr().err == "\nBroken failed and is told nothing more: no space left\n"


def test_names_in_groups():
    record = {"generation": 3, "env_steps": 7, "best_score": 1.5, "kept_add_synapse": 2}
    assert named(record) == {"env_steps": 7.0, "best/score": 1.5, "kept/add_synapse": 2.0}


# --- the command line -------------------------------------------------------------------------


def test_a_logged_run_has_the_same_results(tmp_path):
    for name, words in (("with", ["--log", "tensorboard"] * 2), ("without", [])):
        assert main(["evolve", "cartpole", *WORDS, *words, "--out", str(tmp_path / name)]) == 0
    logged, plain = (
        {
            str(p.relative_to(tmp_path / name)): timeless(p.name, p.read_bytes())
            for p in (tmp_path / name).rglob("*")
            if p.is_file() and p.name != "manifest.json"
        }
        for name in ("with", "without")
    )
    extra = [name for name in logged if name.startswith("logs/events.out")]
    assert len(extra) == 1  # asked for twice, made once
    assert {name: data for name, data in logged.items() if name not in extra} == plain


def test_what_is_not_installed_is_named(tmp_path, capsys, monkeypatch):
    for name, cls in LOGGERS.items():
        monkeypatch.setitem(sys.modules, cls.package, None)
        with pytest.raises(SystemExit) as end:
            main(["evolve", "cartpole", "--log", name, "--out", str(tmp_path / "run")])
        assert end.value.code == 2
        assert capsys.readouterr().err == (
            f"tardigrade evolve: error: --log {name}: needs {cls.package}; install it with: "
            f"pip install 'tardigrade[{name}]'\n"
        )
        assert not (tmp_path / "run").exists()


def test_unknown_loggers_are_refused(capsys):
    with pytest.raises(SystemExit) as end:
        main(["evolve", "cartpole", "--log", "paper"])
    assert end.value.code == 2
    assert "argument --log: invalid choice: 'paper'" in capsys.readouterr().err


# --- TensorBoard ------------------------------------------------------------------------------


def events(path):
    """Every event of a run's event files; they are TFRecords of protocol buffers."""
    from tensorboardX.proto.event_pb2 import Event

    for file in sorted((path / "logs").glob("events.*"), key=lambda p: p.stat().st_mtime_ns):
        data = file.read_bytes()
        while data:
            (length,) = struct.unpack("<Q", data[:8])
            yield Event.FromString(data[12 : 12 + length])
            data = data[16 + length :]


def test_tensorboard_gets_every_generation(evolved):
    path, *_ = evolved("run", TensorBoard)
    _, outcome, _ = evolved("run", TensorBoard, resumed=True, generations=4)
    curve, texts, starts = [], {}, []
    for event in events(path):
        starts += [event.step] if event.HasField("session_log") else []
        for value in event.summary.value:
            if value.tag == "hypervolume":
                curve.append((event.step, value.simple_value))
            if value.HasField("tensor"):
                texts.setdefault(value.tag.partition("/")[0], []).append(value.tensor.string_val[0])
    assert [step for step, _ in curve] == [0, 1, 2, 3, 4]
    assert curve[-1][1] == pytest.approx(outcome["hypervolume"])
    assert starts == [0, 3]  # points of later generations that an earlier session made do not count
    assert b'task = "cartpole"' in texts["config"][0]
    assert [b'"stopped_by": "generations"' in text for text in texts["outcome"]] == [True, True]


def test_nothing_is_written_when_nothing_happens(evolved):
    path, *_ = evolved("run")
    evolved("run", TensorBoard, resumed=True)
    assert not (path / "logs").exists()


# --- MLflow -----------------------------------------------------------------------------------


class Store:
    """As much of MLflow as is used."""

    def __init__(self):
        self.runs, self.experiments, self.uri = {}, {}, None

    def client(self, tracking_uri):
        self.uri = tracking_uri
        return self

    def get_experiment_by_name(self, name):
        known = self.experiments.get(name)
        return types.SimpleNamespace(experiment_id=known) if known else None

    def create_experiment(self, name):
        return self.experiments.setdefault(name, str(len(self.experiments) + 1))

    def create_run(self, experiment, run_name):
        run = types.SimpleNamespace(
            run_id=f"run{len(self.runs)}", name=run_name, metrics=[], params={}, tags={},
            status="RUNNING",
        )  # fmt: skip
        self.runs[run.run_id] = run
        return types.SimpleNamespace(info=run)

    def update_run(self, run, status):
        self.runs[run].status = status

    set_terminated = update_run

    def set_tag(self, run, key, value):
        self.runs[run].tags[key] = value

    def log_batch(self, run, metrics=(), params=()):
        assert len(metrics) <= 1000
        assert len(params) <= 100
        self.runs[run].metrics += metrics
        self.runs[run].params.update(params)


@pytest.fixture
def store(monkeypatch):
    store = Store()
    fake = types.ModuleType("mlflow")
    fake.is_tracking_uri_set = lambda: False
    fake.MlflowClient = store.client
    fake.entities = types.ModuleType("mlflow.entities")
    fake.entities.Metric = lambda key, value, timestamp, step: (key, value, step)
    fake.entities.Param = lambda key, value: (key, value)
    monkeypatch.setitem(sys.modules, "mlflow", fake)
    monkeypatch.setitem(sys.modules, "mlflow.entities", fake.entities)
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    monkeypatch.delenv("MLFLOW_EXPERIMENT_NAME", raising=False)
    store.module = fake
    return store


def test_mlflow_gets_every_generation_in_one_run(evolved, store):
    path, *_ = evolved("run", MLflow)
    assert store.uri == (path / "mlruns").as_uri()
    (run,) = store.runs.values()
    assert (run.status, run.tags["stopped_by"], run.name) == ("FINISHED", "generations", "run")
    assert run.params["run.task"] == "cartpole"
    assert run.params["evolution.rates.add_synapse"] == "0.15"
    _, outcome, _ = evolved("run", MLflow, resumed=True, generations=4)
    assert list(store.runs.values()) == [run]  # the same run goes on
    assert list(store.experiments) == ["tardigrade"]
    curve = [(step, value) for key, value, step in run.metrics if key == "hypervolume"]
    assert [step for step, _ in curve] == [0, 1, 2, 3, 4]
    assert curve[-1][1] == outcome["hypervolume"]
    evolved("another", MLflow)
    assert len(store.runs) == 2


def test_mlflow_writes_where_it_is_configured_to(evolved, store, monkeypatch):
    path, *_ = evolved("run", MLflow)
    store.module.is_tracking_uri_set = lambda: True
    store.module.get_tracking_uri = lambda: "http://somewhere"
    monkeypatch.setenv("MLFLOW_EXPERIMENT_NAME", "mine")
    evolved("run", MLflow, resumed=True)
    assert store.uri == "http://somewhere"
    assert list(store.experiments) == ["tardigrade", "mine"]
    assert len(store.runs) == 2  # the run before is in another store
    assert json.loads((path / "logs" / "mlflow.json").read_text())["uri"] == "http://somewhere"


def test_mlflow_is_told_of_an_interruption(evolved, store, capsys):
    class Impatient(Recorder):
        def generation(self, state):
            signal.raise_signal(signal.SIGINT)

    evolved("run", Impatient, MLflow)
    (run,) = store.runs.values()
    assert (run.status, run.tags["stopped_by"]) == ("KILLED", "interrupt")
    capsys.readouterr()


def test_mlflow_itself(evolved, monkeypatch):
    """The real library, where it is installed."""
    monkeypatch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    mlflow = pytest.importorskip("mlflow")
    path, *_ = evolved("run", MLflow)
    _, outcome, _ = evolved("run", MLflow, resumed=True, generations=4)
    client = mlflow.MlflowClient(tracking_uri=(path / "mlruns").as_uri())
    (experiment,) = client.search_experiments(filter_string="name = 'tardigrade'")
    (run,) = client.search_runs([experiment.experiment_id])
    assert (run.info.status, run.data.tags["stopped_by"]) == ("FINISHED", "generations")
    assert run.data.params["run.task"] == "cartpole"
    curve = client.get_metric_history(run.info.run_id, "hypervolume")
    assert [point.step for point in curve] == [0, 1, 2, 3, 4]
    assert curve[-1].value == outcome["hypervolume"]
