"""A fixed 64-bit hash: structural keys and fault draws are the same in every process, for ever.

The mixing step is the output function of SplitMix64 (Steele, Lea & Flood, OOPSLA 2014,
"Fast splittable pseudorandom number generators"): two xor-shift-multiply rounds that
spread every input bit over the whole word. Words are chained, ``h = mix(h + GOLDEN ^ word)``,
so the order of the words matters.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_FIRST = np.uint64(0xBF58476D1CE4E5B9)
_SECOND = np.uint64(0x94D049BB133111EB)


def _mix(h: NDArray[np.uint64]) -> NDArray[np.uint64]:
    h = (h ^ (h >> np.uint64(30))) * _FIRST
    h = (h ^ (h >> np.uint64(27))) * _SECOND
    return h ^ (h >> np.uint64(31))


def hash_words(*words: ArrayLike) -> NDArray[np.uint64]:
    """Hash a sequence of 64-bit words, element by element with broadcasting.

    Parameters
    ----------
    *words : array_like of uint64
        Scalars or arrays; the result has their broadcast shape.

    Returns
    -------
    ndarray of uint64

    Examples
    --------
    >>> hex(int(hash_words(1, 2)))
    '0x51b01d53ca27e54d'
    >>> hash_words(1, [2, 3]).shape
    (2,)
    """
    h = np.zeros(1, dtype=np.uint64)  # at least one dimension: scalars would warn on overflow
    for word in words:
        h = hash_more(h, word)
    shape = np.broadcast_shapes(*(np.shape(word) for word in words))
    return h.reshape(shape)


def hash_more(hashed: NDArray[np.uint64], word: ArrayLike, /) -> NDArray[np.uint64]:
    """Go on with one more word: ``hash_more(hash_words(a), b)`` is ``hash_words(a, b)``.

    Examples
    --------
    >>> bool((hash_more(hash_words([1]), 2) == hash_words([1], 2)).all())
    True
    """
    return _mix((hashed + GOLDEN) ^ np.asarray(word, dtype=np.uint64))


@lru_cache(maxsize=256)
def hash_text(text: str) -> int:
    """Hash a name (64-bit FNV-1a of its UTF-8 bytes).

    Examples
    --------
    >>> hex(hash_text("a"))
    '0xaf63dc4c8601ec8c'
    """
    h = 0xCBF29CE484222325
    for byte in text.encode():
        h = ((h ^ byte) * 0x100000001B3) & 0xFFFFFFFFFFFFFFFF
    return h


def uniform(hashed: NDArray[np.uint64]) -> NDArray[np.float64]:
    """Turn hashes into floats in the open interval (0, 1): 52 random bits plus a half step.

    With 53 bits the largest would round to 1.
    """
    return (np.right_shift(hashed, np.uint64(12)).astype(np.float64) + 0.5) * 2.0**-52
