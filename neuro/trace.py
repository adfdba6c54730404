"""Compiled kernel: golden episodes, and how every potential depends on every weight.

While no spike changes, the potential of a neuron is linear in each weight onto it. The slope,
here a synapse's *trace*, is what the potential would be if the synapse alone had brought ones:
it leaks, is held and is reset with the potential. Each tick then bounds how far the weight can
move before a neuron spikes that did not, or one does not that did. See `neuro.margins`.

The tick is that of `neuro.kernels`, bit for bit. Eight episodes of one network lie side by
side, one in each lane, so that a synapse's traces in all of them are one vector; with 32 it was
no faster.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from neuro.closed_loop import FIRST, POTENTIAL, encode_lanes, new_ports, read_out_lanes
from neuro.jit import inlined, kernel
from neuro.kernels import aligned
from neuro.program import Program
from neuro.vectors import at_least, borrow, choose, has_bit, load, lowest_bit, row_of, spread, store

FARTHEST = 1e25
"""No weight is said to be free to move by more, not even one whose trace has become too small
for a number; infinity would also turn products into NaN."""

NEVER = 2**31 - 1
"""The decision of what does not happen."""


class Incoming(NamedTuple):
    """Synapses by receiver, in the order in which a tick adds what they bring.

    Attributes
    ----------
    first, in_first : ndarray of uint64, shape (N + 1,)
        Neuron j receives synapses ``first[j] .. first[j + 1] - 1``, and likewise input synapses.
    pre, delay : ndarray of uint64, shape (E,)
    weight : ndarray of float64, shape (E,)
    channel : ndarray of uint64, shape (I,)
    order : ndarray of int64, shape (E + I,)
        Where each of them is in the network.
    """

    first: NDArray[np.uint64]
    in_first: NDArray[np.uint64]
    pre: NDArray[np.uint64]
    delay: NDArray[np.uint64]
    weight: NDArray[np.float64]
    channel: NDArray[np.uint64]
    order: NDArray[np.int64]


def incoming(p: Program) -> Incoming:
    """Sort a network's synapses by receiver."""
    n = np.arange(len(p.al) + 1)
    pre = np.repeat(n[:-1], np.diff(p.first))
    # Into one sum, weights go by the tick at which they were sent, then by sender.
    order = np.lexsort((pre, -p.delay, p.post))
    in_order = np.lexsort((p.in_channel, p.in_post))
    return Incoming(
        np.searchsorted(p.post[order], n).astype(np.uint64),
        np.searchsorted(p.in_post[in_order], n).astype(np.uint64),
        pre[order].astype(np.uint64), p.delay[order].astype(np.uint64), p.weight[order],
        p.in_channel[in_order].astype(np.uint64),
        np.concatenate([order, len(order) + in_order]),
    )  # fmt: skip


class Notes(NamedTuple):
    """What is noted of S episodes.

    Attributes
    ----------
    returns : ndarray of float64, steps : ndarray of int64, terminated : ndarray of bool
        Of shape (S,), as in `neuro.closed_loop.roll_out`.
    up_high, up_low, down_high, down_low : ndarray of float64, shape (S, E + I)
        How far each weight can go up and down before a potential is too high or too low, in the
        order of `Incoming`.
    fired : ndarray of int64, shape (S, N)
        The first decision in which a neuron spikes.
    flowed : ndarray of int64, shape (S, C)
        The first decision in which a graded channel is not zero.
    peak, least : ndarray of float64, shape (S, N)
        The highest potential without a spike, and the lowest with one.
    """

    returns: NDArray[np.float64]
    steps: NDArray[np.int64]
    terminated: NDArray[np.bool_]
    up_high: NDArray[np.float64]
    up_low: NDArray[np.float64]
    down_high: NDArray[np.float64]
    down_low: NDArray[np.float64]
    fired: NDArray[np.int64]
    flowed: NDArray[np.int64]
    peak: NDArray[np.float64]
    least: NDArray[np.float64]


def new_notes(p: Program, count: int) -> Notes:
    """Allocate for `count` episodes in which nothing has happened yet."""
    n, weights = len(p.al), len(p.weight) + len(p.in_weight)
    return Notes(
        np.zeros(count), np.zeros(count, dtype=np.int64), np.zeros(count, dtype=np.bool_),
        np.zeros((count, weights)), np.zeros((count, weights)), np.zeros((count, weights)),
        np.zeros((count, weights)), np.full((count, n), NEVER), np.full((count, p.channels), NEVER),
        np.zeros((count, n)), np.zeros((count, n)),
    )  # fmt: skip


