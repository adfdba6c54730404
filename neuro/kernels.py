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


FAR = np.int64(2**62)
"""A tick that never comes."""


class Copies(NamedTuple):
    """What makes F copies of one topology different; the rest they share.

    Weights are each copy's own. Whatever else differs is a list of *edits*: at tick k of the
    episode, before anything else happens, place `slot` is set to `value` (see `neuro.slots`).
    So faults of neurons, and faults that come and go, need no arrays of their own, and copies
    without any cost no more.

    Attributes
    ----------
    weight : ndarray of float64, shape (F, E)
    in_weight : ndarray of float64, shape (F, I)
    first : ndarray of int64, shape (F + 1,)
        Copy f has edits ``first[f] .. first[f + 1] - 1``, in the order of their ticks.
    tick, slot : ndarray of int64, shape (first[F],)
    value : ndarray of float64, shape (first[F],)
    """

    weight: NDArray[np.float64]
    in_weight: NDArray[np.float64]
    first: NDArray[np.int64]
    tick: NDArray[np.int64]
    slot: NDArray[np.int64]
    value: NDArray[np.float64]


class Lanes(NamedTuple):
    """State and parameters of lanes, flat with index ``row * stride + lane``.

    Attributes
    ----------
    slots : ndarray of float64
        All that an edit can reach; the arrays that follow, up to `own`, are its parts.
    weight, in_weight : ndarray of float64, E and I rows
    v, g, held : ndarray of float64, N rows
        As in `State`.
    gain : ndarray of float64, a row per pulsed channel
    own : ndarray of float64, 9 * N rows
        Parameters of each lane's own: all neurons' al, then v_threshold, v_reset, be, v_leak,
        v_min, refractory, subtract, bias. Like `gain`, empty where no edit needs them.
    arriving : ndarray of float64, R * N rows
    ext : ndarray of float64, N rows
        External input, which counts where `driven` is true; with the bias where `own` is empty.
    constants : ndarray of float64, shape (N * 8,)
        A cache line for each neuron: al, v_threshold, v_reset, be, v_leak, v_min, refractory,
        subtract.
    fired : ndarray of uint32, shape (N,)
        Spikes of the last tick: a bit for each lane.
    driven, swept : ndarray of bool, shape (N,)
        Which neurons receive input or have a bias; and which ones are simulated.
    rows : ndarray of uint64
        Which neurons fired in any lane: neuron j is bit ``j % 64`` of ``rows[j // 64]``.
    first, target : ndarray of uint64
        Fan-out; see `targets`.
    copy : ndarray of int64, shape (stride,)
        The copy whose weights a lane has; -1 for none or none any more.
    begun, next_edit, last_edit : ndarray of int64, shape (stride,)
        Tick at which each lane's episode began, and where its coming edits are.
    due : ndarray of int64, shape (1,)
        Tick of the next edit of any lane.
    tick, slot, value : ndarray
        The edits; see `Copies`.
    """

    slots: NDArray[np.float64]
    weight: NDArray[np.float64]
    in_weight: NDArray[np.float64]
    v: NDArray[np.float64]
    g: NDArray[np.float64]
    held: NDArray[np.float64]
    gain: NDArray[np.float64]
    own: NDArray[np.float64]
    arriving: NDArray[np.float64]
    ext: NDArray[np.float64]
    constants: NDArray[np.float64]
    fired: NDArray[np.uint32]
    driven: NDArray[np.bool_]
    swept: NDArray[np.bool_]
    rows: NDArray[np.uint64]
    first: NDArray[np.uint64]
    target: NDArray[np.uint64]
    copy: NDArray[np.int64]
    begun: NDArray[np.int64]
    next_edit: NDArray[np.int64]
    last_edit: NDArray[np.int64]
    due: NDArray[np.int64]
    tick: NDArray[np.int64]
    slot: NDArray[np.int64]
    value: NDArray[np.float64]


@kernel
def edits_neurons(p, copies):
    """Whether an edit reaches more than weights; if none, lanes need no parameters of their own."""
    weights = len(p.weight) + len(p.in_weight)
    for slot in copies.slot:
        if slot >= weights:
            return True
    return False


