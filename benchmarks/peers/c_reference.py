"""Plain C: ``benchmarks/reference.c``, compiled here and called through ctypes."""

from __future__ import annotations

import ctypes
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.peers.agreement import check_equal, count_spikes
from benchmarks.peers.contract import Prepared
from benchmarks.problems import Problem, external_input
from neuro.program import compile_network

SOURCE = Path(__file__).parents[1] / "reference.c"
FLAGS = ["-O3", "-march=native", "-ffp-contract=off", "-std=c11", "-shared", "-fPIC"]
COMPILERS = ("cc", "gcc")


def build(folder: str) -> ctypes.CDLL:
    """Compile the library into a folder and load it."""
    compiler = next(path for path in map(shutil.which, COMPILERS) if path)
    library = Path(folder) / "reference.so"
    subprocess.run([compiler, *FLAGS, "-o", str(library), str(SOURCE)], check=True)
    return ctypes.CDLL(str(library))


def _pointer(array: NDArray[np.generic]) -> ctypes.c_void_p:
    return ctypes.c_void_p(array.ctypes.data)


def open_loop(problem: Problem) -> Prepared:
    """Prepare a call that runs all ticks."""
    program = compile_network(problem.network)
    arrays = [
        np.ascontiguousarray(values, dtype=kind)
        for values, kind in (
            (program.al, np.float64),
            (program.first, np.int32),
            (program.post, np.int32),
            (program.delay, np.int32),
            (program.weight, np.float64),
        )
    ]
    pulses = np.packbits(external_input(problem) > 0.0, axis=1, bitorder="little")
    kept = (*arrays, pulses)  # the arguments are bare addresses of these
    with tempfile.TemporaryDirectory() as folder:
        function = build(folder).run  # stays loaded when the file is deleted
    function.restype = ctypes.c_int64
    arguments = (
        ctypes.c_int32(len(program.al)),
        *map(_pointer, arrays),
        ctypes.c_int32(int(program.delay.max(initial=1))),
        ctypes.c_int64(len(pulses)),
        _pointer(pulses),
    )

    def run() -> float:
        start = time.perf_counter()
        function(*arguments)
        seconds = time.perf_counter() - start
        assert kept
        return seconds

    check_equal("c", function(*arguments), count_spikes(problem))
    return Prepared(run, len(pulses))
