"""What the kernels run: a network flattened into plain arrays, all decisions already made."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from neuro.network import Network


class Program(NamedTuple):
    """A network as kernels read it; N neurons, E synapses, I input synapses.

    Attributes
    ----------
    al, be : ndarray of float64, shape (N,)
        Membrane and synaptic factors per tick, exp(-dt/tau), from `math.exp`.
    v_threshold, v_reset, v_leak, v_min, bias : ndarray of float64, shape (N,)
    refractory : ndarray of int64, shape (N,)
    subtract : ndarray of bool, shape (N,)
        Reset rule.
    first : ndarray of int64, shape (N + 1,)
        Neuron j sends synapses ``first[j] .. first[j + 1] - 1``.
    post, delay : ndarray of int64; weight : ndarray of float64, shape (E,)
    in_channel, in_post : ndarray of int64; in_weight : ndarray of float64, shape (I,)
    inputs, outputs : ndarray of int64
        Neurons that receive pulses (none with a graded encoder) and that are read.
    encoder, readout : ndarray of float64
        Their parameters.
    channels, ticks, ring : int
        Encoder channels, ticks per decision, length of the delay ring (a power of two).
    gain : float
        Input of an input neuron per pulse.
    """

    al: NDArray[np.float64]
    be: NDArray[np.float64]
    v_threshold: NDArray[np.float64]
    v_reset: NDArray[np.float64]
    v_leak: NDArray[np.float64]
    v_min: NDArray[np.float64]
    bias: NDArray[np.float64]
    refractory: NDArray[np.int64]
    subtract: NDArray[np.bool_]
    first: NDArray[np.int64]
    post: NDArray[np.int64]
    delay: NDArray[np.int64]
    weight: NDArray[np.float64]
    in_channel: NDArray[np.int64]
    in_post: NDArray[np.int64]
    in_weight: NDArray[np.float64]
    inputs: NDArray[np.int64]
    outputs: NDArray[np.int64]
    encoder: NDArray[np.float64]
    readout: NDArray[np.float64]
    channels: int
    ticks: int
    ring: int
    gain: float


def leak_factor(tau: float, dt: float) -> float:
    """Decay per tick: exp(-dt/tau), 0 for tau = 0 and 1 for tau = inf."""
    return math.exp(-dt / tau) if tau > 0.0 else 0.0


def compile_network(network: Network) -> Program:
    """Flatten a network for the kernels.

    The arrays are copies: Numba compiles a kernel anew for read-only arrays.
    """
    n, s, i = network.neurons, network.synapses, network.input_synapses
    encoder, readout = network.encoder, network.readout
    longest = int(s.delay.max(initial=1))
    return Program(
        al=np.array([leak_factor(tau, network.dt) for tau in n.tau_mem.tolist()], dtype=float),
        be=np.array([leak_factor(tau, network.dt) for tau in n.tau_syn.tolist()], dtype=float),
        v_threshold=np.array(n.v_threshold),
        v_reset=np.array(n.v_reset),
        v_leak=np.array(n.v_leak),
        v_min=np.array(n.v_min),
        bias=np.array(n.bias),
        refractory=np.array(n.refractory),
        subtract=n.reset == 1,
        first=np.searchsorted(s.pre, np.arange(len(n) + 1)).astype(np.int64),
        post=np.array(s.post),
        delay=np.array(s.delay),
        weight=np.array(s.weight),
        in_channel=np.array(i.channel),
        in_post=np.array(i.post),
        in_weight=np.array(i.weight),
        inputs=np.array(network.inputs if encoder and not encoder.graded else [], dtype=np.int64),
        outputs=np.array(network.outputs),
        encoder=encoder.parameters() if encoder else np.empty(0),
        readout=readout.parameters() if readout else np.empty(0),
        channels=encoder.channels if encoder else 0,
        ticks=encoder.ticks if encoder else 1,
        ring=1 << (longest - 1).bit_length(),
        gain=float(encoder.gain) if encoder and not encoder.graded else 0.0,
    )
