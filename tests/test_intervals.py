"""Intervals against published ones, exact sums, other programs, and simulated campaigns."""

import math
from fractions import Fraction
from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from fitness.hierarchical import hierarchical_bootstrap
from fitness.intervals import (
    Interval,
    clopper_pearson,
    mean_interval,
    narrow_enough,
    rate_interval,
    wilson,
)
from neuro import InputError

# --- rates ------------------------------------------------------------------------------------

NEWCOMBE = [
    # Newcombe, Statistics in Medicine 17 (1998), table I: score, exact and mid-p intervals.
    (81, 263, (0.2553, 0.3662), (0.2527, 0.3676), (0.2544, 0.3658)),
    (15, 148, (0.0624, 0.1605), (0.0578, 0.1617), (0.0601, 0.1581)),
    (0, 20, (0.0, 0.1611), (0.0, 0.1684), (0.0, 0.1391)),
    (1, 29, (0.0061, 0.1718), (0.0009, 0.1776), (0.0017, 0.1585)),
]


@pytest.mark.parametrize(("hits", "n", "score", "exact", "mid_p"), NEWCOMBE)
def test_published_intervals(hits, n, score, exact, mid_p):
    assert wilson(hits, n) == pytest.approx(score, abs=5e-5)
    assert clopper_pearson(hits, n) == pytest.approx(exact, abs=5e-5)
    assert rate_interval(hits, n) == pytest.approx(mid_p, abs=5e-5)


def test_no_mean_is_beyond_what_values_can_be():
    for seed in range(20):
        interval = mean_interval([500.0] * 30, bounds=(0.0, 500.0), seed=seed, resamples=200)
        assert 400.0 < interval.low < interval.high <= 500.0


def test_published_interval_of_a_finite_population():
    """The example in the readme of R's samplingbook: 45 of 100, from 300, gives 110 to 161.

    Those are the nearest numbers that the test rejects: P(X >= 45) is 0.0237 with 110 marked and
    0.0290 with 111. Here limits are the last ones that it does not reject.
    """
    low, high = clopper_pearson(45, 100, population=300)
    assert (round(300 * low), round(300 * high)) == (110 + 1, 161 - 1)


def exact_range(hits, n, total, tie, least):
    """Fewest and most marked that are likely enough, by adding up every one of them."""

    def likely(k, more):
        ways = [
            (x, math.comb(k, x) * math.comb(total - k, n - x))
            for x in range(max(0, n - total + k), min(n, k) + 1)
        ]
        beyond = sum(w for x, w in ways if (x > hits if more else x < hits))
        same = sum(w for x, w in ways if x == hits)
        return Fraction(beyond) + tie * same > least * math.comb(total, n)

    inside = [k for k in range(hits, total - n + hits + 1) if likely(k, True) and likely(k, False)]
    return inside[0], inside[-1]


@pytest.mark.parametrize(("n", "total"), [(1, 1), (1, 7), (8, 11), (10, 40), (30, 60), (35, 37)])
@pytest.mark.parametrize("tie", [Fraction(1, 2), Fraction(1), Fraction(1, 8)])
def test_finite_populations_by_counting(n, total, tie):
    for hits in range(n + 1):
        found = rate_interval(hits, n, population=total, tie=float(tie))
        expected = exact_range(hits, n, total, tie, Fraction(1, 40))
        assert [round(total * limit, 9) for limit in found] == list(expected)


def covered(n, total, method):
    """How often the interval covers each number of marked faults."""
    limits = np.array([method(hits, n, population=total) for hits in range(n + 1)])
    marked = np.arange(total + 1)
    chances = stats.hypergeom.pmf(np.arange(n + 1)[:, None], total, marked, n)
    inside = (limits[:, :1] < marked / total + 1e-9) & (limits[:, 1:] > marked / total - 1e-9)
    return (chances * inside).sum(axis=0)


