"""The demonstration: evolve CartPole, then check the result in Gymnasium and in Brian2.

It does nothing but call the command line, so that every line can be typed by hand.
"""

from __future__ import annotations

import sys
from datetime import datetime
from pathlib import Path

from experiments.cli import main
from experiments.run_directory import read_front, smallest_solving


def demo() -> int:
    """Run the demonstration and return its exit code."""
    out = Path("runs") / f"demo-{datetime.now():%Y%m%d-%H%M%S}"
    code = step("evolve", "cartpole", "--seed", "1", "--out", str(out))
    if code:
        return code
    best = out / "front" / "000.json"
    rows = read_front(out)
    small = smallest_solving(rows, 475.0)
    networks = [best]
    if small is not None and out / small["file"] != best:
        networks.append(out / small["file"])
    for network in networks:
        code = code or step("evaluate", str(network), "--episodes", "100", "--gymnasium")
    script = str(out / "brian2_000.py")
    return code or step("export", str(best), "--to", "brian2", "--out", script, "--verify")


def step(*arguments: str) -> int:
    """Show a command as one would type it, and run it."""
    print(f"\n$ tardigrade {' '.join(arguments)}", flush=True)
    return main(arguments)


if __name__ == "__main__":
    sys.exit(demo())
