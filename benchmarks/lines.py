"""The kinds of rows, each with the way it is measured."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass

from benchmarks import launch, own, search
from benchmarks.closed_loop_network import closed_loop_network
from benchmarks.outside import SkippedError
from benchmarks.peers import CLOSED_LOOP, EVALUATION, OPEN_LOOP, Prepared
from benchmarks.problems import Problem, random_problem
from benchmarks.rows import Row, interleaved, median, nanoseconds, versus
from benchmarks.session import Session

STEP, DECISION = "ns/step", "ns/decision"
CONTROLLER = 50  # neurons
# Poles do not all stand for 500 decisions. With as many episodes as this, the time in which lanes
# run empty at the end does not count.
EPISODES = 256


@dataclass(frozen=True)
class Line:
    """A row that can be measured.

    Attributes
    ----------
    name, peer : str
        As in `Row`.
    seconds : int
        What it takes in the full table, about.
    measure : callable
        From a `Session` to the `Row`.
    """

    name: str
    peer: str
    seconds: int
    measure: Callable[[Session], Row]


def one_network(neurons: int, peer: str, seconds: int) -> Line:
    """Compare the scalar kernel with a peer."""
    return _open_loop(f"one network of {neurons} neurons", own.one_network, neurons, peer, seconds)


def copies(neurons: int, peer: str, seconds: int) -> Line:
    """Compare the lane kernel with a peer that also runs many networks at a time."""
    name = f"{own.COPIES} copies of {neurons} neurons"
    return _open_loop(name, own.side_by_side, neurons, peer, seconds)


def _open_loop(
    name: str, prepare: Callable[[Problem], Prepared], neurons: int, peer: str, seconds: int
) -> Line:
    def measure(session: Session) -> Row:
        prepared = prepare(random_problem(neurons, session.amounts.ticks))
        ours, theirs = session.beside(prepared, peer, OPEN_LOOP, neurons)
        return versus(name, STEP, ours, peer, theirs)

    return Line(name, peer, seconds, measure)


def copies_against_one(neurons: int) -> Line:
    """Compare our two kernels."""
    name, peer = f"{own.COPIES} copies of {neurons} neurons", "one network"

    def measure(session: Session) -> Row:
        lanes, scalar = [], []
        for seed in range(1, session.amounts.seeds + 1):
            problem = random_problem(neurons, session.amounts.ticks, seed=seed)
            times = interleaved(
                own.side_by_side(problem), own.one_network(problem), session.amounts.repeats
            )
            lanes.append(median(times[0]))
            scalar.append(median(times[1]))
        return versus(name, STEP, median(lanes), peer, median(scalar))

    return Line(name, peer, 3, measure)


def decisions(name: str, prepare: Callable[[], Prepared]) -> Line:
    """Time a closed loop of ours alone."""

    def measure(session: Session) -> Row:
        found = nanoseconds(prepare(), session.amounts.repeats)
        return Row(name, 1e9 / median(found), "decisions/s")

    return Line(name, "", 1, measure)


def controllers(peer: str, seconds: int) -> Line:
    """Compare closed loops."""
    name = f"CartPole, network of {CONTROLLER} neurons, 10 ticks a decision"

    def measure(session: Session) -> Row:
        prepared = own.closed_loop(closed_loop_network(CONTROLLER), EPISODES)
        ours, theirs = session.beside(prepared, peer, CLOSED_LOOP, CONTROLLER)
        return versus(name, DECISION, ours, peer, theirs)

    return Line(name, peer, seconds, measure)


def evaluations(name: str, peer: str, prepare: Callable[[], Prepared]) -> Line:
    """Compare evaluations of networks that are equally long."""

    def measure(session: Session) -> Row:
        prepared = prepare()
        ours, theirs = session.beside(prepared, peer, EVALUATION)
        timing = session.timings[peer, EVALUATION]
        value = 1e9 * prepared.evaluations / (ours * prepared.steps)
        peer_value = 1e9 * timing.evaluations / (theirs * timing.steps)
        return versus(name, "evaluations/s", value, peer, peer_value)

    return Line(name, peer, 2, measure)


def cost_of_faults() -> Line:
    """Compare evaluations with and without faults; the ratio says how many times the cost."""
    name, peer = "fitness: 8 golden + 32 faulty episodes against 8 golden alone", "8 golden alone"

    def measure(session: Session) -> Row:
        times = search.faults_and_without(session.amounts.evaluations)
        value, alone = (1e3 * median(t) for t in times)
        return Row(name, value, "ms/network", peer, alone, value / alone)

    return Line(name, peer, 2, measure)


def two_workers(population: int) -> Line:
    """Compare two workers with one."""
    name, peer = f"two workers against one, population {population:,}", "one worker"

    def measure(session: Session) -> Row:
        if (os.cpu_count() or 1) < 2:
            raise SkippedError(f"{name}: there is one core")
        networks = search.evolved_networks(population)
        times = search.two_workers_and_one(networks, session.amounts.evaluations)
        two, one = (len(networks) / median(t) for t in times)
        return versus(name, "evaluations/s", two, peer, one)

    return Line(name, peer, 4, measure)


def outside_evaluation(population: int) -> Line:
    """Take the time of an evolution apart."""
    name = f"share of a generation spent outside evaluation, population {population:,}"

    def measure(session: Session) -> Row:
        share = search.share_outside_evaluation(population, session.amounts.generations)
        return Row(name, 100.0 * share, "%")

    return Line(name, "", 30, measure)


def help_text() -> Line:
    """Time the shortest command."""
    name = "tardigrade --help"

    def measure(session: Session) -> Row:
        found = [launch.help_seconds() for _ in range(session.amounts.launches)]
        return Row(name, median(found), "s")

    return Line(name, "", 1, measure)


def first_generation() -> Line:
    """Time the beginning of an evolution."""
    name = "first generation after launch, warm cache"

    def measure(session: Session) -> Row:
        launch.first_generation_seconds()  # fills the cache of compiled kernels
        found = [launch.first_generation_seconds() for _ in range(session.amounts.launches)]
        return Row(name, median(found), "s")

    return Line(name, "", 8, measure)
