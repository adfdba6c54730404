"""Every selection scheme keeps the contract; NSGA-III and lexicase do what their papers say."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evo import SearchSpace
from evo.individual import Fitness, Individual
from evo.operators import random_genome
from evo.selection import (
    PARENTS,
    SURVIVORS,
    select_parent,
    select_parent_lexicase,
    select_survivors,
    select_survivors_nsga3,
)
from evo.selection.nsga3 import nearest_directions, reference_directions
from evo.selection.parents import deviations
from fitness import TASKS, Evaluator
from neuro import Current, InputError, Network, WinnerTakesAll

TASK = TASKS["cartpole"]
SPACE = SearchSpace(Current(scale=TASK.scale), WinnerTakesAll(), outputs=2)
GENOMES = [random_genome(SPACE, np.random.default_rng(seed)) for seed in range(24)]


def examples(count):
    return settings(max_examples=count, deadline=None, derandomize=True)


def made(rows, violations=None, cases=None):
    """Individuals whose objectives are all to be minimised."""
    people = []
    for k, row in enumerate(rows):
        fitness = Fitness((-1.0,) * len(row), tuple(map(float, row)))
        fitness.violation = 0.0 if violations is None else float(violations[k])
        own = None if cases is None else np.array(cases[k], dtype=float)
        people.append(Individual(GENOMES[k % len(GENOMES)], fitness, cases=own))
    return people


def vectors(people):
    return {(i.feasible, i.fitness.values) for i in people}


def naive_ranks(people):
    """Peel off one front after the other."""
    ranks, left, rank = {}, list(people), 0
    while left:
        values = [np.array(i.fitness.values) for i in left]
        front = [
            i for i, a in zip(left, values, strict=True)
            if not any((b <= a).all() and (b < a).any() for b in values)
        ]  # fmt: skip
        ranks |= {id(i): rank for i in front}
        left = [i for i in left if id(i) not in ranks]
        rank += 1
    return [ranks[id(i)] for i in people]


# Few values, so that ties are frequent; some that are close or far apart.
numbers = st.sampled_from([-1e9, -1.0, 0.0, -0.0, 5e-324, 1.0, 1.0 + 2**-52, 2.0, 475.0, 1e9])


@st.composite
def populations(draw, repeats=True, feasible=False, max_width=5):
    """Rows of objectives and their violations, at least one."""
    vector = st.tuples(*[numbers] * draw(st.integers(1, max_width)))
    unique = None if repeats else (lambda row: row)
    rows = draw(st.lists(vector, min_size=1, max_size=24, unique_by=unique))
    amount = st.sampled_from([0.0] if feasible else [0.0, 0.0, 0.0, 1e-12, 0.5, 2.0])
    return rows, draw(st.lists(amount, min_size=len(rows), max_size=len(rows)))


# --- the contract of survivors ----------------------------------------------------------------

each_survivors = pytest.mark.parametrize("select", SURVIVORS.values(), ids=SURVIVORS)


@each_survivors
@given(populations(), st.integers(0, 26))
@examples(300)
def test_survivors_are_as_many_as_asked_for_and_the_feasible_first(select, rows, count):
    people = made(*rows)
    chosen = select(people, count)
    assert len(chosen) == min(count, len(people))
    assert {id(i) for i in chosen} <= {id(i) for i in people}
    assert len({id(i) for i in chosen}) == len(chosen)
    passing = sum(i.feasible for i in people)
    expected = [True] * min(count, passing)
    assert [i.feasible for i in chosen] == expected + [False] * (len(chosen) - len(expected))


@each_survivors
@given(populations(), st.integers(0, 26))
@examples(300)
def test_survivors_have_what_tournaments_compare(select, rows, count):
    chosen = select(made(*rows), count)
    feasible = [i for i in chosen if i.feasible]
    assert [i.fitness.rank for i in feasible] == naive_ranks(feasible)
    assert all(i.fitness.crowding_dist >= 0.0 for i in chosen)  # and not NaN


@each_survivors
@given(populations(), st.integers(1, 26))
@examples(300)
def test_better_fronts_go_before_worse(select, rows, count):
    people = [i for i in made(*rows) if i.feasible]
    ranks = dict(zip(map(id, people), naive_ranks(people), strict=True))
    kept = vectors(select(people, count))
    lost = [ranks[id(i)] for i in people if (True, i.fitness.values) not in kept]
    inside = [ranks[id(i)] for i in people if (True, i.fitness.values) in kept]
    assert not lost or max(inside) <= min(lost)


@each_survivors
@given(populations(), st.integers(0, 26))
@examples(100)
def test_survivors_are_the_same_again(select, rows, count):
    people = made(*rows)
    assert [id(i) for i in select(people, count)] == [id(i) for i in select(people, count)]


@each_survivors
@given(populations(repeats=False), st.integers(0, 26), st.randoms(use_true_random=False))
@examples(400)
def test_the_order_of_individuals_does_not_matter(select, rows, count, random):
    people = made(*rows)
    shuffled = random.sample(people, len(people))
    assert vectors(select(people, count)) == vectors(select(shuffled, count))


@each_survivors
def test_survivors_keep_genomes_and_objectives(select):
    rng = np.random.default_rng(1)
    people = made(rng.random((24, 4)), np.maximum(0.0, rng.random(24) - 0.7))
    before = [(i.genome, i.genome.fingerprint(), i.fitness.values, i.fitness.violation)
              for i in people]  # fmt: skip
    select(people, 7)
    after = [(i.genome, i.genome.fingerprint(), i.fitness.values, i.fitness.violation)
             for i in people]  # fmt: skip
    assert before == after


@each_survivors
def test_nobody_is_chosen_from_nobody(select):
    assert select([], 3) == []


# --- the contract of parents ------------------------------------------------------------------

each_parent = pytest.mark.parametrize("select", PARENTS.values(), ids=PARENTS)


@pytest.fixture
def population():
    rng = np.random.default_rng(2)
    cases = rng.random((30, 8))
    cases[20:, 3:] = np.nan
    people = made(rng.random((30, 3)), [0.0] * 20 + [0.4] * 10, cases)
    return select_survivors(people, 30)


@each_parent
def test_parents_are_of_the_population_and_various(select, population):
    rng = np.random.default_rng(3)
    chosen = [select(population, rng) for _ in range(200)]
    assert {id(i) for i in chosen} <= {id(i) for i in population}
    assert len({id(i) for i in chosen}) >= 5


@each_parent
def test_parents_follow_the_generator(select, population):
    picks = [
        [population.index(select(population, rng)) for _ in range(50)]
        for rng in (np.random.default_rng(seed) for seed in (1, 1, 2))
    ]
    assert picks[0] == picks[1]
    assert picks[0] != picks[2]


@each_parent
def test_parents_stay_as_they_are(select, population):
    def everything():
        return [
            (i.genome.fingerprint(), i.fitness.values, i.fitness.violation, i.fitness.rank,
             i.fitness.crowding_dist, i.cases.tobytes())
            for i in population
        ]  # fmt: skip

    before = everything()
    for seed in range(10):
        select(population, np.random.default_rng(seed))
    assert everything() == before


@each_parent
def test_a_population_of_one(select):
    only = made([(1.0,)], cases=[[1.0, np.nan]])
    assert select(only, np.random.default_rng(0)) is only[0]


# --- NSGA-III ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("objectives", "count"), [(3, 91), (5, 210), (8, 156), (10, 275), (15, 135)]
)
def test_as_many_directions_as_in_the_paper(objectives, count):
    """Table I of Deb & Jain (2014): one layer up to 5 objectives, two from 8 on."""
    directions = reference_directions(objectives, count)
    assert directions.shape == (count, objectives)
    assert len(np.unique(directions.round(12), axis=0)) == count


@given(st.integers(1, 8), st.integers(0, 150))
@examples(150)
def test_directions_are_unit_vectors_that_include_the_axes(objectives, count):
    directions = reference_directions(objectives, count)
    assert len(directions) <= max(count, objectives)
    assert (directions >= 0.0).all()
    np.testing.assert_allclose((directions**2).sum(axis=1), 1.0, rtol=1e-14)
    axes = {tuple(axis) for axis in np.eye(objectives)}
    assert axes <= {tuple(direction) for direction in directions.tolist()}


def test_points_belong_to_the_nearest_line():
    rng = np.random.default_rng(4)
    # So many that they are taken in several parts.
    points, directions = rng.random((5000, 4)), reference_directions(4, 300)
    niche, distance = nearest_directions(points, directions)
    along = np.einsum("ij,kj->ik", points, directions)
    away = points[:, None, :] - along[:, :, None] * directions
    naive = (away**2).sum(axis=2)
    np.testing.assert_allclose(distance, naive.min(axis=1), atol=1e-14)
    np.testing.assert_allclose(naive[np.arange(5000), niche], naive.min(axis=1), atol=1e-14)
    alone = nearest_directions(points[-7:], directions)
    assert (niche[-7:].tolist(), distance[-7:].tolist()) == tuple(a.tolist() for a in alone)


def chosen_values(rows, count):
    return sorted(i.fitness.values for i in select_survivors_nsga3(made(rows), count))


def test_one_for_each_direction_by_hand():
    """Three directions: both axes and the diagonal. Normalised, the points are 0 .. 1 / 1 .. 0."""
    rows = [(0, 100), (1, 90), (2, 80), (4.6, 54), (5.1, 49), (6, 40), (10, 0)]
    # 5.1 / 49 is nearest to the diagonal: 0.02 / sqrt(2) away from it.
    assert chosen_values(rows, 3) == [(0, 100), (5.1, 49), (10, 0)]


def test_directions_without_company_come_first_by_hand():
    """A front that fits and one that does not; greatest values of 20 leave all angles alone."""
    first = [(0, 10), (10, 0)]
    second = [(0.5, 20), (20, 0.4), (12, 12.5), (11, 14)]
    # Both axes have one. The diagonal has none, and 12 / 12.5 is nearer to it than 11 / 14.
    assert chosen_values(first + second, 3) == sorted([*first, (12, 12.5)])
    # Now the lines are y = 2x and x = 2y. Both points in the middle are nearest to the first,
    # 11.5 / sqrt(5) and 8 / sqrt(5) away. Then three lines have one each, and who is nearest to
    # its own comes next: 0.4 away from the axis.
    assert chosen_values(first + second, 4) == sorted([*first, (11, 14), (20, 0.4)])


def test_fronts_that_are_not_considered_have_no_influence():
    rng = np.random.default_rng(9)
    front = np.abs(rng.standard_normal((50, 4)))
    front /= np.sqrt((front**2).sum(axis=1))[:, None]
    worse = front * [1000.0, 2.0, 2.0, 2.0] + 1.0
    assert chosen_values([*worse, *front], 20) == chosen_values(front, 20)


def test_crowding_is_the_share_of_a_direction():
    rows = [(0, 10), (0.1, 9.9), (0.2, 9.8), (10, 0)]
    chosen = select_survivors_nsga3(made(rows), 4)
    room = {i.fitness.values: i.fitness.crowding_dist for i in chosen}
    assert room == {(0, 10): 1 / 3, (0.1, 9.9): 1 / 3, (0.2, 9.8): 1 / 3, (10, 0): 1.0}


@given(populations(feasible=True), st.integers(5, 26))
@examples(300)
def test_the_best_of_each_objective_live_on(rows, count):
    people = made(*rows)
    values = np.array([i.fitness.values for i in people])
    kept = np.array([i.fitness.values for i in select_survivors_nsga3(people, count)])
    assert (kept.min(axis=0) == values.min(axis=0)).all()


def test_units_do_not_matter():
    rng = np.random.default_rng(5)
    rows = rng.random((80, 4))
    units = np.array([1.0, 2.0**20, 2.0**-30, 2.0**3])  # powers of two scale without rounding
    plain = np.array(chosen_values(rows, 30))
    scaled = np.array(chosen_values(rows * units, 30))
    assert (plain * units == scaled).all()


def test_more_directions_are_covered_than_by_crowding():
    """Four objectives in different units, near the sphere of DTLZ2; 84 directions, 84 survivors."""
    rng = np.random.default_rng(6)
    rows = np.abs(rng.standard_normal((600, 4)))
    rows *= ((1.0 + 0.1 * rng.random(600)) / np.sqrt((rows**2).sum(axis=1)))[:, None]
    units = np.array([1.0, 10.0, 100.0, 1000.0])
    probes = np.abs(rng.standard_normal((4000, 4)))
    probes /= np.sqrt((probes**2).sum(axis=1))[:, None]
    covered, gap = {}, {}
    for name, select in SURVIVORS.items():
        chosen = np.array([i.fitness.values for i in select(made(rows * units), 84)]) / units
        covered[name] = len(set(nearest_directions(chosen, reference_directions(4, 84))[0]))
        chosen /= np.sqrt((chosen**2).sum(axis=1))[:, None]
        gap[name] = np.degrees(np.arccos((probes @ chosen.T).max(axis=1).min()))
    assert covered["nsga3"] >= 1.3 * covered["nsga2"]
    assert gap["nsga3"] < gap["nsga2"]  # the largest angle without a survivor


# --- lexicase ---------------------------------------------------------------------------------


def naive_lexicase(scores, rng):
    """As in the paper, one case after the other; NaN is the worst there is."""
    scores = np.array(scores, dtype=float)
    epsilon = []
    for column in scores.T:
        met = column[~np.isnan(column)]
        epsilon.append(np.median(np.abs(met - np.median(met))) if len(met) else 0.0)
    scores[np.isnan(scores)] = -np.inf
    pool = list(range(len(scores)))
    for case in rng.permutation(scores.shape[1]):
        best = max(scores[i, case] for i in pool)
        pool = [i for i in pool if scores[i, case] >= best - epsilon[case]]
    return pool[rng.integers(len(pool))]


scores = st.sampled_from([np.nan, np.nan, 0.0, 1.0, 1.5, 2.0, 9.0, 475.0, 500.0, 500.0])


@given(
    st.tuples(st.integers(1, 12), st.integers(0, 8)).flatmap(
        lambda shape: st.lists(
            st.lists(scores, min_size=shape[1], max_size=shape[1]),
            min_size=shape[0], max_size=shape[0],
        )
    ),
    st.integers(0, 2**32),
)  # fmt: skip
@examples(400)
def test_lexicase_is_that_of_the_paper(rows, seed):
    people = made([(0.0,)] * len(rows), cases=rows)
    table = np.array(rows, dtype=float).reshape(len(rows), -1)
    rngs = [np.random.default_rng(seed) for _ in range(2)]
    for _ in range(3):
        chosen = select_parent_lexicase(people, rngs[0])
        assert chosen is people[naive_lexicase(table, rngs[1])]


@given(st.lists(st.lists(scores, min_size=3, max_size=3), min_size=1, max_size=12))
@examples(200)
def test_epsilon_is_the_median_absolute_deviation_of_those_who_met_the_case(rows):
    table = np.array(rows)
    for column, found in zip(table.T, deviations(table), strict=True):
        met = column[~np.isnan(column)]
        expected = np.median(np.abs(met - np.median(met))) if len(met) else 0.0
        assert found == expected


def chances(rows, count=3000, select=select_parent_lexicase, objectives=None):
    """How often each of some individuals is chosen."""
    people = made(objectives or [(0.0,)] * len(rows), cases=rows)
    if objectives:
        select_survivors(people, len(people))
    rng = np.random.default_rng(7)
    counts = Counter(people.index(select(people, rng)) for _ in range(count))
    return [counts[k] / count for k in range(len(people))]


def test_lexicase_chooses_specialists_that_means_pass_over():
    rows = [[9, 0], [0, 9], [5, 5], [5, 5.5], [5.5, 5]]
    means = [(-sum(row) / 2,) for row in rows]
    # Deviations from the median 5 are 0, 0, 0.5, 4, 5: epsilon is 0.5, and 9 is alone.
    assert chances(rows) == pytest.approx([0.5, 0.5, 0, 0, 0], abs=0.05)
    # In tournaments, a specialist wins only against the other one or itself: 4 in 25.
    tournaments = chances(rows, select=select_parent, objectives=means)
    assert sum(tournaments[:2]) == pytest.approx(4 / 25, abs=0.03)


def test_epsilon_lets_the_nearly_best_pass():
    # Median 8, deviations 2, 1, 0, 4, 8: epsilon is 2, and 8 passes.
    rows = [[10], [9], [8], [4], [0]]
    assert chances(rows) == pytest.approx([1 / 3, 1 / 3, 1 / 3, 0, 0], abs=0.04)


def test_the_best_is_that_of_those_who_are_left():
    """Semi-dynamic: after the first case, its losers no longer set the mark."""
    rows = [[8, 0, 0], [8, 0, 0], [8, 0, 1], [0, 7, 0], [0, 0, 0], [0, 0, 0], [0, 0, 0]]
    # Epsilon is 0 everywhere: more than half have 0 in each case. First case first: the three
    # with 8 are left, and none has the 7 of the second; the third case decides among them.
    # The second first: the fourth is alone. The third first: the third is alone.
    first_case_first = [0, 0, 1 / 3, 0]
    others = [0, 0, 1 / 3, 1 / 3]
    assert chances(rows)[:4] == pytest.approx(np.add(first_case_first, others), abs=0.04)


def test_a_case_not_met_is_the_worst():
    rows = [[1, np.nan], [0, -1e9], [0, np.nan], [0, np.nan], [0, np.nan]]
    assert chances(rows) == pytest.approx([0.5, 0.5, 0, 0, 0], abs=0.05)


def test_a_case_that_nobody_met_says_nothing():
    assert chances([[1, np.nan], [0, np.nan], [0, np.nan]], 50) == [1, 0, 0]


def test_the_infeasible_compete_by_their_cases():
    rows = [[100, 90], [100, 90], [100, 90], [10, 500]]
    people = made([(0.0,)] * 4, [0.0, 0.0, 0.0, 0.4], rows)
    rng = np.random.default_rng(8)
    share = sum(select_parent_lexicase(people, rng) is people[3] for _ in range(2000)) / 2000
    assert share == pytest.approx(0.5, abs=0.05)


def test_each_case_comes_first_equally_often():
    assert chances(np.eye(5).tolist()) == pytest.approx([0.2] * 5, abs=0.04)


def test_lexicase_without_cases_is_refused():
    with pytest.raises(InputError, match=r"^lexicase: expected an evaluator that returns the"):
        select_parent_lexicase(made([(1.0,), (2.0,)]), np.random.default_rng(0))


# --- cases from the evaluator -----------------------------------------------------------------


def balancing(factor=1.0):
    """Push right when a weighted sum of the observation is positive; solves CartPole."""
    rows = [(c, 1, w * factor) for c, w in enumerate((0.1, 0.3, 1.0, 1.0))]
    return Network.build(
        2, input_synapses=rows, outputs=[0, 1], encoder=Current(scale=TASK.scale),
        readout=WinnerTakesAll(),
    )  # fmt: skip


def idle():
    return Network.build(
        2, outputs=[0, 1], encoder=Current(scale=TASK.scale), readout=WinnerTakesAll()
    )


@pytest.mark.parametrize("each", [1, 3])
def test_cases_are_the_scores_one_by_one(each):
    evaluator = Evaluator(TASK, 3, starts=4, draws=6, each=each)
    networks = [idle(), balancing(), balancing(0.8), idle()]
    batch = evaluator(networks)
    assert batch.cases.shape == (4, 10)
    for network, row, violation in zip(networks, batch.cases, batch.violation, strict=True):
        measured = evaluator.measure(network)
        assert row[:4].tolist() == measured.scores.tolist()
        if violation:
            assert np.isnan(row[4:]).all()
        else:
            assert row[4:].tolist() == measured.faulty.tolist()
    assert (batch.violation > 0).tolist() == [True, False, False, True]


def test_cases_do_not_depend_on_company_or_workers():
    evaluator = Evaluator(TASK, 3, starts=4, draws=6)
    networks = [idle(), balancing(), balancing(0.8)]
    together = evaluator(networks).cases
    alone = np.concatenate([evaluator([network]).cases for network in networks])
    np.testing.assert_array_equal(together, alone)
    shared = Evaluator(TASK, 3, starts=4, draws=6, workers=2)(networks).cases
    np.testing.assert_array_equal(together, shared)


def test_cases_of_nobody_and_without_faults():
    assert Evaluator(TASK, 3, starts=4, draws=6)([]).cases.shape == (0, 10)
    assert Evaluator(TASK, 3, starts=4, draws=0)([balancing()]).cases.shape == (1, 4)
