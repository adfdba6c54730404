"""Compiled kernel: one neuron of faulty copies, in an episode that otherwise is golden.

Until a spike of a network changes, nothing but the neurons that a fault acts on differs from the
golden episode. So a fault of weights onto one neuron needs no more than that neuron, which receives
what the golden network sends. The replay ends with the first decision in which the neuron spikes
otherwise; if it only serves as an output, with the first in which the action is another one. Faulty
copies are lanes, and do what they would do in a whole network bit for bit: input arrives in the
same order.
"""

from __future__ import annotations

import numpy as np

from neuro.closed_loop import FIRST, POTENTIAL
from neuro.jit import kernel
from neuro.kernels import aligned, update_full
from neuro.vectors import at_least, borrow, choose, load, spread, store

NEVER = np.int64(2**62)

WIDE = 8
"""Faults side by side: a neuron of a small network has no more than a few times eight."""


@kernel
def arrivals(golden, row, tick, end, first, last, pre, delay, weight, lanes):
    """Add up what arrives at tick `tick` of the spikes sent before tick `end`.

    In the order of the kernels: by the tick of sending, then by sender. `row` is where the
    episode's notes begin, and ``first .. last - 1`` are the receiver's synapses in that order.
    """
    total = spread(0.0, lanes)
    for q in range(first, last):
        sent = tick - delay[q]
        if 0 <= sent < end:
            j = pre[q]
            if (golden.fired[row + sent, j // 64] >> np.uint64(j % 64)) & np.uint64(1):
                total = total + load(weight, (q - first) * WIDE, lanes)
    return total


@kernel
def replay(
    p, golden, first, order, pre, delay, sink, output, weights, copy_of, start_of, neuron_of,
    read_out, begin_of, patches,
):  # fmt: skip
    """Find the decision in which each job first differs from its golden episode.

    Parameters
    ----------
    p : Program
        Of the golden network.
    golden : Golden
        With notes of its episodes.
    first, order, pre, delay : ndarray of int64
        Neuron j receives synapses ``order[first[j] : first[j + 1]]``, in the order of `arrivals`,
        from these senders and with these delays.
    sink : ndarray of bool, shape (N,)
        Which neurons send nothing.
    output : ndarray of int64, shape (N,)
        Which output each neuron is, or -1.
    weights : ndarray of float64, shape (F, E + I)
        Of the copies; those of a job differ from the golden ones onto one neuron only.
    copy_of, start_of, neuron_of : ndarray of int64, shape (J,)
        Jobs, sorted so that those of the same start and neuron follow each other.
    begin_of : ndarray of int64, shape (J,)
        Filled with the decision, or the last one before it that has a snapshot; `NEVER` if the
        episode does not differ.
    patches : ndarray of float64, shape (J, 3 + R)
        Filled with the neuron's state by then: v, g, held and what is going to arrive.
    """
    p, golden = borrow(p), borrow(golden)
    lanes = np.uint8(0)
    zero, one = spread(0.0, lanes), spread(1.0, lanes)
    jobs, synapses, every = len(copy_of), len(p.weight), golden.every[0]
    state, kept, ext = aligned(3 * WIDE), aligned(3 * WIDE), aligned(WIDE)
    seen, sum_of = aligned(WIDE), aligned(WIDE)
    seen_by_all, action = np.zeros(len(p.outputs)), np.zeros(golden.action.shape[1])
    begun = 0
    while begun < jobs:
        s, j = start_of[begun], neuron_of[begun]
        count = 1
        while (
            count < WIDE and begun + count < jobs
            and start_of[begun + count] == s and neuron_of[begun + count] == j
        ):  # fmt: skip
            count += 1
        low, high = first[j], first[j + 1]
        weight = aligned(max(1, high - low) * WIDE)
        for q in range(low, high):
            for lane in range(count):
                weight[(q - low) * WIDE + lane] = weights[copy_of[begun + lane], order[q]]
        channel = -1
        for c in range(len(p.inputs)):
            if p.inputs[c] == j:
                channel = c
        for lane in range(WIDE):
            state[lane], state[WIDE + lane], state[2 * WIDE + lane] = p.v_leak[j], 0.0, 0.0
        alive = np.uint8(0xFF >> (WIDE - count))
        o = output[j]
        by_action = o >= 0 and (sink[j] or p.sees == POTENTIAL)
        decisions = golden.first_reward[s + 1] - golden.first_reward[s]
        row = golden.first_reward[s] * p.ticks
        for lane in range(count):
            begin_of[begun + lane] = NEVER
        for d in range(decisions):
            note = golden.first_reward[s] + d
            if d % every == 0:
                for i in range(3 * WIDE):
                    kept[i] = state[i]
            for lane in range(WIDE):
                ext[lane] = 0.0
            for i in range(len(p.in_post)):
                if p.in_post[i] == j:
                    current = golden.current[note, p.in_channel[i]]
                    for lane in range(count):
                        ext[lane] += weights[copy_of[begun + lane], synapses + i] * current
            bias = spread(p.bias[j], lanes)
            store(ext, 0, load(ext, 0, lanes) + bias)
            store(seen, 0, spread(np.float64(p.ticks) if p.sees == FIRST else 0.0, lanes))
            differs = np.uint8(0)
            v, g, held = (
                load(state, 0, lanes), load(state, WIDE, lanes), load(state, 2 * WIDE, lanes)
            )  # fmt: skip
            for t in range(p.ticks):
                tick = d * p.ticks + t
                now = load(ext, 0, lanes)
                if channel >= 0:
                    words = (p.ticks + 63) // 64
                    pulses = golden.pulses[note, channel * words + t // 64]
                    if (pulses >> np.uint64(t % 64)) & np.uint64(1):
                        now = spread(p.gain, lanes) + bias
                arriving = arrivals(golden, row, tick, tick, low, high, pre, delay, weight, lanes)
                v, g, held, fires = update_full(
                    v, g, held, arriving, now, spread(p.al[j], lanes),
                    spread(p.v_threshold[j], lanes), spread(p.v_reset[j], lanes),
                    spread(p.be[j], lanes), spread(p.v_leak[j], lanes), spread(p.v_min[j], lanes),
                    spread(p.refractory[j], lanes), spread(p.subtract[j], lanes), zero, one,
                )  # fmt: skip
                if fires != 0:
                    before = load(seen, 0, lanes)
                    if p.sees == FIRST:
                        after = spread(np.float64(t), lanes)
                        store(seen, 0, choose(fires & at_least(before, after), after, before))
                    else:
                        store(seen, 0, choose(fires, before + one, before))
                if not sink[j]:
                    golden_fires = (
                        golden.fired[row + tick, j // 64] >> np.uint64(j % 64)
                    ) & np.uint64(1)
                    differs |= np.uint8(fires ^ np.uint8(0xFF)) if golden_fires else fires
            store(state, 0, v)
            store(state, WIDE, g)
            store(state, 2 * WIDE, held)
            differs &= alive
            if by_action:
                if p.sees == POTENTIAL:
                    store(seen, 0, v)
                for lane in range(count):
                    bit = np.uint8(1 << lane)
                    if alive & bit and not differs & bit and seen[lane] != golden.seen[note, o]:
                        for other in range(len(p.outputs)):
                            seen_by_all[other] = golden.seen[note, other]
                        seen_by_all[o] = seen[lane]
                        for i in range(len(action)):
                            action[i] = 0.0
                        read_out(seen_by_all, p.readout, action)
                        for i in range(len(action)):
                            if action[i] != golden.action[note, i]:
                                differs |= bit
            if differs != 0:
                at = d // every * every
                for r in range(p.ring):
                    tick = at * p.ticks
                    store(sum_of, 0, arrivals(
                        golden, row, tick + r, tick, low, high, pre, delay, weight, lanes
                    ))  # fmt: skip
                    for lane in range(count):
                        if differs & np.uint8(1 << lane):
                            patches[begun + lane, 3 + r] = sum_of[lane]
                for lane in range(count):
                    if differs & np.uint8(1 << lane):
                        begin_of[begun + lane] = at
                        for i in range(3):
                            patches[begun + lane, i] = kept[i * WIDE + lane]
                alive &= np.uint8(~differs)
                if alive == 0:
                    break
        begun += count
