"""Compiled kernels: one network (*scalar*), or many copies of one topology (*lanes*).

Both do the tick of ``docs/model.md``, in the same order of operations, so they agree bit for
bit with the plain-Python `neuro.twin`. Only functions over arrays live here, and all that call
each other live in this one file: Numba's cache does not notice a change in an imported kernel.

In the lane kernel a *lane* is one copy: arrays are flat with index ``row * L + lane``, so that
every inner loop runs over neighbouring lanes and becomes vector code. Indices of those loops
are unsigned: with signed ones Numba emits wrap-around checks that stop the vectoriser.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from neuro.jit import inlined, kernel
from neuro.program import Program


class State(NamedTuple):
    """State of one network: N neurons, a ring of R ticks.

    Attributes
    ----------
    v, g : ndarray of float64, shape (N,)
        Potential and synaptic current.
    held : ndarray of int64, shape (N,)
        Refractory ticks left.
    arriving : ndarray of float64, shape (R * N,)
        Weights that arrive at tick k, in row ``k % R``.
    fired : ndarray of uint8, shape (N,)
        Spikes of the last tick.
    """

    v: NDArray[np.float64]
    g: NDArray[np.float64]
    held: NDArray[np.int64]
    arriving: NDArray[np.float64]
    fired: NDArray[np.uint8]


def new_state(program: Program) -> State:
    """Make a network's state at rest."""
    n = len(program.al)
    return State(
        program.v_leak.copy(),
        np.zeros(n),
        np.zeros(n, dtype=np.int64),
        np.zeros(n * program.ring),
        np.zeros(n, dtype=np.uint8),
    )


@kernel
def reset_state(p, s):
    """Put a state to rest: potentials at v_leak, nothing on its way."""
    s.v[:] = p.v_leak
    s.g[:] = 0.0
    s.held[:] = 0
    s.arriving[:] = 0.0
    s.fired[:] = 0


@kernel
def tick(p, s, k, ext):
    """Advance one network by tick `k` with the external input `ext`, shape (N,)."""
    n = len(p.al)
    row = (k & (p.ring - 1)) * n
    for j in range(n):
        g = s.g[j] * p.be[j] + s.arriving[row + j]
        s.arriving[row + j] = 0.0
        s.g[j] = g
        fired = False
        if s.held[j] > 0:
            s.held[j] -= 1
        else:
            total = g + (ext[j] + p.bias[j])
            v = p.v_leak[j] + (s.v[j] - p.v_leak[j]) * p.al[j] + total
            if v < p.v_min[j]:
                v = p.v_min[j]
            if v >= p.v_threshold[j]:
                fired = True
                if p.subtract[j]:
                    v = v - (p.v_threshold[j] - p.v_reset[j])
                else:
                    v = p.v_reset[j]
                s.held[j] = p.refractory[j]
            s.v[j] = v
        s.fired[j] = fired
    for j in range(n):
        if s.fired[j]:
            for e in range(p.first[j], p.first[j + 1]):
                arrival = (k + p.delay[e]) & (p.ring - 1)
                s.arriving[arrival * n + p.post[e]] += p.weight[e]


@kernel
def run(p, s, start, ext, fired, v):
    """Run ``len(ext)`` ticks from tick `start`, recording spikes and potentials.

    Parameters
    ----------
    ext, v : ndarray of float64, shape (T, N)
    fired : ndarray of uint8, shape (T, N)
    """
    for t in range(len(ext)):
        tick(p, s, start + t, ext[t])
        for j in range(len(p.al)):
            fired[t, j] = s.fired[j]
            v[t, j] = s.v[j]


