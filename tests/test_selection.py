"""Selection: who dominates whom, who lives on, and how much a front has conquered."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evo import ObjectiveSpec, hypervolume
from evo.individual import Fitness, Individual
from evo.selection import losses, non_dominated, select_parent, select_survivors

MAXIMISE_AND_MINIMISE = (1.0, -1.0, 1.0)


def individual(values, violation=0.0, weights=MAXIMISE_AND_MINIMISE):
    fitness = Fitness(weights[: len(values)], tuple(map(float, values)))
    fitness.violation = violation
    return Individual(None, fitness)


def dominates(a, b):
    """No worse in anything, better in something (the directions are in wvalues)."""
    pairs = list(zip(a.fitness.wvalues, b.fitness.wvalues, strict=True))
    return all(x >= y for x, y in pairs) and any(x > y for x, y in pairs)


def naive_front(people):
    """The non-dominated feasible ones, the first of equals."""
    feasible = [i for i in people if i.fitness.violation == 0.0]
    return [
        i
        for k, i in enumerate(feasible)
        if not any(dominates(j, i) for j in feasible)
        and i.fitness.values not in [j.fitness.values for j in feasible[:k]]
    ]


def naive_ranks(people):
    """Peel off one front after the other."""
    ranks, left, rank = {}, list(people), 0
    while left:
        front = [i for i in left if not any(dominates(j, i) for j in left)]
        ranks |= {id(i): rank for i in front}
        left = [i for i in left if id(i) not in ranks]
        rank += 1
    return [ranks[id(i)] for i in people]


def examples(count):
    return settings(max_examples=count, deadline=None, derandomize=True)


# Few values, so that ties and repeats are frequent; some that are close or far apart.
numbers = st.sampled_from([-1e9, -1.0, 0.0, -0.0, 1e-300, 1.0, 1.0 + 2**-52, 2.0, 475.0, 1e9])
violations = st.sampled_from([0.0, 0.0, 0.0, 1e-12, 0.5, 2.0])


@st.composite
def populations(draw, max_size=24):
    """Rows of (objectives, violation): see `made`."""
    width = draw(st.integers(1, 3))
    values = st.tuples(*[numbers] * width)
    if draw(st.booleans()):  # as evaluated: what is infeasible follows from the objectives
        rows = draw(st.lists(values, max_size=max_size))
        return [(v, max(0.0, 1.0 - v[0])) for v in rows]
    return draw(st.lists(st.tuples(values, violations), max_size=max_size))


def made(rows):
    return [individual(*row) for row in rows]


# --- fronts -----------------------------------------------------------------------------------


@given(populations())
@examples(300)
def test_the_front_is_what_nobody_dominates(rows):
    people = made(rows)
    assert [id(i) for i in non_dominated(people)] == [id(i) for i in naive_front(people)]


def test_a_front_by_hand():
    people = [
        individual((500, 10, 0.5)), individual((500, 10, 0.5)),  # equal: the first stays
        individual((500, 12, 0.5)),  # larger for nothing
        individual((500, 12, 0.6)), individual((480, 5, 0.1)),
        individual((600, 1, 1.0), violation=0.1),  # would dominate all, but is not feasible
    ]  # fmt: skip
    assert [people.index(i) for i in non_dominated(people)] == [0, 3, 4]


def test_no_front_without_the_feasible():
    assert non_dominated([]) == []
    assert non_dominated([individual((1, 1), violation=1e-300)]) == []


def test_losses_point_one_way():
    assert losses([individual((3, 4, 5))]).tolist() == [[-3, 4, -5]]


# --- survivors --------------------------------------------------------------------------------


@given(populations(), st.integers(0, 26))
@examples(400)
def test_survivors(rows, count):
    people = made(rows)
    chosen = select_survivors(people, count)
    assert len(chosen) == min(count, len(people))
    assert {id(i) for i in chosen} <= {id(i) for i in people}
    assert len({id(i) for i in chosen}) == len(chosen)
    assert all(not np.isnan(i.fitness.crowding_dist) for i in chosen)
    assert all(i.fitness.crowding_dist >= 0 for i in chosen)
    for feasible in (True, False):
        kept = [i for i in chosen if i.feasible == feasible]
        values = {i.fitness.values for i in kept}
        lost = [i for i in people if i.feasible == feasible and i.fitness.values not in values]
        if lost:  # then nobody is kept twice, and nobody less deserving is kept at all
            assert len(values) == len(kept)
            if feasible:
                assert len(kept) == count
            else:
                worst = max((i.fitness.violation for i in kept), default=0.0)
                assert all(i.fitness.violation >= worst for i in lost)
    # Ranks are those of the fronts among the feasible.
    feasible = [i for i in chosen if i.feasible]
    assert [i.fitness.rank for i in feasible] == naive_ranks(feasible)


@given(populations(), st.integers(1, 26))
@examples(400)
def test_nobody_is_dropped_for_somebody_they_dominate(rows, count):
    people = made(rows)
    chosen = select_survivors(people, count)
    kept = {(i.fitness.values, i.feasible) for i in chosen}
    for lost in people:
        if lost.feasible and (lost.fitness.values, True) not in kept:
            assert all(i.feasible for i in chosen)
            assert not any(dominates(lost, i) for i in chosen)


@given(populations(), st.integers(1, 26))
@examples(200)
def test_the_front_survives_where_it_fits(rows, count):
    people = made(rows)
    front = naive_front(people)
    chosen = select_survivors(people, max(count, len(front)))
    kept = {i.fitness.values for i in chosen if i.feasible}
    assert {i.fitness.values for i in front} <= kept


def test_equals_are_kept_once_while_there_are_others():
    copies = [individual((500, 10, 0.5)) for _ in range(5)]
    others = [individual((490 - k, 20 + k, 0.4)) for k in range(3)]  # each dominated
    chosen = select_survivors([*copies, *others], 4)
    assert Counter(i.fitness.values for i in chosen) == Counter(
        {(500, 10, 0.5): 1, **{i.fitness.values: 1 for i in others}}
    )


def test_infeasible_equals_are_kept_once_while_there_are_others():
    """Before anything is feasible, copies of the best would fill the population."""
    copies = [individual((400, 10, 0.0), violation=0.2) for _ in range(5)]
    others = [individual((300 - k, 10, 0.0), violation=0.5 + k) for k in range(5)]
    chosen = select_survivors([*copies, *others], 4)
    assert [i.fitness.violation for i in chosen] == [0.2, 0.5, 1.5, 2.5]


def test_equals_are_kept_when_they_are_needed():
    copies = [individual((500, 10, 0.5)) for _ in range(5)]
    other = individual((490, 20, 0.4))
    chosen = select_survivors([*copies, other], 4)
    assert Counter(i.fitness.values for i in chosen) == {(500, 10, 0.5): 3, (490, 20, 0.4): 1}
    assert len({id(i) for i in chosen}) == 4


def test_feasibility_decides_among_equal_objectives():
    """Equal objectives do not mean equal individuals when one of them fails the task."""
    failing = individual((0, 4), violation=1.0)
    small, large = individual((0, 4)), individual((0, 30))
    assert select_survivors([failing, large, small], 1) == [small]


def test_crowding_prefers_the_ends_and_the_gaps():
    line = [individual((x, x)) for x in (0, 1, 2, 10, 20)]  # more score costs more size
    chosen = select_survivors(line, 3)
    assert sorted(i.fitness.values[0] for i in chosen) == [0, 10, 20]
    assert sum(np.isinf(i.fitness.crowding_dist) for i in chosen) == 2


def test_an_objective_without_spread_is_no_trouble():
    flat = [individual((x, 7.0, 0.0)) for x in (3, 1, 2, 2)]
    chosen = select_survivors(flat, 3)
    assert [i.fitness.values[0] for i in chosen] == [3, 2, 1]
    assert not any(np.isnan(i.fitness.crowding_dist) for i in chosen)


# --- parents ----------------------------------------------------------------------------------


def ranked(violation, rank, crowding):
    one = individual((1, 1), violation)
    one.fitness.rank, one.fitness.crowding_dist = rank, crowding
    return one


ORDER = [  # best first
    ranked(0.0, 0, np.inf), ranked(0.0, 0, 1.0), ranked(0.0, 1, np.inf), ranked(0.0, 3, 0.0),
    ranked(0.1, 0, 0.0), ranked(0.2, 0, 5.0),
]  # fmt: skip


def test_tournaments_prefer_the_better():
    people = ORDER[::-1]
    rng = np.random.default_rng(1)
    counts = Counter(id(select_parent(people, rng)) for _ in range(6000))
    # The k-th best of n wins unless one of the k better ones is drawn with it.
    n = len(ORDER)
    for k, one in enumerate(ORDER):
        expected = 6000 * (2 * (n - k) - 1) / n**2
        assert abs(counts[id(one)] - expected) < 5 * np.sqrt(expected)


def test_parents_follow_the_generator():
    picks = [
        [ORDER.index(select_parent(ORDER, rng)) for _ in range(50)]
        for rng in (np.random.default_rng(s) for s in (1, 1, 2))
    ]
    assert picks[0] == picks[1]
    assert picks[0] != picks[2]


def test_one_can_be_its_own_rival():
    only = [ORDER[0]]
    assert select_parent(only, np.random.default_rng(0)) is only[0]


# --- hypervolume ------------------------------------------------------------------------------

SCORE, SIZE = ObjectiveSpec("score", True, 0.0, 500.0), ObjectiveSpec("size", False, 100.0, 0.0)
SHARE = ObjectiveSpec("resilience", True, 0.0, 1.0)
BY_HAND = [
    ([], 0.0),
    ([(500, 0)], 1.0),
    ([(500, 100)], 0.0),  # at the reference
    ([(0, 0)], 0.0),
    ([(250, 120)], 0.0),  # beyond it
    ([(-50, 10)], 0.0),
    ([(250, 50)], 0.25),
    ([(250, 50), (250, 50)], 0.25),
    ([(250, 50), (125, 25)], 0.3125),  # 0.5 x 0.5 and another 0.25 x 0.25
    ([(250, 50), (200, 60)], 0.25),  # dominated
    ([(1000, 0)], 2.0),  # better than "best" counts on
]


@pytest.mark.parametrize(("points", "expected"), BY_HAND)
def test_hypervolume_by_hand(points, expected):
    values = np.array(points, dtype=float).reshape(-1, 2)
    assert hypervolume(values, [SCORE, SIZE]) == pytest.approx(expected, abs=1e-15)


def test_hypervolume_of_one_objective_is_the_best():
    assert hypervolume(np.array([[100.0], [350.0]]), [SCORE]) == pytest.approx(0.7)


def test_hypervolume_of_three_by_hand():
    # Two boxes of 0.8 x 0.5 x 0.5 and 0.4 x 0.9 x 0.5, which share 0.4 x 0.5 x 0.5.
    points = np.array([[400.0, 50.0, 0.5], [200.0, 10.0, 0.5]])
    assert hypervolume(points, [SCORE, SIZE, SHARE]) == pytest.approx(0.2 + 0.18 - 0.1)


def naive_volume(points):
    """Volume dominated by points (less is better) up to 1: slices along the last axis."""
    points = points[(points < 1.0).all(axis=1)]
    if not len(points):
        return 0.0
    if points.shape[1] == 1:
        return 1.0 - points.min()
    levels = np.unique(points[:, -1])
    heights = np.diff(np.append(levels, 1.0))
    return sum(
        height * naive_volume(points[points[:, -1] <= level, :-1])
        for level, height in zip(levels, heights, strict=True)
    )


@given(
    st.integers(1, 3).flatmap(
        lambda m: st.lists(st.tuples(*[st.floats(-0.2, 1.2)] * m), min_size=1, max_size=12)
    )
)
@examples(200)
def test_hypervolume_equals_slices(points):
    specs = [SCORE, SIZE, SHARE][: len(points[0])]
    share = np.array(points)  # 0 is best, 1 worst
    values = np.array([s.best for s in specs]) + share * [s.worst - s.best for s in specs]
    assert hypervolume(values, specs) == pytest.approx(naive_volume(share), abs=1e-9)
    assert hypervolume(values[::-1], specs) == pytest.approx(hypervolume(values, specs), abs=1e-12)
