"""Compiled kernels: networks in a closed loop with what they control, whole episodes of them."""

from __future__ import annotations

import numpy as np

from neuro.decisions import decide_lanes, new_ports
from neuro.golden import Golden, enter_lane, rejoined
from neuro.jit import kernel
from neuro.kernels import (
    FAR,
    WIDEST,
    Copies,
    edits_neurons,
    load_lane,
    move_lane,
    new_lanes,
    rest_lane,
    rest_lanes,
)
from neuro.program import program_of
from neuro.vectors import borrow, claim, row_of


@kernel
def take_job(
    p, x, state, stride, lane, now, k, copies, copy_of, start_of, begin_of, patched, patches,
    golden, starts, rested, returns, steps,
):  # fmt: skip
    """Put a lane at the beginning of job `now`, at tick `k`: of its episode, or amid it."""
    f, s = copy_of[now], start_of[now]
    begin = begin_of[now] if len(begin_of) > 0 else np.int64(0)
    if begin == 0:
        if not rested:
            rest_lane(p, x, stride, lane)
        load_lane(p, x, stride, lane, copies, f, k)
        for i in range(state.shape[1]):
            state[lane, i] = starts[s, i]
        return
    load_lane(p, x, stride, lane, copies, f, k - begin * p.ticks)
    enter_lane(p, x, state, stride, lane, golden, s, begin, k)
    j = patched[f]
    if j >= 0:
        i = j * stride + lane
        x.v[i], x.g[i], x.held[i] = patches[f, s, 0], patches[f, s, 1], patches[f, s, 2]
    steps[now] = begin
    c = (golden.first[s] + begin) // golden.every[0]
    returns[now] = golden.sum[c, golden.lane[s]]


@kernel
def play(
    p, x, ports, state, stride, copies, copy_of, start_of, begin_of, patched, patches, passes,
    golden, starts, max_steps, encode, read_out, observe, step, returns, steps, terminated,
):  # fmt: skip
    """Play the jobs of one network in given lanes, ports and plants; see `roll_out`."""
    p, x, ports, golden = borrow(p), borrow(x), borrow(ports), borrow(golden)
    copies = borrow(copies)
    x.due[0] = FAR
    jobs = len(copy_of)
    every = golden.every[0] if len(passes) > 0 else 1
    job, over = np.zeros(stride, dtype=np.int64), np.zeros(stride, dtype=np.bool_)
    active = min(stride, jobs)
    start = np.int64(0)  # a bare 0 has a type of its own: everything would be compiled twice
    waiting = np.int64(0)
    rest_lanes(p, x, stride)
    # From the last lane on, here as below: what a lane is given next then tends to be the same
    # copy, where all episodes are as long.
    for lane in range(active - 1, -1, -1):
        take_job(
            p, x, state, stride, lane, waiting, start, copies, copy_of, start_of, begin_of,
            patched, patches, golden, starts, True, returns, steps,
        )  # fmt: skip
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
                if (
                    x.next_edit[lane] == x.last_edit[lane]
                    and steps[now] < golden.steps[s]
                    and rejoined(p, x, state, stride, lane, golden, s, steps[now], start)
                ):
                    for d in range(steps[now], golden.steps[s]):
                        returns[now] += golden.reward[golden.first[s] + d, golden.lane[s]]
                    steps[now] = golden.steps[s]
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
                take_job(
                    p, x, state, stride, lane, waiting, start, copies, copy_of, start_of, begin_of,
                    patched, patches, golden, starts, rested, returns, steps,
                )  # fmt: skip
                job[lane] = waiting
                waiting += 1
            else:
                active -= 1
                move_lane(p, x, stride, lane, active)
                for i in range(state.shape[1]):
                    state[lane, i] = state[active, i]
                job[lane] = job[active]


@kernel
def play_on(
    p, copies, copy_of, start_of, begin_of, patched, patches, passes, golden, starts, max_steps,
    encode, read_out, observe, step, observations, returns, steps, terminated,
):  # fmt: skip
    """Play jobs of one network that begin late, or end where they have rejoined the golden ones.

    Parameters
    ----------
    begin_of : ndarray of int64, shape (J,)
        Decision that each job begins with; up to it, all spikes are golden. A multiple of
        ``golden.every``.
    patched : ndarray of int64, shape (F,); patches : ndarray of float64, shape (F, S, 3)
        A neuron of each copy whose v, g and held are not golden by then, and what they are; or -1.
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
        begin_of, patched, patches, passes, golden, starts, max_steps, encode, read_out, observe,
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
    no, no_copies, none = np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.bool_), np.zeros((0, 0))
    nothing = Golden(
        no, no, no, np.zeros(0), no, no_copies, np.zeros((0, 0), dtype=np.uint32), none,
        np.zeros((0, 0), dtype=np.uint64), none, none, none, none, none, none, none, none,
    )  # fmt: skip
    no_patches = np.zeros((0, 0, 0))
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
            no, no, no_patches, no_copies, nothing, starts, max_steps, encode, read_out,
            observe, step, returns[m], steps[m], terminated[m],
        )  # fmt: skip
