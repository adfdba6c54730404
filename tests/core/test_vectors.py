"""Vectors give, number by number and bit for bit, what scalars give."""

import operator
import platform
import re
import sys
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction
from threading import Barrier
from typing import NamedTuple

import numpy as np
import pytest
from numba.core.caching import NullCache
from strategies import JIT, same_bits

from neuro.jit import kernel
from neuro.kernels import update, update_full
from neuro.vectors import (
    at_least,
    borrow,
    choose,
    claim,
    has_bit,
    load,
    lowest_bit,
    row_of,
    spread,
    store,
)

MASKS = {t.__name__: t for t in (np.uint8, np.uint16, np.uint32, np.uint64)}
every_mask = pytest.mark.parametrize("mask_type", MASKS.values(), ids=MASKS)
NAN = np.array([0x7FF8000000000123, 0xFFF8000000000000], dtype=np.uint64).view(np.float64)
SPECIAL = np.array([
    0.0, -0.0, np.inf, -np.inf, *NAN, 1.0, -1.0, 5e-324, -5e-324, 2.2250738585072014e-308,
    1.7976931348623157e308, -1.7976931348623157e308, 0.1, 1e100, np.nextafter(1.0, 0.0),
])  # fmt: skip
# Nothing that reaches a kernel starts on a vector's boundary by nature.
PLACES = (0, 1, 3, 8)


def width_of(mask_type):
    return 8 * np.dtype(mask_type).itemsize


def numbers(seed, count):
    """Ordinary numbers of all magnitudes and special ones, mixed."""
    rng = np.random.default_rng(seed)
    ordinary = rng.normal(size=count) * 10.0 ** rng.integers(-20, 20, count)
    return np.where(rng.random(count) < 0.4, rng.choice(SPECIAL, count), ordinary)


def pairs(seed, mask_type):
    """Two arrays of three vectors' length; many numbers meet themselves."""
    count = 3 * width_of(mask_type)
    a, b = numbers([seed, 1], count), numbers([seed, 2], count)
    return a, np.where(np.random.default_rng(seed).random(count) < 0.3, a, b)


def to_mask(where, mask_type):
    """Bit i for place i."""
    return mask_type(sum(1 << i for i, here in enumerate(where.tolist()) if here))


def same_numbers(a, b):
    """Equal bits; of a NaN that arithmetic made, IEEE 754 does not settle sign and payload."""
    unclear = np.isnan(a)
    return np.array_equal(unclear, np.isnan(b)) and same_bits(a[~unclear], b[~unclear])


@kernel
def copy_vector(source, index, lanes, target, to):
    store(target, to, load(source, index, lanes))


@every_mask
@pytest.mark.parametrize("index", PLACES)
@pytest.mark.parametrize("to", PLACES)
def test_load_and_store_move_bits_and_touch_nothing_else(mask_type, index, to):
    width = width_of(mask_type)
    source = numbers([1, index], width + 20)
    source[index : index + len(NAN)] = NAN
    before, target = source.copy(), np.full(width + 20, -7.5)
    expected = target.copy()
    expected[to : to + width] = source[index : index + width]
    copy_vector(source, index, mask_type(0), target, to)
    assert same_bits(target, expected)
    assert same_bits(source, before)


@kernel
def swap_vectors(array, lanes, one, other):
    a, b = load(array, one, lanes), load(array, other, lanes)
    store(array, one, b)
    store(array, other, a)


@every_mask
def test_a_loaded_vector_does_not_follow_its_array(mask_type):
    """Kernels clear what they have loaded, and go on with the vector."""
    width = width_of(mask_type)
    array = numbers(2, 2 * width + 3)
    expected = np.concatenate([array[width + 3 :], array[width : width + 3], array[:width]])
    swap_vectors(array, mask_type(0), 0, width + 3)
    assert same_bits(array, expected)


@kernel
def spread_value(value, lanes, target):
    store(target, 1, spread(value, lanes))


