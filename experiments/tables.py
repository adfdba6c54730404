"""Tables: as CSV files, and aligned for the terminal."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from neuro.files import read_text, write_atomically


def write_csv(path: Path, rows: Sequence[dict[str, Any]], columns: Sequence[str]) -> None:
    """Write rows as CSV, atomically; floats with the digits that read back exactly."""
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, fieldnames=list(columns), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_atomically(path, buffer.getvalue())


def read_csv(path: Path) -> list[dict[str, str]]:
    """Read the rows of a CSV file."""
    return list(csv.DictReader(io.StringIO(read_text(path))))


def write_parquet(path: Path, rows: Sequence[dict[str, Any]], columns: Sequence[str]) -> bool:
    """Write rows as Parquet where pyarrow is installed (extra ``[parquet]``); say whether it is.

    Empty texts become nulls.
    """
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError:
        return False
    table = {c: [None if row[c] == "" else row[c] for row in rows] for c in columns}
    buffer = io.BytesIO()
    parquet.write_table(pyarrow.table(table), buffer)
    write_atomically(path, buffer.getvalue())
    return True


def aligned(rows: Sequence[Sequence[Any]], header: Sequence[str]) -> str:
    """Lay out a table for the terminal: text to the left, numbers to the right.

    Examples
    --------
    >>> print(aligned([["a", 1.5], ["bb", 10]], ["name", "value"]))
    name  value
    a       1.5
    bb       10
    """
    cells = [list(map(str, header))] + [[_cell(v) for v in row] for row in rows]
    numeric = [
        all(isinstance(row[c], (int, float)) for row in rows) and bool(rows)
        for c in range(len(header))
    ]
    widths = [max(len(row[c]) for row in cells) for c in range(len(header))]
    lines = []
    for row in cells:
        parts = [
            cell.rjust(width) if right else cell.ljust(width)
            for cell, width, right in zip(row, widths, numeric, strict=True)
        ]
        lines.append("  ".join(parts).rstrip())
    return "\n".join(lines)


def plural(number: int, noun: str) -> str:
    """Write a count.

    Examples
    --------
    >>> plural(1, "synapse"), plural(2, "synapse")
    ('1 synapse', '2 synapses')
    """
    return f"{number} {noun}" + ("" if number == 1 else "s")


def _cell(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.4g}" if abs(value) < 1 else f"{value:.6g}"
    return str(value)