def test_what_the_intervals_of_rates_promise():
    n, total = 30, 90
    exact, mid_p = covered(n, total, clopper_pearson), covered(n, total, rate_interval)
    assert exact.min() >= 0.95
    inner = slice(9, 82)  # rates of 10 to 90 %
    assert 0.945 < mid_p[inner].mean() < 0.96 < exact[inner].mean()
    # Drawn ties, on a grid fine enough: every rate is covered as often as promised.
    ties = (np.arange(100) + 0.5) / 100
    by_tie = [
        covered(n, total, lambda *a, tie=tie, **k: rate_interval(*a, tie=tie, **k)) for tie in ties
    ]
    assert abs(np.mean(by_tie, axis=0)[1:-1] - 0.95).max() < 0.005


def test_a_rate_of_faults_that_were_all_tried_is_known():
    for hits in (0, 3, 7):
        for method in (wilson, clopper_pearson, rate_interval):
            assert method(hits, 7, population=7) == Interval(hits / 7, hits / 7)


@settings(max_examples=100, deadline=None, derandomize=True)
@given(st.data(), st.sampled_from([wilson, clopper_pearson, rate_interval]))
def test_rates_seen_from_both_sides(data, method):
    n = data.draw(st.integers(1, 60))
    hits = data.draw(st.integers(0, n))
    total = data.draw(st.one_of(st.none(), st.integers(n, 200)))
    low, high = method(hits, n, population=total)
    assert 0.0 <= low <= hits / n <= high <= 1.0
    assert method(n - hits, n, population=total) == pytest.approx((1 - high, 1 - low), abs=1e-12)
    if total is not None:
        # What was seen is certain.
        assert low >= hits / total - 1e-12
        assert high <= 1 - (n - hits) / total + 1e-12
    wide = method(hits, n, population=total, confidence=0.99)
    assert wide.low <= low
    assert wide.high >= high


def test_huge_populations_are_endless():
    for method in (wilson, clopper_pearson, rate_interval):
        for total in (10**9, 10**15, 2**61):
            assert method(3, 1000, population=total) == pytest.approx(method(3, 1000), rel=1e-5)


# --- means ------------------------------------------------------------------------------------

FINE = {"resamples": 100_000}


@pytest.mark.parametrize("hits", [1, 3, 25, 49])
def test_means_of_hits_are_known_rates(hits):
    values = np.r_[np.ones(hits), np.zeros(50 - hits)]
    known = mean_interval(values, bounds=(0, 1), tie=1.0, **FINE)
    assert known == pytest.approx(clopper_pearson(hits, 50), abs=0.002)
    # Jeffreys' prior.
    known = mean_interval(values, bounds=(0, 1), **FINE)
    expected = stats.beta.ppf([0.025, 0.975], hits + 0.5, 50 - hits + 0.5)
    assert known == pytest.approx(tuple(expected), abs=0.002)
    # Its predictions for the 150 faults that were not tried.
    known = mean_interval(values, population=200, bounds=(0, 1), **FINE)
    unseen = stats.betabinom.ppf([0.025, 0.975], 150, hits + 0.5, 50 - hits + 0.5)
    assert known == pytest.approx(tuple((hits + unseen) / 200), abs=0.0051)


def test_means_of_many_even_values_are_normal():
    values, options = np.random.default_rng(5).normal(3.0, 2.0, 500), {"resamples": 10_000}
    half = 1.96 * values.std() / math.sqrt(500)
    expected = (values.mean() - half, values.mean() + half)
    assert mean_interval(values, **options) == pytest.approx(expected, abs=0.08 * half)
    half *= math.sqrt(1 - 500 / 750)
    expected = (values.mean() - half, values.mean() + half)
    found = mean_interval(values, population=750, **options)
    assert found == pytest.approx(expected, abs=0.08 * half)


def test_bounds_speak_of_what_was_not_seen():
    """Nothing in 50: up to about Jeffreys' limit of the worst case is possible, 0.0487."""
    nothing = np.zeros(50)
    assert mean_interval(nothing) == (0.0, 0.0)
    low, high = mean_interval(nothing, bounds=(0.0, 1.0), **FINE)
    assert low == 0.0
    assert high == pytest.approx(stats.beta.ppf(0.975, 0.5, 50.5), abs=0.001)
    low, high = mean_interval(nothing, bounds=(-2.0, 1.0), **FINE)
    assert low == pytest.approx(-2 * high, rel=0.05)
    # A bound that is overrun is none.
    assert mean_interval([0.0, 1.0, 1.0], bounds=(0.2, 0.5)) == mean_interval([0.0, 1.0, 1.0])


