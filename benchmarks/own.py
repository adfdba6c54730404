"""Our own simulations, prepared in the same way as the peers'."""

from __future__ import annotations

import time

import numpy as np

from benchmarks.peers import Prepared
from benchmarks.problems import Problem, external_input, noisy_copies
from fitness import TASKS, Evaluator, play
from neuro import Network, kernels
from neuro.program import compile_network

COPIES = 32
EPISODES = 8
BATCH = 50


def one_network(problem: Problem) -> Prepared:
    """Prepare the scalar kernel."""
    program = compile_network(problem.network)
    state = kernels.new_state(program)
    ext = external_input(problem)
    driven = np.arange(problem.pulses.shape[1])
    fired = np.zeros((len(ext), len(state.fired)), dtype=np.uint64)
    no_voltage = np.zeros((0, ext.shape[1]))

    def run() -> float:
        kernels.reset_state(program, state)
        start = time.perf_counter()
        kernels.run(program, state, 0, ext, driven, fired, no_voltage)
        return time.perf_counter() - start

    run()
    return Prepared(run, len(ext))


def side_by_side(problem: Problem, lanes: int = COPIES) -> Prepared:
    """Prepare the lane kernel: noisy copies, each with weights of its own, on the same input."""
    program = compile_network(problem.network)
    copies = noisy_copies(problem.network, lanes)
    ext = external_input(problem)[:, :, np.newaxis]
    ticks, neurons = ext.shape[:2]
    driven = np.arange(problem.pulses.shape[1])
    fired = np.zeros((-(-lanes // kernels.WIDEST), ticks, neurons), dtype=np.uint32)
    no_voltage = np.zeros((0, neurons, lanes))

    def run() -> float:
        start = time.perf_counter()
        kernels.run_lanes(program, copies, ext, driven, fired, no_voltage)
        return time.perf_counter() - start

    run()
    return Prepared(run, ticks * lanes)


def closed_loop(network: Network, episodes: int) -> Prepared:
    """Prepare episodes of CartPole; a step is a decision that was really taken."""
    task = TASKS["cartpole"]
    starts = task.starts(range(episodes))

    def run() -> float:
        start = time.perf_counter()
        play(network, task, starts)
        return time.perf_counter() - start

    return Prepared(run, int(play(network, task, starts).steps.sum()))


def evaluation(network: Network) -> Prepared:
    """Prepare evaluations as in a generation: 8 episodes of 500 steps for each of 50 networks.

    The networks are equal, and none of their poles may fall.
    """
    evaluator = Evaluator(TASKS["cartpole"], seed=1, starts=EPISODES, draws=0)
    batch = [network] * BATCH
    full = len(batch) * EPISODES * evaluator.task.max_steps
    steps = evaluator(batch).steps
    if steps != full:
        raise RuntimeError(f"a pole fell; expected {full} decisions, got {steps}")

    def run() -> float:
        start = time.perf_counter()
        evaluator(batch)
        return time.perf_counter() - start

    return Prepared(run, steps, len(batch))
