"""Compiled kernel: single neurons of faulty copies, in episodes that otherwise are golden.

Until a spike of a network changes, nothing but the neurons that a fault acts on differs from the
golden episode. So what a fault does to a neuron can be found out with no more than that neuron,
which receives what the golden network sends. The replay ends with the first decision in which the
neuron spikes otherwise; if it only serves as an output, with the first in which the action is
another one. It does what it would do in a whole network bit for bit: input arrives in the same
order.

If a weight can move to some value without a spike of its receiver changing, it can move to all
between: every operation of a tick is monotone, rounding included, and spikes bring at least zero,
so potentials stay between the golden ones and those of the larger change. So large changes come
first, and those that they speak for are left out.

Lanes are starts, as in `neuro.golden`, so that a word says who of them spiked; where there are few
starts, several copies lie side by side. A neuron in 32 episodes costs as much as two neurons of a
network, and there is neither a plant nor an encoder.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from neuro.decisions import FIRST, POTENTIAL
from neuro.jit import kernel
from neuro.kernels import FAR, WIDEST, Copies, aligned, update, update_full
from neuro.program import Program
from neuro.slots import dense
from neuro.vectors import at_least, borrow, choose, load, lowest_bit, row_of, spread, store

OWN = 14
"""Places of a neuron besides its weights: v, g, held, gain, input without bias and the nine
parameters, in the order of `neuro.kernels.Lanes.own`."""


class Incoming(NamedTuple):
    """Synapses by receiver, in the order in which a tick adds what they bring.

    Attributes
    ----------
    first, in_first : ndarray of int64, shape (N + 1,)
        Neuron j receives synapses ``first[j] .. first[j + 1] - 1``, and likewise input synapses.
    pre, delay : ndarray of int64, shape (E,)
    channel : ndarray of int64, shape (I,)
    order, in_order : ndarray of int64, shapes (E,) and (I,)
        Where each of them is in the network.
    pulsed : ndarray of int64, shape (N,)
        Which pulsed channel leads to each neuron, or -1.
    output : ndarray of int64, shape (N,)
        Which output each neuron is, or -1.
    silent : ndarray of bool, shape (N,)
        Which neurons send nothing.
    """

    first: NDArray[np.int64]
    in_first: NDArray[np.int64]
    pre: NDArray[np.int64]
    delay: NDArray[np.int64]
    channel: NDArray[np.int64]
    order: NDArray[np.int64]
    in_order: NDArray[np.int64]
    pulsed: NDArray[np.int64]
    output: NDArray[np.int64]
    silent: NDArray[np.bool_]


def incoming(p: Program) -> Incoming:
    """Sort a network's synapses by receiver."""
    n = len(p.al)
    ends = np.arange(n + 1)
    pre = np.repeat(ends[:-1], np.diff(p.first))
    # Into one sum, weights go by the tick at which they were sent, then by sender.
    order = np.lexsort((np.arange(len(pre)), pre, -p.delay, p.post))
    in_order = np.argsort(p.in_post, kind="stable")
    pulsed, output = np.full(n, -1), np.full(n, -1)
    pulsed[p.inputs], output[p.outputs] = np.arange(len(p.inputs)), np.arange(len(p.outputs))
    return Incoming(
        np.searchsorted(p.post[order], ends), np.searchsorted(p.in_post[in_order], ends),
        pre[order], p.delay[order], p.in_channel[in_order], order, in_order, pulsed, output,
        np.diff(p.first) == 0,
    )  # fmt: skip


class Rows(NamedTuple):
    """Neurons of copies to replay, R in all, those of the same neuron next to each other.

    Attributes
    ----------
    copy, neuron : ndarray of int64, shape (R,)
    begin : ndarray of int64, shape (R,)
        A decision up to which the neuron is golden.
    alone : ndarray of bool, shape (R,)
        Whether the copy has no other row: then it is its actions that count.
    beyond : ndarray of int64, shape (R,)
        A row, further up, that differs in the weight of the same synapse only, and by more; or -1.
    first : ndarray of int64, shape (R + 1,)
        Row r has edits ``first[r] .. first[r + 1] - 1``, in the order of their ticks;
        those of synapses are due when what is sent with them arrives.
    tick, place : ndarray of int64; value : ndarray of float64, shape (first[R],)
        A place is that of a synapse or input synapse onto the neuron, in the order of `Incoming`,
        or after these one of `OWN`.
    """

    copy: NDArray[np.int64]
    neuron: NDArray[np.int64]
    begin: NDArray[np.int64]
    alone: NDArray[np.bool_]
    beyond: NDArray[np.int64]
    first: NDArray[np.int64]
    tick: NDArray[np.int64]
    place: NDArray[np.int64]
    value: NDArray[np.float64]