@every_mask
def test_spread_fills_a_vector_with_one_number(mask_type):
    width = width_of(mask_type)
    for value in SPECIAL:
        target = np.full(width + 2, -7.5)
        spread_value(value, mask_type(0), target)
        assert same_bits(target[1:-1].copy(), np.full(width, value))
        assert target[0] == target[-1] == -7.5


@kernel
def spread_integer(value, lanes, target):
    store(target, 0, spread(value, lanes))


@every_mask
def test_spread_makes_floats_of_whole_numbers(mask_type):
    target = np.zeros(width_of(mask_type))
    spread_integer(-3, mask_type(0), target)
    assert target.tolist() == [-3.0] * len(target)


@kernel
def compare(a, b, index, lanes, masks):
    masks[0] = at_least(load(a, index, lanes), load(b, index, lanes))


@every_mask
@pytest.mark.parametrize("index", PLACES)
def test_at_least_compares_as_floats_do(mask_type, index):
    """A NaN is never at least anything, and zeros of both signs are equal."""
    width = width_of(mask_type)
    seen = set()
    for seed in range(20):
        a, b = pairs(seed, mask_type)
        masks = np.full(2, 9, dtype=mask_type)
        compare(a, b, index, mask_type(0), masks)
        here = [x >= y for x, y in zip(a.tolist(), b.tolist(), strict=True)]
        here = here[index : index + width]
        assert masks.tolist() == [to_mask(np.array(here), mask_type), 9]
        seen.update(here)
    assert seen == {False, True}


@pytest.mark.parametrize(
    ("x", "y", "expected"),
    [
        (0.0, -0.0, True), (-0.0, 0.0, True), (np.inf, np.inf, True), (-np.inf, -np.inf, True),
        (np.inf, -np.inf, True), (-np.inf, np.inf, False), (np.nan, np.nan, False),
        (np.nan, -np.inf, False), (np.inf, np.nan, False), (5e-324, 0.0, True),
        (1.0, np.nextafter(1.0, 2.0), False),
    ],
)  # fmt: skip
@every_mask
def test_at_least_on_the_edges(mask_type, x, y, expected):
    width = width_of(mask_type)
    masks = np.zeros(1, dtype=mask_type)
    compare(np.full(width, x), np.full(width, y), 0, mask_type(0), masks)
    assert masks[0] == (np.iinfo(mask_type).max if expected else 0)


@kernel
def choose_numbers(masks, a, b, index, lanes, target):
    store(target, index, choose(masks[0], load(a, index, lanes), load(b, index, lanes)))


@every_mask
@pytest.mark.parametrize("index", PLACES)
def test_choose_takes_bits_as_they_are(mask_type, index):
    width = width_of(mask_type)
    here = slice(index, index + width)
    for seed in range(20):
        a, b = pairs(seed, mask_type)
        where = np.random.default_rng([seed, index]).random(width) < seed / 19
        target = np.full(len(a), -7.5)
        expected = target.copy()
        bits = np.where(where, a[here].view(np.int64), b[here].view(np.int64))
        expected[here] = bits.view(np.float64)
        choose_numbers(np.array([to_mask(where, mask_type)]), a, b, index, mask_type(0), target)
        assert same_bits(target, expected)


@kernel
def choose_the_larger(a, b, lanes, target):
    x, y = load(a, 0, lanes), load(b, 0, lanes)
    store(target, 0, choose(at_least(x, y), x, y))


@every_mask
def test_choose_reads_the_mask_of_at_least(mask_type):
    """As Python's own choice, which keeps the second number where a NaN is compared."""
    for seed in range(20):
        a, b = (array[: width_of(mask_type)].copy() for array in pairs(seed, mask_type))
        target = np.zeros(len(a))
        choose_the_larger(a, b, mask_type(0), target)
        expected = [x if x >= y else y for x, y in zip(a, b, strict=True)]
        assert same_bits(target, np.array(expected))


@kernel
def look_at_bit(words, index, bit, lanes, masks):
    masks[0] = has_bit(words, index, bit, lanes)


