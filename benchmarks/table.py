"""The benchmark table: which rows there are, which of them are wanted, and measuring these."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from benchmarks import own
from benchmarks.controllers import current_network, flip_flop_network, small_network
from benchmarks.lines import (
    EPISODES,
    Line,
    controllers,
    copies,
    copies_against_one,
    cost_of_faults,
    decisions,
    evaluations,
    first_generation,
    help_text,
    one_network,
    outside_evaluation,
    two_workers,
)
from benchmarks.outside import SkippedError
from benchmarks.peers import PEERS
from benchmarks.rows import Row
from benchmarks.session import Session
from neuro.errors import wrong

SIZES = (10, 50, 200)
QUICK_SECONDS = 5
"""Peers that take longer are left out of a quick table."""

LINES: tuple[Line, ...] = (
    *(one_network(neurons, "c", 3) for neurons in SIZES),
    one_network(50, "brian2-standalone", 12),
    one_network(50, "brian2-cython", 7),
    one_network(50, "brian2-numpy", 4),
    one_network(50, "neat-python", 1),
    *(copies_against_one(neurons) for neurons in SIZES),
    copies(50, "snntorch", 11),
    copies(50, "snntorch-eager", 4),
    copies(50, "norse", 11),
    copies(50, "norse-eager", 4),
    copies(50, "jax-dense", 3),
    copies(50, "jax-sparse", 3),
    copies(50, "jax-sparse-copies", 12),
    decisions(
        "CartPole, flip-flop network of 10 neurons, 24 ticks a decision",
        lambda: own.closed_loop(small_network(), EPISODES),
    ),
    decisions(
        "CartPole, current network of 2 neurons, 10 ticks a decision",
        lambda: own.closed_loop(current_network(), EPISODES),
    ),
    controllers("jax-dense", 20),
    controllers("jax-sparse", 3),
    evaluations(
        "evaluation of 8 full episodes, flip-flop network of 10 neurons",
        "neat-python",
        lambda: own.evaluation(flip_flop_network()),
    ),
    evaluations(
        "evaluation of 8 full episodes, current network of 2 neurons",
        "neat-python",
        lambda: own.evaluation(current_network()),
    ),
    cost_of_faults(),
    two_workers(200),
    outside_evaluation(1000),
    help_text(),
    first_generation(),
)
"""Every row of the full table."""


def choose(names: Sequence[str] = (), *, quick: bool = False) -> list[Line]:
    """Choose lines.

    Parameters
    ----------
    names : sequence of str
        Parts of row names, or peers. All lines if empty.
    quick : bool
        Leave out peers that take more than a few seconds, unless they are named.

    Raises
    ------
    InputError
        A name fits nothing.

    Examples
    --------
    >>> [line.name for line in choose(["--help", "brian2-cython"])]
    ['one network of 50 neurons', 'tardigrade --help']
    """
    for name in names:
        if not any(_fits(line, name) for line in LINES):
            raise wrong("--only", "a peer or part of a row's name (--list shows them)", name)
    chosen = [line for line in LINES if not names or any(_fits(line, name) for name in names)]
    slow = [
        line
        for line in chosen
        if line.peer in PEERS and line.seconds > QUICK_SECONDS and line.peer not in names
    ]
    return [line for line in chosen if not quick or line not in slow]


def _fits(line: Line, name: str) -> bool:
    return name == line.peer if name in PEERS else bool(name) and name.lower() in line.name.lower()


def measure(
    lines: Sequence[Line], session: Session, progress: Callable[[int, str], None]
) -> tuple[list[Row], list[str]]:
    """Measure lines one after the other.

    Parameters
    ----------
    lines : sequence of Line
    session : Session
    progress : callable
        Told how much is done, in `Line.seconds`, and what comes next.

    Returns
    -------
    rows : list of Row
    skipped : list of str
        Why rows are missing: every reason once.
    """
    rows: list[Row] = []
    skipped: dict[str, None] = {}
    done = 0
    for line in lines:
        progress(done, f"{line.name}, {line.peer}" if line.peer else line.name)
        try:
            rows.append(line.measure(session))
        except SkippedError as error:
            skipped[str(error)] = None
        done += line.seconds
    return rows, list(skipped)
