"""Compiled kernels: one decision, from observations to actions, of one network or in lanes."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from neuro.jit import inlined, kernel
from neuro.kernels import aligned, edit_lanes, run, tick_lanes
from neuro.vectors import at_least, borrow, choose, has_bit, load, row_of, spread, store

# What a readout sees of an output; see `neuro.readouts.SEES`.
FIRST, POTENTIAL = 1, 2


@kernel
def decide(p, s, start, observation, encode, read_out, action, ext, fired, v):
    """One decision of one network: encode, run the ticks, read out; all ticks are recorded.

    Parameters
    ----------
    start : int
        Tick the decision starts at.
    observation, action : ndarray of float64
    ext, v : ndarray of float64, shape (ticks, N)
        Filled with what the network received and its potentials.
    fired : ndarray of uint64, shape (ticks, W)
        Filled with spikes, as in `State.fired`.
    """
    n = len(p.al)
    current = np.zeros(p.channels)
    pulses = np.zeros((p.channels, (p.ticks + 63) // 64), dtype=np.uint64)
    encode(observation, p.encoder, current, pulses)
    constant = np.zeros(n)
    for i in range(len(p.in_post)):
        constant[p.in_post[i]] += p.in_weight[i] * current[p.in_channel[i]]
    for t in range(p.ticks):
        ext[t] = constant
        word, bit = t // 64, np.uint64(t % 64)
        for c in range(len(p.inputs)):
            if (pulses[c, word] >> bit) & np.uint64(1):
                ext[t, p.inputs[c]] += p.gain
    run(p, s, start, ext, np.arange(n), fired, v)
    seen = np.zeros(len(p.outputs))
    for o in range(len(p.outputs)):
        j = p.outputs[o]
        word, bit = j // 64, np.uint64(j % 64)
        if p.sees == POTENTIAL:
            seen[o] = v[p.ticks - 1, j]
        elif p.sees == FIRST:
            seen[o] = p.ticks
        for t in range(p.ticks):
            if (fired[t, word] >> bit) & np.uint64(1) == 0:
                continue
            if p.sees == FIRST:
                seen[o] = min(seen[o], np.float64(t))
            elif p.sees != POTENTIAL:
                seen[o] += 1.0
    read_out(seen, p.readout, action)


class Ports(NamedTuple):
    """What passes between lanes and their plants; C channels, O outputs, W words of 64 ticks.

    Attributes
    ----------
    observation, action : ndarray of float64, shape (stride, ...)
    channel_current : ndarray of float64, shape (C,)
    channel_pulses : ndarray of uint64, shape (C, W)
        What an encoder fills for one lane.
    current : ndarray of float64, C rows of lanes
    pulses : ndarray of uint64, C * W rows of lanes
    any_pulse : ndarray of uint64, shape (C * W,)
        Pulses of all lanes: most channels are silent in most ticks.
    pulsing : ndarray of bool, shape (C,)
        Whether the channel's row of ``ext`` has pulses from the tick before.
    seen : ndarray of float64, O rows of lanes
    lane_seen : ndarray of float64, shape (O,)
        What a readout sees of each output; of one lane.
    log : ndarray of uint32, shape (ticks, N + pulsed channels)
        Filled with who fired and which channels had a pulse in each tick of the last decision, a
        bit for each lane; without rows if nobody asks.
    """

    observation: NDArray[np.float64]
    action: NDArray[np.float64]
    channel_current: NDArray[np.float64]
    channel_pulses: NDArray[np.uint64]
    current: NDArray[np.float64]
    pulses: NDArray[np.uint64]
    any_pulse: NDArray[np.uint64]
    pulsing: NDArray[np.bool_]
    seen: NDArray[np.float64]
    lane_seen: NDArray[np.float64]
    log: NDArray[np.uint32]


@kernel
def new_ports(p, x, stride, observations, logged=0):
    """Allocate ports, and mark the neurons that a graded encoder drives in every tick.

    `logged` is the number of ticks to log, those of a decision or none.
    """
    words = (p.ticks + 63) // 64
    for j in p.in_post:
        x.driven[j] = True
    return Ports(
        np.zeros((stride, observations)), np.zeros((stride, p.values)), np.zeros(p.channels),
        np.zeros((p.channels, words), dtype=np.uint64), aligned(p.channels * stride),
        np.zeros(p.channels * words * stride, dtype=np.uint64),
        np.zeros(p.channels * words, dtype=np.uint64), np.zeros(p.channels, dtype=np.bool_),
        aligned(len(p.outputs) * stride), np.zeros(len(p.outputs)),
        np.zeros((logged, len(p.al) + len(p.inputs)), dtype=np.uint32),
    )  # fmt: skip


@kernel
def same_observation(observation, lane):
    """Whether a lane sees what the one before sees, down to the sign of zero."""
    for i in range(observation.shape[1]):
        a, b = observation[lane, i], observation[lane - 1, i]
        if a != b or math.copysign(1.0, a) != math.copysign(1.0, b):
            return False
    return True


@inlined
def encode_lanes(p, ports, stride, active, encode):
    """Turn each lane's observation into currents or pulses, transposed to rows of lanes."""
    words = (p.ticks + 63) // 64
    pulsed = len(p.inputs) > 0
    for row in range(len(ports.any_pulse)):
        ports.any_pulse[row] = 0
    for lane in range(active):
        # Copies of a network that meet the same sample see the same: encode it once. Without,
        # random spike trains took longer than the network that received them.
        if lane > 0 and same_observation(ports.observation, lane):
            for c in range(p.channels):
                if not pulsed:
                    ports.current[c * stride + lane] = ports.current[c * stride + lane - 1]
                for w in range(words if pulsed else 0):
                    row = (c * words + w) * stride + lane
                    ports.pulses[row] = ports.pulses[row - 1]
            continue
        encode(
            row_of(ports.observation, lane), p.encoder,
            ports.channel_current, ports.channel_pulses,
        )  # fmt: skip
        for c in range(p.channels):
            if not pulsed:
                ports.current[c * stride + lane] = ports.channel_current[c]
                ports.channel_current[c] = 0.0
            for w in range(words if pulsed else 0):
                pulses = ports.channel_pulses[c, w]
                ports.channel_pulses[c, w] = 0
                ports.pulses[(c * words + w) * stride + lane] = pulses
                ports.any_pulse[c * words + w] |= pulses


