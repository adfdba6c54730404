"""The hash is fixed for ever: published vectors, and pinned values of our own."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import examples

from neuro.hashing import hash_text, hash_words, uniform

MASK = 2**64 - 1


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # 64-bit FNV-1a: Fowler, Noll, Vo, Eastlake & Hansen, RFC 9923 (draft-eastlake-fnv),
        # test vectors; also test_fnv.c of Noll's reference implementation.
        ("", 0xCBF29CE484222325),
        ("a", 0xAF63DC4C8601EC8C),
        ("b", 0xAF63DF4C8601F1A5),
        ("foo", 0xDCB27518FED9D577),
        ("foobar", 0x85944171F73967E8),
    ],
)
def test_hash_text_is_fnv_1a(text, expected):
    assert hash_text(text) == expected


def test_hash_text_hashes_utf8_bytes():
    h = 0xCBF29CE484222325
    for byte in (0xC2, 0xB5):  # the UTF-8 of the micro sign
        h = ((h ^ byte) * 0x100000001B3) & MASK
    assert hash_text("\u00b5") == h


def test_one_word_is_the_output_of_splitmix64():
    """SplitMix64 with seed 1234567: the published first five outputs.

    Values: Rosetta Code, "Pseudo-random numbers/Splitmix64"; algorithm: Steele, Lea & Flood,
    OOPSLA 2014. Its i-th output is mix(seed + i GOLDEN); one word w gives mix(GOLDEN ^ w).
    """
    golden = 0x9E3779B97F4A7C15
    states = [(1234567 + i * golden) & MASK for i in range(1, 6)]
    words = np.array([state ^ golden for state in states], dtype=np.uint64)
    assert hash_words(words).tolist() == [
        6457827717110365317, 3203168211198807973, 9817491932198370423,
        4593380528125082431, 16408922859458223821,
    ]  # fmt: skip


def plain_hash(*words):
    """The chain of docs/model.md in Python integers."""
    h = 0
    for word in words:
        h = ((h + 0x9E3779B97F4A7C15) & MASK) ^ word
        h = ((h ^ (h >> 30)) * 0xBF58476D1CE4E5B9) & MASK
        h = ((h ^ (h >> 27)) * 0x94D049BB133111EB) & MASK
        h ^= h >> 31
    return h


WORD = st.integers(0, MASK)


@examples(300)
@given(st.lists(WORD, min_size=1, max_size=5))
def test_hash_words_equals_plain_integers(words):
    assert int(hash_words(*words)) == plain_hash(*words)


@examples(100)
@given(st.lists(WORD, min_size=1, max_size=4), st.lists(WORD, min_size=1, max_size=4), WORD)
def test_broadcasting_is_element_by_element(left, right, seed):
    a, b = np.array(left, dtype=np.uint64)[:, None], np.array(right, dtype=np.uint64)
    table = hash_words(seed, a, b)
    assert table.shape == (len(left), len(right))
    expected = [[plain_hash(seed, x, y) for y in right] for x in left]
    assert table.tolist() == expected


def test_pinned_values():
    """Keys of neurons, synapses and faults rest on these; they must never change."""
    assert [int(hash_words(*w)) for w in ((0,), (1,), (1, 2), (2, 1), (MASK, MASK, 0))] == PINNED
    assert hash_text("synapse") == 0x617E928964C1B218
    assert hash_text("input synapse") == 0x1F9DA8C3C59B451C


PINNED = [
    0xE220A8397B1DCDAF,
    0xE4D971771B652C20,
    0x51B01D53CA27E54D,
    0xB554DB55F29981A6,
    0x4FA4921177D57ED9,
]  # fmt: skip


def test_order_and_length_matter():
    values = [int(hash_words(*w)) for w in ((1, 2), (2, 1), (1, 2, 0), (0, 1, 2), (1,), (2,))]
    assert len(set(values)) == len(values)


def test_uniform_stays_inside_the_open_interval():
    """Both ends would be fatal: the inverse normal distribution is infinite there."""
    ends = uniform(np.array([0, 1, MASK - 1, MASK], dtype=np.uint64))
    assert (ends > 0.0).all()
    assert (ends < 1.0).all()


@examples(300)
@given(WORD)
def test_uniform_is_the_top_bits_as_a_fraction(word):
    value = float(uniform(np.array([word], dtype=np.uint64))[0])
    assert abs(value - word / 2**64) <= 2.0**-52


def test_uniform_is_uniform():
    values = np.sort(uniform(hash_words(7, np.arange(20_000))))
    distance = np.abs(values - (np.arange(20_000) + 0.5) / 20_000).max()
    assert distance < 1.95 / np.sqrt(20_000)  # Kolmogorov-Smirnov, p = 0.001
