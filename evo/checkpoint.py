"""Checkpoints: the engine's state as bytes, exact and versioned."""

from __future__ import annotations

import io
import json
from dataclasses import fields
from typing import Any

import numpy as np
from deap import tools
from numpy.typing import NDArray

from evo.engine import State
from evo.genome import Genome
from evo.individual import Fitness, Individual
from neuro.errors import InputError, wrong

FORMAT = "tardigrade-checkpoint"
VERSION = 1
_COLUMNS = [f.name for f in fields(Genome)]


def dump_state(state: State, /) -> bytes:
    """Turn a state into bytes: an npz archive of concatenated arrays and a JSON header."""
    people = state.population
    fitness = [p.fitness for p in people]
    header = {
        "format": FORMAT,
        "version": VERSION,
        "generation": state.generation,
        "evaluations": state.evaluations,
        "steps": state.steps,
        "history": list(state.history),
    }
    arrays = {name: np.concatenate([getattr(p.genome, name) for p in people]) for name in _COLUMNS}
    # Crowding distances of boundary points are infinite, which the arrays keep and JSON cannot.
    arrays |= {
        "neurons": np.array([len(p.genome.key) for p in people]),
        "synapses": np.array([len(p.genome.pre) for p in people]),
        "weights": np.array([f.weights for f in fitness]),
        "values": np.array([f.values for f in fitness]),
        "violation": np.array([f.violation for f in fitness]),
        "rank": np.array([f.rank for f in fitness]),
        "crowding": np.array([f.crowding_dist for f in fitness]),
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


def _rebuild(header: dict[str, Any], arrays: dict[str, NDArray[Any]]) -> State:
    ends = {size: np.cumsum(arrays[size])[:-1] for size in ("neurons", "synapses")}
    parts = {
        name: np.split(arrays[name], ends["neurons" if name in _COLUMNS[:3] else "synapses"])
        for name in _COLUMNS
    }
    population = []
    for i in range(len(arrays["neurons"])):
        fitness = Fitness(tuple(arrays["weights"][i].tolist()), tuple(arrays["values"][i].tolist()))
        fitness.violation = float(arrays["violation"][i])
        fitness.rank = int(arrays["rank"][i])
        fitness.crowding_dist = float(arrays["crowding"][i])
        population.append(Individual(Genome(**{n: parts[n][i] for n in _COLUMNS}), fitness))
    history = tools.Logbook()
    for record in header["history"]:
        history.record(**record)
    return State(header["generation"], population, header["evaluations"], header["steps"], history)
