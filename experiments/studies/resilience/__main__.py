"""Run the study of resilience; ``python -m experiments.studies.resilience main`` a part of it."""

from __future__ import annotations

import os
import sys

from experiments.studies.record import complete, write_origin
from experiments.studies.resilience import runs
from experiments.studies.resilience.report import write_report

PARTS = {"main": runs.main_runs, "matrix": runs.matrix_runs, "time": runs.time_runs}


def main() -> None:
    """Measure what is missing, seed by seed, and write the report."""
    for part in sys.argv[1:] or PARTS:
        keys = PARTS[part]()
        name = f"resilience-{part}"
        complete(name, keys, "run", runs.measure, processes=os.cpu_count() or 1)
        write_origin(name, f"make study-resilience ({part})", seeds=list(runs.SEEDS))
    print(write_report())


if __name__ == "__main__":
    main()
