"""Timing a peer in a process of its own, with whatever Python has it installed."""

from __future__ import annotations

import json
import subprocess
from typing import Any, NamedTuple

from benchmarks.peers import OPEN_LOOP

NOT_INSTALLED = 3


class SkippedError(Exception):
    """A row cannot be measured here; the message says why."""


class Timing(NamedTuple):
    """What a peer said of itself.

    Attributes
    ----------
    ns : list of float
        Nanoseconds per step of every repeat.
    steps, evaluations : int
        As in `benchmarks.peers.Prepared`.
    version, settings : str
    """

    ns: list[float]
    steps: int
    evaluations: int
    version: str
    settings: str


def time_peer(
    python: str,
    peer: str,
    what: str = OPEN_LOOP,
    *,
    neurons: int = 50,
    ticks: int = 1000,
    repeats: int = 5,
) -> Timing:
    """Run ``python -m benchmarks.peers`` and read its line.

    Raises
    ------
    SkippedError
        The peer, or something it needs, is missing, or it failed.
    """
    command = [python, "-m", "benchmarks.peers", "--peer", peer, "--what", what]
    amounts = {"--neurons": neurons, "--ticks": ticks, "--repeat": repeats}
    command += [str(word) for pair in amounts.items() for word in pair]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    last = (done.stderr.strip().splitlines() or [f"exit status {done.returncode}"])[-1]
    if done.returncode == NOT_INSTALLED:
        raise SkippedError(last)
    if done.returncode != 0:
        raise SkippedError(f"{peer} failed: {last}")
    said: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return Timing(*(said[field] for field in Timing._fields))
