"""Closed loop: networks, golden or faulty, playing episodes of a compiled task."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fitness.processes import play_environments
from fitness.tasks import CompiledTask, EnvironmentTask, Task
from fitness.wiring import Episodes, check_fit, checked_jobs
from neuro import Network, closed_loop
from neuro.closed_loop import Golden
from neuro.errors import wrong
from neuro.kernels import WIDEST, Copies
from neuro.program import Batch, Program, compile_batch, compile_network
from neuro.replay import replay
from neuro.simulate import checked_copies, golden_copies
from neuro.specs import whole


def play(
    network: Network,
    task: Task,
    starts: NDArray[np.float64],
    /,
    *,
    copies: Copies | None = None,
    copy_of: NDArray[np.int64] | None = None,
    start_of: NDArray[np.int64] | None = None,
) -> Episodes:
    """Play episodes of a task; of a compiled one, in a kernel call that releases the GIL.

    Parameters
    ----------
    network : Network
    task : Task
    starts : ndarray of float64, shape (S, D)
        From `Task.starts`.
    copies : Copies, optional
        Faulty copies; the network itself if left out.
    copy_of, start_of : ndarray of int64, shape (J,), optional
        Which copy plays from which start in each episode; every start once with the first copy
        if left out.

    Returns
    -------
    Episodes

    Examples
    --------
    A network without synapses never spikes, so the tie always pushes the cart left:

    >>> from fitness import TASKS, play
    >>> from neuro import Network, Current, WinnerTakesAll
    >>> task = TASKS["cartpole"]
    >>> network = Network.build(
    ...     2, outputs=[0, 1], encoder=Current(scale=task.scale), readout=WinnerTakesAll())
    >>> play(network, task, task.starts([1, 2, 3])).scores
    array([10.,  9.,  9.])
    """
    own = None if copies is None else [copies]
    played = play_all([network], task, starts, copies=own, copy_of=copy_of, start_of=start_of)
    return Episodes(*(array[0] for array in played))


def play_all(
    networks: Sequence[Network],
    task: Task,
    starts: NDArray[np.float64],
    /,
    *,
    copies: Sequence[Copies] | None = None,
    copy_of: NDArray[np.int64] | None = None,
    start_of: NDArray[np.int64] | None = None,
    workers: int = 1,
) -> Episodes:
    """Let each of M networks play the same J episodes.

    Compiled tasks take one kernel call for each worker, environments a process for each.

    Parameters
    ----------
    networks : sequence of Network
    task : Task
    starts : ndarray of float64, shape (S, D)
    copies : sequence of Copies, optional
        Of each network, equally many and fitting it; the networks themselves if left out.
    copy_of, start_of : ndarray of int64, shape (J,), optional
        As in `play`.
    workers : int
        Threads or processes; a network is played by one of them, whichever it is.

    Returns
    -------
    Episodes
        With arrays of shape (M, J).
    """
    whole(workers, "workers", 1, 1024)
    if starts.ndim != 2 or starts.shape[1] != task.state_size:
        raise wrong("starts", f"shape (any, {task.state_size})", starts.shape)
    # Copies of arrays: Numba compiles a kernel anew for read-only ones.
    starts = np.array(starts, dtype=np.float64, order="C")
    each = 1
    if copies is not None:
        if len(copies) != len(networks):
            raise wrong("copies", f"those of {len(networks)} networks", len(copies))
        copies = [checked_copies(n, c) for n, c in zip(networks, copies, strict=True)]
        each = len(copies[0].weight) if copies else 1
        for m, some in enumerate(copies):
            if len(some.weight) != each:
                raise wrong(f"copies[{m}]", f"{each} of them as in copies[0]", len(some.weight))
    start_of = np.arange(len(starts)) if start_of is None else start_of
    copy_of = np.zeros(len(start_of), dtype=np.int64) if copy_of is None else copy_of
    if networks:
        copy_of = checked_jobs(copy_of, "copy_of", each, len(start_of))
        start_of = checked_jobs(start_of, "start_of", len(starts), len(start_of))

    wired = [check_fit(network, task) for network in networks]
    if isinstance(task, EnvironmentTask):
        return play_environments(networks, task, starts[start_of, 0], copies, copy_of, workers)
    assert isinstance(task, CompiledTask)
    shape = len(networks), len(copy_of)
    result = Episodes(np.zeros(shape), np.zeros(shape, np.int64), np.zeros(shape, np.bool_))
    # Kernels are handed one encoder and one readout: networks that differ in these come apart.
    groups: dict[tuple[int, int], list[int]] = {}
    for m, (encoder, readout) in enumerate(wired):
        groups.setdefault((id(encoder.kernel), id(readout.kernel)), []).append(m)
    for members in groups.values():
        batch = compile_batch([networks[m] for m in members])
        encoder, readout = wired[members[0]]
        part = [array[members] for array in result]
        arguments: tuple[Any, ...] = (
            batch, _joined(copies, members, batch), copy_of, start_of, starts, task.max_steps,
            encoder.kernel, readout.kernel, task.observe, task.step, len(task.observations),
            np.zeros(1, dtype=np.int64), *part,
        )  # fmt: skip
        threads = min(workers, len(members))
        with ThreadPoolExecutor(threads) as pool:
            others = [pool.submit(closed_loop.roll_out, *arguments) for _ in range(threads - 1)]
            closed_loop.roll_out(*arguments)
            for other in others:
                other.result()
        for array, filled in zip(result, part, strict=True):
            array[members] = filled
    return result


MOST_SNAPSHOTS = 2**25
"""Numbers that snapshots of one network may hold: 256 MiB."""


def record_golden(network: Network, task: Task, starts: NDArray[np.float64], /) -> Golden:
    """Play golden episodes of a compiled task and keep snapshots of them; see `Golden`.

    Snapshots are taken before every decision, or every second, fourth, ... if they take too much
    memory.
    """
    encoder, readout = check_fit(network, task)
    assert isinstance(task, CompiledTask)
    p, copies = compile_network(network), golden_copies(network)
    n, count, most = len(p.al), len(starts), task.max_steps
    width = (3 + p.ring) * n + task.state_size
    words = -(-n // 64)
    pulses = 0 if encoder.graded else p.channels * -(-p.ticks // 64)
    # Notes of every tick, if they fit into memory as well.
    noted = p.ticks * words + p.channels + pulses + len(p.outputs) + p.values
    noted = noted if count * most * noted <= MOST_SNAPSHOTS else 0
    every = 1
    while count * (most // every + 1) * width > MOST_SNAPSHOTS and every < most:
        every *= 2
    starts = np.array(starts, dtype=np.float64, order="C")
    parts = []
    for begin in range(0, count, WIDEST):
        some = starts[begin : begin + WIDEST]
        each = -(-most // every)
        rows = len(some) * each
        fired, current, pulsed, seen, action = _notes(
            p, len(some) * most if noted else 0, words, pulses
        )
        golden = Golden(
            first=np.arange(len(some) + 1) * each, every=np.full(1, every),
            v=np.zeros((rows, n)), g=np.zeros((rows, n)), held=np.zeros((rows, n)),
            arriving=np.zeros((rows, p.ring * n)), state=np.zeros((rows, task.state_size)),
            sum=np.zeros(rows), first_reward=np.arange(len(some) + 1) * most,
            reward=np.zeros(len(some) * most), fired=fired, current=current, pulses=pulsed,
            seen=seen, action=action, returns=np.zeros(len(some)),
            terminated=np.zeros(len(some), dtype=np.bool_),
        )  # fmt: skip
        steps = np.zeros(len(some), dtype=np.int64)
        closed_loop.record(
            p, copies, some, most, every, encoder.kernel, readout.kernel, task.observe, task.step,
            len(task.observations), golden, steps,
        )  # fmt: skip
        parts.append(_trimmed(golden, steps, every, p.ticks))
    return _one_after_another(parts, every) if len(parts) != 1 else parts[0]


def _notes(p: Program, decisions: int, words: int, pulses: int) -> tuple[NDArray[Any], ...]:
    """Room for fired, current, pulses, seen and action of so many decisions."""
    return (
        np.zeros((decisions * p.ticks, words), dtype=np.uint64),
        np.zeros((decisions, 0 if pulses else p.channels)),
        np.zeros((decisions, pulses), dtype=np.uint64),
        np.zeros((decisions, len(p.outputs))), np.zeros((decisions, p.values)),
    )  # fmt: skip


def _trimmed(golden: Golden, steps: NDArray[np.int64], every: int, ticks: int) -> Golden:
    """Give back the room that short episodes did not need."""
    kept = -(-steps // every)
    first = np.concatenate([[0], np.cumsum(kept)])
    rows = np.concatenate(
        [np.arange(n) + a for n, a in zip(kept, golden.first[:-1], strict=True)] or [kept]
    )
    first_reward = np.concatenate([[0], np.cumsum(steps)])
    rewards = np.concatenate(
        [np.arange(n) + a for n, a in zip(steps, golden.first_reward[:-1], strict=True)] or [steps]
    )
    return golden._replace(
        first=first, v=golden.v[rows], g=golden.g[rows], held=golden.held[rows],
        arriving=golden.arriving[rows], state=golden.state[rows], sum=golden.sum[rows],
        first_reward=first_reward, reward=golden.reward[rewards],
        **({} if not len(golden.fired) else {
            "fired": golden.fired[(rewards[:, None] * ticks + np.arange(ticks)).ravel()],
            **{name: getattr(golden, name)[rewards] for name in
               ("current", "pulses", "seen", "action")},
        }),
    )  # fmt: skip


def _one_after_another(parts: list[Golden], every: int) -> Golden:
    """Lay the golden episodes of several blocks of starts one after another."""

    def ends(name: str) -> NDArray[np.int64]:
        counts = [np.diff(getattr(part, name)) for part in parts]
        return np.concatenate([[0], np.cumsum(np.concatenate(counts))])

    joined = {
        name: np.concatenate([getattr(part, name) for part in parts])
        for name in Golden._fields
        if name not in ("first", "first_reward", "every")
    }
    return Golden(
        first=ends("first"), first_reward=ends("first_reward"), every=np.full(1, every), **joined
    )


def play_on(
    network: Network,
    task: Task,
    starts: NDArray[np.float64],
    copies: Copies,
    copy_of: NDArray[np.int64],
    start_of: NDArray[np.int64],
    begin_of: NDArray[np.int64],
    patches: NDArray[np.float64],
    patched: NDArray[np.int64],
    passes: NDArray[np.bool_],
    golden: Golden,
    /,
) -> Episodes:
    """Play jobs of a compiled task that begin amid golden episodes, or end as these do.

    Parameters
    ----------
    begin_of : ndarray of int64, shape (J,)
        The decision that each job begins with, a multiple of ``golden.every``.
    patches : ndarray of float64, shape (J, 3 + R); patched : ndarray of int64, shape (J,)
        See `neuro.closed_loop.play_on`.
    passes : ndarray of bool, shape (K,)
        Which copies are golden once their edits are made.
    golden : Golden
        From `record_golden`, of the same network and starts.
    """
    copies = checked_copies(network, copies)
    encoder, readout = check_fit(network, task)
    assert isinstance(task, CompiledTask)
    jobs = len(copy_of)
    result = Episodes(np.zeros(jobs), np.zeros(jobs, np.int64), np.zeros(jobs, np.bool_))
    closed_loop.play_on(
        compile_network(network), copies, copy_of, start_of, begin_of, patches, patched, passes,
        golden,
        np.array(starts, dtype=np.float64, order="C"), task.max_steps, encoder.kernel,
        readout.kernel, task.observe, task.step, len(task.observations), *result,
    )  # fmt: skip
    return result


def replay_neurons(
    network: Network,
    golden: Golden,
    weights: NDArray[np.float64],
    copy_of: NDArray[np.int64],
    start_of: NDArray[np.int64],
    neuron_of: NDArray[np.int64],
    /,
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Find when copies whose weights differ onto one neuron leave the golden episodes.

    Parameters
    ----------
    network : Network
    golden : Golden
        From `record_golden`, with notes.
    weights : ndarray of float64, shape (K, E + I)
    copy_of, start_of, neuron_of : ndarray of int64, shape (J,)
        Those of one start and neuron next to each other.

    Returns
    -------
    begin_of : ndarray of int64, shape (J,)
        A decision up to which a job is golden; `neuro.replay.NEVER` for all of it.
    patches : ndarray of float64, shape (J, 3 + R)
        What is not golden by then; see `neuro.closed_loop.play_on`.
    """
    p, s, n = compile_network(network), network.synapses, len(network.neurons)
    assert network.readout is not None
    # Arrivals are added by the tick of sending, which is earlier for longer delays, then by sender.
    order = np.lexsort((np.arange(len(s)), s.pre, -s.delay, s.post))
    output = np.full(n, -1)
    output[network.outputs] = np.arange(len(network.outputs))
    begin_of = np.empty(len(copy_of), dtype=np.int64)
    patches = np.zeros((len(copy_of), 3 + p.ring))
    replay(
        p, golden, np.searchsorted(s.post[order], np.arange(n + 1)), order, s.pre[order],
        s.delay[order], np.bincount(s.pre, minlength=n) == 0, output,
        np.ascontiguousarray(weights), copy_of, start_of, neuron_of, network.readout.kernel,
        begin_of, patches,
    )  # fmt: skip
    return begin_of, patches


def horizon(network: Network, task: Task, /) -> int:
    """Ticks of the longest episode: faults that come and go are planned that far.

    Where an environment has its own idea of when it ends, 100,000 decisions.
    """
    return (task.max_steps or 100_000) * (network.encoder.ticks if network.encoder else 1)


def _joined(copies: Sequence[Copies] | None, members: list[int], batch: Batch) -> Copies:
    """Lay the copies of several networks one after another."""
    if copies is None:
        none = np.zeros(0, dtype=np.int64)
        begins = np.zeros(len(members) + 1, dtype=np.int64)
        return Copies(batch.weight, batch.in_weight, begins, none, none, np.zeros(0))
    mine = [copies[m] for m in members]
    ends = np.cumsum([0, *(len(c.tick) for c in mine)])
    first = [c.first[1:] + before for c, before in zip(mine, ends.tolist(), strict=False)]
    return Copies(
        np.concatenate([c.weight.ravel() for c in mine]),
        np.concatenate([c.in_weight.ravel() for c in mine]),
        np.concatenate([ends[:1], *first]),
        *(np.concatenate([getattr(c, name) for c in mine]) for name in ("tick", "slot", "value")),
    )