class Traces(NamedTuple):
    """Eight lanes of one network; flat with index ``row * 8 + lane``.

    Attributes
    ----------
    v, g, held, ext : ndarray of float64, N rows
        As in `neuro.kernels.State`.
    peak, least : ndarray of float64, N rows
        As in `Notes`.
    added, slack : ndarray of float64, N rows
        What rounding adds to a potential in a tick, besides what is in proportion to it; and how
        far it can have moved it, as in `neuro.margins`.
    bound, creep : ndarray of float64, N rows
        How large traces of input synapses can be, and how far off.
    trace, slow : ndarray of float64, E + I rows
        The slope, and the part of it that is in the synaptic current.
    up_high, up_low, down_high, down_low : ndarray of float64, E + I rows
        As in `Notes`.
    rise, fall, top : ndarray of float64, one row
        How far the potential at hand may do either; the largest current so far, at least 1.
    fired : ndarray of uint8, shape (2 R * N,)
        Who spiked at tick k, a bit for each lane, from ``k % (2 R) * N`` on.
    ever, known : ndarray of uint8, shape (N,)
        Who has spiked at all, and up to the decision before.
    flowing : ndarray of uint8, shape (C,)
        Which channels have been other than zero.
    driven : ndarray of bool, shape (N,)
        Which neurons receive input synapses.
    """

    v: NDArray[np.float64]
    g: NDArray[np.float64]
    held: NDArray[np.float64]
    ext: NDArray[np.float64]
    peak: NDArray[np.float64]
    least: NDArray[np.float64]
    added: NDArray[np.float64]
    slack: NDArray[np.float64]
    bound: NDArray[np.float64]
    creep: NDArray[np.float64]
    trace: NDArray[np.float64]
    slow: NDArray[np.float64]
    up_high: NDArray[np.float64]
    up_low: NDArray[np.float64]
    down_high: NDArray[np.float64]
    down_low: NDArray[np.float64]
    rise: NDArray[np.float64]
    fall: NDArray[np.float64]
    top: NDArray[np.float64]
    fired: NDArray[np.uint8]
    ever: NDArray[np.uint8]
    known: NDArray[np.uint8]
    flowing: NDArray[np.uint8]
    driven: NDArray[np.bool_]


@kernel
def new_traces(p, added):
    """Put eight lanes of a network to rest."""
    n, weights = len(p.al), len(p.weight) + len(p.in_weight)
    x = Traces(
        aligned(n * 8), aligned(n * 8), aligned(n * 8), aligned(n * 8), aligned(n * 8),
        aligned(n * 8), aligned(n * 8), aligned(n * 8), aligned(n * 8), aligned(n * 8),
        aligned(weights * 8), aligned(weights * 8), aligned(weights * 8), aligned(weights * 8),
        aligned(weights * 8), aligned(weights * 8), aligned(8), aligned(8), aligned(8),
        np.zeros(2 * p.ring * n, dtype=np.uint8), np.zeros(n, dtype=np.uint8),
        np.zeros(n, dtype=np.uint8), np.zeros(p.channels, dtype=np.uint8),
        np.zeros(n, dtype=np.bool_),
    )  # fmt: skip
    for j in range(n):
        x.v[8 * j : 8 * j + 8] = p.v_leak[j]
        x.ext[8 * j : 8 * j + 8] = p.bias[j]
        x.added[8 * j : 8 * j + 8] = added[j]
    x.peak[:] = -np.inf
    x.least[:] = np.inf
    x.up_high[:] = FARTHEST
    x.up_low[:] = FARTHEST
    x.down_high[:] = FARTHEST
    x.down_low[:] = FARTHEST
    x.top[:] = 1.0
    return x


