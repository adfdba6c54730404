"""Random numbers of faults, addressed instead of streamed.

A number depends on (seed, draw, site key, what it is for) and on nothing else. So the same
synapse meets the same fault in every network that has it (common random numbers), a network's
faults do not depend on which others were evaluated, in which order or on which worker, and
draws with a higher severity contain those with a lower one (the uniforms stay the same).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtri

from neuro.hashing import hash_more, hash_text, hash_words, uniform


@lru_cache(maxsize=64)
def _begin(seed: int, purpose: str, numbers: bytes) -> NDArray[np.uint64]:
    """Hash what the networks of a population have in common, once for all of them."""
    draws = np.frombuffer(numbers, dtype=np.uint64)
    return hash_words(np.uint64(seed), hash_text(purpose), draws)


class Draws:
    """Addressed random numbers for a set of draws and sites.

    Parameters
    ----------
    seed : int
        Seed of the campaign, 0 to 2**64 - 1.
    numbers : array_like of int, shape (K,)
        Which draws.
    keys : ndarray of uint64, shape (S,)
        Stable keys of the sites.
    purpose : str
        Name of what draws; different names give independent numbers.

    Examples
    --------
    >>> keys = np.array([11, 22, 33], dtype=np.uint64)
    >>> all_draws = Draws(7, [0, 1, 2], keys, "demo").uniform()
    >>> one_draw = Draws(7, [1], keys[2:], "demo").uniform()
    >>> bool(all_draws[1, 2] == one_draw[0, 0])
    True
    """

    def __init__(
        self, seed: int, numbers: ArrayLike, keys: NDArray[np.uint64], purpose: str
    ) -> None:
        begun = _begin(int(seed), purpose, np.asarray(numbers, dtype=np.uint64).tobytes())
        self._hashed = hash_more(begun[:, None], keys[None, :])

    @classmethod
    def joined(cls, parts: Sequence[Draws]) -> Draws:
        """Put the draws of several purposes one after another."""
        if len(parts) == 1:
            return parts[0]
        joined = cls.__new__(cls)
        joined._hashed = np.concatenate([part._hashed for part in parts])
        return joined

    def uniform(self, which: int = 0) -> NDArray[np.float64]:
        """Uniform numbers in (0, 1), shape (K, S); `which` tells several apart, e.g. a bit."""
        return uniform(hash_words(self._hashed, which))

    def normal(self, which: int = 0) -> NDArray[np.float64]:
        """Standard normal numbers, shape (K, S), by inverting the distribution function."""
        values: NDArray[np.float64] = ndtri(self.uniform(which))
        return values