@every_mask
@pytest.mark.parametrize("index", PLACES)
def test_has_bit_collects_one_bit_of_each_word(mask_type, index):
    width = width_of(mask_type)
    rng = np.random.default_rng(index)
    words = rng.integers(0, 2**64, width + 20, dtype=np.uint64)
    words[index], words[index + 1] = 0, 2**64 - 1
    for bit in range(64):
        masks = np.zeros(1, dtype=mask_type)
        look_at_bit(words, index, bit, mask_type(0), masks)
        here = [word >> bit & 1 for word in words[index : index + width].tolist()]
        assert masks[0] == to_mask(np.array(here), mask_type)


@kernel
def find_lowest(masks, positions):
    for i in range(len(masks)):
        positions[i] = lowest_bit(masks[i])


@every_mask
def test_lowest_bit_is_a_position(mask_type):
    width = width_of(mask_type)
    rng = np.random.default_rng(width)
    above = rng.integers(0, np.iinfo(mask_type).max, width, dtype=mask_type, endpoint=True)
    alone = [1 << i for i in range(width)]
    crowded = [int(a) >> i << i | 1 << i for i, a in enumerate(above)]
    positions = np.zeros(2 * width, dtype=np.int64)
    find_lowest(np.array([*alone, *crowded], dtype=mask_type), positions)
    assert positions.tolist() == [*range(width)] * 2


@kernel
def add(a, b, index, lanes, target):
    store(target, index, load(a, index, lanes) + load(b, index, lanes))


@kernel
def subtract(a, b, index, lanes, target):
    store(target, index, load(a, index, lanes) - load(b, index, lanes))


@kernel
def multiply(a, b, index, lanes, target):
    store(target, index, load(a, index, lanes) * load(b, index, lanes))


@every_mask
@pytest.mark.parametrize("index", PLACES)
@pytest.mark.parametrize(
    ("compute", "operation"),
    [(add, operator.add), (subtract, operator.sub), (multiply, operator.mul)],
    ids=["add", "subtract", "multiply"],
)
def test_arithmetic_is_that_of_floats(compute, operation, mask_type, index):
    """Subnormal numbers are kept, zeros keep their sign, and infinities meet as they must."""
    here = slice(index, index + width_of(mask_type))
    for seed in range(20):
        a, b = pairs(seed, mask_type)
        target = np.full(len(a), -7.5)
        expected = target.copy()
        expected[here] = [
            operation(x, y) for x, y in zip(a[here].tolist(), b[here].tolist(), strict=True)
        ]
        with np.errstate(all="ignore"):
            compute(a, b, index, mask_type(0), target)
        assert same_numbers(target, expected)


def fused(a, b, c):
    """``a * b + c`` rounded once, as a fused multiply-add does."""
    return float(Fraction(a) * Fraction(b) + Fraction(c))


def triples(count):
    """Numbers whose ``a * b + c`` changes when its product is not rounded first."""
    rng = np.random.default_rng(5)
    found = [(1.0 + 2.0**-27, 1.0 + 2.0**-27, -1.0 - 2.0**-26), (0.1, 10.0, -1.0)]
    while len(found) < count:
        a, b = rng.normal(size=2).tolist()
        c = -a * b * (1.0 + float(rng.choice((0.0, 1e-15, 1e-3))))
        if fused(a, b, c) != a * b + c:
            found.append((a, b, c))
    return np.array(found).T.copy()


# Kernels of their own: a product that is used twice would not be fused anyway.
@kernel
def multiply_and_add(a, b, c, lanes, target):
    store(target, 0, load(a, 0, lanes) * load(b, 0, lanes) + load(c, 0, lanes))


@kernel
def multiply_and_subtract(a, b, c, lanes, target):
    store(target, 0, load(a, 0, lanes) * load(b, 0, lanes) - load(c, 0, lanes))


@kernel
def subtract_product(a, b, c, lanes, target):
    store(target, 0, load(c, 0, lanes) - load(a, 0, lanes) * load(b, 0, lanes))


