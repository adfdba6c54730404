"""Where studies keep their results, and what they say about how they were made."""

from __future__ import annotations

import csv
import json
import multiprocessing
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
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
    name: str,
    keys: Sequence[Any],
    column: str,
    measure: Callable[[Any], dict[str, Any]],
    *,
    processes: int = 1,
) -> list[dict[str, Any]]:
    """Measure what is missing from a study's table, writing it after every row.

    Parameters
    ----------
    name : str
        The table is ``docs/results/NAME.csv``.
    keys : sequence
        Values of `column` that the finished table has, in order.
    measure : callable
        Makes the row of a key; a function of a module, where there are several processes.
    processes : int
        How many rows are measured at a time.

    Returns
    -------
    list of dict
        The rows of the keys, in their order, as they were read or made.
    """
    done: dict[str, dict[str, Any]] = {row[column]: row for row in read_rows(name)}
    missing = [key for key in keys if str(key) not in done]
    order = {str(key): i for i, key in enumerate(keys)}
    for key, found in _measured(missing, measure, processes):
        row = {column: key, **found}
        done[str(key)] = row
        RESULTS.mkdir(parents=True, exist_ok=True)
        rows = sorted(done.values(), key=lambda r: order.get(str(r[column]), -1))
        write_csv(RESULTS / f"{name}.csv", rows, list(row))
        print("  ".join(f"{k} {v}" for k, v in row.items()), flush=True)
    return [done[str(key)] for key in keys]


def _measured(
    keys: Sequence[Any], measure: Callable[[Any], dict[str, Any]], processes: int
) -> Iterator[tuple[Any, dict[str, Any]]]:
    """Yield each key with its row as soon as it is measured."""
    if processes == 1 or len(keys) < 2:
        yield from ((key, measure(key)) for key in keys)
        return
    # Not forked: Numba's compiled code and threads of the parent would come along.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(processes, mp_context=context) as pool:
        waiting = {pool.submit(measure, key): key for key in keys}
        for future in as_completed(waiting):
            yield waiting[future], future.result()


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
