"""The configuration of an evolution: defaults, a TOML file, the command line, in this order.

A resolved configuration is a plain table of sections that is written to the run directory and
repeats the run. Each section is checked by the part it configures.
"""

from __future__ import annotations

import copy
import difflib
import os
import tomllib
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import MISSING, dataclass, fields, replace
from pathlib import Path
from typing import Any

import tomli_w

from evo import MUTATIONS, Refinement, SearchSpace, Settings
from evo.hardware import describe_profile, find_profile
from experiments.defaults import defaults_of
from fitness import OBJECTIVES, Evaluator, Objective, Task, find_task
from fitness.objectives import parse_aggregate
from fitness.tasks.classification import Classification
from neuro import ENCODERS, READOUTS, Readout
from neuro.errors import InputError, wrong
from neuro.faults import MODELS, Fault, FaultSite, parse_fault, parse_time
from neuro.faults.models import find_model
from neuro.files import read_text
from neuro.specs import flag, from_table, lookup, real, to_table, whole

Tables = dict[str, dict[str, Any]]

_WIRING = ("encoder", "readout", "outputs", "task", "symmetry", "hardware")


def default_tables(task: Task) -> Tables:
    """Return the default configuration of a task, every section and key."""
    return {
        "run": {"task": task.name, "seed": 1, "workers": os.cpu_count() or 1},
        # What follows from the task is filled in: scale and center, bounds, choices.
        "encoder": {"name": "flip-flop"},
        "readout": {"name": "winner-takes-all"},
        "space": {
            f.name: f.default
            for f in fields(SearchSpace)
            if f.name not in _WIRING and f.default is not MISSING
        }
        | {"mirrored": False},
        "evolution": {
            "population": Settings.population,
            "generations": Settings.generations,
            "refresh": 5,
            "hardware": "float",
            "mate": Settings.mate,
            "join": Settings.join,
            "young": Settings.young,
            "youth": Settings.youth,
            "archive": Settings.archive,
            "parents": Settings.parents,
            "survivors": Settings.survivors,
            "rates": {name: rate for name, (_, rate) in MUTATIONS.items()},
            "refine": {f.name: f.default for f in fields(Refinement)},
        },
        "objectives": {"names": ["score", "size", "resilience"], "starts": 8, "feasible": 1.0,
                       "jitter": 0.0},
        "resilience": {
            "model": "gaussian",  # its typical severity and parameters are filled in
            "draws": 32,
            "episodes": 1,
            "aggregate": "mean",
        },
        "validation": {"episodes": 50, "draws": 100, "nearest": 10},
        "report": {"episodes": 100, "draws": 200},
    }  # fmt: skip


# Keys without a default value; everything else that may be set stands in the defaults.
_OPTIONAL = {
    "evolution": ("evaluations", "steps", "seconds", "target", "stagnation"),
    "run": ("data", "seed_networks"),
    "resilience": ("site", "group", "time"),
}
# Sections whose keys depend on the part that one of them names, and the keys that stay when
# another part is named: an encoder's scale, for instance, is a fact of the task.
_PARTS = {
    "encoder": ("name", ("scale", "center")),
    "readout": ("name", ()),
    "resilience": ("model", ("draws", "episodes", "aggregate", "site", "group", "time")),
}


@dataclass(frozen=True)
class Config:
    """A resolved configuration.

    Attributes
    ----------
    tables : dict
        Sections of plain values; what config.toml holds.
    directory : Path
        What paths in the tables are relative to.
    """

    tables: Tables
    task: Task
    space: SearchSpace
    settings: Settings
    evaluator: Evaluator
    objectives: tuple[Objective, ...]
    directory: Path = Path()

    @property
    def seed_networks(self) -> list[Path]:
        """Files of the networks that evolution begins with."""
        return [self.directory / name for name in self.tables["run"].get("seed_networks", [])]

    @property
    def seed(self) -> int:
        """Seed of the run."""
        return int(self.tables["run"]["seed"])

    def validation(self) -> Evaluator:
        """Evaluator that chooses the final front from the last population."""
        return self._with_purpose("validation", "validation")

    def held_out(self) -> Evaluator:
        """Evaluator of what is reported: other starts and faults than any selected on."""
        # Everything on the front is measured under faults, even what fails on new starts.
        return replace(self._with_purpose("held-out", "report"), feasible=-1e9)

    def _with_purpose(self, purpose: str, section: str) -> Evaluator:
        amount = self.tables[section]
        return replace(
            self.evaluator, purpose=purpose, starts=amount["episodes"], draws=amount["draws"]
        )

    def to_toml(self) -> str:
        """Write the configuration as TOML."""
        return str(tomli_w.dumps(self.tables))