def simulated_coverage(population, n, campaigns, **options):
    rng = np.random.default_rng(11)
    hit = 0
    for k in range(campaigns):
        sample = rng.choice(population, n, replace=False)
        low, high = mean_interval(
            sample, population=len(population), resamples=1000, seed=k, **options
        )
        hit += low <= population.mean() <= high
    return hit / campaigns


def test_rare_fatal_faults_are_covered_with_bounds_only():
    """1 % of the faults lose all, some lose little: half of the samples of 50 meet no fatal one."""
    population = np.r_[np.ones(10), np.full(40, 0.03), np.zeros(950)]
    assert simulated_coverage(population, 50, 300, bounds=(0.0, 1.0)) > 0.92
    assert simulated_coverage(population, 50, 300) < 0.7


def test_coverage_of_an_ordinary_population():
    population = np.random.default_rng(3).beta(0.4, 2.0, 300)
    # Three standard deviations of 300 campaigns are 3.8 %.
    assert abs(simulated_coverage(population, 50, 300, bounds=(0.0, 1.0)) - 0.95) < 0.038


@settings(max_examples=30, deadline=None, derandomize=True)
@given(
    st.lists(st.integers(-8, 8).map(lambda k: k / 8), min_size=1, max_size=20),
    st.integers(0, 30),
    st.randoms(use_true_random=False),
)
def test_invariants_of_means(values, more, random):
    few = {"resamples": 300, "bounds": (-1.0, 1.0), "population": len(values) + more}
    low, high = found = mean_interval(values, **few)
    assert -1.0 <= low <= high <= 1.0
    assert mean_interval(random.sample(values, len(values)), **few) == found
    twice = mean_interval([2 * v for v in values], **(few | {"bounds": (-2.0, 2.0)}))
    assert twice == pytest.approx((2 * low, 2 * high), abs=1e-12)
    if not more:
        assert low == high == pytest.approx(np.mean(values), abs=1e-12)


def test_given_values_are_left_alone():
    values = np.array([0.5, 0.1, 0.3])
    mean_interval(values, population=5)
    assert values.tolist() == [0.5, 0.1, 0.3]


def test_more_random_numbers_than_are_held_at_a_time(monkeypatch):
    monkeypatch.setattr("fitness.intervals.BLOCK", 100)
    values = np.random.default_rng(1).random(30)
    half = 1.96 * values.std() / math.sqrt(30)
    found = mean_interval(values)
    assert found.margin == pytest.approx(half, rel=0.1)
    assert found.low < values.mean() < found.high


def test_narrow_enough():
    assert narrow_enough(Interval(0.1, 0.2), 0.0501)
    assert not narrow_enough(Interval(0.1, 0.2), 0.0499)


# --- several levels ---------------------------------------------------------------------------

RNG = np.random.default_rng(17)
BY_NETWORK, BY_DRAW, BY_EPISODE = (RNG.normal(size=n) for n in (30, 50, 40))
SCORES = BY_NETWORK[:, None, None] + 2 * BY_DRAW[None, :, None] + 3 * BY_EPISODE[None, None, :]


def half_width(variance, size):
    """Of the t interval, as wide as expanded percentiles are for a mean that is normal."""
    return stats.t.ppf(0.975, size - 1) * math.sqrt(variance * size / (size - 1))


