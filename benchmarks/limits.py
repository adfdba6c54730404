"""How far the lane kernel is from what the memory of this machine allows.

A tick of 32 lanes has to read and write each neuron's potential and its slot of the delay ring,
and for each synapse that a spike of any lane travels along, read its 32 weights and add them to a
row of the ring. Two bare kernels do this traffic and nothing else (no spikes, no masks, no
branches), over as much memory as the network takes; their time is the limit.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.problems import external_input, noisy_copies, random_problem
from neuro import kernels, simulate_copies
from neuro.jit import kernel
from neuro.program import compile_network
from neuro.vectors import load, spread, store

TICKS = 5_000
REPEATS = 7
ROW = 8 * kernels.WIDEST  # bytes of a row of lanes


@kernel
def stream_neurons(v, arriving, rows, ring, ticks):
    """Read and write each neuron's potential and ring slot, in order."""
    lanes, wide = np.uint32(0), np.uint64(kernels.WIDEST)
    zero, leak = spread(0.0, lanes), spread(0.9, lanes)
    for k in range(ticks):
        slot = np.uint64((k & (ring - 1)) * rows) * wide
        for j in range(np.uint64(rows)):
            row = j * wide
            total = load(arriving, slot + row, lanes)
            store(arriving, slot + row, zero)
            store(v, row, load(v, row, lanes) * leak + total)


@kernel
def stream_events(arriving, weight, targets, synapses, events):
    """Add rows of weights to rows of the ring, in the given orders."""
    lanes, wide = np.uint32(0), np.uint64(kernels.WIDEST)
    for i in range(np.uint64(events)):
        to = targets[i] * wide
        own = load(weight, synapses[i] * wide, lanes)
        store(arriving, to, load(arriving, to, lanes) + own)


def seconds(call: Callable[[], Any]) -> float:
    """Median time of a call, after one to warm up."""
    call()
    times = []
    for _ in range(REPEATS):
        begun = time.perf_counter()
        call()
        times.append(time.perf_counter() - begun)
    return statistics.median(times)


def bare_traffic(
    neurons: int, ring: int, targets: NDArray[np.uint64], order: NDArray[np.uint64]
) -> tuple[float, float]:
    """Seconds of the sweep's and the events' traffic, in newly allocated memory."""
    v, arriving, weight = (
        kernels.aligned(rows * kernels.WIDEST)
        for rows in (neurons, ring * neurons, int(order.max()) + 1)
    )
    sweep = seconds(lambda: stream_neurons(v, arriving, neurons, ring, TICKS))
    fan = seconds(lambda: stream_events(arriving, weight, targets, order, len(order)))
    return sweep, fan


def limit(neurons: int, *, seed: int = 2) -> dict[str, float]:
    """Measure the lane kernel and its limit, in ns per network-step of one lane."""
    problem = random_problem(neurons, TICKS, seed=seed)
    network, ext = problem.network, external_input(problem)
    copies = noisy_copies(network, kernels.WIDEST)
    program = compile_network(network)
    fired = np.zeros((1, TICKS, neurons), dtype=np.uint32)
    driven = np.flatnonzero(ext.any(axis=0))
    voltage = np.zeros((0, neurons, kernels.WIDEST))
    measured = seconds(
        lambda: kernels.run_lanes(program, copies, ext[:, :, None], driven, fired, voltage)
    )

    spikes = simulate_copies(network, copies, ext, record_voltage=False).spikes
    fan_out = np.bincount(network.synapses.pre, minlength=neurons)
    synapses_a_tick = float((spikes.any(axis=2) @ fan_out).mean())
    # The kernel's own order: neurons that fired, one after another, with all their synapses.
    tick, sender = np.nonzero(spikes.any(axis=2))
    order = np.concatenate([np.arange(program.first[j], program.first[j + 1]) for j in sender])
    slot = (np.repeat(tick, fan_out[sender]) + program.delay[order]) % program.ring
    targets = (slot * neurons + program.post[order]).astype(np.uint64)
    order = order.astype(np.uint64)
    # A limit is the least of several: where memory happens to lie makes a difference.
    traffic = [bare_traffic(neurons, program.ring, targets, order) for _ in range(REPEATS)]
    sweep, fan = (min(times) for times in zip(*traffic, strict=True))
    each = 1e9 / TICKS / kernels.WIDEST
    return {
        "neurons": neurons,
        "measured_ns": measured * each,
        "limit_ns": (sweep + fan) * each,
        "sweep_limit_ns": sweep * each,
        "events_limit_ns": fan * each,
        "bytes_per_step": ROW * (4 * neurons + 3 * synapses_a_tick) / kernels.WIDEST,
        "kilobytes_in_use": ROW * (neurons * (1 + program.ring) + len(network.synapses)) / 1024,
        "synapses_a_tick": synapses_a_tick,
        "events_of_a_lane": float((spikes.sum(axis=2) @ fan_out).mean() / kernels.WIDEST),
    }


def main() -> None:
    """Print the limits, or write them as CSV with ``--out``."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--out", help="write a CSV file")
    path = parser.parse_args().out
    rows = [limit(neurons) for neurons in (10, 50, 200)]
    lines = [",".join(rows[0]), *(",".join(f"{x:.6g}" for x in r.values()) for r in rows)]
    text = "\n".join(lines) + "\n"
    if path is None:
        print(text, end="")
    else:
        from neuro.files import write_atomically

        write_atomically(path, text)


if __name__ == "__main__":
    main()
