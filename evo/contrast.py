"""Contrast: coordinates in which an evolution strategy finds how something changes.

Where a value is read from several traces of different speed (`neuro.Potential`), a network acts on
changes by weights of nearly opposite effect onto a fast and a slow trace. In weights, that is a
long narrow ridge across the axes, along which a separable strategy creeps. Told as the sum of
their effects and the differences between neighbouring traces, the ridge is an axis, and a scale
lets a step along it be larger.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from evo.genome import Genome
from evo.space import SearchSpace


def to_contrast(
    genome: Genome, space: SearchSpace, scale: float, weight: NDArray[np.float64], /
) -> NDArray[np.float64]:
    """Tell the weights of each neuron that reaches all traces of a value as sum and differences.

    Parameters
    ----------
    scale : float
        How much larger a step along a difference is; 0 leaves weights as they are.
    weight : ndarray of float64, shape (E,)
    """
    return _mapped(genome, space, scale, weight, inverse=False)


def from_contrast(
    genome: Genome, space: SearchSpace, scale: float, told: NDArray[np.float64], /
) -> NDArray[np.float64]:
    """Do the opposite of `to_contrast`."""
    return _mapped(genome, space, scale, told, inverse=True)


def matrix(traces: tuple[float, ...], scale: float, /) -> NDArray[np.float64]:
    """Map weights onto traces to the sum of their effects and the scaled differences of these.

    The effect of a steady input on a leaky integrator grows with its time constant; it is told
    in units of the first one.

    Examples
    --------
    >>> matrix((20.0, 100.0), 2.0)
    array([[ 1.  ,  5.  ],
           [ 0.25, -1.25]])
    """
    count = len(traces)
    differences = (np.eye(count) - np.eye(count, k=1))[:-1] / (2.0 * scale)
    effects = np.array(traces) / traces[0]
    return np.asarray(np.vstack([np.ones(count), differences]) * effects)


def _mapped(
    genome: Genome, space: SearchSpace, scale: float, values: NDArray[np.float64], *, inverse: bool
) -> NDArray[np.float64]:
    traces = tuple(getattr(space.readout, "traces", ()))
    if len(traces) < 2 or not scale:
        return values
    change = matrix(traces, scale)
    if inverse:
        change = np.linalg.inv(change).astype(np.float64)
    pairs = zip(genome.pre.tolist(), genome.post.tolist(), strict=True)
    place = {pair: e for e, pair in enumerate(pairs)}
    groups = space.output_keys.reshape(-1, len(traces)).tolist()
    rows = [
        [place[pre, post] for post in group]
        for group in groups
        for pre in dict.fromkeys(genome.pre.tolist())
        if all((pre, post) in place for post in group)
    ]
    if not rows:
        return values
    mapped = values.copy()
    mapped[np.array(rows)] = values[np.array(rows)] @ change.T
    return mapped
