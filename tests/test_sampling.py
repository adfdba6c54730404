"""Sample sizes against published ones, and samples that belong to the sites."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fitness.sampling import achieved_margin, choose, looks, needed, order, sample_size
from neuro import InputError
from neuro.hashing import hash_words

# --- how many ---------------------------------------------------------------------------------

PUBLISHED = [
    # Tables after Leveugle et al. (DATE 2009), with t of 1.96 and 2.58, rounded to the nearest.
    (None, 0.05, 1.96, 384),
    (None, 0.01, 1.96, 9604),
    (None, 0.01, 2.58, 16641),
    (800, 0.01, 2.58, 763),
    # By hand: 1.96^2 0.25 / 0.05^2 = 384.16; 1000 / (1 + 999 / 384.16) = 277.7.
    (1000, 0.05, 1.96, 278),
]


@pytest.mark.parametrize(("population", "margin", "t", "size"), PUBLISHED)
def test_published_sizes(population, margin, t, size):
    assert round(needed(population, margin, t)) == size


def test_sizes_with_exact_quantiles_are_rounded_up():
    # 1.959964^2 / 4 / 0.05^2 = 384.15 and 2.575829^2 / 4 / 0.01^2 = 16,587.2
    assert sample_size(None, 0.05) == 385
    assert sample_size(None, 0.01) == 9604
    assert sample_size(None, 0.01, 0.99) == 16588
    assert sample_size(10**12, 0.01, 0.99) == 16588


def test_rates_that_are_certain_need_one_fault():
    assert sample_size(1000, 0.01, p=0.0) == sample_size(1000, 0.01, p=1.0) == 1
    assert achieved_margin(1000, 5, p=1.0) == 0.0


@settings(max_examples=200, deadline=None, derandomize=True)
@given(
    st.one_of(st.none(), st.integers(1, 10**9)),
    st.floats(0.001, 0.5),
    st.sampled_from([0.8, 0.9, 0.95, 0.99]),
    st.floats(0.01, 0.99),
)
def test_the_size_is_the_least_that_achieves_the_margin(population, margin, confidence, p):
    n = sample_size(population, margin, confidence, p)
    assert achieved_margin(population, n, confidence, p) <= margin * (1 + 1e-9)
    if n > 1:
        assert achieved_margin(population, n - 1, confidence, p) > margin * (1 - 1e-9)
    assert population is None or n <= population


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: sample_size(0, 0.1), "population"),
        (lambda: sample_size(10, 0.0), "margin"),
        (lambda: sample_size(10, 0.1, 1.0), "confidence"),
        (lambda: sample_size(10, 0.1, p=1.5), "p: expected"),
        (lambda: achieved_margin(10, 11), "sample"),
        (lambda: choose([1, 1], 1, 0), "keys: expected a different key"),
        (lambda: choose([1.5], 1, 0), "keys"),
        (lambda: choose([-1], 1, 0), "keys"),
        (lambda: choose([1, 2], 3, 0), "n: expected"),
        (lambda: order([1], -1), "seed"),
        (lambda: next(looks(first=0)), "first"),
    ],
)
def test_bad_input(call, message):
    with pytest.raises(InputError, match=message):
        call()


# --- which ------------------------------------------------------------------------------------

keys = st.lists(st.integers(0, 2**63 - 1), unique=True, min_size=1, max_size=60)


@settings(max_examples=100, deadline=None, derandomize=True)
@given(keys, st.integers(0, 2**64 - 1), st.randoms(use_true_random=False))
def test_samples_belong_to_the_sites(sites, seed, random):
    ordered = [sites[i] for i in order(sites, seed)]
    assert sorted(ordered) == sorted(sites)
    shuffled = random.sample(sites, len(sites))
    assert [shuffled[i] for i in order(shuffled, seed)] == ordered
    for n in range(len(sites) + 1):
        chosen = choose(sites, n, seed)
        assert list(chosen) == sorted(chosen)
        assert {sites[i] for i in chosen} == set(ordered[:n])
    # Among fewer sites, those that stay keep their order.
    some = set(random.sample(sites, (len(sites) + 1) // 2))
    few = [key for key in sites if key in some]
    assert [few[i] for i in order(few, seed)] == [key for key in ordered if key in some]


def test_keys_of_all_64_bits():
    sites = np.array([2**64 - 1, 2**63, 0], dtype=np.uint64)
    assert sorted(order(sites, 3)) == [0, 1, 2]


def test_every_site_is_chosen_equally_often_and_with_every_other():
    sites = hash_words(np.arange(12), 5)
    together = np.zeros((12, 12))
    for seed in range(4000):
        chosen = choose(sites, 4, seed)
        together[np.ix_(chosen, chosen)] += 1
    # Binomial: 1/3 of 4000 for a site, 4 3 / (12 11) of 4000 for a pair; 4.5 standard deviations.
    alone, pairs = np.diag(together), together[np.triu_indices(12, 1)]
    for seen, p in ((alone, 1 / 3), (pairs, 1 / 11)):
        assert abs(seen - 4000 * p).max() < 4.5 * math.sqrt(4000 * p * (1 - p))
    assert alone.sum() == 4 * 4000


def test_looks_double():
    assert list(looks(1000)) == [100, 200, 400, 800, 1000]
    assert list(looks(400)) == [100, 200, 400]
    assert list(looks(60)) == [60]
    assert list(looks(100, first=30)) == [30, 60, 100]
    endless = looks(first=5)
    assert [next(endless) for _ in range(4)] == [5, 10, 20, 40]
