"""The engine: a (mu + lambda) evolution of variable topologies on DEAP's toolbox.

Variation finds structures, evolution strategies the weights they need (`evo.refine`), and
multi-objective selection decides who lives.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple

import numpy as np
from deap import base

from evo import operators, selection
from evo.archive import update_archive
from evo.breeding import Breeder, Child
from evo.genome import Genome, decode
from evo.history import Stopwatch, describe_generation
from evo.hypervolume import ObjectiveSpec
from evo.individual import Individual
from evo.lineage import Birth, ancestors
from evo.measured import Evaluate, individuals
from evo.niche import select_with_niche
from evo.refine import learn, structure
from evo.settings import Settings
from evo.space import SearchSpace
from evo.state import State
from neuro.errors import wrong
from neuro.specs import whole


class Result(NamedTuple):
    """What `evolve` returns.

    Attributes
    ----------
    state : State
    stopped_by : str
        "generations", "evaluations", "steps", "seconds", "target", "stagnation" or "interrupt".
    """

    state: State
    stopped_by: str


def default_toolbox(space: SearchSpace, settings: Settings, /) -> base.Toolbox:
    """Make DEAP's toolbox with every operator; register another under the same name to replace it.

    ========================================  ==================================================
    name(arguments)                           default
    ========================================  ==================================================
    initialise(rng) -> Genome                 `evo.operators.random_genome`
    mutate(genome, rng) -> Genome             `evo.operators.mutate_and_tell`, which also returns
                                              the names of the mutations
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
        "mutate": lambda genome, rng: operators.mutate_and_tell(genome, space, rng, rates),
        "mate": lambda a, b, rng: operators.mate(a, b, space, rng, join=settings.join),
        "select_parent": selection.PARENTS[settings.parents],
        "select_survivors": selection.SURVIVORS[settings.survivors],
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
    seeds: Sequence[Genome] = (),
    clock: Callable[[], float] | None = None,
) -> Result:
    """Evolve networks.

    The result depends on the arguments and the seed alone, unless time is a budget: child i of
    generation g draws from ``SeedSequence(seed, spawn_key=(g, i))``.

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
    seeds : sequence of Genome, optional
        Take the first places of the first population.
    clock : callable, optional
        ``clock() -> float`` in seconds, such as `time.perf_counter`: the history then tells what
        the time went into, and `Settings.seconds` holds.

    Raises
    ------
    InputError
        Bad `seed` or `seeds`.
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
    whole(seed, "seed", 0, 2**64 - 1)
    for given in seeds:
        if not isinstance(given, Genome):
            raise wrong("seeds", "genomes, of networks by evo.encode", type(given).__name__)
    settings = settings or Settings()
    toolbox = toolbox or default_toolbox(space, settings)
    breeder = Breeder(space, settings, toolbox, seed, len(objectives))
    run = _Run(evaluate, tuple(objectives), breeder, Stopwatch(clock))
    if state is None:
        state = State()
        run.advance(state, partial(breeder.first, seeds))
        if callback:
            callback(state)
    while True:
        reason = run.spent(state)
        if reason is None and should_stop and should_stop():
            reason = "interrupt"
        if reason is not None:
            return Result(state, reason)
        run.advance(state, partial(breeder.offspring, state))
        if callback:
            callback(state)


class _Run:
    """What stays the same during a run."""

    def __init__(
        self, evaluate: Evaluate, objectives: tuple[ObjectiveSpec, ...], breeder: Breeder,
        watch: Stopwatch,
    ) -> None:  # fmt: skip
        self.evaluate, self.objectives = evaluate, objectives
        self.breeder, self.watch = breeder, watch
        self.settings, self.toolbox = breeder.settings, breeder.toolbox

    def spent(self, state: State) -> str | None:
        """Say which budget ends the run now, if one does."""
        settings = self.settings
        cost = settings.population + (len(state.found) if self.renews(state) else 0)
        amounts = {
            "generations": (state.generation, settings.generations),
            "evaluations": (state.evaluations + cost - 1, settings.evaluations),
            "steps": (state.steps, settings.steps),
            "seconds": (state.seconds, settings.seconds),
            "stagnation": (state.idle, settings.stagnation),
        }
        if settings.target is not None and self.reached(state, settings.target):
            return "target"
        over = (n for n, (spent, limit) in amounts.items() if limit is not None and spent >= limit)
        return next(over, None)

    def reached(self, state: State, target: float) -> bool:
        """Tell whether a feasible individual's first objective is as good as `target`."""
        sign = 1.0 if self.objectives[0].maximise else -1.0
        found = (i.fitness.values[0] for i in state.found if i.feasible)
        return any(sign * value >= sign * target for value in found)

    def renews(self, state: State) -> bool:
        """Tell whether the next generation begins an epoch."""
        refresh = self.settings.refresh
        return refresh > 0 and state.generation >= 0 and (state.generation + 1) % refresh == 0

    def advance(self, state: State, breed: Callable[[], list[Child]]) -> None:
        """Make a generation, evaluate it, let it compete with the population, write history."""
        watch, settings = self.watch, self.settings
        with watch("vary"):
            again = state.found if self.renews(state) else []
            children = breed()
            genomes = [i.genome for i in again] + [c.genome for c in children]
            networks = [self.toolbox.decode(genome) for genome in genomes]
        state.generation += 1
        epoch = (state.generation // settings.refresh,) if settings.refresh else ()
        with watch("evaluate"):
            measured = self.evaluate(networks, *epoch)
        with watch("select"):
            people = individuals(genomes, measured, self.objectives)
            state.evaluations += len(people)
            state.steps += int(measured.steps)
            newcomers = people[len(again) :]
            self.renew(state, again, people)
            self.register(state, children, newcomers)
            self.learn(state, children, newcomers)
            state.archive = update_archive(state.archive, newcomers, settings.archive)
            state.population = select_with_niche(
                state.population + newcomers, settings.population,
                round(settings.young * settings.population),
                state.generation - settings.youth, self.toolbox.select_survivors,
            )  # fmt: skip
            parents = [s.parent for s in state.strategies]
            state.lineage = ancestors(state.lineage, [i.number for i in state.found] + parents)
            row = describe_generation(state, self.objectives, children, newcomers)
        state.seconds += watch.total
        state.history.record(**row, **watch.columns())
        progress = 1.0 + row["hypervolume"] if row["front_size"] else -row["least_violation"]
        state.idle = 0 if progress > state.progress else state.idle + 1
        state.progress = max(progress, state.progress)

    def renew(self, state: State, old: list[Individual], measured: list[Individual]) -> None:
        """Put what was measured again in the place of what was known of an individual."""
        if not old:
            return
        for was, now in zip(old, measured, strict=False):
            now.number, now.structure, now.young_since = was.number, was.structure, was.young_since
        again = {i.number: i for i in measured[: len(old)]}
        state.population = [again[i.number] for i in state.population]
        state.archive = update_archive([], [again[i.number] for i in state.archive],
                                       self.settings.archive)  # fmt: skip

    def register(self, state: State, children: list[Child], newcomers: list[Individual]) -> None:
        """Number the newcomers, and note where they come from and how old their structures are."""
        oldest: dict[int, int] = {}
        for i in state.found:
            oldest[i.structure] = min(i.young_since, oldest.get(i.structure, i.young_since))
        for child, newcomer in zip(children, newcomers, strict=True):
            newcomer.number, state.born = state.born, state.born + 1
            newcomer.structure = structure(newcomer.genome)
            newcomer.young_since = oldest.setdefault(newcomer.structure, state.generation)
            state.lineage[newcomer.number] = Birth(
                newcomer.number, state.generation, child.parents, child.operators
            )

    def learn(self, state: State, children: list[Child], newcomers: list[Individual]) -> None:
        """Tell the strategies how their samples did."""
        worst = np.array([o.worst for o in self.objectives])
        best = np.array([o.best for o in self.objectives])
        for number, strategy in enumerate(state.strategies):
            mine = [k for k, child in enumerate(children) if child.strategy == number]
            z = np.array([children[k].z for k in mine])
            values = np.array([newcomers[k].fitness.values for k in mine])
            violation = np.array([newcomers[k].fitness.violation for k in mine])
            loss = ((values - best) / (worst - best)) @ strategy.emphasis
            learn(strategy, z, violation, loss, self.settings.refine)
