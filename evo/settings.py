"""How evolution proceeds: budgets, variation, refinement, selection; checked once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from evo import operators, selection
from evo.cma import CmaEs
from evo.snes import Snes
from neuro.errors import wrong
from neuro.specs import flag, lookup, real, whole

Search = Snes | CmaEs
METHODS: Mapping[str, type[Search]] = MappingProxyType({cls.name: cls for cls in (Snes, CmaEs)})
"""Distributions that an evolution strategy can learn."""


@dataclass(frozen=True)
class Refinement:
    """Weight refinement: how many offspring are samples of evolution strategies, and theirs steps.

    A share of the offspring does not come from mutation and crossover but from evolution
    strategies (see `evo.refine`), each of which moves the weights of one structure.
    Their samples are individuals like all others: they count as evaluations and may survive.

    Parameters
    ----------
    share : float
        Share of the offspring; 0 switches refinement off.
    method : {"snes", "cma-es"}
        What strategies learn: a step size per gene, in few evaluations, or a covariance matrix,
        which gets further where genes depend on each other.
    samples : int
        Offspring of each strategy in a generation; there are as many strategies as fit.
    step : float
        Standard deviation of the first samples, in units of potential.
    floor : float
        Least standard deviation: with spikes, smaller steps change nothing and the search stalls.
    patience : int
        Generations without improvement after which a strategy ends and another begins.
    restart : float
        As long as nobody is feasible, and when nothing has progressed for `patience` generations:
        probability that a new strategy begins at a new random network, and not at the best
        structure that was not refined yet.
    contrast : float
        Where a value is read from several traces, how much larger steps are in the differences
        of weights onto them than in their sum; see `evo.contrast`. 0 to step in each weight.
    neurons : bool
        Whether thresholds and time constants are refined with the weights.
    """

    share: float = 0.0
    method: str = "snes"
    samples: int = 12
    step: float = 0.2
    floor: float = 0.02
    patience: int = 10
    restart: float = 0.5
    contrast: float = 3.0
    neurons: bool = False

    def __post_init__(self) -> None:
        real(self.share, "share", 0.0, 1.0)
        lookup(METHODS, self.method, "method")
        whole(self.samples, "samples", 2, 100_000)
        real(self.step, "step", 1e-9, 1e9)
        real(self.floor, "floor", 0.0, 1e9)
        whole(self.patience, "patience", 1, 1_000_000)
        real(self.restart, "restart", 0.0, 1.0)
        real(self.contrast, "contrast", 0.0, 1e9)
        flag(self.neurons, "neurons")


@dataclass(frozen=True)
class Settings:
    """How evolution proceeds.

    Parameters
    ----------
    population : int
        Individuals, and offspring per generation.
    generations : int
        Generations after the first.
    evaluations : int, optional
        Stop before a generation that would exceed this many evaluations.
    refresh : int
        Generations after which a new epoch begins, with new starts and faults: the parents
        are evaluated again, so that none lives on by luck with old ones. 0 for never.
    mate : float
        Probability that a child has two parents.
    join : float
        Probability that a child inherits a synapse that only its second parent has.
    rates : mapping of str to float
        Relative frequency of each mutation; see `evo.operators.MUTATIONS`.
    steps : int, optional
        Stop after the generation in which this many environment steps have been spent.
    seconds : float, optional
        Stop after the generation in which evolution has taken this long. Needs a clock; the
        result then depends on the machine.
    target : float, optional
        Stop after the generation in which a feasible individual's first objective is this good.
    stagnation : int, optional
        Stop after this many generations without progress: in hypervolume, or, as long as nobody
        is feasible, in how near the best one is.
    refine : Refinement
    young : float
        Share of the survivors that is chosen among young structures only; see `youth`.
    youth : int
        Generations for which a structure that nobody had before counts as young.
    archive : int
        Size of the archive of non-dominated individuals; 0 for none.
    parents : {"tournament", "lexicase"}
        How parents are chosen; see `evo.selection.PARENTS`.
    survivors : {"nsga2", "nsga3"}
        How survivors are chosen; see `evo.selection.SURVIVORS`.
    """

    population: int = 100
    generations: int = 40
    evaluations: int | None = None
    refresh: int = 0
    mate: float = 0.3
    join: float = 0.1
    rates: Mapping[str, float] = field(
        default_factory=lambda: {name: rate for name, (_, rate) in operators.MUTATIONS.items()}
    )
    steps: int | None = None
    seconds: float | None = None
    target: float | None = None
    stagnation: int | None = None
    refine: Refinement = field(default_factory=Refinement)
    young: float = 0.0
    youth: int = 10
    archive: int = 0
    parents: str = "tournament"
    survivors: str = "nsga2"

    def __post_init__(self) -> None:
        whole(self.population, "population", 2, 1_000_000)
        whole(self.generations, "generations", 0, 1_000_000_000)
        for name, high in (("evaluations", 10**15), ("steps", 10**18), ("stagnation", 10**9)):
            if getattr(self, name) is not None:
                whole(getattr(self, name), name, 1, high)
        if self.seconds is not None:
            real(self.seconds, "seconds", 1e-3, 1e9)
        if self.target is not None:
            real(self.target, "target", -1e300, 1e300)
        whole(self.refresh, "refresh", 0, 1_000_000_000)
        for name in ("mate", "join", "young"):
            real(getattr(self, name), name, 0.0, 1.0)
        whole(self.youth, "youth", 1, 1_000_000_000)
        whole(self.archive, "archive", 0, 100_000)
        lookup(selection.PARENTS, self.parents, "parents")
        lookup(selection.SURVIVORS, self.survivors, "survivors")
        for name, rate in self.rates.items():
            if name not in operators.MUTATIONS:
                raise wrong("rates", f"mutations among {', '.join(operators.MUTATIONS)}", name)
            real(rate, f"rates.{name}", 0.0, 1e9)
        if not sum(self.rates.values()) > 0.0:
            raise wrong("rates", "at least one above 0", dict(self.rates))

    @property
    def strategies(self) -> int:
        """Evolution strategies that refine weights at a time."""
        share = round(self.refine.share * self.population)
        return max(1, share // self.refine.samples) if share else 0

    @property
    def samples(self) -> int:
        """Offspring of each strategy."""
        if not self.strategies:
            return 0
        return max(2, round(self.refine.share * self.population) // self.strategies)
