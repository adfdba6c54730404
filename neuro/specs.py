"""Named, parametrised parts (encoders, readouts, fault models) as plain tables and back."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import MISSING, fields
from typing import Any, TypeVar

import numpy as np

from neuro.errors import InputError, wrong

T = TypeVar("T")


def to_table(part: Any) -> dict[str, Any]:
    """Describe a part as its name and its parameters, JSON- and TOML-compatible."""
    table: dict[str, Any] = {"name": part.name}
    for f in fields(part):
        value = getattr(part, f.name)
        table[f.name] = list(value) if isinstance(value, tuple) else value
    return table


def from_table(registry: Mapping[str, type[T]], table: Any, where: str) -> T:
    """Make the part that a table describes.

    Raises
    ------
    InputError
        Unknown name, unknown or missing parameter, or a value the part refuses.
    """
    if not isinstance(table, Mapping) or "name" not in table:
        raise wrong(where, "a table with a name", table)
    known = lookup(registry, table["name"], f"{where}.name")
    parameters = {k: v for k, v in table.items() if k != "name"}
    allowed = {f.name: f for f in fields(known)}  # type: ignore[arg-type]
    for name in parameters.keys() - allowed.keys():
        raise InputError(
            f"{where}.{name}: unknown parameter of {table['name']}; "
            f"expected {', '.join(allowed) or 'none'}"
        )
    for name, f in allowed.items():
        if name not in parameters and f.default is MISSING and f.default_factory is MISSING:
            raise InputError(f"{where}.{name}: the parameter is missing")
    try:
        return known(**parameters)
    except InputError as error:
        raise InputError(f"{where}.{error}") from None


def lookup(registry: Mapping[str, T], name: Any, where: str, listed: str = "") -> T:
    """Find a name in a registry; the error lists what there is, or says where it is `listed`."""
    if not isinstance(name, str) or name not in registry:
        raise unknown(where, registry, name, listed)
    return registry[name]


def unknown(where: str, known: Iterable[str], name: Any, listed: str = "") -> InputError:
    """Make the complaint that a name is none of those known; it suggests the nearest."""
    names = list(known)
    close = difflib.get_close_matches(name, names, n=1) if isinstance(name, str) else []
    hint = f"; did you mean {close[0]}?" if close else ""
    what = f"one of the {len(names)} of {listed}" if listed else f"one of {', '.join(names)}"
    return InputError(f"{wrong(where, what, name)}{hint}")


def settle(part: Any, **values: Any) -> None:
    """Store checked values in a frozen part, from its ``__post_init__``."""
    for name, value in values.items():
        object.__setattr__(part, name, value)


def whole(value: Any, name: str, low: int, high: int) -> int:
    """Check a whole number of a part."""
    if (
        isinstance(value, bool)
        or not isinstance(value, (int, np.integer))
        or not low <= value <= high
    ):
        raise wrong(name, f"a whole number from {low} to {high}", value)
    return int(value)


def real(value: Any, name: str, low: float, high: float) -> float:
    """Check a real number of a part, bounds included; NaN fails."""
    number = isinstance(value, (int, float, np.integer, np.floating))
    if not number or isinstance(value, bool) or not low <= value <= high:
        raise wrong(name, f"a number from {low:g} to {high:g}", value)
    return float(value)


def reals(value: Any, name: str, low: float, high: float) -> tuple[float, ...]:
    """Check a non-empty list of real numbers of a part."""
    value = value.tolist() if isinstance(value, np.ndarray) else value
    if not isinstance(value, (list, tuple)) or not value:
        raise wrong(name, "a list of at least one number", value)
    return tuple(real(v, f"{name}[{i}]", low, high) for i, v in enumerate(value))


def flag(value: Any, name: str) -> bool:
    """Check a truth value of a part."""
    if not isinstance(value, (bool, np.bool_)):
        raise wrong(name, "true or false", value)
    return bool(value)
