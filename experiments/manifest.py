"""Manifests: where and how results were made."""

from __future__ import annotations

import json
import os
import platform
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from neuro.files import write_atomically

PACKAGES = ("tardigrade", "numpy", "numba", "scipy", "deap", "moocore", "networkx", "gymnasium")


def tool_version() -> str:
    """Version of this project, "unknown" when it is not installed."""
    try:
        return version("tardigrade")
    except PackageNotFoundError:
        return "unknown"


def environment() -> dict[str, Any]:
    """Describe versions and platform."""
    versions = {}
    for name in PACKAGES:
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            versions[name] = "not installed"
    return {
        "versions": versions,
        "python": platform.python_version(),
        "platform": platform.platform(),
        "processor": processor(),
        "cores": os.cpu_count(),
    }


def processor() -> str:
    """Name of the processor, as well as it can be found out."""
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


@contextmanager
def manifest(path: Path, **known: Any) -> Iterator[dict[str, Any]]:
    """Collect a manifest while work is done, and write it at the end.

    Start, end, wall and CPU seconds, versions and platform are filled in; the caller adds the
    rest to the yielded table.
    """
    started, wall, cpu = datetime.now(UTC), time.perf_counter(), time.process_time()
    table: dict[str, Any] = {
        "format": "tardigrade-manifest",
        "version": 1,
        **known,
    }
    yield table
    table.setdefault("started", started.isoformat(timespec="seconds"))
    table["ended"] = datetime.now(UTC).isoformat(timespec="seconds")
    table["wall_seconds"] = round(time.perf_counter() - wall, 3)
    table["cpu_seconds"] = round(time.process_time() - cpu, 3)
    table |= environment()
    write_atomically(path, json.dumps(table, indent=2) + "\n")