@kernel
def new_lanes(p, stride, copies, own):
    """Allocate the arrays of `stride` lanes (8 or 32), with no input yet.

    `own` says whether lanes have parameters of their own; see `edits_neurons`.
    """
    n, e, i = len(p.al), len(p.weight), len(p.in_weight)
    first, target = targets(p, n)
    constants = aligned(n * 8)
    for j in range(n):
        constants[8 * j], constants[8 * j + 1] = p.al[j], p.v_threshold[j]
        constants[8 * j + 2], constants[8 * j + 3] = p.v_reset[j], p.be[j]
        constants[8 * j + 4], constants[8 * j + 5] = p.v_leak[j], p.v_min[j]
        constants[8 * j + 6], constants[8 * j + 7] = p.refractory[j], p.subtract[j]
    v = (e + i) * stride
    gain = v + 3 * n * stride
    row = n * stride
    parameters = gain + (len(p.inputs) * stride if own else 0)
    slots = aligned(parameters + (9 * row if own else 0))
    driven = p.bias != 0.0
    if own:
        driven[:] = True
    return Lanes(
        slots, slots[: e * stride], slots[e * stride : v], slots[v : v + row],
        slots[v + row : v + 2 * row], slots[v + 2 * row : gain], slots[gain:parameters],
        slots[parameters:], aligned(n * p.ring * stride), aligned(row), constants,
        np.zeros(n, dtype=np.uint32), driven, np.ones(n, dtype=np.bool_),
        np.zeros((n + 63) // 64, dtype=np.uint64), first, target, np.full(stride, -1),
        np.zeros(stride, dtype=np.int64), np.zeros(stride, dtype=np.int64),
        np.zeros(stride, dtype=np.int64), np.full(1, FAR), copies.tick, copies.slot, copies.value,
    )  # fmt: skip


@kernel
def rest_lane(p, x, stride, lane):
    """Put a lane to rest: potentials at v_leak, nothing on its way."""
    n = len(p.al)
    for j in range(n):
        i = j * stride + lane
        x.v[i] = p.v_leak[j]
        x.g[i] = 0.0
        x.held[i] = 0.0
    for r in range(n * p.ring):
        x.arriving[r * stride + lane] = 0.0


@kernel
def rest_lanes(p, x, stride):
    """Put all lanes to rest, in one sweep over memory: many times faster than one by one."""
    for j in range(len(p.al)):
        x.v[j * stride : (j + 1) * stride] = p.v_leak[j]
    x.g[:] = 0.0
    x.held[:] = 0.0
    x.arriving[:] = 0.0


@kernel
def load_lane(p, x, stride, lane, copies, f, k):
    """Give a lane the parameters of copy `f`, for an episode from tick `k` on."""
    n = len(p.al)
    if x.copy[lane] != f:
        for e in range(len(p.weight)):
            x.weight[e * stride + lane] = copies.weight[f, e]
        for i in range(len(p.in_weight)):
            x.in_weight[i * stride + lane] = copies.in_weight[f, i]
        # A copy that is edited does not stay what it was.
        x.copy[lane] = f if copies.first[f] == copies.first[f + 1] else -1
    if len(x.own) > 0:
        for c in range(len(p.inputs)):
            x.gain[c * stride + lane] = p.gain
        for j in range(n):
            i, row = j * stride + lane, n * stride
            for c in range(8):
                x.own[c * row + i] = x.constants[8 * j + c]
            x.own[8 * row + i] = p.bias[j]
    x.begun[lane], x.next_edit[lane], x.last_edit[lane] = k, copies.first[f], copies.first[f + 1]
    if x.next_edit[lane] < x.last_edit[lane]:
        x.due[0] = min(x.due[0], k + x.tick[x.next_edit[lane]])


@kernel
def move_lane(p, x, stride, to, source):
    """Copy a lane over another, so that active lanes stay in front."""
    for r in range(0, len(x.slots), stride):
        x.slots[r + to] = x.slots[r + source]
    for r in range(0, len(x.arriving), stride):
        x.arriving[r + to] = x.arriving[r + source]
    x.begun[to] = x.begun[source]
    x.next_edit[to], x.last_edit[to] = x.next_edit[source], x.last_edit[source]
    x.copy[to] = x.copy[source]


@kernel
def edit_lanes(x, stride, active, k):
    """Make the edits that are due at tick `k`, and note when the next ones are."""
    due = FAR
    for lane in range(active):
        e = x.next_edit[lane]
        while e < x.last_edit[lane] and x.begun[lane] + x.tick[e] <= k:
            x.slots[x.slot[e] * stride + lane] = x.value[e]
            e += 1
        x.next_edit[lane] = e
        if e < x.last_edit[lane]:
            due = min(due, x.begun[lane] + x.tick[e])
    x.due[0] = due


@inlined
def sweep_plain(x, n, slot, stride, alive, lanes, partly):
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
            if partly is None or x.swept[j]:
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
                x.fired[j] = np.uint64(fires) & alive
            rows |= np.uint64(x.fired[j] != 0) << (j - begin)
        x.rows[word] = rows


@inlined
def sweep_full(x, n, slot, stride, active, partly):
    """Update neurons of any kind, eight lanes at a time, with parameters of their own or shared."""
    eight = np.uint8(0)
    own, all_rows = len(x.own) > 0, n * stride
    zero, one = spread(0.0, eight), spread(1.0, eight)
    x.rows[:] = 0
    for j in range(n):
        if partly is None or x.swept[j]:
            c = 8 * j
            x.fired[j] = 0
            for lane in range(0, active, 8):
                row, arrival = j * stride + lane, (slot + j) * stride + lane
                ext = zero
                if x.driven[j]:
                    ext = load(x.ext, row, eight)
                if own:
                    al = load(x.own, row, eight)
                    v_threshold = load(x.own, all_rows + row, eight)
                    v_reset = load(x.own, 2 * all_rows + row, eight)
                    be = load(x.own, 3 * all_rows + row, eight)
                    v_leak = load(x.own, 4 * all_rows + row, eight)
                    v_min = load(x.own, 5 * all_rows + row, eight)
                    refractory = load(x.own, 6 * all_rows + row, eight)
                    subtract = load(x.own, 7 * all_rows + row, eight)
                    ext = ext + load(x.own, 8 * all_rows + row, eight)
                else:
                    al = spread(x.constants[c], eight)
                    v_threshold = spread(x.constants[c + 1], eight)
                    v_reset = spread(x.constants[c + 2], eight)
                    be = spread(x.constants[c + 3], eight)
                    v_leak = spread(x.constants[c + 4], eight)
                    v_min = spread(x.constants[c + 5], eight)
                    refractory = spread(x.constants[c + 6], eight)
                    subtract = spread(x.constants[c + 7], eight)
                v, g, held, fires = update_full(
                    load(x.v, row, eight), load(x.g, row, eight), load(x.held, row, eight),
                    load(x.arriving, arrival, eight), ext, al, v_threshold, v_reset, be, v_leak,
                    v_min, refractory, subtract, zero, one,
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
def tick_lanes(p, x, stride, active, k, lanes, partly=None):
    """Advance the first `active` lanes by tick `k`; ``x.ext`` holds their input (see `Lanes`).

    The type of `lanes` says how many lanes are swept, 8 or 32: at least the active ones. What is
    to be simulated `partly` leaves out neurons that are not ``x.swept``, whose spikes stand in
    ``x.fired``; it is compiled apart, so that the rest does not pay for it.
    """
    n = len(p.al)
    slot = (k & (p.ring - 1)) * n
    if p.plain and len(x.own) == 0:
        # Lanes beyond the active ones are swept along; they must not spike.
        alive = np.uint64(0xFFFFFFFF) >> np.uint64(WIDEST - active)
        sweep_plain(x, n, slot, stride, alive, lanes, partly)
    else:
        sweep_full(x, n, slot, stride, active, partly)
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
    own = edits_neurons(p, copies)
    x = new_lanes(p, stride, copies, own)
    bias = np.zeros(n) if own else p.bias
    for j in driven:
        x.driven[j] = True
    for block in range(len(fired)):
        begin = block * WIDEST
        active = min(count - begin, WIDEST)
        x.due[0] = FAR
        rest_lanes(p, x, stride)
        for lane in range(active):
            load_lane(p, x, stride, lane, copies, begin + lane, 0)
        for j in range(n):
            for lane in range(stride):
                x.ext[j * stride + lane] = bias[j]
        for t in range(len(ext)):
            if t >= x.due[0]:
                edit_lanes(x, stride, active, t)
            for j in driven:
                if same:
                    for lane in range(0, stride, 8):
                        value = spread(ext[t, j, 0] + bias[j], np.uint8(0))
                        store(x.ext, j * stride + lane, value)
                else:
                    for lane in range(active):
                        x.ext[j * stride + lane] = ext[t, j, begin + lane] + bias[j]
            if active <= 8:
                tick_lanes(p, x, stride, active, t, np.uint8(0))
            else:
                tick_lanes(p, x, stride, active, t, np.uint32(0))
            for j in range(n):
                fired[block, t, j] = x.fired[j]
            if len(v) > 0:
                for j in range(n):
                    for lane in range(active):
                        v[t, j, begin + lane] = x.v[j * stride + lane]
