"""Scaling curves: how time depends on neurons, lanes, firing and workers."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from benchmarks import own
from benchmarks.problems import (
    Problem,
    events_per_tick,
    firing_problem,
    firing_share,
    random_problem,
)
from benchmarks.rows import median, nanoseconds
from benchmarks.search import default_search, evolved_networks, seconds_of

Rows = list[dict[str, Any]]

SHARE = 0.1  # of the neurons fire per tick while their number is varied
SIZE = 50  # neurons while the firing is varied


@dataclass(frozen=True)
class Range:
    """What is varied, and how much is measured at each point."""

    neurons: tuple[int, ...] = (5, 8, 10, 20, 30, 50, 100, 200, 300, 500)
    lanes: tuple[int, ...] = (1, 2, 4, 8, 9, 16, 24, 32, 33, 64, 128)
    lane_neurons: tuple[int, ...] = (10, 50, 200)
    shares: tuple[float, ...] = (0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.4)
    populations: tuple[int, ...] = (50, 200, 1000)
    ticks: int = 20_000
    repeats: int = 7


FULL = Range()
QUICK = Range(
    neurons=(5, 50), lanes=(1, 8, 32), lane_neurons=(10,), shares=(0.01, 0.1), populations=(50,),
    ticks=2_000, repeats=2,
)  # fmt: skip


def by_neurons(wanted: Range) -> Iterator[dict[str, Any]]:
    """Nanoseconds per network-step for networks of more and more neurons."""
    for neurons in wanted.neurons:
        problem = firing_problem(neurons, wanted.ticks, SHARE)
        for kernel, times in _both_kernels(problem, wanted.repeats):
            yield {
                "neurons": neurons, "kernel": kernel, "firing": firing_share(problem),
                **_spread(times, "ns"),
            }  # fmt: skip


def by_lanes(wanted: Range) -> Iterator[dict[str, Any]]:
    """Nanoseconds per network-step for more and more copies side by side."""
    for neurons in wanted.lane_neurons:
        problem = random_problem(neurons, wanted.ticks)
        for lanes in wanted.lanes:
            times = nanoseconds(own.side_by_side(problem, lanes), wanted.repeats)
            yield {"neurons": neurons, "lanes": lanes, **_spread(times, "ns")}


def by_firing(wanted: Range) -> Iterator[dict[str, Any]]:
    """Nanoseconds per network-step when more and more neurons fire."""
    for share in wanted.shares:
        problem = firing_problem(SIZE, wanted.ticks, share)
        for kernel, times in _both_kernels(problem, wanted.repeats):
            yield {
                "firing": firing_share(problem), "kernel": kernel,
                "events_per_tick": events_per_tick(problem), **_spread(times, "ns"),
            }  # fmt: skip


def by_workers(wanted: Range) -> Iterator[dict[str, Any]]:
    """Evaluations per second with one and two workers; on a single core with one."""
    evaluator = default_search().evaluator
    for population in wanted.populations:
        networks = evolved_networks(population)
        for workers in (1, 2)[: os.cpu_count() or 1]:
            with_workers = replace(evaluator, workers=workers)
            with_workers(networks)
            rates = [population / seconds_of(with_workers, networks) for _ in range(wanted.repeats)]
            yield {
                "population": population, "workers": workers,
                **_spread(rates, "evaluations_per_second"),
            }  # fmt: skip


CURVES: dict[str, Callable[[Range], Iterator[dict[str, Any]]]] = {
    "scaling-neurons": by_neurons,
    "scaling-lanes": by_lanes,
    "scaling-firing": by_firing,
    "scaling-workers": by_workers,
}
"""Curves by the name of their table."""


def points(wanted: Range) -> int:
    """Count the rows of all curves."""
    return (
        2 * len(wanted.neurons)
        + len(wanted.lanes) * len(wanted.lane_neurons)
        + 2 * len(wanted.shares)
        + min(2, os.cpu_count() or 1) * len(wanted.populations)
    )


def measure(wanted: Range, progress: Callable[[int, str], None]) -> dict[str, Rows]:
    """Measure all curves; `progress` is told how many `points` are done, and of which curve."""
    tables: dict[str, Rows] = {}
    done = 0
    for name, curve in CURVES.items():
        tables[name] = []
        progress(done, name)
        for row in curve(wanted):
            tables[name].append(row)
            done += 1
            progress(done, name)
    return tables


def _both_kernels(problem: Problem, repeats: int) -> Iterator[tuple[str, list[float]]]:
    yield "scalar", nanoseconds(own.one_network(problem), repeats)
    yield f"{own.COPIES} lanes", nanoseconds(own.side_by_side(problem), repeats)


def _spread(values: list[float], unit: str) -> dict[str, float]:
    figures = {"median": median(values), "min": min(values), "max": max(values)}
    return {f"{name}_{unit}": figure for name, figure in figures.items()}
