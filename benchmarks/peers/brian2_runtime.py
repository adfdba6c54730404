"""Brian2 in runtime mode: its run loop is Python, the body NumPy or Cython."""

from __future__ import annotations

import brian2 as b2

from benchmarks.peers.agreement import check_equal, count_spikes
from benchmarks.peers.brian2_model import build
from benchmarks.peers.contract import Prepared
from benchmarks.problems import Problem


def open_loop_numpy(problem: Problem) -> Prepared:
    """Prepare a run with code generation for NumPy."""
    return _open_loop(problem, "numpy")


def open_loop_cython(problem: Problem) -> Prepared:
    """Prepare a run with code generation for Cython."""
    return _open_loop(problem, "cython")


def _open_loop(problem: Problem, target: str) -> Prepared:
    b2.prefs.codegen.target = target
    model = build(problem)
    model.network.store()

    def run() -> float:
        model.network.restore()
        model.network.run(model.duration)
        # Brian2's own clock: without the code generation before its loop.
        return float(b2.device._last_run_time)

    run()
    check_equal(f"brian2-{target}", model.counter.num_spikes, count_spikes(problem))
    model.counter.active = False
    return Prepared(run, len(problem.pulses))
