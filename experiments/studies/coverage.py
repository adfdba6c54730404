"""How often 95 % intervals of fault campaigns cover what an exhaustive campaign finds.

Takes populations of which every fault was tried, simulates campaigns that try a sample, and counts.
By default the populations are all single bit flips in the weights of a few evolved networks;
name tables instead, with a row per fault and the columns ``drop``, ``masked`` and ``critical``:

    python -m experiments.studies.coverage acrobot.csv digits.csv

Writes ``docs/results/coverage.csv`` and ``coverage.md``. What is in the table already is not
measured again.
"""

from __future__ import annotations

import csv
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evo import evolve
from experiments.config import resolve
from experiments.run_directory import objective_specs, write_results
from experiments.studies.record import RESULTS, complete, write_origin
from fitness import Task, find_task, play
from fitness.curves import outcomes
from fitness.intervals import (
    Interval,
    clopper_pearson,
    mean_interval,
    narrow_enough,
    rate_interval,
    wilson,
)
from fitness.sampling import choose, looks, order
from neuro import Network, load
from neuro.errors import wrong
from neuro.files import write_atomically
from neuro.simulate import golden_copies

CAMPAIGNS = 1000
SAMPLES = (50, 100, 200, 400)
LARGEST_SHARE = 0.6
"""Samples of more than this share of the population are left out."""

RESAMPLES = 2000
CRITICAL = 0.1
BEST = RESULTS / "cartpole_best.json"
EVOLVED = {
    "acrobot": 16, "mountain-car": 16, "pendulum": 16, "wine": 16, "breast-cancer": 16, "digits": 8,
}  # fmt: skip
"""Tasks whose networks are struck as well, and the bits of a weight."""

NETWORKS = 4
"""Networks of each front that are struck."""

SEED = 11
FIRST = 100
"""Size at which campaigns that grow are looked at first."""

MARGINS = {"masked": 0.04, "critical": 0.02, "mean": 0.02}
"""Of campaigns that stop as soon as the interval is narrow enough."""

Values = NDArray[np.float64]


# --- populations ------------------------------------------------------------------------------


@dataclass(frozen=True)
class Population:
    """What each of all possible faults does.

    Attributes
    ----------
    name : str
    drop, masked, critical : ndarray of float64, shape (N,)
    """

    name: str
    drop: Values
    masked: Values
    critical: Values

    def of(self, quantity: str) -> Values:
        """Values whose mean is asked for: "masked", "critical" or "mean" (of the drop)."""
        return {"masked": self.masked, "critical": self.critical, "mean": self.drop}[quantity]

    @property
    def bounds(self) -> tuple[float, float]:
        """Smallest and largest drop that a campaign counts with: 0 to 1 and what there is."""
        return min(0.0, float(self.drop.min())), max(1.0, float(self.drop.max()))


def read_population(path: Path) -> Population:
    """Read a table with a row per fault."""
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    if not rows or not {"drop", "masked", "critical"} <= set(rows[0]):
        raise wrong(str(path), "rows with the columns drop, masked, critical", rows[:1])
    said = {"true": 1.0, "false": 0.0}

    def column(name: str) -> Values:
        texts = [row[name].lower() for row in rows]
        return np.array([said[text] if text in said else float(text) for text in texts])

    return Population(path.stem, column("drop"), column("masked"), column("critical"))


def evolved_populations() -> Iterator[Population]:
    """Strike the best CartPole network and some of each evolved front, one flipped bit each."""
    yield struck("cartpole 16", [load(BEST)], 16)
    for name, bits in EVOLVED.items():
        config = resolve(name, [("run.seed", SEED)])
        state = evolve(
            config.evaluator, config.space, objective_specs(config), config.settings, seed=SEED
        ).state
        with tempfile.TemporaryDirectory() as folder:
            rows = write_results(Path(folder), config, state)[:NETWORKS]
            networks = [load(Path(folder) / row["file"]) for row in rows]
        yield struck(f"{name} {bits}", networks, bits)


def struck(name: str, networks: Sequence[Network], bits: int) -> Population:
    """Flip every bit of every weight of every network, one at a time."""
    drop, masked = [], []
    for network in networks:
        task = find_task(network.task)
        scores = flipped_scores(network, task, bits)
        found = outcomes(scores[0], scores[1:], task.worst)
        drop.append(found.drop)
        masked.append(found.masked)
    every = np.concatenate(drop)
    return Population(
        name, every, np.concatenate(masked).astype(float), (every > CRITICAL).astype(float)
    )


