"""The engine: a (mu + lambda) NSGA-II over genomes of variable topology, on DEAP's toolbox."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, NamedTuple, Protocol

import numpy as np
from deap import base, tools
from numpy.random import Generator, SeedSequence
from numpy.typing import NDArray

from evo import operators, selection
from evo.genome import Genome, decode
from evo.hypervolume import ObjectiveSpec, hypervolume
from evo.individual import Fitness, Individual
from evo.space import SearchSpace
from neuro.errors import wrong
from neuro.specs import real, whole


class Measured(Protocol):
    """What an evaluator returns for n networks; see `Evaluate`."""

    @property
    def objectives(self) -> NDArray[np.float64]:
        """Finite values, shape (n, m)."""

    @property
    def violation(self) -> NDArray[np.float64]:
        """Distance from feasibility, shape (n,); 0 is feasible."""

    @property
    def steps(self) -> int:
        """Environment steps spent."""


Evaluate = Callable[..., Measured]
"""``evaluate(networks)``, or ``evaluate(networks, epoch)`` where `Settings.refresh` is not 0."""


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

    def __post_init__(self) -> None:
        whole(self.population, "population", 2, 1_000_000)
        whole(self.generations, "generations", 0, 1_000_000_000)
        if self.evaluations is not None:
            whole(self.evaluations, "evaluations", 1, 10**15)
        if self.steps is not None:
            whole(self.steps, "steps", 1, 10**18)
        whole(self.refresh, "refresh", 0, 1_000_000_000)
        real(self.mate, "mate", 0.0, 1.0)
        real(self.join, "join", 0.0, 1.0)
        for name, rate in self.rates.items():
            if name not in operators.MUTATIONS:
                raise wrong("rates", f"mutations among {', '.join(operators.MUTATIONS)}", name)
            real(rate, f"rates.{name}", 0.0, 1e9)
        if not sum(self.rates.values()) > 0.0:
            raise wrong("rates", "at least one above 0", dict(self.rates))


@dataclass
class State:
    """Everything evolution needs to go on: what a checkpoint holds.

    Attributes
    ----------
    generation : int
        Generations completed; 0 is the first population.
    population : list of Individual
    evaluations, steps : int
        Networks evaluated and environment steps spent so far.
    history : deap.tools.Logbook
        One record per generation.
    """

    generation: int
    population: list[Individual]
    evaluations: int
    steps: int
    history: Any

    @property
    def front(self) -> list[Individual]:
        """The feasible non-dominated individuals."""
        return selection.non_dominated(self.population)


class Result(NamedTuple):
    """What `evolve` returns.

    Attributes
    ----------
    state : State
    stopped_by : str
        "generations", "evaluations", "steps" or "interrupt".
    """

    state: State
    stopped_by: str


def default_toolbox(space: SearchSpace, settings: Settings, /) -> base.Toolbox:
    """Make DEAP's toolbox with every operator; register another under the same name to replace it.

    ========================================  ==================================================
    name(arguments)                           default
    ========================================  ==================================================
    initialise(rng) -> Genome                 `evo.operators.random_genome`
    mutate(genome, rng) -> Genome             `evo.operators.mutate`
    mate(genome, genome, rng) -> Genome       `evo.operators.mate`
    select_parent(population, rng)            `evo.selection.select_parent`
    select_survivors(individuals, count)      `evo.selection.select_survivors`
    decode(genome) -> Network                 `evo.genome.decode`
    ========================================  ==================================================
    """
    toolbox = base.Toolbox()
    rates = dict(settings.rates)
    register = {
        "initialise": partial(operators.random_genome, space),
        "mutate": lambda genome, rng: operators.mutate(genome, space, rng, rates),
        "mate": lambda a, b, rng: operators.mate(a, b, space, rng, join=settings.join),
        "select_parent": selection.select_parent,
        "select_survivors": selection.select_survivors,
        "decode": lambda genome: decode(genome, space),
    }
    for name, function in register.items():
        toolbox.register(name, function)
    return toolbox


def evolve(
    evaluate: Evaluate,
    space: SearchSpace,
    objectives: Sequence[ObjectiveSpec],
    /,
    settings: Settings | None = None,
    *,
    seed: int,
    toolbox: base.Toolbox | None = None,
    callback: Callable[[State], None] | None = None,
    should_stop: Callable[[], bool] | None = None,
    state: State | None = None,
) -> Result:
    """Evolve networks.

    The result depends on the arguments and the seed alone: child i of generation g draws from
    ``SeedSequence(seed, spawn_key=(g, i))``.

    Parameters
    ----------
    evaluate : callable
        ``evaluate(networks)``, or ``evaluate(networks, epoch)`` with `Settings.refresh`,
        returns an object with the arrays `objectives` (n, m) and
        `violation` (n,) and the number `steps`, rows in the order of the networks.
    space : SearchSpace
    objectives : sequence of ObjectiveSpec
        One per column of `objectives`.
    settings : Settings, optional
    seed : int
    toolbox : deap.base.Toolbox, optional
        Operators; `default_toolbox` if left out.
    callback : callable, optional
        Called with the state after every generation.
    should_stop : callable, optional
        Asked after every generation; true ends the run with ``stopped_by="interrupt"``.
    state : State, optional
        Go on from here, with the same settings and seed, to the same end.

    Raises
    ------
    ValueError
        The evaluator returned NaN, infinity or the wrong shape; names the column.

    Examples
    --------
    >>> from evo import SearchSpace, Settings, ObjectiveSpec, evolve
    >>> from fitness import Evaluator, OBJECTIVES, TASKS
    >>> from neuro import Current, WinnerTakesAll
    >>> task = TASKS["cartpole"]
    >>> space = SearchSpace(Current(scale=task.scale), WinnerTakesAll(), outputs=2)
    >>> specs = [ObjectiveSpec(o.name, o.maximise, *o.span(task)) for o in OBJECTIVES.values()]
    >>> result = evolve(Evaluator(task, seed=1, draws=4), space, specs,
    ...                 Settings(population=8, generations=2), seed=1)
    >>> result.state.evaluations, result.stopped_by
    (24, 'generations')
    """
    settings = settings or Settings()
    toolbox = toolbox or default_toolbox(space, settings)
    run = _Run(evaluate, tuple(objectives), toolbox, settings, seed)
    if state is None:
        genomes = [toolbox.initialise(run.rng(0, i)) for i in range(settings.population)]
        state = State(0, [], 0, 0, tools.Logbook())
        run.advance(state, genomes)
        if callback:
            callback(state)
    while True:
        if state.generation >= settings.generations:
            return Result(state, "generations")
        cost = settings.population + (len(state.population) if run.renews(state) else 0)
        if settings.evaluations is not None and state.evaluations + cost > settings.evaluations:
            return Result(state, "evaluations")
        if settings.steps is not None and state.steps >= settings.steps:
            return Result(state, "steps")
        if should_stop and should_stop():
            return Result(state, "interrupt")
        genomes = run.offspring(state)
        if run.renews(state):
            genomes = [i.genome for i in state.population] + genomes
            state.population = []
        state.generation += 1
        run.advance(state, genomes)
        if callback:
            callback(state)


@dataclass
class _Run:
    """What stays the same during a run."""

    evaluate: Evaluate
    objectives: tuple[ObjectiveSpec, ...]
    toolbox: base.Toolbox
    settings: Settings
    seed: int

    def rng(self, generation: int, individual: int) -> Generator:
        return np.random.default_rng(SeedSequence(self.seed, spawn_key=(generation, individual)))

    def offspring(self, state: State) -> list[Genome]:
        children = []
        for i in range(self.settings.population):
            rng = self.rng(state.generation + 1, i)
            child = self.toolbox.select_parent(state.population, rng).genome
            if rng.random() < self.settings.mate:
                other = self.toolbox.select_parent(state.population, rng).genome
                child = self.toolbox.mate(child, other, rng)
            children.append(self.toolbox.mutate(child, rng))
        return children

    def renews(self, state: State) -> bool:
        """Tell whether the next generation begins an epoch."""
        refresh = self.settings.refresh
        return refresh > 0 and (state.generation + 1) % refresh == 0

    def advance(self, state: State, genomes: list[Genome]) -> None:
        """Evaluate genomes, let them compete with the population, and write history."""
        networks = [self.toolbox.decode(g) for g in genomes]
        refresh = self.settings.refresh
        epoch = (state.generation // refresh,) if refresh else ()
        measured = self.evaluate(networks, *epoch)
        newcomers = individuals(genomes, measured, self.objectives)
        state.population = self.toolbox.select_survivors(
            state.population + newcomers, self.settings.population
        )
        state.evaluations += len(genomes)
        state.steps += int(measured.steps)
        state.history.record(**self._record(state))

    def _record(self, state: State) -> dict[str, Any]:
        shown = [i for i in state.population if i.feasible] or state.population
        values = np.array([i.fitness.values for i in shown])
        front = state.front
        record: dict[str, Any] = {
            "generation": state.generation,
            "evaluations": state.evaluations,
            "env_steps": state.steps,
            "feasible": sum(i.feasible for i in state.population),
        }
        for column, o in enumerate(self.objectives):
            best = values[:, column].max() if o.maximise else values[:, column].min()
            record[f"best_{o.name}"] = float(best)
            record[f"median_{o.name}"] = float(np.median(values[:, column]))
        record["front_size"] = len(front)
        points = np.array([i.fitness.values for i in front]).reshape(-1, len(self.objectives))
        record["hypervolume"] = hypervolume(points, self.objectives)
        return record


def individuals(
    genomes: Sequence[Genome], measured: Measured, objectives: Sequence[ObjectiveSpec], /
) -> list[Individual]:
    """Join genomes and what was measured of them to individuals.

    Raises
    ------
    ValueError
        NaN, infinity or the wrong shape; names the column.
    """
    count = len(genomes)
    values = np.asarray(measured.objectives, dtype=float)
    violation = np.asarray(measured.violation, dtype=float)
    shapes = {"objectives": (values, (count, len(objectives))), "violation": (violation, (count,))}
    for name, (array, shape) in shapes.items():
        if array.shape != shape:
            raise ValueError(f"evaluate: expected {name} of shape {shape}, got {array.shape}")
    columns = [(o.name, values[:, c], -np.inf) for c, o in enumerate(objectives)]
    for name, column, low in [*columns, ("violation", violation, 0.0)]:
        bad = np.flatnonzero(~(np.isfinite(column) & (column >= low)))
        if bad.size:  # NaN would be ranked best, infinity spoils crowding distances
            what = "finite values" if low < 0 else "finite values of at least 0"
            raise ValueError(
                f"evaluate: expected {what} of {name}, got {column[bad[0]]} for network {bad[0]}"
            )
    weights = tuple(1.0 if o.maximise else -1.0 for o in objectives)
    people = []
    for genome, row, distance in zip(genomes, values.tolist(), violation.tolist(), strict=True):
        fitness = Fitness(weights, tuple(row))
        fitness.violation = distance
        people.append(Individual(genome, fitness))
    return people
