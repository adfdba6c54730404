"""Golden episodes with notes of all that passes, and faulty copies that go on from amid them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fitness.rollout import play
from fitness.tasks import CompiledTask
from fitness.wiring import Episodes, check_fit
from neuro import Network, closed_loop
from neuro.follow import follow
from neuro.golden import Golden, record
from neuro.kernels import FAR, WIDEST, Copies, edits_neurons
from neuro.program import compile_network
from neuro.replay import incoming, replay, rows_of
from neuro.simulate import checked_copies, golden_copies
from neuro.slots import dense

KINDS = {"fired": np.uint32, "pulses": np.uint64}
"""Types of notes that are not floating-point numbers."""
LINE = 64
"""Bytes of a cache line."""
MOST_NOTES = 2**26
"""Numbers of 8 bytes that the notes of one network may take: 512 MiB."""
MOST_WORK = 1000
"""Ticks of a decision times neurons and synapses: above, the network takes longer than the rest."""
MOST_ROOM = 2**27
"""Numbers that there may be room for, before it is known how much is needed."""
MOST_SNAPSHOTS = 2**25
"""Numbers that its snapshots may take: 256 MiB."""

_compiled = lru_cache(maxsize=8)(compile_network)
"""What is recorded, replayed and played on is compiled once."""


def record_golden(
    network: Network,
    task: CompiledTask,
    starts: NDArray[np.float64],
    likely: NDArray[np.int64] | None = None,
    /,
) -> Golden | None:
    """Play golden episodes of a compiled task and note what passes in them.

    It takes less time if those that lie side by side are about as long: `likely` is a guess of
    how many decisions each of them has.

    Snapshots are taken before every decision, or every second, fourth, ... if they take too much
    memory. If the notes do, there is nothing.
    """
    encoder, readout = check_fit(network, task)
    p, copies = _compiled(network), golden_copies(network)
    starts = np.array(starts, dtype=np.float64, order="C")
    n, count, most = len(p.al), len(starts), task.max_steps
    wide = 8 if count <= 8 else 16 if count <= 16 else WIDEST
    graded, senders = p.channels if encoder.graded else 0, n + len(p.inputs)
    pulsed = 0
    if followed(network, task) and not encoder.graded:
        pulsed = p.channels * -(-p.ticks // 64)
    noted = p.ticks * senders // 2 + 1 + wide * (graded + pulsed + len(p.outputs) + p.values + 1)
    kept = wide * ((1 if p.plain else 3) * n + task.state_size + 1)
    order = np.arange(count) if likely is None else np.argsort(-likely, kind="stable")
    longest = np.full(count, most)
    if most * -(-count // wide) * (noted + kept) > MOST_ROOM:
        # Room for all that could be is too much: find out what will be.
        steps = play(network, task, starts).steps
        order = np.argsort(-steps, kind="stable")
        longest = steps[order]
    blocks = [order[begin : begin + wide] for begin in range(0, count, wide)]
    lengths = longest[::wide]
    if lengths.sum() * noted > MOST_NOTES:
        return None
    every = 1
    most = int(lengths.max(initial=1))
    while (lengths // every + 1).sum() * kept > MOST_SNAPSHOTS and every < most:
        every *= 2
    rows = np.concatenate([[0], np.cumsum(-(-lengths // every) * every)])
    total, snapshots = int(rows[-1]), int(rows[-1]) // every
    full = 0 if p.plain else n
    golden = Golden(
        first=np.empty(count, dtype=np.int64), lane=np.empty(count, dtype=np.int64),
        every=np.full(1, every), returns=np.zeros(count), steps=np.zeros(count, dtype=np.int64),
        terminated=np.zeros(count, dtype=np.bool_),
        **_room({
            "fired": (total * p.ticks, senders), "current": (total, graded * wide),
            "pulses": (total, pulsed * wide), "seen": (total, len(p.outputs) * wide),
            "action": (total, wide * p.values), "reward": (total, wide),
            "v": (snapshots, n * wide), "g": (snapshots, full * wide),
            "held": (snapshots, full * wide), "state": (snapshots, wide * task.state_size),
            "sum": (snapshots, wide),
        }),
    )  # fmt: skip
    for block, row in zip(blocks, rows.tolist(), strict=False):
        golden.first[block], golden.lane[block] = row, np.arange(len(block))
        record(
            p, copies, starts, block, row, task.max_steps, encoder.kernel, readout.kernel,
            task.observe, task.step, len(task.observations), golden,
        )  # fmt: skip
    return golden


def _room(shapes: Mapping[str, tuple[int, int]]) -> dict[str, NDArray[Any]]:
    """Make arrays that begin on cache lines, all of them in one piece of memory.

    What is not needed is never touched, and takes none. Of a large piece the system hands out huge
    pages, which are a third of a recording faster than thousands of small ones.
    """
    kinds = {name: np.dtype(KINDS.get(name, np.float64)) for name in shapes}
    sizes = {name: math.prod(shape) * kinds[name].itemsize for name, shape in shapes.items()}
    memory = np.empty(sum(sizes.values()) + LINE * (len(sizes) + 1), dtype=np.uint8)
    begin = -memory.ctypes.data % LINE
    arrays = {}
    for name, size in sizes.items():
        arrays[name] = memory[begin : begin + size].view(kinds[name]).reshape(shapes[name])
        begin += -(-size // LINE) * LINE
    return arrays


def followed(network: Network, task: CompiledTask, /) -> bool:
    """Whether whole networks are to be run where a neuron is not enough.

    There is something to gain if some neurons both receive and send, so that what is wrong with
    them may not show in actions; and if ticks take less time than encoding and the plant.
    """
    s, encoder = network.synapses, network.encoder
    assert encoder is not None
    if task.max_steps == 1 or encoder.ticks * (len(network.neurons) + len(s)) > MOST_WORK:
        return False
    return bool(np.isin(s.pre, [*s.post, *network.input_synapses.post]).any())


def first_differences(
    network: Network,
    task: CompiledTask,
    golden: Golden,
    copies: Copies,
    chosen: NDArray[np.bool_],
    /,
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
    """Find when copies leave the golden episodes, one neuron after the other.

    Parameters
    ----------
    network : Network
    task : CompiledTask
    golden : Golden
        From `record_golden`.
    copies : Copies
    chosen : ndarray of bool, shape (K,)
        Which of them.

    Returns
    -------
    begin_of : ndarray of int64, shape (K, S)
        A decision before which the copy is golden, `FAR` if it is to the end.
    patched, patches
        What is not golden by then: see `neuro.closed_loop.play_on`.
    """
    assert network.readout is not None
    p, shape = _compiled(network), (len(chosen), len(golden.steps))
    q = incoming(p)
    rows = rows_of(p, q, copies, chosen)
    begin_of, patches = np.full(shape, FAR), np.empty((*shape, 3))
    spoke = np.zeros(len(chosen), dtype=np.bool_)
    blocks = np.lexsort((golden.lane, golden.first))
    ends = np.append(0, np.flatnonzero(np.diff(golden.first[blocks], append=-1)) + 1)
    weights = np.diff(q.first) + np.diff(q.in_first)
    own = np.zeros(len(p.al), dtype=np.bool_)
    edited = np.repeat(rows.neuron, np.diff(rows.first))
    own[edited[rows.place >= weights[edited]]] = True
    replay(
        p, q, golden, blocks, ends, rows, dense(copies), own, network.readout.kernel, begin_of,
        patches, spoke,
    )  # fmt: skip
    if spoke.any() and followed(network, task):
        follow(
            p, golden, blocks, ends, rows, copies, np.flatnonzero(spoke),
            bool(edits_neurons(p, copies)), network.readout.kernel, begin_of,
        )  # fmt: skip
    patched = np.full(len(chosen), -1)
    patched[rows.copy[rows.alone]] = rows.neuron[rows.alone]
    several = rows.copy[~rows.alone]
    earliest = np.full(len(chosen), FAR)
    np.minimum.at(earliest, several, rows.begin[~rows.alone])
    late = begin_of[several] < FAR
    begin_of[several] = np.where(late, earliest[several, None] // golden.every * golden.every, FAR)
    return begin_of, patched, patches


def play_on(
    network: Network,
    task: CompiledTask,
    starts: NDArray[np.float64],
    copies: Copies,
    copy_of: NDArray[np.int64],
    start_of: NDArray[np.int64],
    begin_of: NDArray[np.int64],
    patched: NDArray[np.int64],
    patches: NDArray[np.float64],
    passes: NDArray[np.bool_],
    golden: Golden,
    /,
) -> Episodes:
    """Play jobs of a compiled task that begin amid golden episodes, or end as these do.

    Parameters
    ----------
    begin_of : ndarray of int64, shape (J,)
        The decision that each job begins with, a multiple of ``golden.every``.
    patched : ndarray of int64, shape (K,); patches : ndarray of float64, shape (K, S, 3)
        See `neuro.closed_loop.play_on`.
    passes : ndarray of bool, shape (K,)
        Which copies are golden once their edits are made.
    golden : Golden
        From `record_golden`, of the same network and starts.
    """
    copies = checked_copies(network, copies)
    encoder, readout = check_fit(network, task)
    jobs = len(copy_of)
    result = Episodes(np.zeros(jobs), np.zeros(jobs, np.int64), np.zeros(jobs, np.bool_))
    closed_loop.play_on(
        _compiled(network), copies, copy_of, start_of, begin_of, patched, patches, passes,
        golden, np.array(starts, dtype=np.float64, order="C"), task.max_steps, encoder.kernel,
        readout.kernel, task.observe, task.step, len(task.observations), *result,
    )  # fmt: skip
    return result