@every_mask
def test_products_are_rounded_before_they_are_added(mask_type):
    a, b, c = triples(width_of(mask_type))
    rows = list(zip(a.tolist(), b.tolist(), c.tolist(), strict=True))
    assert all(fused(x, y, z) != x * y + z for x, y, z in rows)
    expected = np.array([x * y + z for x, y, z in rows])
    for compute, second, third in (
        (multiply_and_add, b, c),
        (multiply_and_subtract, b, -c),
        (subtract_product, -b, c),
    ):
        target = np.zeros(len(a))
        compute(a, second, third, mask_type(0), target)
        assert same_bits(target, expected)


@kernel
def update_plain_neurons(v, total, al, lanes):
    never = spread(np.inf, lanes)
    v_next, _ = update(
        v=load(v, 0, lanes), total=load(total, 0, lanes), al=load(al, 0, lanes),
        v_threshold=never, v_reset=never,
    )  # fmt: skip
    store(v, 0, v_next)


@kernel
def update_any_neurons(v, total, al, g, lanes):
    zero, one = spread(0.0, lanes), spread(1.0, lanes)
    never, decay = spread(np.inf, lanes), load(al, 0, lanes)
    v_next, g_next, _, _ = update_full(
        v=load(v, 0, lanes), g=load(g, 0, lanes), held=zero, arriving=load(total, 0, lanes),
        ext=zero, al=decay, be=decay, v_leak=zero, v_threshold=never, v_reset=zero,
        v_min=spread(-np.inf, lanes), refractory=zero, subtract=zero, zero=zero, one=one,
    )  # fmt: skip
    store(v, 0, v_next)
    store(g, 0, g_next)


@every_mask
def test_leaking_neurons_round_before_they_add(mask_type):
    """The tick of the model itself, on numbers where fusing would show."""
    v, al, total = triples(width_of(mask_type))
    expected = np.array([x * y + z for x, y, z in zip(v, al, total, strict=True)])
    plain, g = v.copy(), v.copy()
    update_plain_neurons(plain, total, al, mask_type(0))
    assert same_bits(plain, expected)
    full = v.copy()
    update_any_neurons(full, total, al, g, mask_type(0))
    assert same_bits(g, expected)
    assert same_bits(full, np.array([x * y + z for x, y, z in zip(v, al, expected, strict=True)]))


def sweep(v, arriving, al, v_threshold, lanes, fired):
    zero = spread(0.0, lanes)
    for j in range(np.uint64(len(fired))):
        row = j * np.uint64(32)
        total = load(arriving, row, lanes)
        store(arriving, row, zero)
        potential, fires = update(
            load(v, row, lanes), total, spread(al[j], lanes), spread(v_threshold[j], lanes), zero
        )
        store(v, row, potential)
        fired[j] = fires


@pytest.mark.skipif(not JIT, reason="about compiled code")
@pytest.mark.skipif(
    platform.machine() not in ("x86_64", "AMD64"), reason="looks for instructions of x86"
)
@pytest.mark.parametrize("mask_type", [np.uint8, np.uint32], ids=["uint8", "uint32"])
def test_a_sweep_over_lanes_is_vector_code(mask_type):
    """Several numbers in each instruction, none one by one, and no multiply-add."""
    compiled = kernel(sweep)
    compiled._cache = NullCache()  # code from a cache cannot be looked at
    v, arriving = np.ones(96), np.arange(96.0)
    fired = np.zeros(3, dtype=mask_type)
    compiled(v, arriving, np.full(3, 0.5), np.full(3, 20.0), mask_type(0), fired)
    assert v[:8].tolist() == [0.5 + i for i in range(8)]
    (code,) = compiled.inspect_asm().values()
    assert re.search(r"\bv?mulpd\b", code)
    assert re.search(r"\bv?addpd\b", code)
    assert re.search(r"\bv?cmp\w*pd\b", code)
    assert not re.search(r"\bv?(mul|add)sd\b", code)
    assert not re.search(r"\bvfn?m(add|sub)", code)


