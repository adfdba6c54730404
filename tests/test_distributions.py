"""What evolution strategies learn: one contract for all, and each against its source."""

from dataclasses import fields

import numpy as np
import pytest
from deap import base, cma
from hypothesis import given
from hypothesis import strategies as st

from evo.cma import CmaEs, weights
from evo.ranks import shared_by_rank
from evo.settings import METHODS
from evo.snes import utilities

each = pytest.mark.parametrize("method", METHODS)
ROWS = st.lists(st.tuples(st.integers(0, 2), st.integers(0, 3)), min_size=2, max_size=20)


def search(name, loss, *, genes=6, samples=12, generations=200, step=0.3, floor=0.0):
    """Let a distribution learn from a function of the genes; return all it has been."""
    rng = np.random.default_rng(0)
    been = [METHODS[name].begin(np.zeros(genes), step)]
    for _ in range(generations):
        z = rng.standard_normal((samples, genes))
        x = np.array([been[-1].genes(row) for row in z])
        been.append(been[-1].learned(z, np.zeros(samples), loss(x), floor=floor))
    return been


@each
def test_finds_the_lowest_point_of_a_bowl(method):
    goal = np.linspace(-1.0, 1.0, 6)
    *_, last = search(method, lambda x: ((x - goal) ** 2).sum(axis=1))
    np.testing.assert_allclose(last.mean, goal, atol=1e-6)
    assert last.sigma.max() < 1e-6


@each
def test_learns_from_ranks_alone(method):
    def bowl(x):
        return ((x - 1.0) ** 2).sum(axis=1)

    for a, b in zip(search(method, bowl), search(method, lambda x: bowl(x) ** 3), strict=True):
        assert a.mean.tobytes() == b.mean.tobytes()
        assert a.sigma.tobytes() == b.sigma.tobytes()


@each
@given(shift=st.integers(1, 11))
def test_order_of_the_samples_plays_no_part(method, shift):
    rng = np.random.default_rng(1)
    z, loss = rng.standard_normal((12, 4)), rng.integers(0, 5, 12).astype(float)
    violation = rng.integers(0, 2, 12).astype(float)
    begun = METHODS[method].begin(np.ones(4), 0.3)
    one = begun.learned(z, violation, loss, floor=0.0)
    two = begun.learned(*(np.roll(a, shift, axis=0) for a in (z, violation, loss)), floor=0.0)
    np.testing.assert_allclose(one.mean, two.mean, rtol=1e-12)
    np.testing.assert_allclose(one.sigma, two.sigma, rtol=1e-12)


@each
def test_a_plateau_moves_nothing(method):
    begun, *_, last = search(method, lambda x: np.zeros(len(x)), generations=20)
    np.testing.assert_allclose(last.mean, begun.mean, atol=1e-13)
    np.testing.assert_allclose(last.sigma, begun.sigma)


@each
def test_violation_comes_before_loss(method):
    z = np.array([[1.0, 0.0], [-1.0, 0.0]])
    begun = METHODS[method].begin(np.zeros(2), 0.3)
    moved = begun.learned(z, np.array([0.0, 1.0]), np.array([9.0, 1.0]), floor=0.0)
    assert moved.mean[0] > 0.0 == moved.mean[1]


@each
def test_steps_do_not_fall_below_the_floor(method):
    been = search(method, lambda x: (x**2).sum(axis=1), floor=0.05)
    least = {"snes": np.min, "cma-es": lambda sigma: np.sqrt(np.mean(sigma**2))}[method]
    spread = [least(d.sigma) for d in been]
    assert min(spread) >= 0.05 * (1.0 - 1e-12)
    assert min(spread) < 0.06  # or the floor has not been met


@each
def test_a_plateau_does_not_keep_steps_below_the_floor(method):
    *_, last = search(method, lambda x: np.zeros(len(x)), generations=2, step=0.005, floor=0.02)
    assert last.sigma == pytest.approx(0.02)


@each
@pytest.mark.parametrize("samples", [2, 3, 100])
@pytest.mark.parametrize("genes", [1, 2, 30])
@pytest.mark.parametrize("floor", [0.0, 0.02])
def test_stays_finite_for_long(method, genes, samples, floor):
    been = search(
        method, lambda x: (x**2).sum(axis=1), genes=genes, samples=samples, generations=1000,
        floor=floor,
    )  # fmt: skip
    for field in fields(been[-1]):
        assert np.isfinite(getattr(been[-1], field.name)).all(), field.name
    assert np.isfinite(been[-1].genes(np.ones(genes))).all()
    if floor:
        assert np.sqrt(np.mean(been[-1].sigma ** 2)) < 0.1


