"""What evolution spends its time on, measured with the default CartPole evolution."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

from benchmarks.controllers import flip_flop_network
from evo import ObjectiveSpec, SearchSpace, Settings, State, decode, evolve
from fitness import TASKS, Evaluator
from fitness.evaluator import Batch
from neuro import FlipFlop, Network, WinnerTakesAll

REFRESH = 5
BATCH = 50


class Search(NamedTuple):
    """Everything `evo.evolve` needs but how long to go on."""

    evaluator: Evaluator
    space: SearchSpace
    objectives: list[ObjectiveSpec]


def default_search(workers: int = 0) -> Search:
    """Set up what ``tardigrade evolve cartpole`` does; `workers` is the number of cores if 0."""
    task = TASKS["cartpole"]
    evaluator = Evaluator(task, seed=1, workers=workers or os.cpu_count() or 1)
    space = SearchSpace(
        encoder=FlipFlop(scale=task.scale), readout=WinnerTakesAll(), outputs=2,
        task=task.name,
    )  # fmt: skip
    specs = [ObjectiveSpec(o.name, o.maximise, *o.span(task)) for o in evaluator.objectives]
    return Search(evaluator, space, specs)


def settings(population: int, generations: int) -> Settings:
    """Set up the default course of an evolution."""
    return Settings(population=population, generations=generations, refresh=REFRESH)


def evolved_networks(population: int, generations: int = 5) -> list[Network]:
    """Networks of the last population of a short evolution."""
    search = default_search()
    state = evolve(*search, settings(population, generations), seed=1).state
    return [decode(i.genome, search.space) for i in state.population]


def seconds_of(evaluator: Evaluator, networks: Sequence[Network]) -> float:
    """Evaluate networks once."""
    start = time.perf_counter()
    evaluator(networks)
    return time.perf_counter() - start


def faults_and_without(repeats: int) -> tuple[list[float], list[float]]:
    """Seconds per network of 8 golden and 32 faulty episodes, and of the golden ones alone.

    The network is evaluated as one of 50 equal ones. Its pole falls in none of the episodes: if
    some of the faulty ones were short, faults would look cheap.
    """
    both = Evaluator(TASKS["cartpole"], seed=1)
    golden = replace(both, draws=0)
    networks = [flip_flop_network()] * BATCH
    full = BATCH * (both.starts + both.draws) * both.task.max_steps
    steps = both(networks).steps
    if steps != full:
        raise RuntimeError(f"a pole fell; expected {full} decisions, got {steps}")
    golden(networks)
    times: tuple[list[float], list[float]] = ([], [])
    for _ in range(repeats):
        for evaluator, found in zip((both, golden), times, strict=True):
            found.append(seconds_of(evaluator, networks) / BATCH)
    return times


def two_workers_and_one(
    networks: Sequence[Network], repeats: int
) -> tuple[list[float], list[float]]:
    """Seconds of evaluating networks with two workers and with one, in turns."""
    one = default_search(workers=1).evaluator
    two = replace(one, workers=2)
    two(networks)
    times: tuple[list[float], list[float]] = ([], [])
    for _ in range(repeats):
        for evaluator, found in zip((two, one), times, strict=True):
            found.append(seconds_of(evaluator, networks))
    return times


def share_outside_evaluation(population: int, generations: int) -> float:
    """Share of the time after the first population that evolution does not spend evaluating."""
    search = default_search()
    watch = _Stopwatch(search.evaluator)
    evolve(
        watch.evaluate, search.space, search.objectives, settings(population, generations),
        seed=1, callback=watch.note_generation,
    )  # fmt: skip
    return 1.0 - watch.evaluating / (watch.ended - watch.begun)


class _Stopwatch:
    """Sums up the time of evaluations from the end of the first generation on."""

    def __init__(self, evaluator: Evaluator) -> None:
        self.evaluator = evaluator
        self.evaluating = self.begun = self.ended = 0.0

    def evaluate(self, networks: Sequence[Network], epoch: int = 0) -> Batch:
        start = time.perf_counter()
        result = self.evaluator(networks, epoch)
        self.evaluating += time.perf_counter() - start
        return result

    def note_generation(self, state: State) -> None:
        self.ended = time.perf_counter()
        if state.generation == 0:  # it pays for loading compiled kernels
            self.begun, self.evaluating = self.ended, 0.0
