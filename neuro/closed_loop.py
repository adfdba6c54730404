"""Compiled kernels: networks in a closed loop with what they control, decision by decision."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from neuro.jit import inlined, kernel
from neuro.kernels import (
    FAR,
    WIDEST,
    Copies,
    aligned,
    edit_lanes,
    edits_neurons,
    load_lane,
    move_lane,
    new_lanes,
    rest_lane,
    rest_lanes,
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
    log : ndarray of uint32, shape (ticks, N)
        Filled with who fired in each tick of the last decision; without rows if nobody asks.
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
        np.zeros((logged, len(p.al)), dtype=np.uint32),
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
def run_decision(p, x, ports, stride, active, start, lanes):
    """Run the ticks of one decision and note what the readout sees of the outputs."""
    words, own = (p.ticks + 63) // 64, len(x.own) > 0
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
            if pulsing or ports.pulsing[c]:
                j = p.inputs[c]
                ext, gain = spread(0.0 if own else p.bias[j], lanes), spread(p.gain, lanes)
                if pulsing:
                    if own:
                        gain = load(x.gain, c * stride, lanes)
                    pulse = has_bit(ports.pulses, row * stride, t % 64, lanes)
                    ext = choose(pulse, gain, zero) + ext
                store(x.ext, j * stride, ext)
                x.driven[j] = own or pulsing or p.bias[j] != 0.0
                ports.pulsing[c] = pulsing
        tick_lanes(p, x, stride, active, start + t, lanes)
        if len(ports.log) > 0:
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


class Golden(NamedTuple):
    """What happened in the golden episodes of one network; S starts, C snapshots in all.

    A snapshot is the complete state before a decision: that of the network, with what is on its way
    in the order of its arrival, and that of the plant. With them faulty episodes can begin where
    they first differ, and end where they no longer do. All arrays are empty where nothing is kept.

    Attributes
    ----------
    first : ndarray of int64, shape (S + 1,)
        Start s has snapshots ``first[s] .. first[s + 1] - 1``, one every `every` decisions.
    every : ndarray of int64, shape (1,)
    v, g, held : ndarray of float64, shape (C, N)
    arriving : ndarray of float64, shape (C, R * N)
    state : ndarray of float64, shape (C, D)
    sum : ndarray of float64, shape (C,)
        Rewards so far.
    first_reward : ndarray of int64, shape (S + 1,)
    reward : ndarray of float64
        Reward of each decision.
    fired : ndarray of uint64, shape (decisions * ticks, W)
        Who fired, as in `State.fired`, at each tick of each decision that has a reward.
    current : ndarray of float64, shape (decisions, C)
    pulses : ndarray of uint64, shape (decisions, C * words)
    seen : ndarray of float64, shape (decisions, O)
    action : ndarray of float64, shape (decisions, values)
        What each decision began and ended with; see `Ports`.
    returns : ndarray of float64, shape (S,)
    terminated : ndarray of bool, shape (S,)
    """

    first: NDArray[np.int64]
    every: NDArray[np.int64]
    v: NDArray[np.float64]
    g: NDArray[np.float64]
    held: NDArray[np.float64]
    arriving: NDArray[np.float64]
    state: NDArray[np.float64]
    sum: NDArray[np.float64]
    first_reward: NDArray[np.int64]
    reward: NDArray[np.float64]
    fired: NDArray[np.uint64]
    current: NDArray[np.float64]
    pulses: NDArray[np.uint64]
    seen: NDArray[np.float64]
    action: NDArray[np.float64]
    returns: NDArray[np.float64]
    terminated: NDArray[np.bool_]


@kernel
def keep_lane(p, x, state, stride, lane, k, golden, c):
    """Write a lane's state before tick `k` into snapshot `c`."""
    n = len(p.al)
    for j in range(n):
        i = j * stride + lane
        golden.v[c, j], golden.g[c, j], golden.held[c, j] = x.v[i], x.g[i], x.held[i]
    for r in range(p.ring):
        row = ((k + r) & (p.ring - 1)) * n
        for j in range(n):
            golden.arriving[c, r * n + j] = x.arriving[(row + j) * stride + lane]
    for i in range(state.shape[1]):
        golden.state[c, i] = state[lane, i]


