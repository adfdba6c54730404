"""The run directory: everything an evolution leaves behind.

``docs/run-directory.md`` describes the files. All but what tells of time are the same, byte for
byte, whenever the same configuration is run.
"""

from __future__ import annotations

import copy
import csv
import re
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np

from evo import (
    Genome,
    ObjectiveSpec,
    State,
    decode,
    dump_state,
    encode,
    individuals,
    load_state,
)
from evo.individual import Individual
from evo.selection import distinct, non_dominated
from experiments.config import Config, resolve
from experiments.directories import new_directory
from experiments.lineage import write_lineage
from experiments.load import load_file
from experiments.manifest import tool_version
from experiments.tables import write_csv
from fitness.tasks.classification import Classification
from neuro import Network, prune, save
from neuro.errors import InputError, wrong
from neuro.files import read_text, write_atomically

CHECKPOINT = Path("checkpoint") / "state.npz"
BEGUN_WITH = Path("checkpoint") / "config.toml"


def create(out: str | None, task: str) -> Path:
    """Make a run directory: the one asked for, else ``runs/TASK-TIMESTAMP``."""
    if out is not None:
        return new_directory(Path(out))
    # Names such as csv:data/x.csv?target=y are not fit for directories.
    plain = re.sub(r"[^\w.-]+", "-", task).strip("-")
    return new_directory(_unused(Path("runs") / f"{plain}-{datetime.now():%Y%m%d-%H%M%S}"))


def _unused(path: Path) -> Path:
    candidate, count = path, 1
    while candidate.exists():
        count += 1
        candidate = path.with_name(f"{path.name}-{count}")
    return candidate


def expect_run(path: Path) -> None:
    """Refuse what is no run directory, and say what it is instead.

    Raises
    ------
    InputError
        There is no config.toml in it; names a run below it if there is one.
    """
    try:
        (path / "config.toml").stat()
        return
    except (FileNotFoundError, NotADirectoryError):
        pass
    except (OSError, ValueError):  # whoever reads the file says what is wrong with it
        return
    got, hint = "a file" if path.exists() else "nothing of that name", ""
    if path.is_dir():
        got = "a directory without config.toml"
        if runs := sorted(file.parent for file in path.glob("*/config.toml")):
            hint = f"; did you mean {runs[0]}?"
    line = wrong(str(path), "a run directory, as tardigrade evolve --out makes it", got)
    raise InputError(f"{line}{hint}")


def read_seeds(config: Config) -> list[Genome]:
    """Make the genomes of the networks that evolution begins with.

    Raises
    ------
    InputError
        Names the file, and what does not fit the search space.
    """
    genomes = []
    for file in config.seed_networks:
        network = load_file(file)
        try:
            genomes.append(encode(network, config.space))
        except InputError as error:
            raise InputError(f"{file}: {error}") from None
    return genomes


def begin(path: Path, config: Config) -> None:
    """Write the configuration, and a copy that tells whether it was changed since.

    The networks that evolution begins with are copied, so that the directory repeats the run.
    """
    tables = copy.deepcopy(config.tables)
    for number, file in enumerate(config.seed_networks):
        name = Path("seeds") / f"{number:03d}.json"
        (path / name).parent.mkdir(exist_ok=True)
        write_atomically(path / name, read_text(file))
        tables["run"]["seed_networks"][number] = name.as_posix()
    (path / BEGUN_WITH).parent.mkdir(exist_ok=True)
    for file in (Path("config.toml"), BEGUN_WITH):
        write_atomically(path / file, replace(config, tables=tables).to_toml())


def write_checkpoint(path: Path, state: State) -> None:
    """Write what resuming needs."""
    write_atomically(path / CHECKPOINT, dump_state(state))


def only_begun(path: Path) -> bool:
    """Whether a run was stopped before its first checkpoint, so that it begins from the start."""
    return not any((path / name).exists() for name in (CHECKPOINT, "manifest.json"))


def read_checkpoint(path: Path) -> State:
    """Read what `write_checkpoint` wrote.

    Raises
    ------
    InputError
        It is missing or damaged; says how to repeat the run, as there is no older checkpoint.
    """
    file = path / CHECKPOINT
    advice = f"repeat the run with: tardigrade evolve {path / 'config.toml'} --out NEW"
    try:
        return load_state(file.read_bytes())
    except OSError as error:
        reason = error.strerror or error
        raise InputError(f"{file}: cannot be read: {reason}; {advice}") from None
    except InputError as error:
        raise InputError(f"{file}: {error}; {advice}") from None