@kernel
def tighten(x, row, at, lanes, signed):
    """Lower the margins of one weight to what `x.rise` and `x.fall` permit, in some lanes.

    Spikes bring at least zero and every operation of a tick is monotone, rounding included. So
    what may not rise is safe from a weight that falls, with nothing to be allowed for rounding.
    Traces of input synapses have either sign, and moving a weight is never entirely safe.
    """
    left = np.uint64(lanes)
    while left != 0:
        lane = lowest_bit(left)
        left &= left - np.uint64(1)
        i = at + lane
        creep = x.creep[row + lane] if signed else 0.0
        plus, minus = creep + max(x.trace[i], 0.0), creep + max(-x.trace[i], 0.0)
        if x.rise[lane] < x.up_high[i] * plus:
            x.up_high[i] = x.rise[lane] / plus
        if x.fall[lane] < x.down_low[i] * plus:
            x.down_low[i] = x.fall[lane] / plus
        if signed and x.fall[lane] < x.up_low[i] * minus:
            x.up_low[i] = x.fall[lane] / minus
        if signed and x.rise[lane] < x.down_high[i] * minus:
            x.down_high[i] = x.rise[lane] / minus


@inlined
def trace_tick(p, q, x, unit, current, k, alive):
    """Advance all lanes by tick `k`, and their traces with them; `current` is that of channels."""
    eight = np.uint8(0)
    zero, one, most = spread(0.0, eight), spread(1.0, eight), spread(np.inf, eight)
    everyone = at_least(zero, zero)
    n, wide, one_more = np.uint64(len(p.al)), np.uint64(8), np.uint64(1)
    size = np.uint64(2 * p.ring)
    now, synapses = np.uint64(k) + size, np.uint64(len(q.weight))
    here = (now & (size - one_more)) * n
    for j in range(n):
        row = j * wide
        arriving = zero
        e = q.first[j]
        while e < q.first[j + one_more]:
            sent = x.fired[((now - q.delay[e]) & (size - one_more)) * n + q.pre[e]]
            if sent != 0:
                # Silent lanes add zero, which is exact: what arrives is never -0.0.
                arriving = arriving + choose(sent, spread(q.weight[e], eight), zero)
            e += one_more
        v, ext = load(x.v, row, eight), load(x.ext, row, eight)
        al, v_threshold = spread(p.al[j], eight), spread(p.v_threshold[j], eight)
        after = spread(p.v_reset[j], eight)
        if p.plain:
            raw = v * al + (arriving + ext)
            moved, free, fires = raw, everyone, at_least(raw, v_threshold)
            erased = fires
            rise = choose(fires, most, v_threshold - raw)
            fall = choose(fires, raw - v_threshold, most)
            store(x.v, row, choose(fires, after, raw))
        else:
            v_leak, v_min = spread(p.v_leak[j], eight), spread(p.v_min[j], eight)
            g = load(x.g, row, eight) * spread(p.be[j], eight) + arriving
            store(x.g, row, g)
            raw = v_leak + (v - v_leak) * al + (g + ext)
            above = at_least(raw, v_min)
            moved = choose(above, raw, v_min)
            held = load(x.held, row, eight)
            free = at_least(zero, held)
            fires = free & at_least(moved, v_threshold)
            erased = free ^ (free & above)
            if p.subtract[j] == 0.0:
                erased = erased | fires
            else:
                after = moved - (v_threshold - after)
            store(x.v, row, choose(free, choose(fires, after, moved), v))
            held = choose(free, zero, held - one)
            store(x.held, row, choose(fires, spread(p.refractory[j], eight), held))
            rise = choose(above, choose(fires, most, v_threshold - raw), v_min - raw)
            rise = choose(free, rise, most)
            lowest = choose(fires & at_least(v_threshold, v_min), v_threshold, v_min)
            fall = choose(free & above, raw - lowest, most)
        x.fired[here + j] = fires
        x.ever[j] |= np.uint8(fires)
        peak, least = load(x.peak, row, eight), load(x.least, row, eight)
        store(x.peak, row, choose((free ^ fires) & at_least(moved, peak), moved, peak))
        store(x.least, row, choose(fires & at_least(least, moved), moved, least))

        slack, ulps = load(x.slack, row, eight), spread(unit[j], eight)
        height = choose(at_least(raw, zero), raw, zero - raw)
        slack = slack * al + (height * ulps + load(x.added, row, eight))
        rise, fall = rise - slack, fall - slack
        rise = choose(at_least(rise, zero), rise, zero)
        fall = choose(at_least(fall, zero), fall, zero)
        slack = choose(free, slack, load(x.slack, row, eight))
        store(x.slack, row, choose(erased, zero, slack))
        store(x.rise, 0, rise)
        store(x.fall, 0, fall)
        e = q.first[j]
        while e < q.first[j + one_more]:
            at = e * wide
            sent = x.fired[((now - q.delay[e]) & (size - one_more)) * n + q.pre[e]]
            come = choose(sent, one, zero)
            if not p.plain and p.be[j] != 0.0:
                come = load(x.slow, at, eight) * spread(p.be[j], eight) + come
                store(x.slow, at, come)
            trace = load(x.trace, at, eight)
            trace = choose(free, trace * al + come, trace)
            fine = alive & at_least(rise, load(x.up_high, at, eight) * trace)
            fine &= at_least(fall, load(x.down_low, at, eight) * trace)
            if fine != alive:  # seldom: some 3 to 30 times in an episode
                store(x.trace, at, trace)
                tighten(x, row, at, alive ^ fine, False)
            store(x.trace, at, choose(erased, zero, trace))
            e += one_more
        e = q.in_first[j]
        if e < q.in_first[j + one_more]:
            bound, creep = load(x.bound, row, eight), load(x.creep, row, eight)
            bound = choose(free, bound * al + load(x.top, 0, eight), bound)
            creep = choose(free, creep * al + bound * ulps, creep)
            store(x.bound, row, choose(erased, zero, bound))
            store(x.creep, row, creep)
        while e < q.in_first[j + one_more]:
            at = (synapses + e) * wide
            trace = load(x.trace, at, eight)
            trace = choose(free, trace * al + load(current, q.channel[e] * wide, eight), trace)
            positive = at_least(trace, zero)
            plus = creep + choose(positive, trace, zero)
            minus = creep + choose(positive, zero, zero - trace)
            fine = alive & at_least(rise, load(x.up_high, at, eight) * plus)
            fine &= at_least(fall, load(x.up_low, at, eight) * minus)
            fine &= at_least(rise, load(x.down_high, at, eight) * minus)
            fine &= at_least(fall, load(x.down_low, at, eight) * plus)
            if fine != alive:
                store(x.trace, at, trace)
                tighten(x, row, at, alive ^ fine, True)
            store(x.trace, at, choose(erased, zero, trace))
            e += one_more
        store(x.creep, row, choose(erased, zero, load(x.creep, row, eight)))


