"""Compiled kernels: golden episodes with notes of all that passed, and going on from amid them.

Golden episodes lie side by side, one in each lane for as long as it takes, so that notes are whole
rows of lanes: writing them down takes a tenth of the time of playing, and what reads them
(`neuro.replay`) finds a spike of all episodes in the bits of one word.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from neuro.decisions import decide_lanes, new_ports
from neuro.jit import kernel
from neuro.kernels import WIDEST, load_lane, new_lanes, rest_lanes
from neuro.vectors import borrow, load, row_of, store


class Golden(NamedTuple):
    """What happened in the golden episodes of one network; S starts, in blocks of up to L lanes.

    Each block has a row for each decision, T rows in all, and every few decisions a *snapshot*: the
    state of network and plant before the decision. Spikes on their way are found in the notes.

    Attributes
    ----------
    first, lane : ndarray of int64, shape (S,)
        Decision d of start s is noted in row ``first[s] + d``, in lane ``lane[s]``.
    every : ndarray of int64, shape (1,)
        The snapshot before it is ``(first[s] + d) // every``, if `d` is a multiple of `every`.
    returns, steps, terminated : ndarray, shape (S,)
        As in `neuro.closed_loop.roll_out`.
    fired : ndarray of uint32, shape (T * ticks, N + pulsed channels)
        Who fired in each tick, and which channel had a pulse: a bit for each lane.
    current : ndarray of float64, shape (T, C * L)
        Of a graded encoder; like those that follow, with index ``row * L + lane``.
    pulses : ndarray of uint64, shape (T, C * words * L)
        Of a spike encoder; without columns if nobody asks.
    seen : ndarray of float64, shape (T, O * L)
    action : ndarray of float64, shape (T, L * values)
        With index ``lane * values + i``.
    reward : ndarray of float64, shape (T, L)
    v, g, held : ndarray of float64, shape (snapshots, N * L)
        The network's state; `g` and `held` without columns in a plain network.
    state : ndarray of float64, shape (snapshots, L * D)
        The plant's, with index ``lane * D + i``.
    sum : ndarray of float64, shape (snapshots, L)
        Rewards so far.
    """

    first: NDArray[np.int64]
    lane: NDArray[np.int64]
    every: NDArray[np.int64]
    returns: NDArray[np.float64]
    steps: NDArray[np.int64]
    terminated: NDArray[np.bool_]
    fired: NDArray[np.uint32]
    current: NDArray[np.float64]
    pulses: NDArray[np.uint64]
    seen: NDArray[np.float64]
    action: NDArray[np.float64]
    reward: NDArray[np.float64]
    v: NDArray[np.float64]
    g: NDArray[np.float64]
    held: NDArray[np.float64]
    state: NDArray[np.float64]
    sum: NDArray[np.float64]


@kernel
def copy_rows(source, stride, target, wide):
    """Copy rows of lanes into a row of notes, whose lanes may be more or fewer."""
    lanes = min(stride, wide)
    for r in range(len(target) // wide):
        for lane in range(0, lanes, 8):
            store(target, r * wide + lane, load(source, r * stride + lane, np.uint8(0)))


@kernel
def record_block(
    p, x, ports, state, stride, block, row, max_steps, encode, read_out, observe, step, golden
):
    """Play the golden episodes of the starts in `block` side by side, from notes in `row` on."""
    p, x, ports, golden = borrow(p), borrow(x), borrow(ports), borrow(golden)
    wide, every, ticks = golden.reward.shape[1], golden.every[0], p.ticks
    size, values = state.shape[1], ports.action.shape[1]
    running = np.ones(len(block), dtype=np.bool_)
    active, decision, start = len(block), np.int64(0), np.int64(0)
    while active > 0:
        at = row + decision
        if decision % every == 0:
            c = at // every
            copy_rows(x.v, stride, row_of(golden.v, c), wide)
            copy_rows(x.g, stride, row_of(golden.g, c), wide)
            copy_rows(x.held, stride, row_of(golden.held, c), wide)
            for lane in range(active):
                golden.sum[c, lane] = golden.returns[block[lane]]
                for i in range(size):
                    golden.state[c, lane * size + i] = state[lane, i]
        for lane in range(active):
            if not running[lane]:
                continue
            observe(row_of(state, lane), row_of(ports.observation, lane))
            for i in range(ports.observation.shape[1]):
                if not np.isfinite(ports.observation[lane, i]):
                    ports.observation[lane, i] = 0.0
                    golden.returns[block[lane]] = np.nan
        decide_lanes(p, x, ports, stride, active, start, encode, read_out)
        start += ticks
        for t in range(ticks):
            for j in range(golden.fired.shape[1]):
                golden.fired[at * ticks + t, j] = ports.log[t, j]
        copy_rows(ports.current, stride, row_of(golden.current, at), wide)
        for r in range(golden.pulses.shape[1] // wide):
            for lane in range(active):
                golden.pulses[at, r * wide + lane] = ports.pulses[r * stride + lane]
        copy_rows(ports.seen, stride, row_of(golden.seen, at), wide)
        decision += 1
        for lane in range(active):
            if not running[lane]:
                continue
            s = block[lane]
            for i in range(values):
                golden.action[at, lane * values + i] = ports.action[lane, i]
            reward, ended = step(row_of(state, lane), row_of(ports.action, lane))
            golden.returns[s] += reward
            golden.reward[at, lane] = reward
            golden.steps[s] = decision
            if ended or decision >= max_steps:
                golden.terminated[s] = ended
                running[lane] = False
        while active > 0 and not running[active - 1]:
            active -= 1


@kernel
def record(
    p, copies, starts, block, row, max_steps, encode, read_out, observe, step, observations, golden
):
    """Play golden episodes, up to 32 of them, and note all that passes.

    Parameters
    ----------
    copies : Copies
        One golden copy.
    block : ndarray of int64
        The starts to play, one in each lane; best those first that take longest.
    row : int
        Where their notes begin.
    golden : Golden
        With room for them; filled.
    """
    stride = 8 if len(block) <= 8 else WIDEST
    x = new_lanes(p, stride, copies, False)
    ports = new_ports(p, x, stride, observations, p.ticks)
    state = np.zeros((stride, starts.shape[1]))
    rest_lanes(p, x, stride)
    for lane in range(len(block)):
        load_lane(p, x, stride, lane, copies, 0, 0)
        for i in range(starts.shape[1]):
            state[lane, i] = starts[block[lane], i]
    record_block(
        p, x, ports, state, stride, block, row, max_steps, encode, read_out, observe, step, golden
    )


@kernel
def send_again(p, x, stride, lane, golden, s, begin, k, arriving, places, width):
    """Add up what is on its way to a lane at the beginning of the golden decision `begin`.

    The spikes are golden, the weights the lane's own, with the edits that come up to then.

    Parameters
    ----------
    k : int
        The tick of the kernel at which the decision begins.
    arriving : ndarray of float64
        Filled: what arrives at tick k at neuron j, in row ``k % R * N + j`` of `width`, at
        ``places``.
    """
    n, slot, end = len(p.al), k & (p.ring - 1), begin * p.ticks
    for r in range(p.ring * n):
        arriving[r * width + places] = 0.0
    bit = np.uint32(1) << np.uint32(golden.lane[s])
    row, states = golden.first[s] * p.ticks, len(p.weight) + len(p.in_weight)
    for sent in range(max(0, end - p.ring), end):
        e = x.next_edit[lane]
        while e < x.last_edit[lane] and x.tick[e] <= sent:
            if not states <= x.slot[e] < states + 3 * n:
                x.slots[x.slot[e] * stride + lane] = x.value[e]
            e += 1
        x.next_edit[lane] = e
        for j in range(n):
            if golden.fired[row + sent, j] & bit == 0:
                continue
            for e in range(p.first[j], p.first[j + 1]):
                ahead = sent + p.delay[e] - end
                if ahead >= 0:
                    r = ((slot + ahead) & (p.ring - 1)) * n + p.post[e]
                    arriving[r * width + places] += x.weight[e * stride + lane]


@kernel
def enter_lane(p, x, state, stride, lane, golden, s, begin, k):
    """Let a lane go on from the snapshot before decision `begin`, which is at tick `k`."""
    n, wide, mine = len(p.al), golden.reward.shape[1], golden.lane[s]
    c, size = (golden.first[s] + begin) // golden.every[0], state.shape[1]
    send_again(p, x, stride, lane, golden, s, begin, k, x.arriving, lane, stride)
    for j in range(n):
        i, from_it = j * stride + lane, j * wide + mine
        x.v[i] = golden.v[c, from_it]
        x.g[i] = x.held[i] = 0.0
        if not p.plain:
            x.g[i], x.held[i] = golden.g[c, from_it], golden.held[c, from_it]
    for i in range(size):
        state[lane, i] = golden.state[c, mine * size + i]


@kernel
def rejoined(p, x, state, stride, lane, golden, s, decision, k):
    """Whether the complete state of a golden copy's lane before a decision is golden again."""
    n, wide, mine = len(p.al), golden.reward.shape[1], golden.lane[s]
    c, size = (golden.first[s] + decision) // golden.every[0], state.shape[1]
    for i in range(size):
        if state[lane, i] != golden.state[c, mine * size + i]:
            return False
    for j in range(n):
        i, from_it = j * stride + lane, j * wide + mine
        if x.v[i] != golden.v[c, from_it]:
            return False
        if p.plain:  # its currents do not last
            if x.held[i] != 0.0:
                return False
        elif x.g[i] != golden.g[c, from_it] or x.held[i] != golden.held[c, from_it]:
            return False
    arriving = np.empty(n * p.ring)
    send_again(p, x, stride, lane, golden, s, decision, k, arriving, 0, 1)
    for r in range(n * p.ring):
        if x.arriving[r * stride + lane] != arriving[r]:
            return False
    return True
