"""Rows of the benchmark table."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from typing import NamedTuple

from benchmarks.peers import Prepared


class Row(NamedTuple):
    """One line of the table: this project, and what it is compared with.

    Attributes
    ----------
    name : str
        What was timed.
    value : float
        This project's figure.
    unit : str
        Of both figures. Those that end in ``/s`` are better when larger, others when smaller.
    peer : str
        What it is compared with; "" for nothing.
    peer_value, ratio : float or None
        The peer's figure, and how many times faster than the peer this project is. In the row
        of fitness under faults, how many times the cost.
    """

    name: str
    value: float
    unit: str
    peer: str = ""
    peer_value: float | None = None
    ratio: float | None = None


def versus(name: str, unit: str, value: float, peer: str, peer_value: float) -> Row:
    """Make a row with its ratio.

    Examples
    --------
    >>> versus("a step", "ns/step", 10.0, "c", 25.0).ratio
    2.5
    >>> versus("steps", "steps/s", 50.0, "c", 25.0).ratio
    2.0
    """
    faster = value / peer_value if unit.endswith("/s") else peer_value / value
    return Row(name, value, unit, peer, peer_value, faster)


def nanoseconds(prepared: Prepared, repeats: int) -> list[float]:
    """Nanoseconds per step of every repeat."""
    return [1e9 * prepared.run() / prepared.steps for _ in range(repeats)]


def interleaved(first: Prepared, second: Prepared, repeats: int) -> tuple[list[float], list[float]]:
    """Nanoseconds per step of two simulations that take turns, so that both meet the same noise."""
    times: tuple[list[float], list[float]] = ([], [])
    for _ in range(repeats):
        for prepared, found in zip((first, second), times, strict=True):
            found += nanoseconds(prepared, 1)
    return times


def median(values: Sequence[float]) -> float:
    """Middle of some values."""
    return float(statistics.median(values))
