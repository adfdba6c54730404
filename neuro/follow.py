"""Compiled kernel: what faults reach, on the input of golden episodes, up to another action.

Where hidden neurons spike otherwise, actions are often the same. As long as they are, plant and
input are golden.
"""

from __future__ import annotations

import numpy as np

from neuro.decisions import new_ports, run_decision
from neuro.jit import kernel
from neuro.kernels import FAR, WIDEST, load_lane, new_lanes, rest_lanes
from neuro.vectors import borrow


@kernel
def follow_block(
    p, x, ports, stride, golden, block, copies, f, alive, read_out, begin_of, lanes
):  # fmt: skip
    """Run a copy on what the golden network receives in a block; see `follow`."""
    p, x, ports, golden = borrow(p), borrow(x), borrow(ports), borrow(golden)
    copies = borrow(copies)
    count, wide, row = len(block), golden.reward.shape[1], golden.first[block[0]]
    words = (p.ticks + 63) // 64
    seen_by_all, action = np.zeros(len(p.outputs)), np.zeros(p.values)
    x.due[0] = FAR
    rest_lanes(p, x, stride)
    for lane in range(count):
        load_lane(p, x, stride, lane, copies, f, 0)
    d = np.int64(0)
    while True:
        at = row + d
        for r in range(golden.current.shape[1] // wide):
            for lane in range(count):
                ports.current[r * stride + lane] = golden.current[at, r * wide + lane]
        for r in range(golden.pulses.shape[1] // wide):
            any_pulse = np.uint64(0)
            if x.swept[p.inputs[r // words]]:
                for lane in range(count):
                    word = golden.pulses[at, r * wide + lane]
                    ports.pulses[r * stride + lane] = word
                    any_pulse |= word
            ports.any_pulse[r] = any_pulse
        run_decision(p, x, ports, stride, count, d * p.ticks, lanes, golden.fired, at * p.ticks)
        d += 1
        left = False
        for lane in range(count):
            if alive[lane]:
                s = block[lane]
                same = True
                for o in range(len(p.outputs)):
                    seen_by_all[o] = ports.seen[o * stride + lane]
                    same &= seen_by_all[o] == golden.seen[at, o * wide + lane]
                if not same:
                    for i in range(p.values):
                        action[i] = 0.0
                    read_out(seen_by_all, p.readout, action)
                    for i in range(p.values):
                        if action[i] != golden.action[at, lane * p.values + i]:
                            alive[lane] = False
                if alive[lane] and d >= golden.steps[s]:
                    begin_of[f, s] = FAR
                    alive[lane] = False
                left |= alive[lane]
        if not left:
            break


@kernel
def reach(p, rows, f, swept):
    """Mark the neurons that the changes of a copy reach, and those that these send to."""
    swept[:] = False
    for r in range(len(rows.copy)):
        if rows.copy[r] == f:
            swept[rows.neuron[r]] = True
    more = True
    while more:
        more = False
        for j in range(len(p.al)):
            if swept[j]:
                for e in range(p.first[j], p.first[j + 1]):
                    more |= not swept[p.post[e]]
                    swept[p.post[e]] = True


@kernel
def follow(p, golden, blocks, first, rows, copies, chosen, own, read_out, begin_of):
    """Find out which copies act as the golden network does although they spike otherwise.

    All neurons that changes can reach are run, on what they receive in golden episodes, up to the
    first other action: without the rest of the network, a plant and an encoder.

    Parameters
    ----------
    chosen : ndarray of int64
        Which copies.
    own : bool
        Whether edits reach neurons.
    begin_of : ndarray of int64, shape (K, S)
        Set to `FAR` where there is no other action.
    ... : as in `replay`
    """
    p, golden, rows, copies = borrow(p), borrow(golden), borrow(rows), borrow(copies)
    for b in range(len(first) - 1):
        block = blocks[first[b] : first[b + 1]]
        stride = 8 if len(block) <= 8 else WIDEST
        x = new_lanes(p, stride, copies, own)
        ports = new_ports(p, x, stride, 0)
        for f in chosen:
            alive = np.zeros(len(block), dtype=np.bool_)
            for lane in range(len(block)):
                alive[lane] = begin_of[f, block[lane]] < FAR
            if not alive.any():
                continue
            reach(p, rows, f, x.swept)
            if stride == 8:
                follow_block(
                    p, x, ports, stride, golden, block, copies, f, alive, read_out,
                    begin_of, np.uint8(0),
                )  # fmt: skip
            else:
                follow_block(
                    p, x, ports, stride, golden, block, copies, f, alive, read_out,
                    begin_of, np.uint32(0),
                )  # fmt: skip
