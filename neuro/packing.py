"""Networks as a few arrays and one JSON header, exact in both directions: for the wire."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import fields
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from neuro.columns import INPUT_SYNAPSE_COLUMNS, NEURON_COLUMNS, SYNAPSE_COLUMNS, Column
from neuro.encoders import ENCODERS, Encoder
from neuro.errors import wrong
from neuro.network import InputSynapses, Network, Neurons, Synapses
from neuro.readouts import READOUTS, Readout
from neuro.specs import from_table, to_table


class Packed(NamedTuple):
    """Networks on their way.

    Attributes
    ----------
    header : str
        JSON: the kinds of networks there are, each its encoder, readout, task, dt and provenance.
    sizes : ndarray of int64, shape (n, 6)
        Of each network the number of neurons, synapses, input synapses, inputs and outputs, and
        its kind.
    neurons, synapses, input_synapses : structured ndarray
        The tables of all networks, one after another, a field for each column.
    ends : ndarray of int64
        Inputs and outputs of the first network, then those of the next.
    """

    header: str
    sizes: NDArray[np.int64]
    neurons: NDArray[Any]
    synapses: NDArray[Any]
    input_synapses: NDArray[Any]
    ends: NDArray[np.int64]


def _dtype(table: type, columns: Mapping[str, Column]) -> np.dtype[Any]:
    return np.dtype([(f.name, columns[f.name].dtype) for f in fields(table)])


_TABLES: dict[str, tuple[type, np.dtype[Any]]] = {
    "neurons": (Neurons, _dtype(Neurons, NEURON_COLUMNS)),
    "synapses": (Synapses, _dtype(Synapses, SYNAPSE_COLUMNS)),
    "input_synapses": (InputSynapses, _dtype(InputSynapses, INPUT_SYNAPSE_COLUMNS)),
}


def pack(networks: Sequence[Network], /) -> Packed:
    """Lay networks out in arrays; the networks are left as they are.

    Raises
    ------
    InputError
        An encoder or readout that is not registered under its name: nobody could make it again.

    Examples
    --------
    >>> from neuro import Network
    >>> from neuro.packing import pack, unpack
    >>> packed = pack([Network.build(2, [(0, 1, 0.5, 3)]), Network.build(1)])
    >>> packed.neurons["v_threshold"], packed.synapses["delay"]
    (array([1., 1., 1.]), array([3]))
    >>> unpack(packed)[0]
    <Network: 2 neurons, 1 synapse, 0 input synapses>
    """
    kinds: dict[str, int] = {}
    described: dict[tuple[int, int], tuple[Any, Any]] = {}
    sizes = np.empty((len(networks), 6), dtype=np.int64)
    for row, n in enumerate(networks):
        parts = id(n.encoder), id(n.readout)
        if parts not in described:  # evolved networks share theirs
            described[parts] = _table(n.encoder, ENCODERS), _table(n.readout, READOUTS)
        kind = json.dumps([*described[parts], n.task, n.dt, dict(n.provenance)])
        sizes[row] = (
            len(n.neurons), len(n.synapses), len(n.input_synapses), len(n.inputs), len(n.outputs),
            kinds.setdefault(kind, len(kinds)),
        )  # fmt: skip
    tables = {}
    for at, (name, (_, dtype)) in enumerate(_TABLES.items()):
        tables[name] = np.empty(sizes[:, at].sum(), dtype)
        parts_of = [getattr(n, name) for n in networks]
        for column in (dtype.names or ()) if networks else ():
            np.concatenate(
                [getattr(part, column) for part in parts_of], out=tables[name][column]
            )  # fmt: skip
    ends = [array for n in networks for array in (n.inputs, n.outputs)]
    joined = np.concatenate(ends) if ends else np.empty(0, dtype=np.int64)
    return Packed(f"[{','.join(kinds)}]", sizes, **tables, ends=joined)


def unpack(packed: Packed, /) -> list[Network]:
    """Make the networks again, equal in every bit.

    They are not checked once more: what was packed were networks.

    Raises
    ------
    InputError
        An encoder or readout that is not known here.
    """
    kinds = []
    for encoder, readout, task, dt, provenance in json.loads(packed.header):
        kinds.append((
            dt,
            None if encoder is None else from_table(ENCODERS, encoder, "encoder"),
            None if readout is None else from_table(READOUTS, readout, "readout"),
            task, provenance,
        ))  # fmt: skip
    tables = []
    for at, (name, (cls, dtype)) in enumerate(_TABLES.items()):
        columns = [_frozen(getattr(packed, name)[c]) for c in dtype.names or ()]
        rows = _slices(packed.sizes[:, at])
        tables.append([cls(*(column[row] for column in columns)) for row in rows])
    joined = _frozen(packed.ends)
    ends = [joined[part] for part in _slices(packed.sizes[:, 3:5])]
    kind = [kinds[k] for k in packed.sizes[:, 5].tolist()]
    return [
        Network(*parts, *of)
        for *parts, of in zip(*tables, ends[::2], ends[1::2], kind, strict=True)
    ]  # fmt: skip


def _table(part: Encoder | Readout | None, registry: Mapping[str, Any]) -> Any:
    """Describe an encoder or readout that others can make by its name."""
    if part is None:
        return None
    if registry.get(part.name) is not type(part):
        kind = "encoder" if isinstance(part, Encoder) else "readout"
        raise wrong(kind, "one that is registered under its name", part)
    return to_table(part)


def _slices(sizes: NDArray[np.int64]) -> list[slice]:
    """Say where each of several parts lies that stand one after another."""
    return [slice(*ends) for ends in pairwise([0, *np.cumsum(sizes).tolist()])]


def _frozen(array: NDArray[Any]) -> NDArray[Any]:
    """Return a contiguous, read-only copy, as networks hold."""
    copy = np.array(array, order="C")
    copy.setflags(write=False)
    return copy
