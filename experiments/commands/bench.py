"""``tardigrade bench``."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import Any

EXAMPLE = """  tardigrade bench --quick
  tardigrade bench --only c --only neat-python
  tardigrade bench --out bench.csv                  the full table, some minutes"""


def add_arguments(parser: ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument(
        "--quick", action="store_true", help="rough figures within a minute, without slow peers"
    )
    parser.add_argument(
        "--only",
        action="append",
        default=[],
        metavar="NAME",
        help="only rows with this in their name, or this peer; may be given more than once",
    )
    parser.add_argument("--list", action="store_true", help="list the rows, measure nothing")
    parser.add_argument(
        "--python", metavar="PATH", help="interpreter that has this project and peers (this one)"
    )
    parser.add_argument("--out", metavar="CSV", help="write the table, and its origin as JSON")
    parser.add_argument(
        "--scaling", metavar="DIR", help="measure scaling curves instead: tables and a picture"
    )


def run(options: Namespace) -> tuple[Any, str]:
    """Measure and print."""
    from neuro.errors import InputError

    if options.scaling is None:
        return _table(options)
    for name in ("only", "list", "python", "out"):
        if getattr(options, name):
            raise InputError(f"--{name} says nothing about --scaling")
    return _scaling(options)


def _table(options: Namespace) -> tuple[Any, str]:
    import sys
    from dataclasses import asdict

    from benchmarks.rows import Row
    from benchmarks.session import FULL, QUICK, Session
    from benchmarks.table import choose, measure
    from experiments.progress import Progress
    from experiments.tables import aligned, write_csv

    lines = choose(options.only, quick=options.quick)
    if options.list:
        listed = [{"name": line.name, "peer": line.peer} for line in lines]
        return listed, aligned([list(r.values()) for r in listed], ["name", "peer"])
    out = _checked_out(options.out)
    amounts = QUICK if options.quick else FULL
    session = Session(_interpreter(options.python), amounts)
    progress = Progress(sum(line.seconds for line in lines))
    try:
        rows, skipped = measure(lines, session, progress.update)
    finally:
        progress.close()
    result = [row._asdict() for row in rows]
    if out is not None:
        write_csv(out, result, Row._fields)
        peers: dict[str, dict[str, str]] = {}
        for (name, what), timing in session.timings.items():
            peers.setdefault(name, {"version": timing.version})[what] = timing.settings
        _write_origin(out.with_suffix(".json"), options, amounts=asdict(amounts), peers=peers)
    for reason in skipped:
        print(f"skipped: {reason}", file=sys.stderr)
    return result, _shown(result) if result else ""


def _shown(result: list[dict[str, Any]]) -> str:
    """Lay out rows with figures of four digits, to the right."""
    from experiments.tables import aligned

    header = {"name": "name", "value": "this", "unit": "unit", "peer": "peer",
              "peer_value": "peer's", "ratio": "ratio"}  # fmt: skip
    columns = []
    for key, title in header.items():
        cells = [_figure(row[key]) for row in result]
        if key in ("value", "peer_value", "ratio"):
            width = max(map(len, [title, *cells]))
            title, cells = title.rjust(width), [cell.rjust(width) for cell in cells]
        columns.append([title, *cells])
    heading, *body = zip(*columns, strict=True)
    return aligned(body, heading)


def _figure(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:,.0f}" if value >= 1000 else f"{value:.3g}"
    return value or ""


def _scaling(options: Namespace) -> tuple[Any, str]:
    from dataclasses import asdict

    from benchmarks.curves import scaling_figure
    from benchmarks.scaling import FULL, QUICK, measure, points
    from experiments.directories import new_directory
    from experiments.plots import save_figure
    from experiments.progress import Progress
    from experiments.tables import write_csv

    folder = Path(options.scaling)
    folder = folder if folder.is_dir() else new_directory(folder)
    wanted = QUICK if options.quick else FULL
    progress = Progress(points(wanted))
    try:
        tables = measure(wanted, progress.update)
    finally:
        progress.close()
    for name, rows in tables.items():
        write_csv(folder / f"{name}.csv", rows, list(rows[0]))
    save_figure(scaling_figure(tables), folder / "scaling.png")
    _write_origin(folder / "scaling.json", options, **asdict(wanted))
    files = [*(f"{name}.csv" for name in tables), "scaling.png", "scaling.json"]
    return tables, "\n".join(str(folder / file) for file in files)


def _checked_out(out: str | None) -> Path | None:
    """Refuse before minutes are spent what cannot be written after them."""
    from neuro.errors import wrong

    if out is None:
        return None
    path = Path(out)
    if path.suffix != ".csv":
        raise wrong("--out", "a name that ends in .csv", out)
    if not path.parent.is_dir():
        raise wrong("--out", "a file in a directory that exists", out)
    return path


def _interpreter(path: str | None) -> str:
    import shutil
    import sys

    from neuro.errors import wrong

    if path is None:
        return sys.executable
    found = shutil.which(path)
    if found is None:
        raise wrong("--python", "a Python interpreter", path)
    return found


def _write_origin(path: Path, options: Namespace, **settings: Any) -> None:
    """Write how a table was made, as the studies do."""
    import json
    import shlex
    from datetime import date

    from experiments.manifest import environment
    from neuro.files import write_atomically

    origin = {
        "command": shlex.join(["tardigrade", *options.typed]),
        "date": date.today().isoformat(),
        **settings,
        **environment(),
    }
    write_atomically(path, json.dumps(origin, indent=2) + "\n")
