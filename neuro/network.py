"""The network: a frozen, validated record of arrays."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from functools import lru_cache, reduce
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neuro.columns import (
    INPUT_SYNAPSE_COLUMNS,
    NEURON_COLUMNS,
    SYNAPSE_COLUMNS,
    Column,
    check_column,
    check_table,
    check_value,
)
from neuro.encoders import Encoder
from neuro.errors import InputError, wrong
from neuro.hashing import hash_more, hash_text, hash_words
from neuro.readouts import Readout


@dataclass(frozen=True, eq=False)
class Neurons:
    """One read-only array per neuron parameter, each of shape ``(N,)``; see `neuro.columns`."""

    key: NDArray[np.uint64]
    tau_mem: NDArray[np.float64]
    v_threshold: NDArray[np.float64]
    v_reset: NDArray[np.float64]
    v_leak: NDArray[np.float64]
    v_min: NDArray[np.float64]
    refractory: NDArray[np.int64]
    reset: NDArray[np.int8]
    bias: NDArray[np.float64]
    tau_syn: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.key)


@dataclass(frozen=True, eq=False)
class Synapses:
    """Read-only arrays of shape ``(E,)``, sorted by (pre, post, delay)."""

    pre: NDArray[np.int64]
    post: NDArray[np.int64]
    weight: NDArray[np.float64]
    delay: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.pre)


@dataclass(frozen=True, eq=False)
class InputSynapses:
    """Read-only arrays of shape ``(I,)``, sorted by (channel, post)."""

    channel: NDArray[np.int64]
    post: NDArray[np.int64]
    weight: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.channel)


NEURON_DEFAULTS: Mapping[str, Any] = {
    "tau_mem": np.inf,
    "v_threshold": 1.0,
    "v_reset": 0.0,
    "v_leak": 0.0,
    "v_min": -np.inf,
    "refractory": 0,
    "reset": "to_value",
    "bias": 0.0,
    "tau_syn": 0.0,
}


@dataclass(frozen=True, eq=False)
class Network:
    """A spiking network together with how it is fed and read: a whole controller.

    Build one with `Network.build`, which fills in defaults, sorts the synapses and checks
    everything once; simulators and exporters then rely on it without looking again.

    Attributes
    ----------
    neurons, synapses, input_synapses
        Tables of read-only arrays.
    inputs, outputs : ndarray of int64
        Indices of the neurons that a spike encoder drives and that the readout reads.
    dt : float
        Length of a tick in ms.
    encoder : Encoder or None
        Turns an observation into input; also holds the ticks per decision.
    readout : Readout or None
        Turns output spikes into an action.
    task : str or None
        Name of the task the network was made for.
    provenance : mapping
        Where the network comes from; free-form, JSON-compatible.
    """

    neurons: Neurons
    synapses: Synapses
    input_synapses: InputSynapses
    inputs: NDArray[np.int64]
    outputs: NDArray[np.int64]
    dt: float = 1.0
    encoder: Encoder | None = None
    readout: Readout | None = None
    task: str | None = None
    provenance: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def build(
        cls,
        neurons: int | Mapping[str, Any],
        synapses: Mapping[str, Any] | Sequence[tuple[int, int, float, int]] = (),
        /,
        *,
        input_synapses: Mapping[str, Any] | Sequence[tuple[int, int, float]] = (),
        inputs: Sequence[int] | NDArray[np.int64] = (),
        outputs: Sequence[int] | NDArray[np.int64] = (),
        dt: float = 1.0,
        encoder: Encoder | None = None,
        readout: Readout | None = None,
        task: str | None = None,
        provenance: Mapping[str, Any] | None = None,
    ) -> Network:
        """Check everything and make a network.

        Parameters
        ----------
        neurons : int or mapping
            A number of default neurons (non-leaky, threshold 1, reset to 0) or columns by
            name; columns left out take the default, scalars are repeated, and left-out keys
            are numbered.
        synapses : mapping or sequence of (pre, post, weight, delay)
            In any order; two synapses may join the same neurons if their delays differ.
        input_synapses : mapping or sequence of (channel, post, weight)
        inputs, outputs : sequence of int
            Neuron indices, each at most once.
        dt : float
            Length of a tick in ms.

        Raises
        ------
        InputError
            Names the column and index, what was expected and what was found.

        Examples
        --------
        A neuron that drives another three ticks later:

        >>> from neuro import Network
        >>> network = Network.build(2, [(0, 1, 0.5, 3)], inputs=[0], outputs=[1])
        >>> network
        <Network: 2 neurons, 1 synapse, 0 input synapses>
        """
        if encoder is not None and not isinstance(encoder, Encoder):
            raise wrong("encoder", "an Encoder or None", encoder)
        if readout is not None and not isinstance(readout, Readout):
            raise wrong("readout", "a Readout or None", readout)
        columns, constant = _fill_neurons(neurons)
        table = check_table(NEURON_COLUMNS, columns, "neurons", constant)
        count = len(table["key"])
        syn = check_table(
            SYNAPSE_COLUMNS, _as_columns(synapses, SYNAPSE_COLUMNS, "synapses"), "synapses"
        )
        ins = check_table(
            INPUT_SYNAPSE_COLUMNS,
            _as_columns(input_synapses, INPUT_SYNAPSE_COLUMNS, "input_synapses"),
            "input_synapses",
        )
        _check_unique(table["key"], "neurons.key")
        for name in ("pre", "post"):
            _check_index(syn[name], count, f"synapses.{name}", "neurons")
        _check_index(ins["post"], count, "input_synapses.post", "neurons")
        channels = encoder.channels if encoder is not None and encoder.graded else None
        if channels is not None:
            _check_index(ins["channel"], channels, "input_synapses.channel", "channels")
        elif len(ins["channel"]) and encoder is not None:
            raise InputError(
                f"input_synapses: expected none with the encoder {encoder.name}, which drives "
                f"input neurons, got {len(ins['channel'])}"
            )
        index = Column("integer", "neuron index", 0, np.inf)
        ends = {}
        for name, values in (("inputs", inputs), ("outputs", outputs)):
            ends[name] = check_column(index, values, name)
            _check_index(ends[name], count, name, "neurons")
            _check_unique(ends[name], name)
        if encoder is not None and not encoder.graded and len(ends["inputs"]) != encoder.channels:
            raise wrong(
                "inputs",
                f"{encoder.channels} neurons, one per channel of the encoder {encoder.name}",
                len(ends["inputs"]),
            )
        if readout is not None and readout.size not in (None, len(ends["outputs"])):
            raise wrong(
                "outputs", f"{readout.size} neurons for the readout {readout.name}",
                len(ends["outputs"]),
            )  # fmt: skip
        if task is not None and not isinstance(task, str):
            raise wrong("task", "a name or null", task)
        if provenance is not None and provenance != {}:
            _check_provenance(provenance)
        tick = check_value(Column("float", "ms", 1e-9, 1e9), dt, "dt")
        return cls(
            Neurons(**table),
            Synapses(**_sorted(syn, ("pre", "post", "delay"), "synapses")),
            InputSynapses(**_sorted(ins, ("channel", "post"), "input_synapses")),
            ends["inputs"],
            ends["outputs"],
            tick,
            encoder,
            readout,
            task,
            dict(provenance or {}),
        )

    @property
    def size(self) -> int:
        """Neurons + synapses + input synapses, inputs and outputs counted whether used or not."""
        return len(self.neurons) + len(self.synapses) + len(self.input_synapses)

    @property
    def weights(self) -> NDArray[np.float64]:
        """All weights, shape ``(E + I,)``: synapses first, then input synapses."""
        return np.concatenate([self.synapses.weight, self.input_synapses.weight])

    def synapse_keys(self) -> NDArray[np.uint64]:
        """Stable keys of all weights, shape ``(E + I,)``, in the order of `weights`.

        A synapse's key is a hash of its neurons' keys and, among parallel synapses, of its
        rank by delay; an input synapse's of its channel and its neuron's key. The same
        structure has the same key in every network: fault draws rely on it.
        """
        key, s, i = self.neurons.key, self.synapses, self.input_synapses
        rank = np.zeros(len(s), dtype=np.uint64)
        parallel = (s.pre[1:] == s.pre[:-1]) & (s.post[1:] == s.post[:-1])
        for e in np.flatnonzero(parallel).tolist():
            rank[e + 1] = rank[e] + np.uint64(1)
        keys = _hash_after("synapse", key[s.pre], key[s.post], rank)
        if len(i) == 0:
            return keys
        entries = _hash_after("input synapse", i.channel.astype(np.uint64), key[i.post])
        return np.concatenate([keys, entries])

    def __repr__(self) -> str:
        return (
            f"<Network: {_count(len(self.neurons), 'neuron')}, "
            f"{_count(len(self.synapses), 'synapse')}, "
            f"{_count(len(self.input_synapses), 'input synapse')}>"
        )


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" + ("" if number == 1 else "s")


@lru_cache
def _begin(text: str) -> NDArray[np.uint64]:
    return hash_words([hash_text(text)])


def _hash_after(text: str, *words: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Hash a name and words; the name only once, since every network of a population asks."""
    return reduce(hash_more, words, _begin(text))


