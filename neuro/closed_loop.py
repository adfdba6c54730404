"""Compiled kernels: networks in a closed loop with what they control, decision by decision."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from neuro.jit import inlined, kernel
from neuro.kernels import (
    WIDEST,
    Copies,
    aligned,
    load_lane,
    move_lane,
    new_lanes,
    own_thresholds,
    run,
    tick_lanes,
)
from neuro.program import program_of
from neuro.vectors import at_least, borrow, choose, claim, has_bit, load, row_of, spread, store

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


@kernel
def new_ports(p, x, stride, observations):
    """Allocate ports, and mark the neurons that a graded encoder drives in every tick."""
    words = (p.ticks + 63) // 64
    for j in p.in_post:
        x.driven[j] = True
    return Ports(
        np.zeros((stride, observations)), np.zeros((stride, p.values)), np.zeros(p.channels),
        np.zeros((p.channels, words), dtype=np.uint64), aligned(p.channels * stride),
        np.zeros(p.channels * words * stride, dtype=np.uint64),
        np.zeros(p.channels * words, dtype=np.uint64), np.zeros(p.channels, dtype=np.bool_),
        aligned(len(p.outputs) * stride), np.zeros(len(p.outputs)),
    )  # fmt: skip


@inlined
def encode_lanes(p, ports, stride, active, encode):
    """Turn each lane's observation into currents or pulses, transposed to rows of lanes."""
    words = (p.ticks + 63) // 64
    pulsed = len(p.inputs) > 0
    for row in range(len(ports.any_pulse)):
        ports.any_pulse[row] = 0
    for lane in range(active):
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
def run_decision(p, x, ports, stride, active, own, start, lanes):
    """Run the ticks of one decision and note what the readout sees of the outputs."""
    n, words = len(p.al), (p.ticks + 63) // 64
    zero, one = spread(0.0, lanes), spread(1.0, lanes)
    for j in range(n):
        if x.driven[j]:
            store(x.ext, j * stride, zero)
    for i in range(len(p.in_post)):
        to = p.in_post[i] * stride
        current = load(ports.current, p.in_channel[i] * stride, lanes)
        weight = load(x.in_weight, i * stride, lanes)
        store(x.ext, to, load(x.ext, to, lanes) + weight * current)
    for j in range(n):
        if x.driven[j]:
            store(x.ext, j * stride, load(x.ext, j * stride, lanes) + spread(p.bias[j], lanes))
    unseen = spread(np.float64(p.ticks) if p.sees == FIRST else 0.0, lanes)
    for o in range(len(p.outputs)):
        store(ports.seen, o * stride, unseen)
    for t in range(p.ticks):
        for c in range(len(p.inputs)):
            row = c * words + t // 64
            pulsing = (ports.any_pulse[row] >> np.uint64(t % 64)) & np.uint64(1) != 0
            if pulsing or ports.pulsing[c]:
                j = p.inputs[c]
                bias = spread(p.bias[j], lanes)
                if pulsing:
                    pulse = has_bit(ports.pulses, row * stride, t % 64, lanes)
                    bias = choose(pulse, spread(p.gain, lanes), zero) + bias
                store(x.ext, j * stride, bias)
                x.driven[j] = pulsing or p.bias[j] != 0.0
                ports.pulsing[c] = pulsing
        tick_lanes(p, x, stride, active, own, start + t, lanes)
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
def decide_lanes(p, x, ports, stride, active, own, start, encode, read_out):
    """One decision of the first `active` lanes, from ``ports.observation`` to ``ports.action``."""
    encode_lanes(p, ports, stride, active, encode)
    # What few lanes remain at the end of a set of episodes do not pay for 32.
    if active <= 8:
        run_decision(p, x, ports, stride, active, own, start, np.uint8(0))
    else:
        run_decision(p, x, ports, stride, active, own, start, np.uint32(0))
    read_out_lanes(p, ports, stride, active, read_out)


@kernel
def decide_together(p, x, ports, stride, active, own, start, encode, read_out):
    """One decision of the first `active` lanes, for callers outside of kernels."""
    p, x, ports = borrow(p), borrow(x), borrow(ports)
    decide_lanes(p, x, ports, stride, active, own, start, encode, read_out)