@each
def test_what_learns_does_not_change_what_it_learned_from(method):
    begun = METHODS[method].begin(np.zeros(3), 0.3)
    before = [np.array(getattr(begun, f.name)) for f in fields(begun)]
    z = np.random.default_rng(0).standard_normal((8, 3))
    begun.learned(z, np.zeros(8), np.arange(8.0), floor=0.0)
    for field, was in zip(fields(begun), before, strict=True):
        np.testing.assert_array_equal(getattr(begun, field.name), was)


@each
def test_one_gene_is_enough(method):
    *_, last = search(method, lambda x: (x[:, 0] - 2.0) ** 2, genes=1)
    assert last.mean == pytest.approx([2.0], abs=1e-6)


# --- ranks ------------------------------------------------------------------------------------


@pytest.mark.parametrize("worth", [utilities, weights])
@given(rows=ROWS, data=st.data())
def test_worth_depends_on_ranks_alone(worth, rows, data):
    violation, loss = np.array(rows, dtype=float).T
    given_ = worth(violation, loss)
    assert given_.sum() == pytest.approx(float(worth is weights), abs=1e-12)
    order = data.draw(st.permutations(range(len(rows))))
    np.testing.assert_allclose(worth(violation[order], loss[order]), given_[order], atol=1e-15)
    np.testing.assert_array_equal(worth(3 * violation, np.exp(loss)), given_)
    for i in range(len(rows)):
        for j in range(len(rows)):
            if rows[i] < rows[j]:
                assert given_[i] >= given_[j] - 1e-15
            if rows[i] == rows[j]:
                assert given_[i] == given_[j]


def test_utilities_by_hand():
    # max(0, ln 3 - ln k) for k = 1..4: ln 3, ln 1.5, 0, 0; over their sum ln 4.5, minus 1 / 4.
    first, second = np.log(3) / np.log(4.5) - 0.25, np.log(1.5) / np.log(4.5) - 0.25
    none = np.zeros(4)
    found = utilities(none, np.array([7.0, 1.0, 9.0, 3.0]))
    assert found == pytest.approx([-0.25, first, -0.25, second])
    tied = (first + second) / 2
    found = utilities(none, np.array([7.0, 1.0, 9.0, 1.0]))
    assert found == pytest.approx([-0.25, tied, -0.25, tied])


def test_weights_by_hand():
    # ln 2.5 - ln k for k = 1, 2 over their sum ln 3.125; the worse half has none.
    first, second = np.log(2.5) / np.log(3.125), np.log(1.25) / np.log(3.125)
    assert weights(np.zeros(4), np.array([7.0, 1.0, 9.0, 3.0])) == pytest.approx(
        [0.0, first, 0.0, second]
    )
    assert weights(np.zeros(5), np.arange(5.0))[2:] == pytest.approx([0.0] * 3)


@given(rows=ROWS)
def test_equal_samples_share_what_there_is(rows):
    violation, loss = np.array(rows, dtype=float).T
    worth = np.arange(len(rows), dtype=float)
    assert shared_by_rank(worth, violation, loss).sum() == pytest.approx(worth.sum())


# --- the covariance matrix --------------------------------------------------------------------


class Loss(base.Fitness):
    weights = (-1.0,)


class Point(np.ndarray):
    """What DEAP's strategy learns from: an array with a fitness."""


def test_same_as_deap_where_no_samples_are_equal():
    """DEAP's strategy, told the same samples. Its factor of the covariance is another one."""
    rng, n, k = np.random.default_rng(3), 5, 10
    stretch = rng.standard_normal((n, n))
    theirs = cma.Strategy(centroid=np.zeros(n), sigma=0.4, lambda_=k)
    mine = CmaEs.begin(np.zeros(n), 0.4)
    for _ in range(60):
        z = rng.standard_normal((k, n))
        x = np.array([mine.genes(row) for row in z])
        loss = np.sum(((x - 1.0) @ stretch.T) ** 2, axis=1)
        points = [row.view(Point) for row in x]
        for point, value in zip(points, loss, strict=True):
            point.fitness = Loss((float(value),))
        mine = mine.learned(z, np.zeros(k), loss, floor=0.0)
        theirs.update(points)
        np.testing.assert_allclose(mine.mean, theirs.centroid, rtol=1e-6)
        np.testing.assert_allclose(mine.step, theirs.sigma, rtol=1e-6)
        np.testing.assert_allclose(mine.covariance, theirs.C, rtol=1e-5, atol=1e-9)
    assert loss.max() < 0.1  # it has learned something


def test_gets_along_a_ridge_where_steps_per_gene_creep():
    def ridge(x):
        return x.sum(axis=1) ** 2 * 1e4 + ((x - np.arange(6.0)[::-1]) ** 2).sum(axis=1)

    left = {name: ridge(search(name, ridge, generations=400)[-1].mean[None])[0] for name in METHODS}
    lowest = ridge(np.linspace(2.5, -2.5, 6)[None])[0]
    assert left["cma-es"] - lowest < 0.01
    assert left["snes"] - lowest > 1.0
