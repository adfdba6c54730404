"""What each column of a network's tables may hold, and the checks that hold them to it.

One description serves the constructor, the file reader and the documentation: a column has a
kind, a range and, where it makes sense, one infinity.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neuro.errors import InputError, wrong

LIMIT = 1e100
"""Largest magnitude of a parameter: no sum of legal values overflows, so no voltage is NaN."""

LARGEST = 2**63 - 1
"""Largest whole number that a column can hold."""

MAX_DELAY = 4096
MAX_REFRACTORY = 2**31 - 1
RESET_RULES = ("to_value", "subtract")


_DTYPES = {"float": np.float64, "integer": np.int64, "key": np.uint64, "choice": np.int8}


@dataclass(frozen=True)
class Column:
    """The values a column accepts.

    Parameters
    ----------
    kind : {"float", "integer", "key", "choice"}
        Stored as float64, int64, uint64 and int8 (the index into `choices`).
    low, high : float
        Inclusive bounds.
    infinity : {0.0, inf, -inf}
        The one infinity that is also accepted; 0 for none.
    choices : tuple of str
        The words a "choice" column accepts.
    meaning : str
        Unit and meaning, for the documentation.
    """

    kind: str
    meaning: str
    low: float = -LIMIT
    high: float = LIMIT
    infinity: float = 0.0
    choices: tuple[str, ...] = ()

    @property
    def dtype(self) -> type:
        return _DTYPES[self.kind]

    @property
    def expected(self) -> str:
        """The range in words, for error lines."""
        if self.kind == "choice":
            return f"one of {', '.join(self.choices)}"
        if self.kind == "key":
            return "a neuron key: 16 hexadecimal digits"
        if self.kind == "integer":
            if self.high == np.inf:
                return f"a whole number of at least {self.low:.0f}"
            return f"a whole number from {self.low:.0f} to {self.high:.0f}"
        if abs(self.low) == LIMIT and self.high == LIMIT:
            text = f"a finite number of magnitude at most {LIMIT:g}"
        else:
            text = f"a number from {self.low:g} to {self.high:g}"
        return f"{text} or {self.infinity:g}" if self.infinity else text


NEURON_COLUMNS: Mapping[str, Column] = {
    "key": Column("key", "stable identity of the neuron, unique in the network"),
    "tau_mem": Column(
        "float", "membrane time constant, ms; inf = no leak, 0 = full leak", 0.0, infinity=np.inf
    ),
    "v_threshold": Column(
        "float", "a spike is emitted at or above it; inf = never", infinity=np.inf
    ),
    "v_reset": Column("float", "potential after a spike (reset rule to_value)"),
    "v_leak": Column("float", "potential the membrane leaks towards, and starts from"),
    "v_min": Column("float", "floor of the potential; -inf = none", infinity=-np.inf),
    "refractory": Column("integer", "ticks a neuron is held after a spike", 0, MAX_REFRACTORY),
    "reset": Column(
        "choice",
        "to_value: v = v_reset; subtract: v -= v_threshold - v_reset",
        choices=RESET_RULES,
    ),
    "bias": Column("float", "constant input per tick"),
    "tau_syn": Column("float", "synaptic time constant, ms; 0 = delta synapse", 0.0),
}

SYNAPSE_COLUMNS: Mapping[str, Column] = {
    "pre": Column("integer", "index of the sending neuron", 0, np.inf),
    "post": Column("integer", "index of the receiving neuron", 0, np.inf),
    "weight": Column("float", "added to the receiver's input by each spike"),
    "delay": Column("integer", "ticks from spike to arrival", 1, MAX_DELAY),
}

INPUT_SYNAPSE_COLUMNS: Mapping[str, Column] = {
    "channel": Column("integer", "index of the encoder's channel", 0, np.inf),
    "post": Column("integer", "index of the receiving neuron", 0, np.inf),
    "weight": Column("float", "input per tick and unit of the channel's value"),
}


def check_value(column: Column, value: Any, where: str) -> Any:
    """Return `value` as the column stores it, or raise the line that says what is wrong."""
    if column.kind == "choice":
        if not isinstance(value, str) or value not in column.choices:
            raise wrong(where, column.expected, value)
        return column.choices.index(value)
    if column.kind == "key":
        return _check_key(value, where)
    number = {"inf": np.inf, "-inf": -np.inf}.get(value, value) if isinstance(value, str) else value
    if isinstance(number, (bool, np.bool_)) or not isinstance(
        number, (int, float, np.integer, np.floating)
    ):
        raise wrong(where, column.expected, value)
    if column.kind == "integer" and number != number // 1:
        raise wrong(where, column.expected, value)
    if column.infinity and number == column.infinity:
        return float(number)
    # Written so that NaN fails it.
    if not column.low <= number <= column.high or number in (np.inf, -np.inf):
        raise wrong(where, column.expected, value)
    if column.kind == "integer" and number > LARGEST:
        raise wrong(where, f"{column.expected} and at most {LARGEST}", value)
    return int(number) if column.kind == "integer" else float(number)


def _check_key(value: Any, where: str) -> int:
    if isinstance(value, str):
        try:
            if len(value) != 16 or value.strip("0123456789abcdef"):
                raise ValueError
            return int(value, 16)
        except ValueError:
            pass
    elif type(value) is not bool and isinstance(value, (int, np.integer)) and 0 <= value < 2**64:
        return int(value)
    raise wrong(where, "a neuron key: 16 hexadecimal digits", value)


def check_column(column: Column, values: Any, where: str) -> NDArray[Any]:
    """Convert a sequence to a read-only array of the column's type, checking every element.

    Raises
    ------
    InputError
        Names the column and index, what was expected and what was found.
    """
    if isinstance(values, np.ndarray) and values.ndim == 1 and values.dtype == column.dtype:
        array = values.copy()
        _check_array(column, array, where)
    else:
        if isinstance(values, (str, bytes)) or not np.iterable(values):
            raise wrong(where, "a list", values)
        checked = [check_value(column, v, f"{where}[{i}]") for i, v in enumerate(values)]
        array = np.array(checked, dtype=column.dtype)
    array.setflags(write=False)
    return array


def _check_array(column: Column, array: NDArray[Any], where: str) -> None:
    """The vectorised form of `check_value` for arrays that have the right type already."""
    if column.kind == "key" or len(array) == 0:
        return
    # Almost always this settles it (a NaN fails): networks are built by the thousand.
    if column.kind != "choice" and column.low <= array.min() and array.max() <= column.high:
        return
    if column.kind == "choice":
        good = (array >= 0) & (array < len(column.choices))
    else:
        good = (array >= column.low) & (array <= column.high)  # false for NaN
        if column.infinity:
            good |= array == column.infinity
    if not good.all():
        index = int(np.argmin(good))
        raise wrong(f"{where}[{index}]", column.expected, array[index].item())


def check_table(
    columns: Mapping[str, Column],
    table: Mapping[str, Any],
    name: str,
    known: Mapping[str, NDArray[Any]] = MappingProxyType({}),
) -> dict[str, NDArray[Any]]:
    """Check a table of columns: all present, none unknown, equal lengths, every value legal.

    The columns in `known` come in addition; they have been checked and have the right length.
    """
    if not isinstance(table, Mapping):
        raise wrong(name, f"a table with the columns {', '.join(columns)}", table)
    for unknown in table.keys() - columns.keys():
        raise InputError(
            f"{name}.{unknown}: unknown column; expected the columns {', '.join(columns)}"
        )
    for missing in [c for c in columns if c not in table and c not in known]:
        raise InputError(f"{name}.{missing}: the column is missing")
    checked = {
        c: known[c] if c in known else check_column(columns[c], table[c], f"{name}.{c}")
        for c in columns
    }
    first = next(iter(columns))
    for c, array in checked.items():
        if len(array) != len(checked[first]):
            raise InputError(
                f"{name}.{c}: expected {len(checked[first])} values as in {name}.{first}, "
                f"got {len(array)}"
            )
    return checked