def flipped_scores(network: Network, task: Task, bits: int) -> Values:
    """Scores of the quantised network (first row), then with each bit flipped alone."""
    starts = task.draw_starts(0, "campaign", 200 if task.kind == "classification" else 10)
    weights = network.weights
    top = 2 ** (bits - 1)
    step = float(np.abs(weights).max()) / (top - 1)
    words = np.rint(weights / step).astype(np.int64)
    rows = np.tile(words, (1 + len(words) * bits, 1))
    for k in range(len(words)):
        for bit in range(bits):
            flipped = (words[k] ^ (1 << bit)) & (2 * top - 1)
            rows[1 + k * bits + bit, k] = (flipped ^ top) - top
    split, parts = len(network.synapses), []
    for begin in range(0, len(rows), 64):
        some = rows[begin : begin + 64] * step
        copies = golden_copies(network, len(some))._replace(
            weight=some[:, :split], in_weight=some[:, split:]
        )
        jobs = np.arange(len(some) * len(starts))
        scores = play(
            network, task, starts, copies=copies,
            copy_of=jobs // len(starts), start_of=jobs % len(starts),
        ).scores  # fmt: skip
        parts.append(scores.reshape(len(some), len(starts)))
    return np.concatenate(parts)


# --- methods ----------------------------------------------------------------------------------

Limits = tuple[Values, Values]


def t_limits(x: Values, shrink: float) -> Limits:
    """Student's t, with the finite-population correction."""
    from scipy.special import stdtrit

    n = x.shape[1]
    half = -stdtrit(n - 1, 0.025) * x.std(axis=1, ddof=1) * shrink / np.sqrt(n)
    return x.mean(axis=1) - half, x.mean(axis=1) + half


def percentile_limits(x: Values, shrink: float) -> Limits:
    """Percentiles of the bootstrap (Efron 1979), its deviations made smaller by the correction."""
    n, mean = x.shape[1], x.mean(axis=1, keepdims=True)
    means = mean + shrink * np.sqrt(n / (n - 1)) * (x @ _shares(n).T - mean)
    low, high = np.quantile(means, [0.025, 0.975], axis=1)
    return low, high


def bca_limits(x: Values, shrink: float) -> Limits:
    """Bias-corrected and accelerated percentiles (Efron 1987), corrected in the same way."""
    from scipy.special import ndtr, ndtri

    n, mean = x.shape[1], x.mean(axis=1, keepdims=True)
    means, away = x @ _shares(n).T, x - mean
    below = (means < mean - 1e-12).mean(axis=1) + 0.5 * (abs(means - mean) <= 1e-12).mean(axis=1)
    bias = ndtri(np.clip(below, 0.001, 0.999))
    squares = (away**2).sum(axis=1)
    skew = (away**3).sum(axis=1) / np.where(squares > 0, 6 * squares**1.5, 1.0)
    means = np.sort(mean + shrink * np.sqrt(n / (n - 1)) * (means - mean), axis=1)
    rows, limits = np.arange(len(x)), []
    for z in (-1.96, 1.96):
        share = ndtr(bias + (bias + z) / (1 - skew * (bias + z)))
        limits.append(means[rows, np.clip(share * RESAMPLES, 0, RESAMPLES - 1).astype(int)])
    return limits[0], limits[1]


def bootstrap_t_limits(x: Values, shrink: float) -> Limits:
    """Bootstrap of the studentised mean (Efron 1979; Hall 1988), corrected in the same way."""
    n, mean, spread = x.shape[1], x.mean(axis=1, keepdims=True), x.std(axis=1, keepdims=True)
    shares = _shares(n)
    away = x @ shares.T - mean
    spreads = np.sqrt(np.maximum(((x - mean) ** 2) @ shares.T - away**2, 1e-24))
    low, high = np.quantile(away / spreads, [0.975, 0.025], axis=1) * spread[:, 0] * shrink
    return mean[:, 0] - low, mean[:, 0] - high


@cache
def _shares(n: int) -> Values:
    """Bootstrap samples of n, as how often each value counts."""
    return np.random.default_rng(n).multinomial(n, np.full(n, 1.0 / n), RESAMPLES) / n


RIVALS: dict[str, Callable[[Values, float], Limits]] = {
    "t": t_limits,
    "percentile": percentile_limits,
    "BCa": bca_limits,
    "bootstrap t": bootstrap_t_limits,
}
STOPPING: dict[str, Callable[[int], Iterable[int]]] = {
    "mid-p, stopping": lambda faults: looks(faults, FIRST),
    "mid-p, stopping at any fault": lambda faults: range(20, faults + 1),
    "Polya, stopping": lambda faults: looks(faults, FIRST),
}
"""When campaigns may stop; `MARGINS` says how narrow their interval must be."""

RATES = (
    "mid-p", "random tie", "Wilson", "Clopper-Pearson", "mid-p, stopping",
    "mid-p, stopping at any fault",
)  # fmt: skip
MEANS = ("Polya", "random tie", "Polya without bounds", *RIVALS, "Polya, stopping")
DEFAULTS = ("mid-p", "Polya")


@cache
def rate_limits(method: str, hits: int, n: int, faults: int, tie: float) -> Interval:
    """Return the interval of a rate by a method with a name."""
    if method == "Wilson":
        return wilson(hits, n, population=faults)
    if method == "Clopper-Pearson":
        return clopper_pearson(hits, n, population=faults)
    return rate_interval(hits, n, population=faults, tie=tie)