def _check_provenance(provenance: Any) -> None:
    if not isinstance(provenance, Mapping):
        raise wrong("provenance", "a table", provenance)
    try:
        json.dumps(dict(provenance), allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise InputError(f"provenance: expected what JSON can hold: {error}") from None


def _fill_neurons(
    neurons: int | Mapping[str, Any],
) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    """Add defaults and number the keys; return columns to check, and those that are constant.

    A constant is checked once, not once for each neuron: networks are built by the thousand.
    """
    if isinstance(neurons, Mapping):
        given = dict(neurons)
        sized: list[Any] = [v for v in given.values() if np.iterable(v) and not isinstance(v, str)]
        if not sized:
            raise wrong("neurons", "a number or at least one column that is a list", given)
        count = len(sized[0])
    else:
        count = check_value(Column("integer", "", 0, 2**31), neurons, "neurons")
        given = {}
    columns = {**NEURON_DEFAULTS, **given}
    columns.setdefault("key", np.arange(1, count + 1, dtype=np.uint64))
    constant: dict[str, NDArray[Any]] = {}
    for name, column in NEURON_COLUMNS.items():
        value = columns[name]
        if not np.iterable(value) or isinstance(value, str):
            checked = check_value(column, columns.pop(name), f"neurons.{name}[0]")
            constant[name] = np.full(count, checked, dtype=column.dtype)
            constant[name].setflags(write=False)
    return columns, constant


def _as_columns(table: Any, columns: Mapping[str, Column], name: str) -> Any:
    """Turn rows into columns; leave columns as they are."""
    if isinstance(table, Mapping):
        return table
    if isinstance(table, str) or not np.iterable(table):
        raise wrong(name, "columns or rows", table)
    rows = list(table)
    for i, row in enumerate(rows):
        if not isinstance(row, Sequence | np.ndarray) or len(row) != len(columns):
            raise wrong(f"{name}[{i}]", f"({', '.join(columns)})", row)
    return {name: [row[c] for row in rows] for c, name in enumerate(columns)}


def _check_index(values: NDArray[np.int64], count: int, where: str, of: str) -> None:
    if len(values) and values.max() >= count:
        bad = np.flatnonzero(values >= count)
        allowed = f"an index below {count} (there are {count} {of})"
        raise wrong(f"{where}[{bad[0]}]", allowed, int(values[bad[0]]))


def _check_unique(values: NDArray[Any], where: str) -> None:
    listed = values.tolist()
    if len(set(listed)) == len(listed):
        return
    first: dict[int, int] = {}
    for i, value in enumerate(listed):
        if value in first:
            raise InputError(
                f"{where}[{i}]: expected distinct values, got that of [{first[value]}]"
            )
        first[value] = i


def _sorted(
    table: dict[str, NDArray[Any]], by: tuple[str, ...], name: str
) -> dict[str, NDArray[Any]]:
    if len(table[by[0]]) == 0:
        return table
    order = np.lexsort([table[c] for c in reversed(by)])
    result = {}
    for c, values in table.items():
        result[c] = values[order]
        result[c].setflags(write=False)
    equal = [result[c][1:] == result[c][:-1] for c in by]
    same = np.flatnonzero(np.logical_and.reduce(equal))
    if same.size:
        a, b = sorted(int(order[same[0] + k]) for k in (0, 1))
        found = ", ".join(f"{c} {result[c][same[0]]}" for c in by)
        raise InputError(f"{name}[{b}]: expected distinct synapses, got that of [{a}] ({found})")
    return result


def same_network(a: Network, b: Network) -> bool:
    """Whether two networks are equal in every array and setting (provenance aside)."""
    for name in ("neurons", "synapses", "input_synapses"):
        left, right = getattr(a, name), getattr(b, name)
        for f in fields(left):
            if not np.array_equal(getattr(left, f.name), getattr(right, f.name)):
                return False
    return (
        np.array_equal(a.inputs, b.inputs)
        and np.array_equal(a.outputs, b.outputs)
        and (a.dt, a.encoder, a.readout, a.task) == (b.dt, b.encoder, b.readout, b.task)
    )
