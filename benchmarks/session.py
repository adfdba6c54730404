"""One run of the benchmark: how much is measured, and how a peer is timed beside us."""

from __future__ import annotations

from dataclasses import dataclass, field

from benchmarks.outside import Timing, time_peer
from benchmarks.peers import Prepared
from benchmarks.rows import median, nanoseconds

COMPILED = ("c", "brian2-cython", "brian2-standalone")
"""Peers that run one network so fast that they are given as many ticks as we are."""


@dataclass(frozen=True)
class Amounts:
    """How much is measured.

    Attributes
    ----------
    ticks : int
        Of an open-loop run of ours and of `COMPILED` peers. Fewer than 20,000 flatter everybody:
        the processor learns the branches of a short run that is repeated.
    slow_ticks : int
        Of the other peers, whose steps take microseconds or come in batches.
    repeats, peer_repeats : int
        Our runs on either side of a peer, and the peer's.
    seeds : int
        Networks over which our two kernels are compared.
    launches : int
        Of the command line.
    evaluations : int
        Repeats of what evaluates a whole population.
    generations : int
        Of the evolution whose time is taken apart.
    """

    ticks: int = 20_000
    slow_ticks: int = 1_000
    repeats: int = 11
    peer_repeats: int = 5
    seeds: int = 3
    launches: int = 5
    evaluations: int = 7
    generations: int = 20


FULL = Amounts()
# Not fewer ticks: ours are done in milliseconds, and the call itself would count for too much.
QUICK = Amounts(repeats=3, peer_repeats=2, seeds=1, launches=1, evaluations=2, generations=2)


@dataclass
class Session:
    """One run of the benchmark.

    Attributes
    ----------
    python : str
        Interpreter that peers run with.
    amounts : Amounts
    timings : dict
        What each peer last said of itself, by its name and what it was timed at.
    """

    python: str
    amounts: Amounts = FULL
    timings: dict[tuple[str, str], Timing] = field(default_factory=dict)

    def beside(
        self, prepared: Prepared, peer: str, what: str, neurons: int = 50
    ) -> tuple[float, float]:
        """Time ours right before and right after a peer, so that both meet the same machine.

        Returns
        -------
        ours, theirs : float
            Medians of nanoseconds per step.

        Raises
        ------
        SkippedError
        """
        amounts = self.amounts
        ours = nanoseconds(prepared, amounts.repeats)
        timing = time_peer(
            self.python, peer, what, neurons=neurons, repeats=amounts.peer_repeats,
            ticks=amounts.ticks if peer in COMPILED else amounts.slow_ticks,
        )  # fmt: skip
        ours += nanoseconds(prepared, amounts.repeats)
        self.timings[peer, what] = timing
        return median(ours), median(timing.ns)
