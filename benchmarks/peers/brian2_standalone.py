"""Brian2 in C++ standalone mode: the whole run is one compiled program."""

from __future__ import annotations

import tempfile

import brian2 as b2

from benchmarks.peers.agreement import check_equal, count_spikes
from benchmarks.peers.brian2_model import build
from benchmarks.peers.contract import Prepared
from benchmarks.problems import Problem


def open_loop(problem: Problem) -> Prepared:
    """Compile the program; the default flags are -O3 -ffast-math -march=native."""
    b2.set_device("cpp_standalone", build_on_run=False)
    b2.prefs.devices.cpp_standalone.openmp_threads = 0
    model = build(problem)
    model.network.run(model.duration)
    folder = tempfile.TemporaryDirectory(prefix="brian2-standalone-")
    b2.device.build(directory=folder.name, compile=True, run=False, with_output=False)

    def run() -> float:
        # Named through the object: the folder is deleted with this function.
        b2.device.run(folder.name, with_output=False, run_args=[])
        return float(b2.device._last_run_time)

    run()
    check_equal("brian2-standalone", model.counter.num_spikes, count_spikes(problem))
    return Prepared(run, len(problem.pulses))
