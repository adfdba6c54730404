"""The rate encoder: random spikes whose probability is the value."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numba.extending import register_jitable
from numpy.typing import NDArray

from neuro.encoders.contract import ScaledEncoder
from neuro.hashing import GOLDEN
from neuro.jit import ENCODE, KernelFunction, kernel_function
from neuro.specs import flag, real, settle, whole

_FIRST = np.uint64(0xBF58476D1CE4E5B9)
_SECOND = np.uint64(0x94D049BB133111EB)


@register_jitable
def _more(hashed, word):
    """Go on with a hash, as `neuro.hashing.hash_more` does."""
    # NumPy's functions do not warn when they wrap around; its operators on scalars do.
    h = np.add(hashed, GOLDEN) ^ word
    h = np.multiply(h ^ (h >> np.uint64(30)), _FIRST)
    h = np.multiply(h ^ (h >> np.uint64(27)), _SECOND)
    return h ^ (h >> np.uint64(31))


@kernel_function(ENCODE)
def _rate(observation, parameters, current, pulses):
    ticks, peak, signed = int(parameters[0]), parameters[1], parameters[2] != 0.0
    count = len(observation)
    bits = (observation + 0.0).view(np.uint64)  # -0.0 counts as 0.0
    hashed = _more(np.uint64(0), np.uint64(parameters[3]))
    for i in range(count):
        hashed = _more(hashed, bits[i])
    for i in range(count):
        x = observation[i] - parameters[4 + count + i]
        z = min(max(x / parameters[4 + i], -1.0), 1.0)
        if signed:
            channel, probability = 2 * i + (0 if z < 0.0 else 1), peak * abs(z)
        else:
            channel, probability = i, peak * ((z + 1.0) * 0.5)
        train = _more(hashed, np.uint64(channel))
        for t in range(ticks):
            # 52 random bits plus a half step: strictly between 0 and 1.
            u = (float(_more(train, np.uint64(t)) >> np.uint64(12)) + 0.5) * 2.0**-52
            if u < probability:
                pulses[channel, t // 64] |= np.uint64(1) << np.uint64(t % 64)


@dataclass(frozen=True)
class Rate(ScaledEncoder):
    """Each tick has a pulse with a probability that grows with the value (Bernoulli spikes).

    The draws are a hash of the seed and of all values of the observation, so the same
    observation always makes the same trains, in any order and process; a change of any value,
    however small, draws all of them anew. The discrete-time form of the Poisson coding in
    Diehl & Cook 2015 ("Unsupervised learning of digit recognition using
    spike-timing-dependent plasticity").

    Parameters
    ----------
    scale : tuple of float
        Half of the range of each value.
    ticks : int
        Ticks per decision.
    peak : float
        Probability of a pulse per tick at full size.
    signed : bool
        Two channels per value, for values below and above the center, whose size is the
        distance from it; or one, for the place in the whole range.
    seed : int
        Which of all possible trains.
    gain : float
        What an input neuron receives per pulse.
    center : tuple of float
        Middle of the range of each value; left out, 0.

    Examples
    --------
    >>> encoder, pulses = Rate(scale=[2.0]), np.zeros((2, 1), dtype=np.uint64)
    >>> encoder.kernel(np.array([2.0]), encoder.parameters(), np.zeros(2), pulses)
    >>> [f"{word:024b}"[::-1] for word in pulses[:, 0].tolist()]
    ['000000000000000000000000', '101000001000101011111011']
    """

    name: ClassVar[str] = "rate"
    graded: ClassVar[bool] = False
    kernel: ClassVar[KernelFunction] = _rate
    scale: tuple[float, ...]
    ticks: int = 24
    peak: float = 0.5
    signed: bool = True
    seed: int = 0
    gain: float = 1.0
    center: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        settle(
            self,
            **self.checked(),
            peak=real(self.peak, "peak", 0.0, 1.0),
            signed=flag(self.signed, "signed"),
            seed=whole(self.seed, "seed", 0, 2**53),  # parameters of kernels are floats
        )

    @property
    def channels(self) -> int:
        return len(self.scale) * (2 if self.signed else 1)

    def parameters(self) -> NDArray[np.float64]:
        return self.vector(self.ticks, self.peak, self.signed, self.seed)