@kernel
def set_currents(p, x, ports, stride, lanes):
    """Give driven neurons the currents of a graded encoder, plus the bias where it is shared."""
    n = len(p.al)
    zero = spread(0.0, lanes)
    for j in range(n):
        if x.driven[j]:
            store(x.ext, j * stride, zero)
    for i in range(len(p.in_post)):
        to = p.in_post[i] * stride
        current = load(ports.current, p.in_channel[i] * stride, lanes)
        weight = load(x.in_weight, i * stride, lanes)
        store(x.ext, to, load(x.ext, to, lanes) + weight * current)
    if len(x.own) == 0:
        for j in range(n):
            if x.driven[j]:
                store(x.ext, j * stride, load(x.ext, j * stride, lanes) + spread(p.bias[j], lanes))


@kernel
def run_decision(p, x, ports, stride, active, start, lanes, known=None, at=0):
    """Run the ticks of one decision and note what the readout sees of the outputs.

    If it is `known` who fires, from row `at` on a bit for each lane, only neurons that are
    ``x.swept`` are simulated.
    """
    words, own, logged = (p.ticks + 63) // 64, len(x.own) > 0, len(ports.log) > 0
    zero, one = spread(0.0, lanes), spread(1.0, lanes)
    set_currents(p, x, ports, stride, lanes)
    unseen = spread(np.float64(p.ticks) if p.sees == FIRST else 0.0, lanes)
    for o in range(len(p.outputs)):
        store(ports.seen, o * stride, unseen)
    for t in range(p.ticks):
        if start + t >= x.due[0]:
            edit_lanes(x, stride, active, start + t)
            if len(p.in_post) > 0:
                set_currents(p, x, ports, stride, lanes)
        for c in range(len(p.inputs)):
            row = c * words + t // 64
            pulsing = (ports.any_pulse[row] >> np.uint64(t % 64)) & np.uint64(1) != 0
            if logged:
                ports.log[t, len(p.al) + c] = 0
            if pulsing or ports.pulsing[c]:
                j = p.inputs[c]
                ext, gain = spread(0.0 if own else p.bias[j], lanes), spread(p.gain, lanes)
                if pulsing:
                    if own:
                        gain = load(x.gain, c * stride, lanes)
                    pulse = has_bit(ports.pulses, row * stride, t % 64, lanes)
                    ext = choose(pulse, gain, zero) + ext
                    if logged:
                        ports.log[t, len(p.al) + c] = pulse
                store(x.ext, j * stride, ext)
                x.driven[j] = own or pulsing or p.bias[j] != 0.0
                ports.pulsing[c] = pulsing
        if known is not None:
            for j in range(len(p.al)):
                if not x.swept[j]:
                    x.fired[j] = known[at + t, j]
            tick_lanes(p, x, stride, active, start + t, lanes, True)
        else:
            tick_lanes(p, x, stride, active, start + t, lanes)
        if logged:
            for j in range(len(p.al)):
                ports.log[t, j] = x.fired[j]
        for o in range(len(p.outputs)):
            fired = x.fired[p.outputs[o]]
            if fired != 0:
                before = load(ports.seen, o * stride, lanes)
                if p.sees == FIRST:
                    after = spread(np.float64(t), lanes)
                    fired &= at_least(before, after)
                else:
                    after = before + one
                store(ports.seen, o * stride, choose(fired, after, before))
    if p.sees == POTENTIAL:
        for o in range(len(p.outputs)):
            store(ports.seen, o * stride, load(x.v, p.outputs[o] * stride, lanes))


@inlined
def read_out_lanes(p, ports, stride, active, read_out):
    """Turn what is seen of each lane into its action."""
    for lane in range(active):
        for o in range(len(p.outputs)):
            ports.lane_seen[o] = ports.seen[o * stride + lane]
        read_out(ports.lane_seen, p.readout, row_of(ports.action, lane))


@inlined
def decide_lanes(p, x, ports, stride, active, start, encode, read_out):
    """One decision of the first `active` lanes, from ``ports.observation`` to ``ports.action``."""
    encode_lanes(p, ports, stride, active, encode)
    # What few lanes remain at the end of a set of episodes do not pay for 32.
    if active <= 8:
        run_decision(p, x, ports, stride, active, start, np.uint8(0))
    else:
        run_decision(p, x, ports, stride, active, start, np.uint32(0))
    read_out_lanes(p, ports, stride, active, read_out)


@kernel
def decide_together(p, x, ports, stride, active, start, encode, read_out):
    """One decision of the first `active` lanes, for callers outside of kernels."""
    p, x, ports = borrow(p), borrow(x), borrow(ports)
    decide_lanes(p, x, ports, stride, active, start, encode, read_out)
