"""A table of one's own as a classification task: ``csv:PATH?target=COLUMN``."""

from __future__ import annotations

import csv
import difflib
import io
import math
from collections.abc import Iterator
from urllib.parse import parse_qsl

import numpy as np
from numpy.typing import NDArray

from fitness.tasks.classification import LARGEST, Classification, Data, check_classes, make_task
from fitness.tasks.options import split_options
from neuro.errors import InputError, wrong
from neuro.files import read_text
from neuro.specs import real, unknown

MISSING = ("", "na", "n/a", "nan", "null", "?")
"""What stands for a missing value, in any case."""

LISTED = 20
"""Columns that an error lists; of more, the nearest."""


def csv_task(text: str) -> Classification:
    """Make a task of a table: numbers in every column but that of the class.

    Parameters
    ----------
    text : str
        ``PATH?target=COLUMN``, and ``&solved_at=ACCURACY`` if it is not 0.95. The first line of
        the file names the columns; values are separated by commas or, where the first line has
        none, by semicolons or tabs. Classes may be text or numbers and are sorted. In the name
        of the column, as in web addresses, + is a space, %2B a plus and %26 an ampersand.

    Raises
    ------
    InputError
        Names what is wrong with the options, or the file, line and column.

    Notes
    -----
    Which sample belongs to which split depends on the number of its row: the same file gives
    the same splits.
    """
    name = f"csv:{text}"
    path, options = split_options(text, name)
    for key in options:
        if key not in ("target", "solved_at"):
            raise unknown(f"{name}: option", ("target", "solved_at"), key)
    if "target" not in options:
        raise InputError(f"{name}: expected the column with the class: csv:{path}?target=COLUMN")
    # As it was written: a column may be called 007.
    target = dict(parse_qsl(text.partition("?")[2]))["target"]
    solved_at = real(options.get("solved_at", 0.95), f"{name}: solved_at", 0.0, 1.0)
    data, observations = read_table(path, target)
    return make_task(
        name, data, observations, solved_at, f"{path}, accuracy in telling column {target}"
    )


def read_table(path: str, target: str) -> tuple[Data, list[str]]:
    """Read samples and the names of their features.

    Raises
    ------
    InputError
        Names the file, line and column of what is wrong.
    """
    rows = _rows(path)
    try:
        line, columns = next(rows)
    except StopIteration:
        raise InputError(f"{path}: expected a line with column names, got an empty file") from None
    for i, column in enumerate(columns):
        if not column:
            raise wrong(
                f"{path}: line {line}", "a name for every column", f"none for column {i + 1}"
            )
        if column in columns[:i]:
            raise wrong(f"{path}: line {line}", "names that differ", f"{column} twice")
    if target not in columns:
        near = difflib.get_close_matches(target, columns, LISTED, 0.0)
        raise unknown(f"{path}: target", columns if len(columns) <= LISTED else near, target)
    if len(columns) == 1:
        raise wrong(f"{path}: columns", f"at least one beside {target}", "none")
    at = columns.index(target)
    features, said = [], []
    for line, row in rows:
        if len(row) != len(columns):
            raise wrong(f"{path}: line {line}", f"{len(columns)} values as in line 1", len(row))
        try:
            said.append(_present(row[at], columns[at], "a class"))
            pairs = zip(row, columns, strict=True)
            features.append([_number(v, c) for v, c in pairs if c != target])
        except InputError as error:
            raise InputError(f"{path}: line {line}, column {error}") from None
    if not features:
        raise InputError(f"{path}: expected lines under the column names, got none")
    labels, classes = _classes(said)
    check_classes(labels, classes, f"{path}: column {target}")
    return Data(np.array(features), labels, classes), columns[:at] + columns[at + 1 :]


def _rows(path: str) -> Iterator[tuple[int, list[str]]]:
    """Number and values of each line that is not blank."""
    text = read_text(path).removeprefix("\ufeff")
    header = text.lstrip().partition("\n")[0]
    delimiter = "," if "," in header else ";" if ";" in header else "\t" if "\t" in header else ","
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        for row in reader:
            if row and row != [""]:
                yield reader.line_num, [value.strip() for value in row]
    except csv.Error as error:
        raise InputError(f"{path}: line {reader.line_num}: not valid CSV: {error}") from None


def _present(text: str, column: str, expected: str) -> str:
    if text.lower() in MISSING:
        raise wrong(column, expected, f"a missing value, {text!r}")
    return text


def _number(text: str, column: str) -> float:
    _present(text, column, "a number")
    try:
        value = float(text) if "_" not in text else math.nan
    except ValueError:
        value = math.nan
    if math.isnan(value):
        raise wrong(column, "a number", text)
    return real(value, column, -LARGEST, LARGEST)


def _classes(said: list[str]) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    """Label of each sample and the sorted classes; numbers are sorted as such."""
    values: list[float] | list[str] = said
    try:
        numbers = [float(value) for value in said]
        if all(map(math.isfinite, numbers)):
            values = numbers
    except ValueError:
        pass
    _, first, labels = np.unique(np.array(values), return_index=True, return_inverse=True)
    # The spelling of its first appearance: "1" rather than "1.0".
    return labels.astype(np.int64), tuple(said[i] for i in first)
