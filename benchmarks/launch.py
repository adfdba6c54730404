"""How long a user waits for the command line."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path

TARDIGRADE = [sys.executable, "-m", "experiments"]
PATIENCE = 600.0  # s
GLANCE = 0.002  # s between two looks for the file


def help_seconds() -> float:
    """Time ``tardigrade --help`` from launch to exit."""
    start = time.perf_counter()
    subprocess.run([*TARDIGRADE, "--help"], check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - start


def first_generation_seconds() -> float:
    """Time ``tardigrade evolve cartpole`` from launch until its first generation is on disk.

    That is the checkpoint, which is written as soon as the first population is evaluated. The
    process is then killed: what would follow is a run of ordinary length.
    """
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "run"
        checkpoint = out / "checkpoint" / "state.npz"
        start = time.perf_counter()
        command = [*TARDIGRADE, "evolve", "cartpole", "--out", str(out)]
        process = subprocess.Popen(
            command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
        )
        try:
            while not checkpoint.exists():
                if process.poll() is not None or time.perf_counter() - start > PATIENCE:
                    raise RuntimeError(f"{' '.join(command)} wrote no checkpoint")
                time.sleep(GLANCE)
            return time.perf_counter() - start
        finally:
            process.kill()
            process.communicate()