@kernel
def play(
    p, x, ports, state, stride, copies, copy_of, start_of, starts, max_steps,
    encode, read_out, observe, step, returns, steps, terminated,
):  # fmt: skip
    """Play the jobs of one network in given lanes, ports and plants; see `roll_out`."""
    p, x, ports = borrow(p), borrow(x), borrow(ports)
    own = own_thresholds(p, copies)
    jobs = len(copy_of)
    job = np.zeros(stride, dtype=np.int64)
    active = min(stride, jobs)
    for lane in range(active):
        load_lane(p, x, stride, lane, copies, copy_of[lane])
        for i in range(state.shape[1]):
            state[lane, i] = starts[start_of[lane], i]
        job[lane] = lane
    waiting = active
    start = np.int64(0)  # a bare 0 has a type of its own: everything would be compiled twice
    while active > 0:
        for lane in range(active):
            observe(row_of(state, lane), row_of(ports.observation, lane))
            for i in range(ports.observation.shape[1]):
                # Encoders count on numbers: what diverges scores NaN, which the engine names.
                if not np.isfinite(ports.observation[lane, i]):
                    ports.observation[lane, i] = 0.0
                    returns[job[lane]] = np.nan
        decide_lanes(p, x, ports, stride, active, own, start, encode, read_out)
        start += p.ticks
        # From the last lane to the first: the lane that fills a gap has already been stepped.
        for lane in range(active - 1, -1, -1):
            reward, ended = step(row_of(state, lane), row_of(ports.action, lane))
            returns[job[lane]] += reward
            steps[job[lane]] += 1
            if ended or steps[job[lane]] >= max_steps:
                terminated[job[lane]] = ended
                if waiting < jobs:
                    load_lane(p, x, stride, lane, copies, copy_of[waiting])
                    for i in range(state.shape[1]):
                        state[lane, i] = starts[start_of[waiting], i]
                    job[lane] = waiting
                    waiting += 1
                else:
                    active -= 1
                    move_lane(p, x, stride, lane, active)
                    for i in range(state.shape[1]):
                        state[lane, i] = state[active, i]
                    job[lane] = job[active]


@kernel
def roll_out(
    batch, copies, copy_of, start_of, starts, max_steps, encode, read_out, observe, step,
    observations, counter, returns, steps, terminated,
):  # fmt: skip
    """Let each of M networks play whole episodes, the same J jobs, in closed loop.

    A job is one copy from one start. It has a lane to itself; a free lane takes the next job.
    Threads that share `counter` share the networks.

    Parameters
    ----------
    batch : Batch
    copies : Copies
        With flat arrays: the F copies of one network after those of another.
    copy_of, start_of : ndarray of int64, shape (J,)
        Which copy plays from which start in each job.
    starts : ndarray of float64, shape (S, D)
        Initial states of the plant.
    max_steps : int
        Decisions after which an episode is cut off.
    encode, read_out, observe, step : KernelFunction
        The encoder's and readout's kernels and the plant; see `neuro.jit`.
    observations : int
        Numbers of values.
    counter : ndarray of int64, shape (1,)
        Zero to begin with: the next network to take.
    returns : ndarray of float64, shape (M, J)
        Filled with the sum of rewards of each job; NaN where an observation was not finite.
    steps : ndarray of int64, shape (M, J)
        Filled with its number of decisions.
    terminated : ndarray of bool, shape (M, J)
        Filled with whether it came to its end before it was cut off.
    """
    at = batch.at
    each = len(copies.v_threshold) // max(1, at[-1, 0])
    stride = 8 if len(copy_of) <= 8 else WIDEST
    while True:
        m = claim(counter)
        if m >= len(returns):
            break
        p = program_of(batch, m)
        own = Copies(
            copies.weight[each * at[m, 1] : each * at[m + 1, 1]].reshape(each, len(p.weight)),
            copies.in_weight[each * at[m, 2] : each * at[m + 1, 2]].reshape(each, len(p.in_weight)),
            copies.v_threshold[each * at[m, 0] : each * at[m + 1, 0]].reshape(each, len(p.al)),
        )
        x = new_lanes(p, stride)
        ports = new_ports(p, x, stride, observations)
        play(
            p, x, ports, np.zeros((stride, starts.shape[1])), stride, own, copy_of, start_of,
            starts, max_steps, encode, read_out, observe, step, returns[m], steps[m],
            terminated[m],
        )  # fmt: skip
