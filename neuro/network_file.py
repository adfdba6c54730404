"""Network files: JSON, exact in both directions, refused with one line when malformed."""

from __future__ import annotations

import json
import math
import os
from dataclasses import fields
from pathlib import Path
from typing import Any

from neuro.columns import (
    INPUT_SYNAPSE_COLUMNS,
    NEURON_COLUMNS,
    SYNAPSE_COLUMNS,
    Column,
    check_table,
)
from neuro.encoders import ENCODERS
from neuro.errors import InputError, wrong
from neuro.files import read_text, write_atomically
from neuro.network import Network
from neuro.readouts import READOUTS
from neuro.specs import from_table, to_table

FORMAT = "tardigrade-network"
VERSION = 1
REQUIRED = ("format", "version", "dt", "neurons", "synapses", "input_synapses", "inputs",
            "outputs", "encoder", "readout", "task", "provenance")  # fmt: skip


def to_json(network: Network, /) -> str:
    """Write a network as JSON text, one column per line.

    Floats are written with the fewest digits that read back to the same double; infinities
    are the strings "inf" and "-inf" (JSON has no numbers for them), keys 16 hex digits.
    """
    parts = {
        "format": FORMAT,
        "version": VERSION,
        "task": network.task,
        "dt": network.dt,
        "encoder": to_table(network.encoder) if network.encoder else None,
        "readout": to_table(network.readout) if network.readout else None,
        "inputs": network.inputs.tolist(),
        "outputs": network.outputs.tolist(),
        "neurons": _columns(network.neurons, NEURON_COLUMNS),
        "synapses": _columns(network.synapses, SYNAPSE_COLUMNS),
        "input_synapses": _columns(network.input_synapses, INPUT_SYNAPSE_COLUMNS),
        "provenance": dict(network.provenance),
    }
    lines = []
    for name, part in parts.items():
        if name in ("neurons", "synapses", "input_synapses"):
            rows = [f'    "{c}": {json.dumps(v, allow_nan=False)}' for c, v in part.items()]
            lines.append(f'  "{name}": {{\n' + ",\n".join(rows) + "\n  }")
        else:
            lines.append(f'  "{name}": {json.dumps(part, allow_nan=False)}')
    return "{\n" + ",\n".join(lines) + "\n}\n"


def _columns(table: Any, columns: dict[str, Column] | Any) -> dict[str, list[Any]]:
    result = {}
    for f in fields(table):
        values = getattr(table, f.name).tolist()
        column = columns[f.name]
        if column.kind == "key":
            values = [f"{v:016x}" for v in values]
        elif column.kind == "choice":
            values = [column.choices[v] for v in values]
        elif column.kind == "float":
            values = [v if math.isfinite(v) else ("inf" if v > 0 else "-inf") for v in values]
        result[f.name] = values
    return result


def from_json(text: str, /) -> Network:
    """Read a network from JSON text.

    Raises
    ------
    InputError
        One line: which column and index, what was expected, what was found.
    """
    try:
        data = json.loads(
            text,
            parse_constant=_constant,
            parse_float=_finite,
            object_pairs_hook=_distinct,
        )
    except json.JSONDecodeError as error:
        raise InputError(
            f"not valid JSON: {error.msg} at line {error.lineno}, column {error.colno}"
        ) from None
    except RecursionError:
        raise InputError("not valid JSON: nested too deeply") from None
    except InputError:
        raise
    except ValueError as error:  # an integer of thousands of digits
        raise InputError(f"not valid JSON: expected numbers, got {error}") from None
    if not isinstance(data, dict):
        raise wrong("file", "a JSON object", type(data).__name__)
    if data.get("format") != FORMAT:
        raise wrong("format", repr(FORMAT), data.get("format"))
    version = data.get("version")
    if isinstance(version, bool) or version != VERSION:
        raise wrong("version", f"{VERSION}, the only one this release reads", version)
    for name in REQUIRED:
        if name not in data:
            raise InputError(f"{name}: the entry is missing")
    for name in data:
        if name not in REQUIRED:
            raise InputError(f"{name}: unknown entry; expected {', '.join(REQUIRED)}")
    # Every column must be present in a file; only the Python constructor fills in defaults.
    check_table(NEURON_COLUMNS, data["neurons"], "neurons")
    for name in ("synapses", "input_synapses"):
        if not isinstance(data[name], dict):
            raise wrong(name, "a table of columns", data[name])
    for name in ("inputs", "outputs"):
        if not isinstance(data[name], list):
            raise wrong(name, "a list of neuron indices", data[name])
    encoder, readout = data["encoder"], data["readout"]
    return Network.build(
        data["neurons"],
        data["synapses"],
        input_synapses=data["input_synapses"],
        inputs=data["inputs"],
        outputs=data["outputs"],
        dt=data["dt"],
        encoder=None if encoder is None else from_table(ENCODERS, encoder, "encoder"),
        readout=None if readout is None else from_table(READOUTS, readout, "readout"),
        task=data["task"],
        provenance=data["provenance"],
    )


def _finite(text: str) -> float:
    """Read a number; one beyond the largest double would silently become infinity."""
    value = float(text)
    if math.isinf(value):
        raise InputError(f"not valid JSON: expected numbers below 1.8e308, got {text}")
    return value


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Make a table; where a name is repeated, one of the values would silently be lost."""
    table = dict(pairs)
    if len(table) < len(pairs):
        names = [name for name, _ in pairs]
        repeated = next(name for i, name in enumerate(names) if name in names[:i])
        raise InputError(f"{repeated}: expected each name once, got it twice in a table")
    return table


def _constant(name: str) -> float:
    """Let NaN pass, which every column refuses by name; there is one way to write infinity."""
    if name == "NaN":
        return math.nan
    raise InputError(
        f'not valid JSON: expected numbers, got {name}; write "inf" or "-inf" where a column '
        "allows them"
    )


def save(network: Network, path: str | os.PathLike[str], /) -> Path:
    """Write a network file, atomically.

    Raises
    ------
    InputError
        The file cannot be written.
    """
    return write_atomically(path, to_json(network))


def load(path: str | os.PathLike[str], /) -> Network:
    """Read a network file.

    Raises
    ------
    InputError
        One line that starts with the path: the file cannot be read or is malformed.
    """
    text = read_text(path)
    try:
        return from_json(text)
    except InputError as error:
        raise InputError(f"{path}: {error}") from None
