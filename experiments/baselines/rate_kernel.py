"""The kernel that plays episodes with networks of rates: weighted sums, perhaps squashed."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from neuro.jit import kernel


class Plan(NamedTuple):
    """A network of rates and how it is wired to a task; see `RateNetwork` for the first seven.

    Attributes
    ----------
    slots : int
        Number of inputs, nodes and outputs that nothing leads to.
    center, scale : ndarray of float64
        Of the observations.
    options : ndarray of int64
        Of each value of an action; 0 for a continuous one.
    low, high : ndarray of float64
        Bounds of each continuous value.
    """

    first: NDArray[np.int64]
    source: NDArray[np.int64]
    bias: NDArray[np.float64]
    response: NDArray[np.float64]
    outputs: NDArray[np.int64]
    sigmoid: bool
    recurrent: bool
    slots: int
    center: NDArray[np.float64]
    scale: NDArray[np.float64]
    options: NDArray[np.int64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]


@kernel
def play(
    p, weight, copy_of, start_of, starts, max_steps, observe, step, returns, steps, terminated
):  # fmt: skip
    """Play J episodes, each with one copy of the weights from one start.

    Parameters
    ----------
    p : Plan
    weight : ndarray of float64, shape (K, E)
    copy_of, start_of : ndarray of int64, shape (J,)
    starts : ndarray of float64, shape (S, D)
    max_steps : int
    observe, step : KernelFunction
    returns, steps, terminated : ndarray, shape (J,)
        Filled as by `neuro.closed_loop.roll_out`.
    """
    inputs = len(p.center)
    seen, action = np.zeros(inputs), np.zeros(len(p.options))
    for j in range(len(copy_of)):
        state = starts[start_of[j]].copy()
        own = weight[copy_of[j]]
        before = np.zeros(p.slots)
        after = np.zeros(p.slots) if p.recurrent else before
        ended = False
        while not ended and steps[j] < max_steps:
            observe(state, seen)
            for i in range(inputs):
                if not np.isfinite(seen[i]):  # as in the kernel that plays spiking networks
                    seen[i] = 0.0
                    returns[j] = np.nan
                before[i] = (seen[i] - p.center[i]) / p.scale[i]
                after[i] = before[i]
            for n in range(len(p.bias)):
                total = 0.0
                for e in range(p.first[n], p.first[n + 1]):
                    total += before[p.source[e]] * own[e]
                value = p.bias[n] + p.response[n] * total
                if p.sigmoid:
                    value = 1.0 / (1.0 + math.exp(-max(-60.0, min(60.0, 5.0 * value))))
                after[inputs + n] = value
            at = 0
            for a in range(len(p.options)):
                share = after[p.outputs[at]]
                if p.sigmoid:
                    share = 2.0 * share - 1.0
                if p.options[a] == 0:
                    share = max(-1.0, min(1.0, share))
                    action[a] = 0.5 * (p.low[a] + p.high[a]) + 0.5 * (p.high[a] - p.low[a]) * share
                    at += 1
                elif p.options[a] == 2:
                    action[a] = 1.0 if share > 0.0 else 0.0
                    at += 1
                else:
                    best = at
                    for o in range(at + 1, at + p.options[a]):
                        if after[p.outputs[o]] > after[p.outputs[best]]:
                            best = o
                    action[a] = best - at
                    at += p.options[a]
            reward, ended = step(state, action)
            returns[j] += reward
            steps[j] += 1
            before, after = after, before
        terminated[j] = ended