@kernel
def claim_all(counter, below, claimed):
    count = 0
    while True:
        number = claim(counter)
        if number >= below:
            return count
        claimed[count] = number
        count += 1


def test_claimed_numbers_go_up_one_by_one():
    counter, claimed = np.array([3], dtype=np.int64), np.zeros(7, dtype=np.int64)
    assert claim_all(counter, 8, claimed) == 5
    assert claimed.tolist() == [3, 4, 5, 6, 7, 0, 0]
    assert counter[0] == 9


@pytest.mark.parametrize("threads", [2, 5])
def test_no_two_threads_claim_the_same_number(threads):
    """Each thread's own numbers go up, and together they are all there are."""
    total = 1_000_000 if JIT else 20_000
    counter, ready = np.zeros(1, dtype=np.int64), Barrier(threads)
    claim_all(np.array([1]), 0, np.zeros(0, dtype=np.int64))  # compiled before the race

    def work(_):
        claimed = np.zeros(total, dtype=np.int64)
        ready.wait()
        return claimed[: claim_all(counter, total, claimed)]

    with ThreadPoolExecutor(threads) as pool:
        parts = list(pool.map(work, range(threads)))
    assert all((np.diff(part) > 0).all() for part in parts)
    assert np.array_equal(np.sort(np.concatenate(parts)), np.arange(total))
    assert counter[0] == total + threads


class Bundle(NamedTuple):
    """Arrays of several kinds next to what is no array."""

    values: np.ndarray
    words: np.ndarray
    count: int
    table: np.ndarray
    share: float


@kernel
def use_borrowed(bundle):
    bundle = borrow(bundle)
    for i in range(bundle.count):
        bundle.values[i] += bundle.share * len(bundle.words)
    bundle.table[1, 2] += bundle.words[1]
    return bundle.table.shape[1] + bundle.values[::2].sum()


def test_borrowed_arrays_are_the_owners():
    """They can be read, written and sliced, and nobody's count of references changes."""
    bundle = Bundle(
        np.arange(4.0), np.array([1, 2, 3], dtype=np.uint64), 4,
        np.zeros((2, 3), dtype=np.int64), 0.5,
    )  # fmt: skip
    arrays = (bundle.values, bundle.words, bundle.table)
    assert use_borrowed(bundle) == 3 + 1.5 + 3.5
    before = [sys.getrefcount(array) for array in arrays]
    for _ in range(1000):
        use_borrowed(bundle)
    assert [sys.getrefcount(array) for array in arrays] == before
    assert bundle.values.tolist() == [1501.5, 1502.5, 1503.5, 1504.5]
    assert bundle.words.tolist() == [1, 2, 3]
    assert bundle.table.tolist() == [[0, 0, 0], [0, 0, 2002]]


@kernel
def double_row(matrix, index):
    row = row_of(matrix, index)
    for i in range(len(row)):
        row[i] += row[i]
    return row.sum()


@pytest.mark.parametrize("dtype", [np.float64, np.int64, np.uint64, np.bool_])
@pytest.mark.parametrize("shape", [(5, 3), (1, 8), (4, 0), (3, 1)])
def test_a_row_is_a_view_of_its_matrix(dtype, shape):
    rng = np.random.default_rng(7)
    for index in range(shape[0]):
        matrix = rng.integers(0, 2, shape).astype(dtype)
        expected = matrix.copy()
        expected[index] += expected[index]
        assert double_row(matrix, index) == expected[index].sum()
        assert np.array_equal(matrix, expected)
    assert sys.getrefcount(matrix) == sys.getrefcount(expected)


@kernel
def copy_row(matrix, index, target):
    row = row_of(matrix, index)
    target[:] = row
    return row.shape[0], row.size, row.itemsize


def test_a_row_knows_its_size_and_can_be_sliced():
    matrix, target = numbers(8, 12).reshape(3, 4), np.zeros(4)
    for index in range(3):
        assert copy_row(matrix, index, target) == (4, 4, 8)
        assert same_bits(target, matrix[index])