@kernel
def enter_lane(p, x, state, stride, lane, k, golden, c):
    """Let a lane go on from snapshot `c` at tick `k`; the counterpart of `keep_lane`."""
    n = len(p.al)
    for j in range(n):
        i = j * stride + lane
        x.v[i], x.g[i], x.held[i] = golden.v[c, j], golden.g[c, j], golden.held[c, j]
    for r in range(p.ring):
        row = ((k + r) & (p.ring - 1)) * n
        for j in range(n):
            x.arriving[(row + j) * stride + lane] = golden.arriving[c, r * n + j]
    for i in range(state.shape[1]):
        state[lane, i] = golden.state[c, i]


@kernel
def rejoined(p, x, state, stride, lane, k, golden, c):
    """Whether a lane's complete state before tick `k` is that of snapshot `c`."""
    n = len(p.al)
    for i in range(state.shape[1]):
        if state[lane, i] != golden.state[c, i]:
            return False
    for j in range(n):
        i = j * stride + lane
        if x.v[i] != golden.v[c, j] or x.g[i] != golden.g[c, j] or x.held[i] != golden.held[c, j]:
            return False
    for r in range(p.ring):
        row = ((k + r) & (p.ring - 1)) * n
        for j in range(n):
            if x.arriving[(row + j) * stride + lane] != golden.arriving[c, r * n + j]:
                return False
    return True


