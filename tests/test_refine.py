"""Refinement, niche, archive and lineage: the parts of the engine that need no evaluator."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evo import (
    ObjectiveSpec,
    Refinement,
    SearchSpace,
    Settings,
    dump_state,
    evolve,
    load_state,
    refine,
)
from evo.individual import Fitness, Individual
from evo.lineage import Birth, ancestors
from evo.niche import select_with_niche
from evo.operators import random_genome
from evo.settings import METHODS
from neuro import Current, InputError, WinnerTakesAll
from tests.test_engine import SPACE, SPECS, toy

GENES = Refinement(share=0.5, neurons=True)


def genome(seed=0, space=SPACE):
    return random_genome(space, np.random.default_rng(seed))


# --- the strategy -----------------------------------------------------------------------------


@pytest.mark.parametrize("neurons", [False, True])
def test_genes_round_trip(neurons):
    settings_ = replace(GENES, neurons=neurons)
    for seed in range(10):
        first = genome(seed)
        genes = refine.genes_of(first, SPACE, settings_)
        again = refine.with_genes(first, SPACE, settings_, genes)
        np.testing.assert_allclose(again.weight, first.weight)
        np.testing.assert_allclose(again.v_threshold, first.v_threshold)
        np.testing.assert_allclose(again.tau_mem, first.tau_mem)
        assert refine.structure(again) == refine.structure(first)


def test_infinite_time_constants_stay_infinite():
    first = genome()
    first = replace(first, tau_mem=np.full(len(first.key), np.inf))
    changed = refine.with_genes(first, SPACE, GENES, refine.genes_of(first, SPACE, GENES) - 1.0)
    assert np.isinf(changed.tau_mem).all()


@settings(max_examples=30)
@given(scale=st.floats(0.0, 1e300), seed=st.integers(0, 100), method=st.sampled_from([*METHODS]))
def test_samples_stay_in_the_search_space(scale, seed, method):
    first, rng = genome(seed), np.random.default_rng(seed)
    strategy = refine.begin(first, 0, SPACE, replace(GENES, method=method), np.ones(3))
    width = {"snes": "sigma", "cma-es": "step"}[method]
    wide = getattr(strategy.search, width) * scale
    strategy.search = replace(strategy.search, **{width: wide})
    sampled, z = refine.sample(strategy, SPACE, GENES, rng)
    assert len(z) == len(strategy.search.mean)
    assert np.abs(sampled.weight).max() <= SPACE.weight_limit
    assert (sampled.v_threshold >= SPACE.threshold_low).all()
    assert (sampled.v_threshold <= SPACE.threshold_high).all()
    assert (sampled.tau_mem >= SPACE.tau_low).all()
    assert (sampled.tau_mem <= SPACE.tau_high).all()


@pytest.mark.parametrize("method", METHODS)
def test_a_strategy_finds_the_weights_of_a_sphere(method):
    first, rng = genome(), np.random.default_rng(0)
    settings_ = Refinement(method=method, step=0.3, floor=1e-6)
    strategy = refine.begin(first, 0, SPACE, settings_, np.ones(1))
    goal = np.linspace(-1.0, 1.0, len(strategy.search.mean))
    for _ in range(300):
        drawn = [refine.sample(strategy, SPACE, settings_, rng) for _ in range(12)]
        loss = np.array([((g.weight - goal) ** 2).sum() for g, _ in drawn])
        z = np.array([z for _, z in drawn])
        refine.learn(strategy, z, np.zeros(12), loss, settings_)
    assert np.abs(strategy.search.mean - goal).max() < 1e-3


@pytest.mark.parametrize("method", METHODS)
def test_nothing_is_learned_where_there_are_no_genes(method):
    bare = genome().keep_synapses(np.zeros(len(genome().pre), dtype=bool))
    settings_ = Refinement(method=method)
    strategy = refine.begin(bare, 0, SPACE, settings_, np.ones(1))
    sampled, z = refine.sample(strategy, SPACE, settings_, np.random.default_rng(0))
    assert len(sampled.pre) == 0 == len(z)
    refine.learn(strategy, np.empty((4, 0)), np.zeros(4), np.arange(4.0), settings_)
    assert strategy.idle == 1


def test_idleness_is_counted():
    strategy = refine.begin(genome(), 0, SPACE, GENES, np.ones(3))
    z = np.repeat([[0.0], [0.1], [2.0], [-2.0]], len(strategy.search.mean), axis=1)
    for _ in range(200):
        refine.learn(strategy, z, np.zeros(4), np.arange(4.0), GENES)
    assert strategy.idle == 199  # the first one improved on nothing


# --- in the engine ----------------------------------------------------------------------------

REFINED = Settings(
    population=10, generations=6, refine=Refinement(share=0.8, samples=4, patience=2),
    young=0.3, youth=2, archive=6,
)  # fmt: skip


def run(settings_=REFINED, **options):
    return evolve(toy, SPACE, SPECS, settings_, seed=3, **options)


def test_refinement_takes_its_share_of_the_offspring():
    history = run().state.history
    assert [row["tried_refine"] for row in history] == [0] + [8] * 6
    assert [row["evaluations"] for row in history] == list(range(10, 80, 10))
    off = run(replace(REFINED, refine=Refinement())).state
    assert sum(row["tried_refine"] for row in off.history) == 0
    assert not off.strategies


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("refresh", [0, 2])
def test_going_on_from_any_generation_ends_the_same(refresh, method):
    def evaluate(networks, epoch=0):
        measured = toy(networks)
        return measured._replace(objectives=measured.objectives + epoch)

    refinement = replace(REFINED.refine, method=method)
    settings_ = replace(REFINED, refresh=refresh, refine=refinement)
    kept = []
    options = {"settings": settings_, "seed": 3}
    whole = evolve(evaluate, SPACE, SPECS, callback=lambda s: kept.append(dump_state(s)), **options)
    for data in kept:
        later = evolve(evaluate, SPACE, SPECS, state=load_state(data), **options)
        assert dump_state(later.state) == dump_state(whole.state)


def test_everybody_is_numbered_once_and_their_ancestors_are_known():
    state = run().state
    numbers = [i.number for i in state.population]
    assert len(set(numbers)) == len(numbers)
    assert state.born == 70
    for individual in state.found:
        birth = state.lineage[individual.number]
        assert birth.generation * 10 <= individual.number < (birth.generation + 1) * 10
        assert all(parent in state.lineage for parent in birth.parents)
        assert all(parent < individual.number for parent in birth.parents)
    needed = ancestors(state.lineage, [*numbers, *(i.number for i in state.archive),
                                       *(s.parent for s in state.strategies)])  # fmt: skip
    assert state.lineage == needed


def test_ancestors_leave_out_lines_that_died_out():
    births = {n: Birth(n, n, p, ("mate",)) for n, p in enumerate([(), (), (0,), (1,), (2, 0)])}
    assert list(ancestors(births, [4])) == [0, 2, 4]


def test_the_archive_is_bounded_feasible_and_not_dominated():
    state = run(replace(REFINED, generations=20)).state
    assert 0 < len(state.archive) <= 6
    rows = np.array([i.fitness.wvalues for i in state.archive])
    for row in rows:
        assert not ((rows >= row).all(axis=1) & (rows > row).any(axis=1)).any()
    assert all(i.feasible for i in state.archive)


def test_given_genomes_come_first():
    seeds = [genome(s) for s in (5, 6)]
    first = []
    evolve(
        toy, SPACE, SPECS, replace(REFINED, generations=0), seed=3, seeds=seeds,
        callback=lambda s: first.extend(sorted(s.population, key=lambda i: i.number)),
    )  # fmt: skip
    assert [i.genome.fingerprint() for i in first[:2]] == [g.fingerprint() for g in seeds]
    assert len(first) == 10


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"target": 1.0}, "target"),
        ({"stagnation": 3, "generations": 10_000}, "stagnation"),
        ({"seconds": 5.0, "generations": 10_000}, "seconds"),
    ],
)
def test_budgets(changes, why):
    ticks = iter(np.arange(0.0, 1e6, 0.5))
    result = run(replace(REFINED, **changes), clock=lambda: float(next(ticks)))
    assert result.stopped_by == why
    if why == "target":
        assert max(i.fitness.values[0] for i in result.state.found if i.feasible) >= 1.0
    if why == "seconds":
        assert result.state.seconds >= 5.0
        parts = {"seconds_vary", "seconds_evaluate", "seconds_select"}
        assert parts <= result.state.history[0].keys()


@pytest.mark.parametrize("refresh", [0, 1])
def test_a_worse_start_is_left_for_a_new_one_when_a_strategy_stalls(refresh):
    """On a plateau every strategy ends after its patience, however short epochs are."""

    def plateau(networks, epoch=0):
        measured = toy(networks)
        flat = np.zeros_like(measured.objectives)
        return measured._replace(objectives=flat, violation=np.ones(len(networks)))

    refinement = Refinement(share=0.8, samples=8, patience=1, restart=1.0)
    settings_ = replace(REFINED, refine=refinement, refresh=refresh)
    state = evolve(plateau, SPACE, SPECS, settings_, seed=3).state
    assert sum(row["tried_restart"] for row in state.history) >= 8 * 4


# --- the niche --------------------------------------------------------------------------------


def person(number, value, since):
    return Individual(None, Fitness((1.0,), (value,)), number=number, young_since=since)


def best(people, count):
    return sorted(people, key=lambda i: -i.fitness.values[0])[:count]


def test_the_young_have_places_of_their_own():
    people = [person(n, 10.0 - n, since=0) for n in range(8)]
    people += [person(8 + n, -float(n), since=5) for n in range(4)]
    chosen = select_with_niche(people, 6, 2, 4, best)
    assert [i.number for i in chosen] == [0, 1, 2, 3, 8, 9]


def test_places_that_the_young_cannot_fill_go_to_the_others():
    people = [person(n, 10.0 - n, since=0) for n in range(8)]
    assert [i.number for i in select_with_niche(people, 6, 3, 4, best)] == [0, 1, 2, 3, 4, 5]
    assert len(select_with_niche(people[:3], 6, 3, 4, best)) == 3


# --- bad settings -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "line"),
    [
        (lambda: Refinement(share=1.5), "share: expected a number from 0 to 1, got 1.5"),
        (lambda: Refinement(samples=1), "samples: expected a whole number from 2"),
        (lambda: Refinement(neurons="yes"), "neurons: expected"),
        (lambda: Settings(parents="roulette"), "parents: expected one of tournament, lexicase"),
        (lambda: Settings(survivors="spea"), "survivors: expected one of nsga2, nsga3"),
        (lambda: Settings(young=2.0), "young: expected a number from 0 to 1"),
        (lambda: Settings(stagnation=0), "stagnation: expected a whole number from 1"),
        (lambda: SearchSpace(Current((1.0,)), WinnerTakesAll(), 2, first_tau=1e6), "first_tau"),
        (lambda: ObjectiveSpec("a", True, 0.0, 1.0) and Settings(target="x"), "target"),
    ],
)
def test_bad_settings(make, line):
    with pytest.raises(InputError) as caught:
        make()
    assert line in str(caught.value)
    assert "\n" not in str(caught.value)