def final_front(config: Config, state: State) -> list[tuple[Individual, Individual, Network]]:
    """Choose the final front: who is best on starts and faults that nobody has met.

    The feasible individuals of the last population and of the archive are measured again, with
    the purpose "validation", and those that no other dominates make the front: best score first,
    then resilience, then size. Where nobody was feasible, the front is chosen among those that
    came nearest, ``validation.nearest`` of them. Held-out results play no part in it.

    Returns
    -------
    list of (Individual, Individual, Network)
        As trained, as validated, and the pruned network; at least one.
    """
    nearest = sorted(state.found, key=lambda i: i.fitness.violation)
    nearest = nearest[: config.tables["validation"]["nearest"]]
    trained = distinct([i for i in state.found if i.feasible] or nearest)
    networks = [prune(decode(i.genome, config.space)) for i in trained]
    measured = config.validation()(networks)
    validated = individuals([i.genome for i in trained], measured, objective_specs(config))
    # If none was feasible, or by luck alone, the one that failed least is what was found.
    front = non_dominated(validated) or [min(validated, key=lambda i: i.fitness.violation)]
    names = [o.name for o in config.objectives]

    def order(individual: Individual) -> tuple[float, ...]:
        worth = dict(zip(names, individual.fitness.wvalues, strict=True))
        first = [worth.pop(name) for name in ("score", "resilience") if name in worth]
        return tuple(-w for w in [*first, *worth.values()])

    provenance: dict[str, Any] = {"tool": f"tardigrade {tool_version()}", "seed": config.seed}
    if isinstance(config.task, Classification):
        provenance["classes"] = list(config.task.data.classes)
    chosen = []
    for individual in sorted(front, key=order):
        at = validated.index(individual)
        individual.number = trained[at].number
        network = replace(networks[at], provenance=provenance)
        chosen.append((trained[at], individual, network))
    return chosen


def objective_specs(config: Config) -> list[ObjectiveSpec]:
    """Tell the engine what it needs to know of the objectives."""
    return [ObjectiveSpec(o.name, o.maximise, *o.span(config.task)) for o in config.objectives]


def write_results(path: Path, config: Config, state: State) -> list[dict[str, Any]]:
    """Write history, lineage and front, the latter measured again on held-out starts and faults.

    Returns
    -------
    list of dict
        The rows of front.csv.
    """
    history = list(state.history)
    write_csv(path / "history.csv", history, list(history[0]))
    found = final_front(config, state)
    names = [o.name for o in config.objectives]
    columns = ["file", "neurons", "synapses"]
    columns += [f"{n}{suffix}" for suffix in ("", "_validation", "_held_out") for n in names]
    columns.append("number")
    rows = []
    held_out = config.held_out()([network for *_, network in found])
    (path / "front").mkdir(exist_ok=True)
    for old in (path / "front").glob("*.json"):
        old.unlink()
    for place, (trained, validated, network) in enumerate(found):
        file = f"front/{place:03d}.json"
        save(network, path / file)
        values = (
            *trained.fitness.values,
            *validated.fitness.values,
            *held_out.objectives[place].tolist(),
            trained.number,
        )
        synapses = len(network.synapses) + len(network.input_synapses)
        fixed = (file, len(network.neurons), synapses)
        rows.append(dict(zip(columns, (*fixed, *values), strict=True)))
    write_csv(path / "front.csv", rows, columns)
    write_lineage(path, state.lineage, {row["number"]: row["file"] for row in rows})
    return rows


def read_front(path: Path) -> list[dict[str, Any]]:
    """Read the rows of front.csv."""
    kinds = {"file": str, "neurons": int, "synapses": int, "number": int}
    lines = read_text(path / "front.csv").splitlines()
    return [
        {column: kinds.get(column, float)(text) for column, text in row.items()}
        for row in csv.DictReader(lines)
    ]


def check_unchanged(path: Path, config: Config) -> None:
    """Make sure that a run is resumed with the configuration it was begun with.

    A longer or shorter budget and another number of workers are welcome: they do not change
    what has happened so far.

    Raises
    ------
    InputError
        Names the key that was changed.
    """
    free = {("run", "workers")}
    budgets = ("generations", "evaluations", "steps", "seconds", "target", "stagnation")
    free |= {("evolution", budget) for budget in budgets}
    begun = resolve(str(path / BEGUN_WITH)).tables
    for section, keys in config.tables.items():
        # Which part first: another encoder explains other parameters.
        both = begun[section].keys() | keys.keys()
        for key in sorted(both, key=lambda k: (k not in ("name", "model"), k)):
            before, now = begun[section].get(key), keys.get(key)
            if before != now and (section, key) not in free:
                raise wrong(
                    f"{path / 'config.toml'}: {section}.{key}",
                    f"{before} as when the run began", now,
                )  # fmt: skip


def check_ahead(path: Path, config: Config, state: State) -> None:
    """Make sure that a budget that was changed is not spent: no such run would have come so far.

    Raises
    ------
    InputError
        Names the budget.
    """
    begun = resolve(str(path / BEGUN_WITH)).tables["evolution"]
    reached = {
        "generations": state.generation, "evaluations": state.evaluations, "steps": state.steps,
    }  # fmt: skip
    for key, done in reached.items():
        now = config.tables["evolution"].get(key)
        if now is not None and now != begun.get(key) and now < done:
            expected = f"at least {done}, which the run has reached"
            raise wrong(f"{path / 'config.toml'}: evolution.{key}", expected, now)


def smallest_solving(rows: list[dict[str, Any]], solved_at: float) -> dict[str, Any] | None:
    """Pick the smallest network whose validated score counts as solved.

    Held-out scores play no part in it, so that of the one picked may be quoted.
    """
    solving = [r for r in rows if r.get("score_validation", -np.inf) >= solved_at]
    return min(solving, key=lambda r: r["neurons"] + r["synapses"]) if solving else None