@pytest.mark.parametrize(
    ("levels", "shared", "variance", "size"),
    [
        (["networks"], [], BY_NETWORK.var() / 30, 30),
        (["draws"], ["draws"], 4 * BY_DRAW.var() / 50, 50),
        (["draws"], [], 4 * BY_DRAW.var() / 50 / 30, 50),
        (["episodes"], ["episodes"], 9 * BY_EPISODE.var() / 40, 40),
        (["episodes"], [], 9 * BY_EPISODE.var() / 40 / 30, 40),
        (
            ["draws", "episodes"], ["draws", "episodes"],
            4 * BY_DRAW.var() / 50 + 9 * BY_EPISODE.var() / 40, 40,
        ),
        (
            ["networks", "draws", "episodes"], ["episodes"],
            BY_NETWORK.var() / 30 + 4 * BY_DRAW.var() / 50 / 30 + 9 * BY_EPISODE.var() / 40, 30,
        ),
    ],
)  # fmt: skip
def test_variances_of_levels_add_up(levels, shared, variance, size):
    """Scores that are sums of an effect of each level: the variance of the mean is known."""
    found = hierarchical_bootstrap(SCORES, levels=levels, shared=shared, resamples=8000)
    assert found.margin == pytest.approx(half_width(variance, size), rel=0.06)
    assert (found.low + found.high) / 2 == pytest.approx(SCORES.mean(), abs=0.1 * found.margin)


def test_levels_that_are_not_resampled_stay():
    assert hierarchical_bootstrap(SCORES, levels=[]) == pytest.approx((SCORES.mean(),) * 2)
    # One network, or one start, is no sample of networks or starts.
    alone = hierarchical_bootstrap(SCORES[:1, :, :1])
    assert alone.margin == pytest.approx(half_width(4 * BY_DRAW.var() / 50, 50), rel=0.1)


def test_coverage_with_few_networks():
    """Six networks, eight draws and four starts, each with an effect of its own."""
    rng, hit = np.random.default_rng(23), 0
    for k in range(300):
        scores = (
            rng.normal(size=(6, 1, 1)) + rng.normal(size=(6, 8, 1))
            + 0.5 * rng.normal(size=(1, 1, 4)) + rng.normal(size=(6, 8, 4))
        )  # fmt: skip
        low, high = hierarchical_bootstrap(scores, resamples=2000, seed=k)
        hit += low <= 0.0 <= high
    # The bootstrap of crossed levels errs on the safe side (Owen 2007).
    assert 0.93 <= hit / 300 <= 1.0


def test_percentiles_of_few_are_expanded():
    """Hesterberg (2015): five values ask for the quantile at Phi(-sqrt(5/4) 2.776) = 0.00095."""
    share = NormalDist().cdf(-math.sqrt(5 / 4) * 2.776445)
    assert share == pytest.approx(0.00095, abs=2e-5)
    values = np.array([0.0, 1.0, 2.0, 3.0, 4.0])
    exact = np.sort(np.array(np.meshgrid(*[values] * 5)).reshape(5, -1).mean(axis=0))
    expected = np.quantile(exact, [share, 1 - share])
    found = hierarchical_bootstrap(values[:, None, None], resamples=200_000)
    assert found == pytest.approx(tuple(expected), abs=0.2)


# --- bad input --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: rate_interval(5, 4), "hits: expected"),
        (lambda: rate_interval(0, 0), "n: expected"),
        (lambda: rate_interval(1, 5, population=4), "population"),
        (lambda: rate_interval(1, 5, tie=1.1), "tie"),
        (lambda: wilson(1, 5, confidence=1.0), "confidence"),
        (lambda: mean_interval([]), "values"),
        (lambda: mean_interval([np.nan]), "values"),
        (lambda: mean_interval([1.0, 2.0], population=1), "population"),
        (lambda: mean_interval([1.0], bounds=(1.0, 0.0)), "bounds"),
        (lambda: mean_interval([1.0], bounds=(0.0, np.nan)), "bounds"),
        (lambda: mean_interval([1.0], resamples=0), "resamples"),
        (lambda: narrow_enough(Interval(0, 1), -1.0), "margin"),
        (lambda: hierarchical_bootstrap([[1.0]]), "scores"),
        (lambda: hierarchical_bootstrap(SCORES, levels=["draw"]), "levels"),
        (lambda: hierarchical_bootstrap(SCORES, levels="draws"), "levels"),
        (lambda: hierarchical_bootstrap(SCORES, shared=["networks"]), "shared"),
    ],
)
def test_bad_input(call, message):
    with pytest.raises(InputError, match=message):
        call()
