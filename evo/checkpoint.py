"""Checkpoints: the engine's state as bytes, exact and versioned."""

from __future__ import annotations

import io
import json
import math
from collections.abc import Sequence
from dataclasses import fields
from typing import Any

import numpy as np
from deap import tools
from numpy.typing import NDArray

from evo.genome import Genome
from evo.individual import Fitness, Individual
from evo.lineage import Birth
from evo.refine import Strategy
from evo.settings import METHODS, Search
from evo.state import State
from neuro.errors import InputError, wrong

FORMAT = "tardigrade-checkpoint"
VERSION = 3
_COLUMNS = [f.name for f in fields(Genome)]
_PER_NEURON = ("key", "tau_mem", "v_threshold")
_COUNTS = ("generation", "evaluations", "steps", "born", "seconds", "progress", "idle")

Arrays = dict[str, NDArray[Any]]


def dump_state(state: State, /) -> bytes:
    """Turn a state into bytes: an npz archive of concatenated arrays and a JSON header."""
    people = state.found
    fitness = [p.fitness for p in people]
    header = {
        "format": FORMAT,
        "version": VERSION,
        **{name: getattr(state, name) for name in _COUNTS},
        "population": len(state.population),
        "archive": [i.number for i in state.archive],
        "refined": sorted(state.refined),
        "lineage": [list(birth) for birth in state.lineage.values()],
        "strategies": [
            (s.parent, s.best, s.idle, s.search.name, [a.shape for a in _arrays_of(s.search)])
            for s in state.strategies
        ],
        "history": list(state.history[0]) if state.history else [],
    }
    rows = [list(row.values()) for row in state.history]
    # Crowding distances of boundary points are infinite, which arrays keep and JSON does not.
    arrays = {
        **_pack([p.genome for p in people] + [s.genome for s in state.strategies]),
        "number": np.array([p.number for p in people]),
        "structure": np.array([p.structure for p in people], dtype=np.uint64),
        "young_since": np.array([p.young_since for p in people]),
        "weights": np.array([f.weights for f in fitness]),
        "values": np.array([f.values for f in fitness]),
        "violation": np.array([f.violation for f in fitness]),
        "rank": np.array([f.rank for f in fitness]),
        "crowding": np.array([f.crowding_dist for f in fitness]),
        **_pack_cases([p.cases for p in people]),
        "searches": _joined([a.ravel() for s in state.strategies for a in _arrays_of(s.search)]),
        "emphasis": np.array([s.emphasis for s in state.strategies]),
        "history": np.array(rows, dtype=np.float64),
        "whole": np.array([isinstance(value, int) for value in rows[0]] if rows else []),
        "header": np.frombuffer(json.dumps(header).encode(), dtype=np.uint8),
    }
    buffer = io.BytesIO()
    np.savez(buffer, allow_pickle=False, **arrays)
    return buffer.getvalue()


def load_state(data: bytes, /) -> State:
    """Read a state back.

    Raises
    ------
    InputError
        Not a checkpoint, damaged, or of another version.
    """
    try:
        with np.load(io.BytesIO(data), allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
        header = json.loads(arrays["header"].tobytes())
        if header["format"] != FORMAT:
            raise wrong("format", FORMAT, header["format"])
        if header["version"] != VERSION:
            raise wrong("version", f"{VERSION}, the only one this release reads", header["version"])
        return _rebuild(header, arrays)
    except InputError:
        raise
    except Exception as error:  # damaged bytes make numpy, zipfile and json fail in many ways
        raise InputError(f"not a readable checkpoint ({type(error).__name__})") from None


def _rebuild(header: dict[str, Any], arrays: Arrays) -> State:
    genomes = _unpack(arrays)
    cases = _unpack_cases(arrays)
    people = []
    for i, number in enumerate(arrays["number"].tolist()):
        fitness = Fitness(tuple(arrays["weights"][i].tolist()), tuple(arrays["values"][i].tolist()))
        fitness.violation = float(arrays["violation"][i])
        fitness.rank = int(arrays["rank"][i])
        fitness.crowding_dist = float(arrays["crowding"][i])
        people.append(Individual(
            genomes[i], fitness, number=number, structure=int(arrays["structure"][i]),
            young_since=int(arrays["young_since"][i]), cases=cases[i],
        ))  # fmt: skip
    by_number = {i.number: i for i in people}
    sizes = [math.prod(shape) for *_, shapes in header["strategies"] for shape in shapes]
    parts = iter(_split(arrays["searches"], np.array(sizes)))
    strategies = []
    for genome, emphasis, (parent, best, idle, method, shapes) in zip(
        genomes[len(people) :], arrays["emphasis"], header["strategies"], strict=True
    ):
        search = METHODS[method](*(next(parts).reshape(shape) for shape in shapes))
        strategies.append(Strategy(genome, parent, search, emphasis, (best[0], best[1]), idle))
    history = tools.Logbook()
    kinds = [int if is_whole else float for is_whole in arrays["whole"].tolist()]
    for row in arrays["history"].tolist():
        named = zip(header["history"], kinds, row, strict=True)
        history.record(**{name: kind(value) for name, kind, value in named})
    lineage = [Birth(n, g, tuple(p), tuple(o)) for n, g, p, o in header["lineage"]]
    return State(
        **{name: header[name] for name in _COUNTS},
        population=people[: header["population"]],
        archive=[by_number[number] for number in header["archive"]],
        strategies=strategies,
        refined=set(header["refined"]),
        lineage={birth.number: birth for birth in lineage},
        history=history,
    )


def _pack(genomes: Sequence[Genome]) -> Arrays:
    arrays = {name: np.concatenate([getattr(g, name) for g in genomes]) for name in _COLUMNS}
    arrays["neurons"] = np.array([len(g.key) for g in genomes])
    arrays["synapses"] = np.array([len(g.pre) for g in genomes])
    return arrays


def _unpack(arrays: Arrays) -> list[Genome]:
    parts = {}
    for name in _COLUMNS:
        sizes = arrays["neurons" if name in _PER_NEURON else "synapses"]
        parts[name] = _split(arrays[name], sizes)
    return [Genome(**{n: parts[n][i] for n in _COLUMNS}) for i in range(len(arrays["neurons"]))]


def _pack_cases(cases: Sequence[NDArray[np.float64] | None]) -> Arrays:
    known = [np.empty(0) if c is None else c for c in cases]
    return {"cases": _joined(known), "case_counts": np.array([len(c) for c in known])}


def _unpack_cases(arrays: Arrays) -> list[NDArray[np.float64] | None]:
    return [c if len(c) else None for c in _split(arrays["cases"], arrays["case_counts"])]


def _arrays_of(search: Search) -> list[NDArray[np.float64]]:
    return [np.asarray(getattr(search, f.name)) for f in fields(search)]


def _joined(parts: Sequence[NDArray[np.float64]]) -> NDArray[np.float64]:
    return np.concatenate(parts) if parts else np.empty(0)


def _split(array: NDArray[Any], sizes: NDArray[np.int64]) -> list[NDArray[Any]]:
    return np.split(array, np.cumsum(sizes)[:-1]) if len(sizes) else []