def resolve(source: str, overrides: Sequence[tuple[str, Any]] = (), /) -> Config:
    """Make a configuration from a task's name or a TOML file, and overrides.

    Parameters
    ----------
    source : str
        Name of a task, or path of a file that ends in .toml.
    overrides : sequence of (str, value)
        ``("section.key", value)``, applied in order.

    Raises
    ------
    InputError
        One line that names the section and key, what was expected and what was found.
    """
    given: Mapping[str, Any] = {}
    where, directory = "", Path()
    if source.endswith(".toml"):
        given, where, directory = _read(source), f"{source}: ", Path(source).parent
        run = given.get("run")
        name = run.get("task") if isinstance(run, dict) else None
        if name is None:
            raise InputError(f"{where}run.task: expected the name of a task, got none")
    else:
        name = source
    try:
        given_task = dict(overrides).get("run.task", name)
        if not where and given_task != name:
            raise wrong("run.task", f"{name}, the task that is named first", given_task)
        try:
            task = find_task(given_task, "run.task" if where else "task")
        except InputError as error:
            if not where and (Path(source) / "config.toml").is_file():
                hint = f"did you mean {source}/config.toml, or tardigrade resume {source}?"
                raise InputError(f"task: expected a name, got a directory; {hint}") from None
            if not where and os.path.isfile(source):
                expected = "a name, or a configuration file, which ends in .toml"
                raise wrong("task", expected, f"the file {source}") from None
            raise error
        tables = default_tables(task)
        # Which part first: naming another one drops the parameters of the one before.
        selectors = {f"{section}.{key}" for section, (key, _) in _PARTS.items()}
        selectors |= {"evolution.hardware", "evolution.hardware.name"}
        for path, value in sorted(defaults_of(task).items(), key=lambda i: i[0] not in selectors):
            _merge(tables, _nested(path, value))
        _merge(tables, given)
        # The same for what was typed, in whatever order.
        for path, value in sorted(overrides, key=lambda item: item[0] not in selectors):
            if "." not in path:
                raise wrong("--set", "section.key=value", f"{path}={value}")
            if path == "run.seed_networks" and where:
                value = _from_here(value)
            _merge(tables, _nested(path, value))
        return replace(_build(tables), directory=directory)
    except InputError as error:
        raise InputError(f"{where}{error}") from None


def _from_here(files: Any) -> Any:
    """Make paths that were typed independent of the directory that those in a file refer to."""
    if isinstance(files, list):
        return [os.path.abspath(file) if isinstance(file, str) else file for file in files]
    return files


def _nested(path: str, value: Any) -> dict[str, Any]:
    nested = value
    for key in reversed(path.split(".")):
        nested = {key: nested}
    return dict(nested)


def parse_assignment(text: str) -> tuple[str, Any]:
    """Split ``section.key=value``; the value is TOML, or text where it is not."""
    path, equals, value = text.partition("=")
    if not equals or "." not in path:
        raise wrong("--set", "section.key=value", text)
    try:
        parsed = tomllib.loads(f"value = {value}")["value"]
    except ValueError:
        parsed = value.strip()
    except RecursionError:
        raise wrong(path.strip(), "a value that is not nested so deeply", value) from None
    return path.strip(), parsed


def _read(path: str | os.PathLike[str]) -> dict[str, Any]:
    text = read_text(path)
    try:
        return tomllib.loads(text)
    except ValueError as error:  # TOMLDecodeError, or a number of thousands of digits
        raise InputError(f"{path}: not valid TOML: {error}") from None
    except RecursionError:
        raise InputError(f"{path}: not valid TOML: nested too deeply") from None


def _merge(tables: Tables, given: Mapping[str, Any]) -> None:
    """Put given values over the defaults; unknown sections and keys are refused."""
    for section, values in given.items():
        if section not in tables:
            raise _unknown("section", section, tables)
        if not isinstance(values, Mapping):
            raise wrong(section, "a section of keys", values)
        target = tables[section]
        if section in _PARTS:
            selector, staying = _PARTS[section]
            if values.get(selector, target[selector]) != target[selector]:
                tables[section] = target = {k: v for k, v in target.items() if k in staying}
        for key, value in values.items():
            allowed = [*target, *_OPTIONAL.get(section, ())]
            if section not in _PARTS and key not in allowed:
                raise _unknown(f"key in {section}", key, allowed, f"{section}.")
            if (section, key) == ("evolution", "hardware"):
                target[key] = _hardware(target[key], value)
            elif isinstance(target.get(key), dict):
                if not isinstance(value, Mapping):
                    raise wrong(f"{section}.{key}", "a table", value)
                for name, rate in value.items():
                    if name not in target[key]:
                        raise _unknown(f"key in {section}.{key}", name, target[key])
                    target[key][name] = rate
            else:
                target[key] = copy.deepcopy(value)