@kernel
def begin_job(
    p, x, state, stride, lane, copies, f, s, starts, k, golden, begin, rested, patch, neuron
):  # fmt: skip
    """Put a lane at the beginning of an episode, or at the snapshot before decision `begin`.

    There, `neuron` (if it is not negative) has a state of its own: v, g, held and what arrives.
    """
    if begin == 0:
        if not rested:
            rest_lane(p, x, stride, lane)
        load_lane(p, x, stride, lane, copies, f, k)
        for i in range(state.shape[1]):
            state[lane, i] = starts[s, i]
    else:
        load_lane(p, x, stride, lane, copies, f, k - begin * p.ticks)
        enter_lane(p, x, state, stride, lane, k, golden, golden.first[s] + begin // golden.every[0])
        if neuron >= 0:
            n, i = len(p.al), neuron * stride + lane
            x.v[i], x.g[i], x.held[i] = patch[0], patch[1], patch[2]
            for r in range(p.ring):
                row = ((k + r) & (p.ring - 1)) * n
                x.arriving[(row + neuron) * stride + lane] = patch[3 + r]


@kernel
def play(
    p, x, ports, state, stride, copies, copy_of, start_of, begin_of, patches, patched, passes,
    golden, starts, max_steps, encode, read_out, observe, step, returns, steps, terminated,
):  # fmt: skip
    """Play the jobs of one network in given lanes, ports and plants; see `roll_out`."""
    p, x, ports = borrow(p), borrow(x), borrow(ports)
    x.due[0] = FAR
    jobs = len(copy_of)
    nobody, unpatched = np.int64(-1), np.zeros(0)
    late, every = len(begin_of) > 0, golden.every[0] if len(passes) > 0 else 1
    job, over = np.zeros(stride, dtype=np.int64), np.zeros(stride, dtype=np.bool_)
    active = min(stride, jobs)
    start = np.int64(0)  # a bare 0 has a type of its own: everything would be compiled twice
    waiting = np.int64(0)
    rest_lanes(p, x, stride)
    # From the last lane on, here as below: what a lane is given next then tends to be the same
    # copy, where all episodes are as long.
    for lane in range(active - 1, -1, -1):
        begin = begin_of[waiting] if late else 0
        begin_job(
            p, x, state, stride, lane, copies, copy_of[waiting], start_of[waiting], starts,
            start, golden, begin, True, row_of(patches, waiting) if late else unpatched,
            patched[waiting] if late else nobody,
        )  # fmt: skip
        if begin > 0:
            steps[waiting] = begin
            returns[waiting] = golden.sum[golden.first[start_of[waiting]] + begin // every]
        job[lane] = waiting
        waiting += 1
    while active > 0:
        for lane in range(active):
            observe(row_of(state, lane), row_of(ports.observation, lane))
            for i in range(ports.observation.shape[1]):
                # Encoders count on numbers: what diverges scores NaN, which the engine names.
                if not np.isfinite(ports.observation[lane, i]):
                    ports.observation[lane, i] = 0.0
                    returns[job[lane]] = np.nan
        decide_lanes(p, x, ports, stride, active, start, encode, read_out)
        start += p.ticks
        ended = 0
        for lane in range(active):
            now = job[lane]
            reward, end = step(row_of(state, lane), row_of(ports.action, lane))
            returns[now] += reward
            steps[now] += 1
            over[lane] = end or steps[now] >= max_steps
            if over[lane]:
                terminated[now] = end
            elif len(passes) > 0 and passes[copy_of[now]] and steps[now] % every == 0:
                # A fault that has passed without a trace: the rest is known.
                s = start_of[now]
                c = golden.first[s] + steps[now] // every
                if (
                    x.next_edit[lane] == x.last_edit[lane]
                    and c < golden.first[s + 1]
                    and rejoined(p, x, state, stride, lane, start, golden, c)
                ):
                    for r in range(golden.first_reward[s] + steps[now], golden.first_reward[s + 1]):
                        returns[now] += golden.reward[r]
                    steps[now] = golden.first_reward[s + 1] - golden.first_reward[s]
                    terminated[now] = golden.terminated[s]
                    over[lane] = True
            ended += over[lane]
        rested = ended == active and waiting < jobs
        if rested:
            rest_lanes(p, x, stride)
        # From the last lane to the first: what fills a gap is still under way.
        for lane in range(active - 1, -1, -1):
            if not over[lane]:
                continue
            if waiting < jobs:
                begin = begin_of[waiting] if late else 0
                begin_job(
                    p, x, state, stride, lane, copies, copy_of[waiting], start_of[waiting],
                    starts, start, golden, begin, rested,
                    row_of(patches, waiting) if late else unpatched,
                    patched[waiting] if late else nobody,
                )  # fmt: skip
                if begin > 0:
                    steps[waiting] = begin
                    c = golden.first[start_of[waiting]] + begin // every
                    returns[waiting] = golden.sum[c]
                job[lane] = waiting
                waiting += 1
            else:
                active -= 1
                move_lane(p, x, stride, lane, active)
                for i in range(state.shape[1]):
                    state[lane, i] = state[active, i]
                job[lane] = job[active]


@kernel
def note_decision(p, ports, stride, lane, golden, d):
    """Write down all that passed in a lane's decision `d`."""
    for c in range(golden.current.shape[1]):
        golden.current[d, c] = ports.current[c * stride + lane]
    for r in range(golden.pulses.shape[1]):
        golden.pulses[d, r] = ports.pulses[r * stride + lane]
    for o in range(len(p.outputs)):
        golden.seen[d, o] = ports.seen[o * stride + lane]
    for i in range(golden.action.shape[1]):
        golden.action[d, i] = ports.action[lane, i]
    bit = np.uint32(1) << np.uint32(lane)
    for t in range(p.ticks):
        for j in range(len(p.al)):
            if ports.log[t, j] & bit:
                golden.fired[d * p.ticks + t, j // 64] |= np.uint64(1) << np.uint64(j % 64)


@kernel
def record(
    p, copies, starts, max_steps, every, encode, read_out, observe, step, observations, golden,
    steps,
):  # fmt: skip
    """Play golden episodes, up to 32 of them, keeping snapshots and rewards.

    Parameters
    ----------
    copies : Copies
        One golden copy.
    golden : Golden
        With room for ``max_steps`` rewards and the snapshots before as many decisions for each
        start; filled.
    steps : ndarray of int64, shape (S,)
        Filled with the number of decisions.
    """
    count = len(starts)
    stride = WIDEST
    x = new_lanes(p, stride, copies, False)
    logged = p.ticks if len(golden.fired) > 0 else 0
    ports = new_ports(p, x, stride, observations, logged)
    state = np.zeros((stride, starts.shape[1]))
    job = np.arange(stride)
    rest_lanes(p, x, stride)
    for lane in range(count):
        load_lane(p, x, stride, lane, copies, 0, 0)
        for i in range(starts.shape[1]):
            state[lane, i] = starts[lane, i]
    active, start = count, np.int64(0)
    while active > 0:
        for lane in range(active):
            s = job[lane]
            if steps[s] % every == 0:
                c = golden.first[s] + steps[s] // every
                keep_lane(p, x, state, stride, lane, start, golden, c)
                golden.sum[c] = golden.returns[s]
            observe(row_of(state, lane), row_of(ports.observation, lane))
            for i in range(ports.observation.shape[1]):
                if not np.isfinite(ports.observation[lane, i]):
                    ports.observation[lane, i] = 0.0
                    golden.returns[s] = np.nan
        decide_lanes(p, x, ports, stride, active, start, encode, read_out)
        start += p.ticks
        if logged > 0:
            for lane in range(active):
                s = job[lane]
                note_decision(p, ports, stride, lane, golden, golden.first_reward[s] + steps[s])
        for lane in range(active - 1, -1, -1):
            s = job[lane]
            reward, ended = step(row_of(state, lane), row_of(ports.action, lane))
            golden.returns[s] += reward
            golden.reward[golden.first_reward[s] + steps[s]] = reward
            steps[s] += 1
            if ended or steps[s] >= max_steps:
                golden.terminated[s] = ended
                active -= 1
                move_lane(p, x, stride, lane, active)
                for i in range(state.shape[1]):
                    state[lane, i] = state[active, i]
                job[lane] = job[active]


@kernel
def play_on(
    p, copies, copy_of, start_of, begin_of, patches, patched, passes, golden, starts, max_steps,
    encode, read_out, observe, step, observations, returns, steps, terminated,
):  # fmt: skip
    """Play jobs of one network that begin late, or end where they have rejoined the golden ones.

    Parameters
    ----------
    begin_of : ndarray of int64, shape (J,)
        Decision that each job begins with; up to it, it is the golden episode. A multiple of
        ``golden.every``.
    patches : ndarray of float64, shape (J, 3 + R); patched : ndarray of int64, shape (J,)
        A neuron whose state is not the golden one by then, or -1: see `begin_job`.
    passes : ndarray of bool, shape (F,)
        Which copies are golden after the last of their edits.
    golden : Golden
    copies, copy_of, ... : as in `roll_out`
    """
    stride = 8 if len(copy_of) <= 8 else WIDEST
    x = new_lanes(p, stride, copies, edits_neurons(p, copies))
    ports = new_ports(p, x, stride, observations)
    play(
        p, x, ports, np.zeros((stride, starts.shape[1])), stride, copies, copy_of, start_of,
        begin_of, patches, patched, passes, golden, starts, max_steps, encode, read_out, observe,
        step, returns, steps, terminated,
    )  # fmt: skip


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
    each = (len(copies.first) - 1) // max(1, len(returns))
    stride = 8 if len(copy_of) <= 8 else WIDEST
    no_jobs, no_copies = np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.bool_)
    one, none, no = np.zeros((0, 0)), np.zeros(0), no_jobs
    bits = np.zeros((0, 0), dtype=np.uint64)
    nothing = Golden(
        no, no, one, one, one, one, one, none, no, none, bits, one, bits, one, one, none, no_copies
    )
    while True:
        m = claim(counter)
        if m >= len(returns):
            break
        p = program_of(batch, m)
        mine = Copies(
            copies.weight[each * at[m, 1] : each * at[m + 1, 1]].reshape(each, len(p.weight)),
            copies.in_weight[each * at[m, 2] : each * at[m + 1, 2]].reshape(each, len(p.in_weight)),
            copies.first[each * m : each * (m + 1) + 1], copies.tick, copies.slot, copies.value,
        )  # fmt: skip
        x = new_lanes(p, stride, mine, edits_neurons(p, mine))
        ports = new_ports(p, x, stride, observations)
        play(
            p, x, ports, np.zeros((stride, starts.shape[1])), stride, mine, copy_of, start_of,
            no_jobs, one, no_jobs, no_copies, nothing, starts, max_steps, encode, read_out,
            observe, step, returns[m], steps[m], terminated[m],
        )  # fmt: skip
