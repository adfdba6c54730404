"""Compiled kernels: one network (*scalar*), or many copies of one topology (*lanes*).

Both do the tick of ``docs/model.md``, in the same order of operations, so they agree bit for
bit with the plain-Python `neuro.twin`. Both sweep over neurons with the same vector code: the
scalar kernel takes eight neurons at a time, the lane kernel one neuron in 8 or 32 lanes, where
a *lane* is one copy. Spikes are bits of a mask, so that the sweep stores no more than it must.
Lane arrays are flat with index ``row * stride + lane``.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from neuro.jit import inlined, kernel
from neuro.program import Program
from neuro.vectors import at_least, choose, load, lowest_bit, spread, store

WIDEST = 32
"""Lanes side by side: the bits of a mask."""


@kernel
def aligned(count):
    """Allocate zeros that begin a cache line: vectors that straddle two take twice as long."""
    spare = np.zeros(count + 8)
    skip = (-spare.ctypes.data % 64) // 8
    return spare[skip : skip + count]


@inlined
def update(v, total, al, v_threshold, v_reset):
    """Advance plain neurons (see `Program.plain`); return potentials and spikes."""
    v = v * al + total
    fires = at_least(v, v_threshold)
    return choose(fires, v_reset, v), fires


@inlined
def update_full(
    v, g, held, arriving, ext, al, v_threshold, v_reset, be, v_leak, v_min, refractory, subtract,
    zero, one,
):  # fmt: skip
    """Advance neurons of any kind; return potentials, currents, ticks held and spikes."""
    g = g * be + arriving
    moved = v_leak + (v - v_leak) * al + (g + ext)
    moved = choose(at_least(moved, v_min), moved, v_min)
    free = at_least(zero, held)
    fires = free & at_least(moved, v_threshold)
    after = choose(at_least(subtract, one), moved - (v_threshold - v_reset), v_reset)
    v = choose(free, choose(fires, after, moved), v)
    held = choose(fires, refractory, choose(free, zero, held - one))
    return v, g, held, fires


class State(NamedTuple):
    """State and parameters of one network, padded to whole vectors of 8 neurons.

    The M - N neurons that fill the last vector never fire.

    Attributes
    ----------
    v, g, held, ext : ndarray of float64, shape (M,)
        Potential, synaptic current, refractory ticks left, external input plus bias.
    arriving : ndarray of float64, shape (R * M,)
        Weights that arrive at tick k, in row ``k % R``.
    fired : ndarray of uint64
        Spikes of the last tick: neuron j is bit ``j % 64`` of ``fired[j // 64]``.
    al, be, ... : ndarray of float64, shape (M,)
        As in `Program`.
    first, target : ndarray of uint64
        Fan-out; see `targets`.
    weight : ndarray of float64, shape (E,)
    """

    v: NDArray[np.float64]
    g: NDArray[np.float64]
    held: NDArray[np.float64]
    ext: NDArray[np.float64]
    arriving: NDArray[np.float64]
    fired: NDArray[np.uint64]
    al: NDArray[np.float64]
    be: NDArray[np.float64]
    v_leak: NDArray[np.float64]
    v_threshold: NDArray[np.float64]
    v_reset: NDArray[np.float64]
    v_min: NDArray[np.float64]
    refractory: NDArray[np.float64]
    subtract: NDArray[np.float64]
    first: NDArray[np.uint64]
    target: NDArray[np.uint64]
    weight: NDArray[np.float64]


@kernel
def targets(p, size):
    """Say where synapses lead: what is sent at tick k arrives in place ``k % R * size + target``.

    From the ring's end the places go on at its beginning: one comparison instead of a remainder
    and a product for each event. Unsigned, like every index here that is not a loop's own: for
    signed ones Numba adds code that counts negative indices from the end.

    Returns
    -------
    first, target : ndarray of uint64, shapes (N + 1,) and (E,)
    """
    return p.first.astype(np.uint64), (p.delay * size + p.post).astype(np.uint64)


def new_state(p: Program) -> State:
    """Make a network's state at rest."""
    n = len(p.al)
    m = (n + 7) // 8 * 8

    def pad(values: NDArray[np.float64], fill: float = 0.0) -> NDArray[np.float64]:
        padded: NDArray[np.float64] = aligned(m)
        padded[:n], padded[n:] = values, fill
        return padded

    first, target = targets(p, m)
    return State(
        pad(p.v_leak), aligned(m), aligned(m), pad(p.bias), aligned(m * p.ring),
        np.zeros((m + 63) // 64, dtype=np.uint64),
        pad(p.al), pad(p.be), pad(p.v_leak), pad(p.v_threshold, np.inf), pad(p.v_reset),
        pad(p.v_min, -np.inf), pad(p.refractory), pad(p.subtract), first, target, p.weight,
    )  # fmt: skip


@kernel
def reset_state(p, s):
    """Put a state to rest: potentials at v_leak, nothing on its way."""
    s.v[:] = s.v_leak
    s.g[:] = 0.0
    s.held[:] = 0.0
    s.arriving[:] = 0.0
    s.fired[:] = 0


@inlined
def tick(p, s, k):
    """Advance one network by tick `k`; ``s.ext`` holds its input plus bias."""
    eight = np.uint8(0)
    zero, one = spread(0.0, eight), spread(1.0, eight)
    m = len(s.v)
    row = (k & (p.ring - 1)) * m
    for word in range(len(s.fired)):
        fired = np.uint64(0)
        for j in range(64 * word, min(64 * word + 64, m), 8):
            arriving, ext = load(s.arriving, row + j, eight), load(s.ext, j, eight)
            store(s.arriving, row + j, zero)
            v, al = load(s.v, j, eight), load(s.al, j, eight)
            v_threshold, v_reset = load(s.v_threshold, j, eight), load(s.v_reset, j, eight)
            if p.plain:
                v, fires = update(v, arriving + ext, al, v_threshold, v_reset)
            else:
                v, g, held, fires = update_full(
                    v, load(s.g, j, eight), load(s.held, j, eight), arriving, ext,
                    al, v_threshold, v_reset, load(s.be, j, eight), load(s.v_leak, j, eight),
                    load(s.v_min, j, eight), load(s.refractory, j, eight),
                    load(s.subtract, j, eight), zero, one,
                )  # fmt: skip
                store(s.g, j, g)
                store(s.held, j, held)
            store(s.v, j, v)
            fired |= np.uint64(fires) << np.uint64(j % 64)
        s.fired[word] = fired
    end, here = np.uint64(len(s.arriving)), np.uint64(row)
    for word in range(len(s.fired)):
        fired = s.fired[np.uint64(word)]
        while fired != 0:
            j = np.uint64(64 * word) + lowest_bit(fired)
            fired &= fired - np.uint64(1)
            e = s.first[j]
            # Reading the bound each time keeps the compiler from unrolling a loop of few turns.
            while e < s.first[j + np.uint64(1)]:
                to = here + s.target[e]
                if to >= end:
                    to -= end
                s.arriving[to] += s.weight[e]
                e += np.uint64(1)


@kernel
def run(p, s, start, ext, driven, fired, v):
    """Run ``len(ext)`` ticks from tick `start`, recording spikes and, if asked for, potentials.

    Parameters
    ----------
    ext : ndarray of float64, shape (T, N)
    driven : ndarray of int64
        The neurons that receive input: the other columns of `ext` are not looked at.
    fired : ndarray of uint64, shape (T, W)
        Filled with bits, as in `State.fired`; W is its length.
    v : ndarray of float64, shape (T, N), or (0, N) for no record
    """
    for t in range(len(ext)):
        for j in driven:
            s.ext[j] = ext[t, j] + p.bias[j]
        tick(p, s, start + t)
        for w in range(len(s.fired)):
            fired[t, w] = s.fired[w]
        if len(v) > 0:
            for j in range(v.shape[1]):
                v[t, j] = s.v[j]


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
    """State and per-lane parameters of lanes, flat with index ``row * stride + lane``.

    Attributes
    ----------
    v, g, held, v_threshold, ext : ndarray of float64, N rows
        As in `State`; ``ext`` counts where `driven` is true.
    arriving : ndarray of float64, R * N rows
    weight, in_weight : ndarray of float64, E and I rows
    constants : ndarray of float64, shape (N * 8,)
        A cache line for each neuron: al, v_threshold, v_reset, be, v_leak, v_min, refractory,
        subtract.
    fired : ndarray of uint32, shape (N,)
        Spikes of the last tick: a bit for each lane.
    driven : ndarray of bool, shape (N,)
        Which neurons receive input or have a bias.
    rows : ndarray of uint64
        Which neurons fired in any lane: neuron j is bit ``j % 64`` of ``rows[j // 64]``.
    first, target : ndarray of uint64
        Fan-out; see `targets`.
    """

    v: NDArray[np.float64]
    g: NDArray[np.float64]
    held: NDArray[np.float64]
    arriving: NDArray[np.float64]
    v_threshold: NDArray[np.float64]
    weight: NDArray[np.float64]
    in_weight: NDArray[np.float64]
    ext: NDArray[np.float64]
    constants: NDArray[np.float64]
    fired: NDArray[np.uint32]
    driven: NDArray[np.bool_]
    rows: NDArray[np.uint64]
    first: NDArray[np.uint64]
    target: NDArray[np.uint64]


@kernel
def new_lanes(p, stride):
    """Allocate the arrays of `stride` lanes (8 or 32), with no input yet."""
    n = len(p.al)
    first, target = targets(p, n)
    constants = aligned(n * 8)
    for j in range(n):
        constants[8 * j], constants[8 * j + 1] = p.al[j], p.v_threshold[j]
        constants[8 * j + 2], constants[8 * j + 3] = p.v_reset[j], p.be[j]
        constants[8 * j + 4], constants[8 * j + 5] = p.v_leak[j], p.v_min[j]
        constants[8 * j + 6], constants[8 * j + 7] = p.refractory[j], p.subtract[j]
    return Lanes(
        aligned(n * stride), aligned(n * stride), aligned(n * stride),
        aligned(n * p.ring * stride), aligned(n * stride),
        aligned(len(p.weight) * stride), aligned(len(p.in_weight) * stride),
        aligned(n * stride), constants, np.zeros(n, dtype=np.uint32), p.bias != 0.0,
        np.zeros((n + 63) // 64, dtype=np.uint64), first, target,
    )  # fmt: skip


@kernel
def load_lane(p, x, stride, lane, copies, f):
    """Put lane `lane` to rest with the parameters of copy `f`."""
    for j in range(len(p.al)):
        i = j * stride + lane
        x.v[i] = p.v_leak[j]
        x.g[i] = 0.0
        x.held[i] = 0.0
        x.v_threshold[i] = copies.v_threshold[f, j]
    for r in range(len(p.al) * p.ring):
        x.arriving[r * stride + lane] = 0.0
    for e in range(len(p.weight)):
        x.weight[e * stride + lane] = copies.weight[f, e]
    for i in range(len(p.in_weight)):
        x.in_weight[i * stride + lane] = copies.in_weight[f, i]


@kernel
def move_lane(p, x, stride, to, source):
    """Copy a lane over another, so that active lanes stay in front."""
    for j in range(len(p.al)):
        a, b = j * stride + to, j * stride + source
        x.v[a] = x.v[b]
        x.g[a] = x.g[b]
        x.held[a] = x.held[b]
        x.v_threshold[a] = x.v_threshold[b]
    for r in range(len(p.al) * p.ring):
        x.arriving[r * stride + to] = x.arriving[r * stride + source]
    for e in range(len(p.weight)):
        x.weight[e * stride + to] = x.weight[e * stride + source]
    for i in range(len(p.in_weight)):
        x.in_weight[i * stride + to] = x.in_weight[i * stride + source]


@kernel
def own_thresholds(p, copies):
    """Whether a copy's thresholds differ from the network's; if none, lanes need not read them."""
    for f in range(len(copies.v_threshold)):
        for j in range(len(p.al)):
            if copies.v_threshold[f, j] != p.v_threshold[j]:
                return True
    return False


@inlined
def sweep_plain(x, n, slot, stride, alive, lanes):
    """Update plain neurons in as many lanes as the type of `lanes` says."""
    zero = spread(0.0, lanes)
    wide, count = np.uint64(stride), np.uint64(n)
    slot = np.uint64(slot) * wide
    for word in range(len(x.rows)):
        # A register collects who fired. A list of them in memory made a bare sweep (in C) three
        # times slower: each store's address waits for the comparison before.
        rows = np.uint64(0)
        begin = np.uint64(64 * word)
        for j in range(begin, min(begin + np.uint64(64), count)):
            row, constants = j * wide, j * np.uint64(8)
            total = load(x.arriving, slot + row, lanes)
            store(x.arriving, slot + row, zero)
            if x.driven[j]:
                total = total + load(x.ext, row, lanes)
            v, fires = update(
                load(x.v, row, lanes), total, spread(x.constants[constants], lanes),
                spread(x.constants[constants + np.uint64(1)], lanes),
                spread(x.constants[constants + np.uint64(2)], lanes),
            )  # fmt: skip
            store(x.v, row, v)
            fired = np.uint64(fires) & alive
            x.fired[j] = fired
            rows |= np.uint64(fired != 0) << (j - begin)
        x.rows[word] = rows


@inlined
def sweep_full(x, n, slot, stride, active):
    """Update neurons of any kind, with thresholds of each lane's own, eight lanes at a time."""
    eight = np.uint8(0)
    zero, one = spread(0.0, eight), spread(1.0, eight)
    x.rows[:] = 0
    for j in range(n):
        c = 8 * j
        x.fired[j] = 0
        for lane in range(0, active, 8):
            row, arrival = j * stride + lane, (slot + j) * stride + lane
            ext = zero
            if x.driven[j]:
                ext = load(x.ext, row, eight)
            v, g, held, fires = update_full(
                load(x.v, row, eight), load(x.g, row, eight), load(x.held, row, eight),
                load(x.arriving, arrival, eight), ext,
                spread(x.constants[c], eight), load(x.v_threshold, row, eight),
                spread(x.constants[c + 2], eight), spread(x.constants[c + 3], eight),
                spread(x.constants[c + 4], eight), spread(x.constants[c + 5], eight),
                spread(x.constants[c + 6], eight), spread(x.constants[c + 7], eight), zero, one,
            )  # fmt: skip
            store(x.arriving, arrival, zero)
            store(x.v, row, v)
            store(x.g, row, g)
            store(x.held, row, held)
            if active - lane < 8:  # lanes beyond the active ones must not spike
                fires &= np.uint8(0xFF >> (8 - (active - lane)))
            x.fired[j] |= np.uint32(fires) << np.uint32(lane)
        x.rows[j // 64] |= np.uint64(x.fired[j] != 0) << np.uint64(j % 64)


@inlined
def tick_lanes(p, x, stride, active, own, k, lanes):
    """Advance the first `active` lanes by tick `k`; ``x.ext`` holds their input plus bias.

    The type of `lanes` says how many lanes are swept, 8 or 32: at least the active ones.
    `own` says whether lanes have thresholds of their own.
    """
    n = len(p.al)
    slot = (k & (p.ring - 1)) * n
    if p.plain and not own:
        # Lanes beyond the active ones are swept along; they must not spike.
        alive = np.uint64(0xFFFFFFFF) >> np.uint64(WIDEST - active)
        sweep_plain(x, n, slot, stride, alive, lanes)
    else:
        sweep_full(x, n, slot, stride, active)
    zero = spread(0.0, lanes)
    end, here, one_more = np.uint64(n * p.ring), np.uint64(slot), np.uint64(1)
    for word in range(len(x.rows)):
        rows = x.rows[np.uint64(word)]
        while rows != 0:
            j = np.uint64(64 * word) + lowest_bit(rows)
            rows &= rows - one_more
            fired = x.fired[j]
            e = x.first[j]
            while e < x.first[j + one_more]:
                to = here + x.target[e]
                if to >= end:
                    to -= end
                row = to * np.uint64(stride)
                # Silent lanes add zero, which is exact: what arrives is never -0.0.
                weight = load(x.weight, e * np.uint64(stride), lanes)
                store(x.arriving, row, load(x.arriving, row, lanes) + choose(fired, weight, zero))
                e += one_more


@kernel
def run_lanes(p, copies, ext, driven, fired, v):
    """Run F copies side by side from rest on given input, recording spikes.

    Parameters
    ----------
    copies : Copies
    ext : ndarray of float64, shape (T, N, F), or (T, N, 1) for the same input to all
    driven : ndarray of int64
        The neurons that receive input: the other rows of `ext` are not looked at.
    fired : ndarray of uint32, shape (B, T, N)
        Filled with a bit for each copy: copy f is bit ``f % 32`` of block ``f // 32``.
    v : ndarray of float64, shape (T, N, F), or (0, N, F) for no record
    """
    n, count, same = len(p.al), len(copies.weight), ext.shape[2] == 1
    stride = 8 if count <= 8 else WIDEST
    x = new_lanes(p, stride)
    for j in driven:
        x.driven[j] = True
    own = own_thresholds(p, copies)
    for block in range(len(fired)):
        begin = block * WIDEST
        active = min(count - begin, WIDEST)
        for lane in range(active):
            load_lane(p, x, stride, lane, copies, begin + lane)
        for j in range(n):
            for lane in range(stride):
                x.ext[j * stride + lane] = p.bias[j]
        for t in range(len(ext)):
            for j in driven:
                if same:
                    for lane in range(0, stride, 8):
                        value = spread(ext[t, j, 0] + p.bias[j], np.uint8(0))
                        store(x.ext, j * stride + lane, value)
                else:
                    for lane in range(active):
                        x.ext[j * stride + lane] = ext[t, j, begin + lane] + p.bias[j]
            if active <= 8:
                tick_lanes(p, x, stride, active, own, t, np.uint8(0))
            else:
                tick_lanes(p, x, stride, active, own, t, np.uint32(0))
            for j in range(n):
                fired[block, t, j] = x.fired[j]
            if len(v) > 0:
                for j in range(n):
                    for lane in range(active):
                        v[t, j, begin + lane] = x.v[j * stride + lane]