def _hardware(before: Any, given: Any) -> Any:
    """Put fields of a hardware profile over those before; a name begins anew."""
    if not isinstance(given, Mapping):
        return given
    before = before if isinstance(before, Mapping) else {"name": before}
    return copy.deepcopy(dict(given if "name" in given else {**before, **given}))


def _unknown(what: str, name: str, known: Any, prefix: str = "") -> InputError:
    close = difflib.get_close_matches(name, list(known), n=1)
    hint = f"did you mean {prefix}{close[0]}?" if close else f"expected one of {', '.join(known)}"
    return InputError(f"unknown {what}: {prefix}{name}; {hint}")


def _build(tables: Tables) -> Config:
    """Make the parts; each checks its own values."""
    run = tables["run"]
    task = _with_jitter(find_task(run["task"], "run.task"), tables["objectives"]["jitter"])
    encoder = from_table(ENCODERS, _with_ranges(tables["encoder"], task), "encoder")
    if encoder.observations != len(task.observations):
        raise wrong("encoder.scale", f"{len(task.observations)} numbers for {task.name}",
                    encoder.observations)  # fmt: skip
    found = lookup(READOUTS, tables["readout"]["name"], "readout.name")
    try:
        wiring = {**found.for_actions(task.actions), **tables["readout"]}
        readout = from_table(READOUTS, wiring, "readout")
        outputs = readout.outputs(task.actions)
    except InputError as error:
        fitting = _fitting_readouts(task)
        if not fitting or found.name in fitting:
            raise
        raise InputError(f"{error}; try readout.name={' or '.join(fitting)}") from None
    # With the defaults that were used, so that the file says everything.
    tables["encoder"], tables["readout"] = to_table(encoder), to_table(readout)
    seed = whole(run["seed"], "run.seed", 0, 2**64 - 1)
    workers = whole(run["workers"], "run.workers", 1, 1024)
    data = task.fingerprint()
    if not data and "data" in run:
        raise wrong("run.data", f"none: {task.name} has no data", run["data"])
    if data and run.setdefault("data", data) != data:
        raise wrong("run.data", f"{data}, the fingerprint of the data of {task.name}", run["data"])
    mirrored = _section("space", lambda: flag(tables["space"]["mirrored"], "mirrored"))
    symmetry = task.symmetry if mirrored else None
    if mirrored and symmetry is None:
        raise InputError(f"space.mirrored: expected a task that is symmetric, got {task.name}")
    if symmetry is not None:
        try:
            encoder.mirror(symmetry)
            readout.mirror(symmetry, outputs)
        except InputError as error:
            raise InputError(f"space.mirrored: {error}") from None
    space = _section("space", lambda: SearchSpace(
        encoder=encoder, readout=readout, outputs=outputs, task=task.name,
        symmetry=symmetry, **{k: v for k, v in tables["space"].items() if k != "mirrored"},
    ))  # fmt: skip
    refine = _section("evolution.refine", lambda: Refinement(**tables["evolution"]["refine"]))
    evolution = {**tables["evolution"], "refine": refine}
    profile = find_profile(evolution.pop("hardware"), "evolution.hardware")
    tables["evolution"]["hardware"] = describe_profile(profile)
    try:
        space = _section("evolution", lambda: replace(space, hardware=profile))
    except InputError as error:
        usual = [n for n, r in _fitting_readouts(task).items() if not r.neurons(outputs)]
        if not usual or readout.name in usual:
            raise
        raise InputError(f"{error}; try readout.name={' or '.join(usual)}") from None
    settings = _section("evolution", lambda: Settings(**evolution))
    given = run.get("seed_networks", [])
    if not isinstance(given, list) or not all(isinstance(file, str) for file in given):
        raise wrong("run.seed_networks", "a list of network files", given)
    if len(given) > settings.population:
        most = f"at most {settings.population} networks, the population"
        raise wrong("run.seed_networks", most, len(given))
    names = tables["objectives"]["names"]
    if not isinstance(names, list) or not names or len(set(map(str, names))) != len(names):
        raise wrong("objectives.names", "a list of distinct objectives", names)
    objectives = tuple(lookup(OBJECTIVES, n, f"objectives.names[{i}]") for i, n in enumerate(names))
    faults = tables["resilience"]
    struck = _faults(faults)
    never = "inputs" if encoder.graded else "input-synapses"
    if any(fault.site.kind == never for fault in struck):
        what = f"one that networks with encoder {encoder.name} have"
        raise wrong("resilience.site", what, never)
    whole(faults["draws"], "resilience.draws", 0, 1_000_000)
    whole(faults["episodes"], "resilience.episodes", 1, 1_000_000)
    _section("resilience", lambda: parse_aggregate(faults["aggregate"]))
    for section in ("validation", "report"):
        whole(tables[section]["episodes"], f"{section}.episodes", 1, 1_000_000)
        whole(tables[section]["draws"], f"{section}.draws", 0, 1_000_000)
    whole(tables["validation"]["nearest"], "validation.nearest", 1, 1_000_000)
    evaluator = _section("objectives", lambda: Evaluator(
        task, seed, starts=tables["objectives"]["starts"], draws=faults["draws"],
        each=faults["episodes"],
        faults=struck, mixture=len(struck) > 1, aggregate=faults["aggregate"],
        feasible=tables["objectives"]["feasible"],
        objectives=objectives, workers=workers,
    ))  # fmt: skip
    return Config(tables, task, space, settings, evaluator, objectives)


