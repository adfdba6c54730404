"""Loggers: a run's history, as it is made, for TensorBoard and MLflow.

What they need is imported when they are used, and nothing they do changes a result.
``docs/logging.md`` shows what they write.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import time
from argparse import ArgumentParser
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from evo import State
    from experiments.config import Config


class Logger(Protocol):
    """What is told of a run."""

    def begin(self, config: Config) -> None:
        """A run begins, or goes on."""

    def generation(self, state: State) -> None:
        """A generation has been made; ``state.history[-1]`` is its record."""

    def end(self, outcome: Mapping[str, Any] | None) -> None:
        """The run has ended; None where it was aborted."""


class TensorBoard:
    """Writes event files to ``RUN_DIR/logs``.

    Parameters
    ----------
    path : Path
        The run directory.
    """

    package = "tensorboardX"

    def __init__(self, path: Path) -> None:
        self._folder = path / "logs"
        self._config = ""
        self._writer: Any = None

    def begin(self, config: Config) -> None:
        """Remember the configuration."""
        self._config = config.to_toml()

    def generation(self, state: State) -> None:
        """Write a point of each curve."""
        if self._writer is None:
            from tensorboardX import SummaryWriter

            # A resumed run lives generations after its last checkpoint once more. Files are named
            # after the second they are made in; one of the same second would be overwritten.
            self._writer = SummaryWriter(
                str(self._folder), purge_step=state.generation, flush_secs=10,
                filename_suffix=f".{os.getpid()}.{state.generation}",
            )  # fmt: skip
            self._writer.add_text("config", f"```toml\n{self._config}```", state.generation)
        for name, value in named(state.history[-1]).items():
            self._writer.add_scalar(name, value, state.generation)

    def end(self, outcome: Mapping[str, Any] | None) -> None:
        """Write what is left."""
        if self._writer is not None:
            if outcome is not None:
                text = f"```json\n{json.dumps(dict(outcome), indent=2)}\n```"
                self._writer.add_text("outcome", text, outcome["generations"])
            self._writer.close()


class MLflow:
    """Writes a run to MLflow's tracking store, by default to files in ``RUN_DIR/mlruns``.

    Parameters
    ----------
    path : Path
        The run directory.
    """

    package = "mlflow"

    def __init__(self, path: Path) -> None:
        self._path = path
        self._client: Any = None
        self._run = ""

    def begin(self, config: Config) -> None:
        """Make a run with the configuration as its parameters, or go on with the one there was."""
        import mlflow
        from mlflow.entities import Param

        uri = (self._path / "mlruns").absolute().as_uri()
        if mlflow.is_tracking_uri_set():
            uri = mlflow.get_tracking_uri()
        else:  # newer versions want to be asked for files
            os.environ.setdefault("MLFLOW_ALLOW_FILE_STORE", "true")
        self._client = mlflow.MlflowClient(tracking_uri=uri)
        note = self._path / "logs" / "mlflow.json"
        if note.exists() and (before := json.loads(note.read_text()))["uri"] == uri:
            self._run = before["run"]
            self._client.update_run(self._run, status="RUNNING")
            return
        name = os.environ.get("MLFLOW_EXPERIMENT_NAME", "tardigrade")
        experiment = self._client.get_experiment_by_name(name)
        number = experiment.experiment_id if experiment else self._client.create_experiment(name)
        run = self._client.create_run(number, run_name=self._path.name)
        self._run = run.info.run_id
        known = [Param(key, value[:500]) for key, value in flat(config.tables).items()]
        for first in range(0, len(known), 100):  # as many as a store takes at once
            self._client.log_batch(self._run, params=known[first : first + 100])
        note.parent.mkdir(exist_ok=True)
        note.write_text(json.dumps({"uri": uri, "run": self._run}))

    def generation(self, state: State) -> None:
        """Write a point of each metric."""
        from mlflow.entities import Metric

        now, step = int(time.time() * 1000), state.generation
        points = named(state.history[-1]).items()
        self._client.log_batch(self._run, [Metric(name, v, now, step) for name, v in points])

    def end(self, outcome: Mapping[str, Any] | None) -> None:
        """Say how the run ended."""
        for key, value in (outcome or {}).items():
            self._client.set_tag(self._run, key, str(value))
        done = outcome is not None and outcome["stopped_by"] != "interrupt"
        self._client.set_terminated(self._run, "FINISHED" if done else "KILLED")


LOGGERS: Mapping[str, type[TensorBoard] | type[MLflow]] = MappingProxyType(
    {"tensorboard": TensorBoard, "mlflow": MLflow}
)
"""Loggers by name, which is also that of the extra that installs what they need."""


def add_argument(parser: ArgumentParser) -> None:
    """Add ``--log``."""
    parser.add_argument(
        "--log",
        action="append",
        default=[],
        choices=list(LOGGERS),
        help="also tell TensorBoard or MLflow of every generation; may be repeated; does not "
        "change the result",
    )


def find_loggers(names: Sequence[str]) -> list[Callable[[Path], Logger]]:
    """Find what makes the loggers of a run directory, each once.

    Raises
    ------
    InputError
        Something is not installed; says how to.
    """
    from neuro.errors import InputError

    found: list[Callable[[Path], Logger]] = []
    for name in dict.fromkeys(names):
        cls = LOGGERS[name]
        try:
            importlib.import_module(cls.package)
        except ImportError:
            raise InputError(
                f"--log {name}: needs {cls.package}; install it with: "
                f"pip install 'tardigrade[{name}]'"
            ) from None
        found.append(cls)
    return found


class Log:
    """Passes on what happens; a logger that fails is told nothing more, and the run goes on."""

    def __init__(self, loggers: Sequence[Logger]) -> None:
        self._loggers = list(loggers)
        self.outcome: Mapping[str, Any] | None = None

    def generation(self, state: State) -> None:
        """Pass on a generation."""
        self.tell("generation", state)

    def tell(self, what: str, *arguments: Any) -> None:
        """Call a method of each logger."""
        for logger in list(self._loggers):
            try:
                getattr(logger, what)(*arguments)
            except Exception as error:  # a full disk or a server that is gone, in many forms
                self._loggers.remove(logger)
                name, reason = type(logger).__name__, str(error).strip().split("\n")[0]
                text = f"\n{name} failed and is told nothing more: {reason}"
                print(text, file=sys.stderr, flush=True)


@contextmanager
def logged(loggers: Sequence[Logger], config: Config) -> Iterator[Log]:
    """Begin and end the loggers of a run.

    Yields
    ------
    Log
        Its `outcome` is to be set; if it is not, the run was aborted.
    """
    log = Log(loggers)
    log.tell("begin", config)
    try:
        yield log
    finally:
        log.tell("end", log.outcome)


def named(record: Mapping[str, Any]) -> dict[str, float]:
    """Name the values of a record of the history such that what belongs together is shown together.

    Examples
    --------
    >>> named({"generation": 3, "best_score": 7.0, "tried_add_synapse": 2, "hypervolume": 0.5})
    {'best/score': 7.0, 'tried/add_synapse': 2.0, 'hypervolume': 0.5}
    """
    names = {}
    for column, value in record.items():
        group, _, rest = column.partition("_")
        if group in ("best", "median", "tried", "kept", "seconds") and rest:
            column = f"{group}/{rest}"
        names[column] = float(value)
    names.pop("generation", None)
    return names


def flat(tables: Mapping[str, Any]) -> dict[str, str]:
    """Write the values of nested tables under dotted keys.

    Examples
    --------
    >>> flat({"run": {"seed": 1}, "evolution": {"rates": {"mate": 0.5}}})
    {'run.seed': '1', 'evolution.rates.mate': '0.5'}
    """
    found: dict[str, str] = {}
    for key, value in tables.items():
        if isinstance(value, Mapping):
            found |= {f"{key}.{name}": text for name, text in flat(value).items()}
        else:
            found[key] = str(value)
    return found
