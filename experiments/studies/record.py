"""Where studies keep their results, and what they say about how they were made."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Sequence
from datetime import date
from pathlib import Path
from typing import Any

from experiments.manifest import environment
from experiments.tables import write_csv
from neuro.files import write_atomically

RESULTS = Path("docs") / "results"


def read_rows(name: str) -> list[dict[str, str]]:
    """Read the rows a study has written so far; none if it has not begun."""
    path = RESULTS / f"{name}.csv"
    if not path.exists():
        return []
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def complete(
    name: str, keys: Sequence[Any], column: str, measure: Callable[[Any], dict[str, Any]]
) -> list[dict[str, Any]]:
    """Measure what is missing from a study's table, writing it after every row.

    Parameters
    ----------
    name : str
        The table is ``docs/results/NAME.csv``.
    keys : sequence
        Values of `column` that the finished table has, in order.
    measure : callable
        Makes the row of a key.
    """
    rows: list[dict[str, Any]] = list(read_rows(name))
    done = {row[column] for row in rows}
    for key in keys:
        if str(key) in done:
            continue
        row = {column: key, **measure(key)}
        rows.append(row)
        RESULTS.mkdir(parents=True, exist_ok=True)
        write_csv(RESULTS / f"{name}.csv", rows, list(row))
        print("  ".join(f"{k} {v}" for k, v in row.items()), flush=True)
    return rows


def write_origin(name: str, command: str, **settings: Any) -> None:
    """Write ``docs/results/NAME.json``: command, settings, date, machine, versions."""
    table = {
        "command": command,
        "date": date.today().isoformat(),
        **settings,
        **environment(),
    }
    RESULTS.mkdir(parents=True, exist_ok=True)
    write_atomically(RESULTS / f"{name}.json", json.dumps(table, indent=2) + "\n")