def _fitting_readouts(task: Task) -> dict[str, Readout]:
    """Readouts that a task's actions can be read with, as they are by default."""
    fitting = {}
    for name, cls in READOUTS.items():
        with suppress(InputError, TypeError):  # TypeError: a parameter that has no default
            readout = cls(**cls.for_actions(task.actions))
            readout.outputs(task.actions)
            fitting[name] = readout
    return fitting


def _with_jitter(task: Task, jitter: Any) -> Task:
    """Let training samples be noisy where there are samples."""
    if not real(jitter, "objectives.jitter", 0.0, 1e9):
        return task
    if not isinstance(task, Classification):
        raise wrong("objectives.jitter", f"0, as {task.name} is not classification", jitter)
    return replace(task, jitter=jitter)


def _faults(table: dict[str, Any]) -> tuple[Fault, ...]:
    """Make the faults of the section that they are resolved in: one, or several as a mixture."""
    known = ("model", "severity", "draws", "episodes", "aggregate", "site", "group", "time")
    parameters = {k: v for k, v in table.items() if k not in known}
    site = _section("resilience", lambda: FaultSite(
        table.get("site", "all"), group=table.get("group", "site")
    ))  # fmt: skip
    time = table.get("time")
    if time is not None:
        time = _section("resilience", lambda: parse_time(str(time)))
    models = table["model"]
    if isinstance(models, str) and set(models) & set(":@"):
        models = [models]
    if isinstance(models, list):
        if not models or not all(isinstance(text, str) for text in models):
            raise wrong("resilience.model", "a fault model, or a list of them", models)
        for name in (*parameters, *({"severity"} & table.keys())):
            raise wrong(
                f"resilience.{name}", "it in the list of models, as in gaussian@0.2", table[name]
            )  # fmt: skip
        return tuple(
            _section("resilience", lambda text=text: parse_fault(text, site, time))
            for text in models
        )
    table.setdefault("severity", find_model(models, "resilience.model").typical)
    model = from_table(MODELS, {**parameters, "name": models}, "resilience")
    if "name" in parameters:
        unknown = f"resilience.name: unknown parameter of {models}"
        raise InputError(f"{unknown}; did you mean resilience.model?")
    table |= {k: v for k, v in to_table(model).items() if k != "name"}
    return (_section("resilience", lambda: Fault(model, table["severity"], site, time)),)


def _with_ranges(table: dict[str, Any], task: Task) -> dict[str, Any]:
    """Add the task's ranges to an encoder's table where its class has such parameters."""
    cls = lookup(ENCODERS, table.get("name"), "encoder.name")
    known = {f.name for f in fields(cls)}  # type: ignore[arg-type]
    # Before the other is filled in, whose length would be called wrong.
    for key in ("center", "scale"):
        given = table.get(key) if key in known else None
        if isinstance(given, list) and len(given) not in (0, len(task.observations)):
            raise wrong(f"encoder.{key}", f"{len(task.observations)} numbers for {task.name}",
                        len(given))  # fmt: skip
    if {"center", "scale"} & known <= table.keys() and table.keys() & {"center", "scale"} <= known:
        return table
    ranges = dict(zip(("center", "scale"), map(list, task.ranges()), strict=True))
    filled = {**{key: values for key, values in ranges.items() if key in known}, **table}
    # What was filled in for another encoder does not count against one without it.
    return {k: v for k, v in filled.items() if k in known or v != ranges.get(k)}


def _section(name: str, make: Any) -> Any:
    """Put the section's name before the complaint of the part it configures."""
    try:
        return make()
    except InputError as error:
        raise InputError(f"{name}.{error}") from None