@kernel
def take_currents(p, x, ports):
    """Give neurons what a graded encoder sends them in this decision."""
    eight = np.uint8(0)
    zero = spread(0.0, eight)
    for j in range(len(p.al)):
        if x.driven[j]:
            store(x.ext, 8 * j, zero)
    for i in range(len(p.in_post)):
        current = load(ports.current, 8 * p.in_channel[i], eight)
        ext = load(x.ext, 8 * p.in_post[i], eight) + spread(p.in_weight[i], eight) * current
        store(x.ext, 8 * p.in_post[i], ext)
    for j in range(len(p.al)):
        if x.driven[j]:
            store(x.ext, 8 * j, load(x.ext, 8 * j, eight) + spread(p.bias[j], eight))


@kernel
def note(table, begin, column, lanes, value):
    """Write a value into a column, for the episodes of some lanes."""
    left = np.uint64(lanes)
    while left != 0:
        table[begin + np.int64(lowest_bit(left)), column] = value
        left &= left - np.uint64(1)


@kernel
def note_currents(p, x, ports, added, flowed, begin, alive, decision):
    """Note which channels flow for the first time; allow for the rounding of larger currents."""
    eight = np.uint8(0)
    zero, top = spread(0.0, eight), load(x.top, 0, eight)
    for c in range(p.channels):
        current = load(ports.current, 8 * c, eight)
        new = alive & (at_least(zero, current) ^ at_least(current, zero))
        new ^= new & x.flowing[c]
        x.flowing[c] |= new
        note(flowed, begin, c, new, decision)
        size = choose(at_least(current, zero), current, zero - current)
        top = choose(at_least(size, top), size, top)
    store(x.top, 0, top)
    for j in range(len(p.al)):
        store(x.added, 8 * j, spread(added[j], eight) * top)


