"""Run the study of evolution; ``python -m experiments.studies.evolution poles`` one part of it."""

from __future__ import annotations

import os
import sys
from types import ModuleType

from experiments.studies.evolution import control, fronts, generality, lander, poles
from experiments.studies.evolution.report import write_report
from experiments.studies.record import complete, write_origin

PARTS: dict[str, ModuleType] = {
    "poles": poles, "generality": generality, "fronts": fronts, "control": control,
    "lander": lander,
}  # fmt: skip


def main() -> None:
    """Measure what is missing of each part, seed by seed, and write the report."""
    for name in sys.argv[1:] or PARTS:
        part = PARTS[name]
        processes = 1 if name == "control" else os.cpu_count() or 1
        complete(f"evolution-{name}", part.runs(), "run", part.measure, processes=processes)
        write_origin(f"evolution-{name}", f"make study-evolution ({name})", seeds=list(part.SEEDS))
    print(write_report())


if __name__ == "__main__":
    main()