@kernel
def constant_input(p, current, constant):
    """Sum the graded input, constant during a decision: input synapses in their order."""
    constant[:] = 0.0
    for i in range(len(p.in_post)):
        constant[p.in_post[i]] += p.in_weight[i] * current[p.in_channel[i]]


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
    fired : ndarray of uint8, shape (ticks, N)
    """
    current = np.zeros(p.channels)
    pulses = np.zeros((p.channels, (p.ticks + 63) // 64), dtype=np.uint64)
    encode(observation, p.encoder, current, pulses)
    constant = np.empty(len(p.al))
    constant_input(p, current, constant)
    for t in range(p.ticks):
        ext[t] = constant
        word, bit = t // 64, np.uint64(t % 64)
        for c in range(len(p.inputs)):
            if (pulses[c, word] >> bit) & np.uint64(1):
                ext[t, p.inputs[c]] += p.gain
    run(p, s, start, ext, fired, v)
    counts = np.zeros(len(p.outputs), dtype=np.int64)
    for t in range(p.ticks):
        for o in range(len(p.outputs)):
            counts[o] += fired[t, p.outputs[o]]
    read_out(counts, p.readout, action)


class Copies(NamedTuple):
    """What makes F copies of one topology different; the rest they share.

    Attributes
    ----------
    weight : ndarray of float64, shape (F, E)
    in_weight : ndarray of float64, shape (F, I)
    v_threshold : ndarray of float64, shape (F, N)
    """

    weight: NDArray[np.float64]
    in_weight: NDArray[np.float64]
    v_threshold: NDArray[np.float64]


class Lanes(NamedTuple):
    """State and per-lane parameters of L lanes, flat with index ``row * L + lane``.

    `flags` is `fired` seen eight lanes at a time. ``idle[j]`` says that in the last tick nothing
    arrived at neuron j and nothing changed in any lane: nor will it in the next one, unless
    something arrives. ``arrived[k % R * N + j]`` says that something arrives at it in tick k.
    Whoever changes ``ext`` or a lane's state clears `idle`.
    """

    v: NDArray[np.float64]
    g: NDArray[np.float64]
    held: NDArray[np.int64]
    arriving: NDArray[np.float64]
    fired: NDArray[np.uint8]
    flags: NDArray[np.uint64]
    v_threshold: NDArray[np.float64]
    weight: NDArray[np.float64]
    in_weight: NDArray[np.float64]
    ext: NDArray[np.float64]
    idle: NDArray[np.bool_]
    arrived: NDArray[np.bool_]


@kernel
def new_lanes(p, width):
    """Allocate the arrays of `width` lanes (a multiple of 8)."""
    n = len(p.al)
    fired = np.zeros(n * width, dtype=np.uint8)
    return Lanes(
        np.zeros(n * width),
        np.zeros(n * width),
        np.zeros(n * width, dtype=np.int64),
        np.zeros(n * p.ring * width),
        fired,
        fired.view(np.uint64),
        np.zeros(n * width),
        np.zeros(len(p.weight) * width),
        np.zeros(len(p.in_weight) * width),
        np.zeros(n * width),
        np.zeros(n, dtype=np.bool_),
        np.zeros(n * p.ring, dtype=np.bool_),
    )


@kernel
def load_lane(p, x, width, lane, copies, f):
    """Put lane `lane` to rest with the parameters of copy `f`."""
    n = len(p.al)
    x.idle[:] = False
    for j in range(n):
        i = j * width + lane
        x.v[i] = p.v_leak[j]
        x.g[i] = 0.0
        x.held[i] = 0
        x.fired[i] = 0
        x.v_threshold[i] = copies.v_threshold[f, j]
    for r in range(n * p.ring):
        x.arriving[r * width + lane] = 0.0
    for e in range(len(p.weight)):
        x.weight[e * width + lane] = copies.weight[f, e]
    for e in range(len(p.in_weight)):
        x.in_weight[e * width + lane] = copies.in_weight[f, e]


@kernel
def move_lane(p, x, width, to, source):
    """Copy a lane over another and silence the first, so that active lanes stay in front."""
    n = len(p.al)
    x.idle[:] = False
    for j in range(n):
        a, b = j * width + to, j * width + source
        x.v[a] = x.v[b]
        x.g[a] = x.g[b]
        x.held[a] = x.held[b]
        x.fired[a] = x.fired[b]
        x.v_threshold[a] = x.v_threshold[b]
        x.fired[b] = 0
    for r in range(n * p.ring):
        x.arriving[r * width + to] = x.arriving[r * width + source]
    for e in range(len(p.weight)):
        x.weight[e * width + to] = x.weight[e * width + source]
    for e in range(len(p.in_weight)):
        x.in_weight[e * width + to] = x.in_weight[e * width + source]


@inlined
def sweep(x, base, row, lanes, al, be, v_leak, v_reset, v_min, refractory, subtract, full):
    """Update one neuron in all lanes.

    `full` is a literal: where it is False, the compiler leaves out what neurons without
    synaptic current, floor, refractory time and subtraction do not need. Selections instead of
    branches, so that eight lanes take one instruction. Returns whether any lane changed.
    """
    changed = False
    for lane in range(lanes):
        i = base + lane
        total = x.arriving[row + lane]
        x.arriving[row + lane] = 0.0
        if full:
            total = x.g[i] * be + total
            x.g[i] = total
        before = x.v[i]
        v = v_leak + (before - v_leak) * al + (total + x.ext[i])
        threshold = x.v_threshold[i]
        if full:
            v = v_min if v < v_min else v
            held = x.held[i]
            free = held <= 0
            fires = free & (v >= threshold)
            after = v - (threshold - v_reset) if subtract else v_reset
            v = after if fires else v
            x.v[i] = v if free else before
            x.held[i] = refractory if fires else (0 if free else held - 1)
            changed = True
        else:
            fires = v >= threshold
            changed |= fires | (v != before)
            x.v[i] = v_reset if fires else v
        x.fired[i] = np.uint8(1) if fires else np.uint8(0)
    return changed


@inlined
def tick_lanes(p, x, width, active, k):
    """Advance the first `active` of `width` lanes by tick `k`; ``x.ext`` holds input + bias."""
    n = len(p.al)
    stride, lanes = np.uint64(width), np.uint64(active)
    slot = np.uint64((k & (p.ring - 1)) * n)
    for j in range(n):
        # The same input to the same state gives the same result: skipping it is exact.
        arrived = x.arrived[slot + np.uint64(j)]
        if x.idle[j] and not arrived:
            continue
        x.arrived[slot + np.uint64(j)] = False
        base = np.uint64(j) * stride
        row = slot * stride + base
        al, be, v_leak, v_reset = p.al[j], p.be[j], p.v_leak[j], p.v_reset[j]
        v_min, refractory, subtract = p.v_min[j], p.refractory[j], p.subtract[j]
        if be == 0.0 and v_min == -np.inf and refractory == 0 and not subtract:
            changed = sweep(x, base, row, lanes, al, be, v_leak, v_reset, v_min, refractory,
                            subtract, False)  # fmt: skip
        else:
            changed = sweep(x, base, row, lanes, al, be, v_leak, v_reset, v_min, refractory,
                            subtract, True)  # fmt: skip
        x.idle[j] = not (changed or arrived)
    words = stride // np.uint64(8)
    for j in range(n):
        if x.idle[j]:
            continue
        any_fired = np.uint64(0)
        first_word = np.uint64(j) * words
        for w in range(words):
            any_fired |= x.flags[first_word + w]
        if any_fired != 0:
            base = np.uint64(j) * stride
            for e in range(p.first[j], p.first[j + 1]):
                arrival = np.uint64((k + p.delay[e]) & (p.ring - 1)) * np.uint64(n)
                target = arrival + np.uint64(p.post[e])
                x.arrived[target] = True
                to = target * stride
                own = np.uint64(e) * stride
                for lane in range(lanes):
                    x.arriving[to + lane] += x.weight[own + lane] if x.fired[base + lane] else 0.0


@kernel
def constant_input_lanes(p, x, width, active, current):
    """Set ``x.ext`` to the graded input plus bias; `current` is ``channel * width + lane``."""
    stride, lanes = np.uint64(width), np.uint64(active)
    x.idle[:] = False
    x.ext[:] = 0.0
    for i in range(len(p.in_post)):
        to, own = np.uint64(p.in_post[i]) * stride, np.uint64(i) * stride
        channel = np.uint64(p.in_channel[i]) * stride
        for lane in range(lanes):
            x.ext[to + lane] += x.in_weight[own + lane] * current[channel + lane]
    for j in range(len(p.al)):
        base = np.uint64(j) * stride
        for lane in range(lanes):
            x.ext[base + lane] += p.bias[j]


@kernel
def run_lanes(p, copies, ext, fired, v):
    """Run F copies side by side from rest on given input, recording spikes and potentials.

    Parameters
    ----------
    copies : Copies
    ext, v : ndarray of float64, shape (T, N, F)
    fired : ndarray of uint8, shape (T, N, F)
    """
    n, count = len(p.al), len(copies.weight)
    width = (count + 7) // 8 * 8
    x = new_lanes(p, width)
    for f in range(count):
        load_lane(p, x, width, f, copies, f)
    for t in range(len(ext)):
        for j in range(n):
            for f in range(count):
                x.ext[j * width + f] = ext[t, j, f] + p.bias[j]
        x.idle[:] = False
        tick_lanes(p, x, width, count, t)
        for j in range(n):
            for f in range(count):
                fired[t, j, f] = x.fired[j * width + f]
                v[t, j, f] = x.v[j * width + f]


@kernel
def roll_out(
    p, copies, copy_of, start_of, starts, max_steps, encode, read_out, observe, step,
    observation_size, action_size, width, returns, steps,
):  # fmt: skip
    """Play whole episodes in closed loop: one job per lane, a free lane takes the next job.

    Parameters
    ----------
    p : Program
    copies : Copies
    copy_of, start_of : ndarray of int64, shape (J,)
        Which copy plays from which start in each job.
    starts : ndarray of float64, shape (S, D)
        Initial states of the plant.
    max_steps : int
        Decisions after which an episode is cut off.
    encode, read_out, observe, step : KernelFunction
        The encoder's and readout's kernels and the plant; see `neuro.jit`.
    observation_size, action_size : int
    width : int
        Lanes to keep busy, a multiple of 8.
    returns : ndarray of float64, shape (J,)
        Filled with the sum of rewards of each job.
    steps : ndarray of int64, shape (J,)
        Filled with its number of decisions.
    """
    jobs, ticks = len(copy_of), p.ticks
    stride = np.uint64(width)
    x = new_lanes(p, width)
    words = (ticks + 63) // 64
    state = np.zeros((width, starts.shape[1]))
    observation = np.zeros(observation_size)
    action = np.zeros(action_size)
    channel_current = np.zeros(p.channels)
    channel_pulses = np.zeros((p.channels, words), dtype=np.uint64)
    current = np.zeros(p.channels * width)
    pulses = np.zeros(p.channels * words * width, dtype=np.uint64)
    # Most channels are silent in most ticks: input rows are rewritten only around pulses.
    any_pulse = np.zeros(p.channels * words, dtype=np.uint64)
    was_pulsing = np.zeros(p.channels, dtype=np.bool_)
    counts = np.zeros(len(p.outputs) * width, dtype=np.int64)
    lane_counts = np.zeros(len(p.outputs), dtype=np.int64)
    job = np.zeros(width, dtype=np.int64)

    active = min(width, jobs)
    for lane in range(active):
        load_lane(p, x, width, lane, copies, copy_of[lane])
        state[lane] = starts[start_of[lane]]
        job[lane] = lane
    waiting = active
    start_tick = 0
    while active > 0:
        lanes = np.uint64(active)
        any_pulse[:] = 0
        was_pulsing[:] = False
        for lane in range(active):
            channel_current[:] = 0.0
            channel_pulses[:] = 0
            observe(state[lane], observation)
            encode(observation, p.encoder, channel_current, channel_pulses)
            for c in range(p.channels):
                current[c * width + lane] = channel_current[c]
                for w in range(words):
                    pulses[(c * words + w) * width + lane] = channel_pulses[c, w]
                    any_pulse[c * words + w] |= channel_pulses[c, w]
        constant_input_lanes(p, x, width, active, current)
        counts[:] = 0
        for t in range(ticks):
            bit = np.uint64(t % 64)
            for c in range(len(p.inputs)):
                pulsing = (any_pulse[c * words + t // 64] >> bit) & np.uint64(1)
                if pulsing or was_pulsing[c]:
                    to = np.uint64(p.inputs[c]) * stride
                    mask = np.uint64(c * words + t // 64) * stride
                    bias = p.bias[p.inputs[c]]
                    for lane in range(lanes):
                        pulse = (pulses[mask + lane] >> bit) & np.uint64(1)
                        x.ext[to + lane] = (p.gain if pulse else 0.0) + bias
                    x.idle[p.inputs[c]] = False
                was_pulsing[c] = pulsing != 0
            tick_lanes(p, x, width, active, start_tick + t)
            for o in range(len(p.outputs)):
                source = np.uint64(p.outputs[o]) * stride
                to = np.uint64(o) * stride
                for lane in range(lanes):
                    counts[to + lane] += np.int64(x.fired[source + lane])
        start_tick += ticks
        # From the last lane to the first: the lane that fills a gap has already been stepped.
        for lane in range(active - 1, -1, -1):
            for o in range(len(p.outputs)):
                lane_counts[o] = counts[o * width + lane]
            read_out(lane_counts, p.readout, action)
            reward, ended = step(state[lane], action)
            returns[job[lane]] += reward
            steps[job[lane]] += 1
            if ended or steps[job[lane]] >= max_steps:
                if waiting < jobs:
                    load_lane(p, x, width, lane, copies, copy_of[waiting])
                    state[lane] = starts[start_of[waiting]]
                    job[lane] = waiting
                    waiting += 1
                else:
                    active -= 1
                    move_lane(p, x, width, lane, active)
                    state[lane] = state[active]
                    job[lane] = job[active]