@kernel
def trace_decision(p, q, x, unit, ports, fired_first, begin, alive, decision):
    """Run the ticks of one decision and note what the readout sees of the outputs."""
    eight = np.uint8(0)
    zero, one = spread(0.0, eight), spread(1.0, eight)
    words = (p.ticks + 63) // 64
    unseen = spread(np.float64(p.ticks) if p.sees == FIRST else 0.0, eight)
    for o in range(len(p.outputs)):
        store(ports.seen, 8 * o, unseen)
    for t in range(p.ticks):
        for c in range(len(p.inputs)):
            row, ext = c * words + t // 64, spread(p.bias[p.inputs[c]], eight)
            if (ports.any_pulse[row] >> np.uint64(t % 64)) & np.uint64(1) != 0:
                pulse = has_bit(ports.pulses, 8 * row, t % 64, eight)
                ext = choose(pulse, spread(p.gain, eight), zero) + ext
            store(x.ext, 8 * p.inputs[c], ext)
        k = decision * p.ticks + t
        trace_tick(p, q, x, unit, ports.current, k, alive)
        here = (k & (2 * p.ring - 1)) * len(p.al)
        for o in range(len(p.outputs)):
            fired = x.fired[here + p.outputs[o]]
            if fired != 0:
                before = load(ports.seen, 8 * o, eight)
                if p.sees == FIRST:
                    after = spread(np.float64(t), eight)
                    fired &= at_least(before, after)
                else:
                    after = before + one
                store(ports.seen, 8 * o, choose(fired, after, before))
    if p.sees == POTENTIAL:
        for o in range(len(p.outputs)):
            store(ports.seen, 8 * o, load(x.v, 8 * p.outputs[o], eight))
    for j in range(len(p.al)):
        if x.ever[j] != x.known[j]:
            new = alive & (x.ever[j] ^ x.known[j])
            x.known[j] = x.ever[j]
            note(fired_first, begin, j, new, decision)


@kernel
def trace_eight(
    p, q, x, ports, state, unit, added, begin, count, max_steps,
    encode, read_out, observe, step, notes,
):  # fmt: skip
    """Play `count` episodes side by side, from the states in `state`; see `trace_episodes`."""
    p, q, x, ports, notes = borrow(p), borrow(q), borrow(x), borrow(ports), borrow(notes)
    one = np.uint64(1)
    alive = (one << np.uint64(count)) - one
    decision = np.int64(0)
    while alive != 0:
        for lane in range(count):
            observe(row_of(state, lane), row_of(ports.observation, lane))
            for i in range(ports.observation.shape[1]):
                if not np.isfinite(ports.observation[lane, i]):
                    ports.observation[lane, i] = 0.0
                    if alive & (one << np.uint64(lane)) != 0:
                        notes.returns[begin + lane] = np.nan
        encode_lanes(p, ports, 8, count, encode)
        if len(p.in_post) > 0:
            take_currents(p, x, ports)
            note_currents(p, x, ports, added, notes.flowed, begin, alive, decision)
        trace_decision(p, q, x, unit, ports, notes.fired, begin, alive, decision)
        read_out_lanes(p, ports, 8, count, read_out)
        decision += 1
        for lane in range(count):
            if alive & (one << np.uint64(lane)) == 0:
                continue
            s = begin + lane
            reward, ended = step(row_of(state, lane), row_of(ports.action, lane))
            notes.returns[s] += reward
            if ended or decision >= max_steps:
                alive ^= one << np.uint64(lane)
                notes.steps[s] = decision
                notes.terminated[s] = ended
                for e in range(notes.up_high.shape[1]):
                    notes.up_high[s, e] = x.up_high[8 * e + lane]
                    notes.up_low[s, e] = x.up_low[8 * e + lane]
                    notes.down_high[s, e] = x.down_high[8 * e + lane]
                    notes.down_low[s, e] = x.down_low[8 * e + lane]
                for j in range(len(p.al)):
                    notes.peak[s, j] = x.peak[8 * j + lane]
                    notes.least[s, j] = x.least[8 * j + lane]


@kernel
def trace_episodes(
    p, q, unit, added, starts, max_steps, encode, read_out, observe, step, observations, notes
):
    """Play golden episodes and note the margins of all weights.

    Parameters
    ----------
    p : Program
    q : Incoming
    unit, added : ndarray of float64, shape (N,)
        What rounding does to a potential in a tick; see `neuro.margins.rounding`.
    starts : ndarray of float64, shape (S, D)
    max_steps, encode, read_out, observe, step, observations
        As for `neuro.closed_loop.roll_out`.
    notes : Notes
        Filled.
    """
    for begin in range(0, len(starts), 8):
        count = min(8, len(starts) - begin)
        x = new_traces(p, added)
        trace_eight(
            p, q, x, new_ports(p, x, 8, observations), starts[begin : begin + count].copy(),
            unit, added, begin, count, max_steps, encode, read_out, observe, step, notes,
        )  # fmt: skip