def rows_of(p: Program, q: Incoming, copies: Copies, chosen: NDArray[np.bool_], /) -> Rows:
    """Take copies apart into the neurons that their changes reach.

    Parameters
    ----------
    p : Program
        Of the golden network.
    q : Incoming
    copies : Copies
    chosen : ndarray of bool, shape (K,)
        Which of them.
    """
    n, e, i = len(p.al), len(p.weight), len(p.in_weight)
    neurons, weights = np.arange(n), np.diff(q.first) + np.diff(q.in_first)
    # Slots by the neuron that they belong to, and where they are found there.
    owner = np.concatenate([p.post, p.in_post, *[neurons] * 3, p.inputs, *[neurons] * 9])
    place = np.empty(len(owner), dtype=np.int64)
    place[q.order] = np.arange(e) - q.first[p.post[q.order]]
    into = p.in_post[q.in_order]
    place[e + q.in_order] = np.diff(q.first)[into] + np.arange(i) - q.in_first[into]
    gain = e + i + 3 * n
    for k in range(3):
        place[e + i + k * n : e + i + (k + 1) * n] = weights + k
    place[gain : gain + len(p.inputs)] = weights[p.inputs] + 3
    for k in range(9):
        parameter = gain + len(p.inputs) + k * n
        place[parameter : parameter + n] = weights + 5 + k

    count, now, golden = len(chosen), dense(copies), np.concatenate([p.weight, p.in_weight])
    changed = (now != golden) & chosen[:, None]
    copy, slot = np.nonzero(changed)
    from_start = np.unique(owner[slot] * count + copy)
    edited = np.repeat(np.arange(count), np.diff(copies.first))
    kept = np.flatnonzero(chosen[edited])
    key = owner[copies.slot[kept]] * count + edited[kept]
    # The weight of a spike is that of the tick at which it was sent.
    tick, slot = copies.tick[kept], copies.slot[kept]
    tick = tick + np.append(p.delay, 0)[np.minimum(slot, e)]
    order = np.lexsort((tick, key))
    kept, key, tick = kept[order], key[order], tick[order]
    rows = np.union1d(from_start, key) if len(key) else from_start
    first = np.append(np.searchsorted(key, rows), len(key))
    begin = np.zeros(len(rows), dtype=np.int64)
    if len(key):
        late = np.isin(rows, from_start, invert=True)
        begin[late] = tick[first[:-1][late]] // p.ticks
    neuron, copy = np.divmod(rows, max(1, count))
    alone = np.bincount(copy, minlength=count)[copy] == 1
    beyond = np.full(len(rows), -1)
    if len(rows) and not len(key):
        one = alone & (changed[copy].sum(axis=1) == 1)
        column = np.argmax(changed[copy], axis=1)
        size = (now - golden)[copy, column]
        # Currents may be negative: more of an input weight is not more of what it brings.
        order, beyond = _largest_first(one & (column < e), column, size, neuron)
        copy, neuron, alone = copy[order], neuron[order], alone[order]
    return Rows(
        copy, neuron, begin, alone, beyond, first, tick, place[copies.slot[kept]],
        copies.value[kept],
    )  # fmt: skip