def limits(
    method: str, quantity: str, population: Population, values: Values, tie: float, seed: int
) -> Interval:
    """Return the interval from one sample of what is asked for."""
    faults = len(population.drop)
    if quantity != "mean":
        return rate_limits(method, int(values.sum()), len(values), faults, tie)
    bounds = None if method == "Polya without bounds" else population.bounds
    return mean_interval(
        values, population=faults, bounds=bounds, tie=tie, resamples=RESAMPLES, seed=seed
    )


# --- campaigns --------------------------------------------------------------------------------


def measure(population: Population, n: int | None, quantity: str, method: str) -> dict[str, Any]:
    """Simulate campaigns and count how often their intervals cover the truth."""
    values = population.of(quantity)
    faults, ties = len(values), np.random.default_rng(n).random(CAMPAIGNS)
    found, tried = [], []
    if method in RIVALS:
        assert n is not None
        chosen = np.array([choose(range(faults), n, seed) for seed in range(CAMPAIGNS)])
        low, high = RIVALS[method](values[chosen], np.sqrt(1 - n / faults))
        tried = [n]
    else:
        for seed in range(CAMPAIGNS):
            tie = float(ties[seed]) if method == "random tie" else 0.5
            ordered = values[order(range(faults), seed)]
            for size in [n] if n else STOPPING[method](faults):
                interval = limits(method, quantity, population, ordered[:size], tie, seed)
                if narrow_enough(interval, MARGINS[quantity]):
                    break
            found.append(interval)
            tried.append(size)
        low, high = np.array(found).T
    truth = float(values.mean())
    above, below = float((low > truth + 1e-9).mean()), float((high < truth - 1e-9).mean())
    return {
        "population": population.name,
        "faults": faults,
        "quantity": quantity,
        "truth": f"{truth:.6g}",
        "method": method,
        "tried": f"{np.mean(tried):.6g}",
        "coverage": f"{1 - above - below:.4f}",
        "above": f"{above:.4f}",
        "below": f"{below:.4f}",
        "width": f"{(high - low).mean():.5g}",
    }


def cells(population: Population) -> Iterator[tuple[int | None, str, str]]:
    """What is measured of a population: sample size (None to stop by oneself), quantity, method."""
    faults = len(population.drop)
    for quantity, methods in (("masked", RATES), ("critical", RATES), ("mean", MEANS)):
        if population.of(quantity).min() == population.of(quantity).max():
            continue  # nothing to be estimated
        for method in methods:
            if method in STOPPING:
                if faults >= 2 * FIRST:
                    yield None, quantity, method
            else:
                yield from ((n, quantity, method) for n in SAMPLES if n <= LARGEST_SHARE * faults)


def table(rows: Sequence[dict[str, Any]]) -> str:
    """Write a table of the methods: coverage over all populations and samples."""
    head = ("quantity", "method", "coverage", "least", "greatest", "within 94 to 96 %", "width")
    lines = [f"| {' | '.join(head)} |", "|" + "---|" * len(head)]
    by_method: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for row in rows:
        by_method.setdefault((row["quantity"], row["method"]), []).append(row)
    width = {
        (row["population"], row["quantity"], row["tried"]): float(row["width"])
        for row in rows
        if row["method"] in DEFAULTS
    }
    for (quantity, method), some in by_method.items():
        covered = np.array([float(row["coverage"]) for row in some])
        ratios = [
            float(row["width"]) / usual
            for row in some
            if (usual := width.get((row["population"], quantity, row["tried"]), 0.0)) > 0.0
        ]
        cell = [
            quantity, method, f"{covered.mean():.1%}", f"{covered.min():.1%}",
            f"{covered.max():.1%}", f"{np.mean((covered >= 0.94) & (covered <= 0.96)):.0%}",
            f"{np.median(ratios):.2f}" if ratios else "",
        ]  # fmt: skip
        lines.append(f"| {' | '.join(cell)} |")
    return "\n".join(lines) + "\n"


def main(paths: Sequence[str] = ()) -> None:
    """Measure what is missing."""
    populations = [read_population(Path(p)) for p in paths] or list(evolved_populations())
    asked = {
        f"{population.name}, {n or 'growing'}, {quantity}, {method}": (
            population, n, quantity, method,
        )
        for population in populations
        for n, quantity, method in cells(population)
    }  # fmt: skip
    rows = complete("coverage", list(asked), "campaigns", lambda key: measure(*asked[key]))
    write_atomically(RESULTS / "coverage.md", table(rows))
    print(table(rows))
    write_origin(
        "coverage", "make study-coverage", seed=SEED, campaigns=CAMPAIGNS, confidence=0.95,
        resamples=RESAMPLES, margins=MARGINS, tables=list(paths),
    )  # fmt: skip


if __name__ == "__main__":
    main(sys.argv[1:])