def _largest_first(
    one: NDArray[np.bool_],
    column: NDArray[np.int64],
    size: NDArray[np.float64],
    neuron: NDArray[np.int64],
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Sort rows so that those with larger changes of a weight come first; return `Rows.beyond`.

    Where it is `one` weight that is changed, `column` says which and `size` by how much.
    """
    count = len(one)
    chain = np.where(one, 2 * column + (size > 0.0), -1 - np.arange(count))
    order = np.lexsort((-np.abs(size), chain))
    follows = np.append(False, np.diff(chain[order]) == 0)
    begins = np.flatnonzero(~follows)
    rank = np.empty(count, dtype=np.int64)
    rank[order] = np.arange(count) - np.repeat(begins, np.diff(begins, append=count))
    before = np.full(count, -1)
    before[order[1:]] = np.where(follows[1:], order[:-1], -1)
    order = np.lexsort((rank, neuron))
    place = np.empty(count, dtype=np.int64)
    place[order] = np.arange(count)
    before = before[order]
    return order, np.where(before >= 0, place[before], -1)


@kernel
def set_input(p, q, golden, x, j, at, count, together, weights, own):
    """Sum up what a graded encoder sends the neuron in the decision noted in row `at`."""
    lanes = np.uint32(0)
    wide, noted = golden.reward.shape[1], row_of(golden.current, at)
    ext = (weights + 4) * WIDEST
    weight = (q.first[j + 1] - q.first[j]) * WIDEST
    store(x, ext, spread(0.0, lanes))
    for i in range(q.in_first[j], q.in_first[j + 1]):
        channel = q.channel[i] * wide
        if together == 1:
            current = load(x, weight, lanes) * load(noted, channel, lanes)
            store(x, ext, load(x, ext, lanes) + current)
        else:
            for rep in range(together):
                for lane in range(count):
                    place = rep * count + lane
                    x[ext + place] += x[weight + place] * noted[channel + lane]
        weight += WIDEST
    if not own:
        store(x, ext, load(x, ext, lanes) + spread(p.bias[j], lanes))


@kernel
def edit_rows(x, rows, next_edit, r, together, count, tick):
    """Make the edits of some rows that are due at a tick; return when the next ones are."""
    due = FAR
    for rep in range(together):
        e, last = next_edit[rep], rows.first[r + rep + 1]
        while e < last and rows.tick[e] <= tick:
            for lane in range(rep * count, (rep + 1) * count):
                x[rows.place[e] * WIDEST + lane] = rows.value[e]
            e += 1
        next_edit[rep] = e
        if e < last:
            due = min(due, rows.tick[e])
    return due


@kernel
def replay_rows(
    p, q, golden, rows, r, together, block, dense, own, x, read_out, quiet, begin_of, patches,
    spoke,
):  # fmt: skip
    """Replay rows ``r .. r + together - 1`` in the golden episodes of a block of starts."""
    p, q, golden, rows = borrow(p), borrow(q), borrow(golden), borrow(rows)
    lanes = np.uint32(0)
    zero, one = spread(0.0, lanes), spread(1.0, lanes)
    count, j, every, ticks = len(block), rows.neuron[r], golden.every[0], p.ticks
    wide, row = golden.reward.shape[1], golden.first[block[0]]
    low, high = q.first[j], q.first[j + 1]
    before, inputs = high - low, q.in_first[j + 1] - q.in_first[j]
    weights = before + inputs
    state = weights * WIDEST
    gain, ext, parameters = state + 3 * WIDEST, state + 4 * WIDEST, state + 5 * WIDEST
    channel, o, silent = q.pulsed[j], q.output[j], q.silent[j]

    d = rows.begin[r]
    for rep in range(1, together):
        d = min(d, rows.begin[r + rep])
    d = d // every * every
    next_edit = np.zeros(WIDEST, dtype=np.int64)
    limit = np.zeros(WIDEST, dtype=np.int64)
    for rep in range(together):
        f, skip = rows.copy[r + rep], rep * count
        for i in range(before):
            x[i * WIDEST + skip : (i + 1) * WIDEST] = dense[f, q.order[low + i]]
        for i in range(inputs):
            weight = dense[f, len(p.weight) + q.in_order[q.in_first[j] + i]]
            x[(before + i) * WIDEST + skip : (before + i + 1) * WIDEST] = weight
    for rep in range(together):
        f = rows.copy[r + rep]
        for lane in range(count):
            s = block[lane]
            limit[rep * count + lane] = min(golden.steps[s], begin_of[f, s])
    odd_ever = np.uint32(0)
    for rep in range(together):
        next_edit[rep] = rows.first[r + rep]
        further = rows.beyond[r + rep]
        if 0 <= further < r:
            for lane in range(rep * count, (rep + 1) * count):
                if quiet[further] & (np.uint32(1) << np.uint32(lane - rep * count)):
                    limit[lane] = 0
    store(x, state, spread(p.v_leak[j], lanes))
    store(x, state + WIDEST, zero)
    store(x, state + 2 * WIDEST, zero)
    if d > 0:
        for lane in range(together * count):
            i = j * wide + lane % count
            x[state + lane] = golden.v[(row + d) // every, i]
            if not p.plain:
                x[state + WIDEST + lane] = golden.g[(row + d) // every, i]
                x[state + 2 * WIDEST + lane] = golden.held[(row + d) // every, i]
    if own:
        store(x, gain, spread(p.gain, lanes))
        store(x, parameters, spread(p.al[j], lanes))
        store(x, parameters + WIDEST, spread(p.v_threshold[j], lanes))
        store(x, parameters + 2 * WIDEST, spread(p.v_reset[j], lanes))
        store(x, parameters + 3 * WIDEST, spread(p.be[j], lanes))
        store(x, parameters + 4 * WIDEST, spread(p.v_leak[j], lanes))
        store(x, parameters + 5 * WIDEST, spread(p.v_min[j], lanes))
        store(x, parameters + 6 * WIDEST, spread(p.refractory[j], lanes))
        store(x, parameters + 7 * WIDEST, spread(p.subtract[j], lanes))
        store(x, parameters + 8 * WIDEST, spread(p.bias[j], lanes))

    due = FAR
    if rows.first[r] < rows.first[r + together]:
        due = np.int64(0)
    repeat = np.uint64(0)  # times a word of starts: the same for each row
    for rep in range(together):
        repeat |= np.uint64(1) << np.uint64(rep * count)
    alive = np.uint32((np.uint64(1) << np.uint64(together * count)) - np.uint64(1))
    kept, seen = aligned(3 * WIDEST), aligned(WIDEST)
    seen_by_all, action = np.zeros(len(p.outputs)), np.zeros(p.values)
    until = np.int64(0)
    bias = spread(p.bias[j], lanes)
    v = load(x, state, lanes)
    while True:
        if d >= until:
            until = FAR
            for lane in range(together * count):
                if limit[lane] <= d:
                    alive &= ~(np.uint32(1) << np.uint32(lane))
                elif alive & (np.uint32(1) << np.uint32(lane)):
                    until = min(until, limit[lane])
            if alive == 0:
                break
        at = row + d
        if d % every == 0:
            store(kept, 0, v)
            store(kept, WIDEST, load(x, state + WIDEST, lanes))
            store(kept, 2 * WIDEST, load(x, state + 2 * WIDEST, lanes))
        store(x, ext, zero if own else bias)
        if inputs > 0:
            set_input(p, q, golden, x, j, at, count, together, weights, own)
        if o >= 0:
            store(seen, 0, spread(np.float64(ticks) if p.sees == FIRST else 0.0, lanes))
        odd = np.uint32(0)
        for t in range(ticks):
            tick = d * ticks + t
            if tick >= due:
                store(x, state, v)
                due = edit_rows(x, rows, next_edit, r, together, count, tick)
                v = load(x, state, lanes)
                if inputs > 0:
                    set_input(p, q, golden, x, j, at, count, together, weights, own)
            arriving = zero
            noted = row * ticks + tick
            for i in range(before):
                if q.delay[low + i] <= tick:
                    sent = golden.fired[noted - q.delay[low + i], q.pre[low + i]]
                    if sent != 0:
                        sent = np.uint32(np.uint64(sent) * repeat)
                        arriving = arriving + choose(sent, load(x, i * WIDEST, lanes), zero)
            now = load(x, ext, lanes)
            if channel >= 0:
                pulse = np.uint32(np.uint64(golden.fired[noted, len(p.al) + channel]) * repeat)
                if own:
                    now = choose(pulse, load(x, gain, lanes), zero)
                else:
                    now = choose(pulse, spread(p.gain, lanes), zero) + bias
            if own:
                v, g, held, fires = update_full(
                    v, load(x, state + WIDEST, lanes), load(x, state + 2 * WIDEST, lanes),
                    arriving, now + load(x, parameters + 8 * WIDEST, lanes),
                    load(x, parameters, lanes), load(x, parameters + WIDEST, lanes),
                    load(x, parameters + 2 * WIDEST, lanes),
                    load(x, parameters + 3 * WIDEST, lanes),
                    load(x, parameters + 4 * WIDEST, lanes),
                    load(x, parameters + 5 * WIDEST, lanes),
                    load(x, parameters + 6 * WIDEST, lanes),
                    load(x, parameters + 7 * WIDEST, lanes), zero, one,
                )  # fmt: skip
                store(x, state + WIDEST, g)
                store(x, state + 2 * WIDEST, held)
            elif p.plain:
                v, fires = update(
                    v, arriving + now, spread(p.al[j], lanes), spread(p.v_threshold[j], lanes),
                    spread(p.v_reset[j], lanes),
                )  # fmt: skip
            else:
                v, g, held, fires = update_full(
                    v, load(x, state + WIDEST, lanes), load(x, state + 2 * WIDEST, lanes),
                    arriving, now, spread(p.al[j], lanes), spread(p.v_threshold[j], lanes),
                    spread(p.v_reset[j], lanes), spread(p.be[j], lanes),
                    spread(p.v_leak[j], lanes), spread(p.v_min[j], lanes),
                    spread(p.refractory[j], lanes), spread(p.subtract[j], lanes), zero, one,
                )  # fmt: skip
                store(x, state + WIDEST, g)
                store(x, state + 2 * WIDEST, held)
            odd |= fires ^ np.uint32(np.uint64(golden.fired[noted, j]) * repeat)
            if o >= 0 and fires != 0:
                so_far = load(seen, 0, lanes)
                if p.sees == FIRST:
                    after = spread(np.float64(t), lanes)
                    store(seen, 0, choose(fires & at_least(so_far, after), after, so_far))
                else:
                    store(seen, 0, choose(fires, so_far + one, so_far))
        odd &= alive
        odd_ever |= odd
        differs = np.uint32(0) if silent else odd
        if o >= 0:
            others = odd
            if p.sees == POTENTIAL:
                store(seen, 0, v)
                others = np.uint32(0)
                for lane in range(together * count):
                    if seen[lane] != golden.seen[at, o * wide + lane % count]:
                        others |= np.uint32(1) << np.uint32(lane)
                others &= alive
                odd_ever |= others
            left = np.uint64(others & ~differs)
            while left != 0:
                here = np.int64(lowest_bit(left))
                left &= left - np.uint64(1)
                bit = np.uint32(1) << np.uint32(here)
                if not rows.alone[r + here // count]:
                    differs |= bit
                    continue
                mine = here % count
                for other in range(len(p.outputs)):
                    seen_by_all[other] = golden.seen[at, other * wide + mine]
                seen_by_all[o] = seen[here]
                for i in range(p.values):
                    action[i] = 0.0
                read_out(seen_by_all, p.readout, action)
                for i in range(p.values):
                    if action[i] != golden.action[at, mine * p.values + i]:
                        differs |= bit
        left = np.uint64(differs)
        while left != 0:
            here = np.int64(lowest_bit(left))
            left &= left - np.uint64(1)
            f, s = rows.copy[r + here // count], block[here % count]
            begin_of[f, s] = d // every * every
            spoke[f] = spoke[f] or not silent or not rows.alone[r + here // count]
            for i in range(3):
                patches[f, s, i] = kept[i * WIDEST + here]
        alive &= ~differs
        d += 1
        if alive == 0:
            break
    for rep in range(together):
        quiet[r + rep] = ~np.uint32(np.uint64(odd_ever) >> np.uint64(rep * count))


@kernel
def replay(
    p, q, golden, blocks, first, rows, dense, own_of, read_out, begin_of, patches, spoke
):  # fmt: skip
    """Find the decision in which each copy first differs from each golden episode.

    Parameters
    ----------
    p : Program
        Of the golden network.
    q : Incoming
    golden : Golden
    blocks, first : ndarray of int64
        Starts ``blocks[first[b] : first[b + 1]]`` lie side by side, in this order.
    rows : Rows
    dense : ndarray of float64, shape (K, E + I)
        Weights of the copies to begin with.
    own_of : ndarray of bool, shape (N,)
        Neurons for which an edit of `rows` reaches more than weights.
    begin_of : ndarray of int64, shape (K, S)
        Lowered to that decision, or the last one before it that has a snapshot.
    patches : ndarray of float64, shape (K, S, 3)
        Filled with v, g and held that the neuron has by then.
    spoke : ndarray of bool, shape (K,)
        Set where more than one output could have seen a difference.
    """
    p, q, golden, rows = borrow(p), borrow(q), borrow(golden), borrow(rows)
    count = len(rows.copy)
    most = np.int64(0)
    for j in range(len(p.al)):
        most = max(most, q.first[j + 1] - q.first[j] + q.in_first[j + 1] - q.in_first[j])
    x = aligned((most + OWN) * WIDEST)
    for b in range(len(first) - 1):
        block = blocks[first[b] : first[b + 1]]
        quiet = np.zeros(count, dtype=np.uint32)
        r = 0
        while r < count:
            j = rows.neuron[r]
            together = 1
            while (
                (together + 1) * len(block) <= WIDEST
                and r + together < count
                and rows.neuron[r + together] == j
            ):
                together += 1
            replay_rows(
                p, q, golden, rows, r, together, block, dense, own_of[j], x, read_out, quiet,
                begin_of, patches, spoke,
            )  # fmt: skip
            r += together
