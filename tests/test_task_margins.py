"""Margins on whole tasks: flips of single bits, long episodes, and what is refused."""

from dataclasses import replace

import numpy as np
import pytest

from fitness import TASKS, find_task, play
from fitness.margins import find_margins
from neuro import Current, FlipFlop, InputError, Network, WinnerTakesAll, golden_copies
from neuro.faults import BitFlip
from neuro.margins import harmless

CARTPOLE, IRIS = TASKS["cartpole"], TASKS["iris"]


def reflex():
    """Two neurons that forget at once, for or against where the pole leans and turns."""
    rows = [(channel, j, 8.0 * j - 4.0) for channel in (2, 3) for j in (0, 1)]
    return Network.build(
        {"tau_mem": [5.0, 5.0], "v_threshold": [0.2, 0.2]}, [(0, 1, -0.1, 3), (1, 0, -0.1, 70)],
        input_synapses=rows, outputs=[0, 1], encoder=Current(scale=(2.4, 2.0, 0.2, 4.0)),
        readout=WinnerTakesAll(),
    )  # fmt: skip


def balancer():
    """Pulses of both sides are counted: channels 4 to 7 are where the pole leans and turns."""
    synapses = [(c, 8 + c % 2, 0.6 + 0.05 * c, 1 + c % 3) for c in range(4, 8)]
    columns = {"v_threshold": [1.0] * 8 + [1.5] * 2, "tau_mem": [20.0] * 10}
    return Network.build(
        columns, [*synapses, (8, 9, -0.1, 65)], inputs=range(8), outputs=[8, 9],
        encoder=FlipFlop((1.0, 1.0, 0.05, 4.0), 24, 8, 3), readout=WinnerTakesAll(),
    )  # fmt: skip


def sorter():
    """Neurons that tell irises apart, more or less."""
    rng = np.random.default_rng(1)
    rows = [(c, j, w) for c in range(5) for j, w in enumerate(rng.normal(0.1, 0.3, 5).tolist())]
    center, scale = IRIS.ranges()
    return Network.build(
        {"tau_mem": [8.0] * 5}, [(3, 0, 0.4, 1), (4, 1, 0.3, 2), (4, 3, -0.2, 1)],
        input_synapses=rows, outputs=[0, 1, 2], encoder=Current(scale=scale, center=center),
        readout=WinnerTakesAll(),
    )  # fmt: skip


def quantised(network):
    words, step = BitFlip().quantise(network.weights[None, :])
    weights, e = words[0] * step[0], len(network.synapses)
    return replace(
        network,
        synapses=replace(network.synapses, weight=weights[:e].copy()),
        input_synapses=replace(network.input_synapses, weight=weights[e:].copy()),
    )


def flips(network):
    """Every network that differs from this one in a single bit of a weight."""
    words, step = BitFlip().quantise(network.weights[None, :])
    bits = words[0].astype(np.int8)[:, None] ^ (1 << np.arange(8)).astype(np.uint8).view(np.int8)
    weights = np.repeat(network.weights[None, :], bits.size, axis=0)
    weights[np.arange(bits.size), np.repeat(np.arange(len(bits)), 8)] = bits.ravel() * step[0, 0]
    return weights


CASES = {
    "reflex": (reflex, replace(CARTPOLE, max_steps=20)),
    "balancer": (balancer, CARTPOLE),
    "sorter": (sorter, IRIS),
}


@pytest.mark.parametrize(("make", "task"), CASES.values(), ids=CASES)
def test_flips_that_are_proven_harmless_are(make, task):
    network = quantised(make())
    starts = task.draw_starts(1, "held-out", 20)
    margins, golden = find_margins(network, task, starts)
    assert golden.steps.max() >= min(task.max_steps, 70)
    weights = flips(network)
    proven = harmless(margins, weights)
    assert 0.05 < proven.mean() < 0.95
    e = len(network.synapses)
    copies = golden_copies(network, len(weights))._replace(
        weight=np.ascontiguousarray(weights[:, :e]), in_weight=np.ascontiguousarray(weights[:, e:])
    )
    copy_of, start_of = np.nonzero(proven)
    played = play(network, task, starts, copies=copies, copy_of=copy_of, start_of=start_of)
    for array, expected in zip(played, golden, strict=True):
        assert np.array_equal(array, expected[start_of])
    for array, expected in zip(play(network, task, starts), golden, strict=True):
        assert np.array_equal(array, expected)


def test_episodes_do_not_depend_on_each_other():
    network = reflex()
    starts = CARTPOLE.starts(range(11))
    together, _ = find_margins(network, CARTPOLE, starts)
    assert len(np.unique(together.up[:, 0])) > 3
    for order in (np.arange(11)[::-1], np.array([4])):
        part, _ = find_margins(network, CARTPOLE, starts[order])
        for array, whole in zip(part[3:], together[3:], strict=True):
            assert np.array_equal(array, whole[order])


def test_inputs_are_left_untouched():
    network, starts = reflex(), CARTPOLE.starts([1, 2])
    weights, before = network.weights, starts.copy()
    find_margins(network, CARTPOLE, starts)
    assert np.array_equal(network.weights, weights)
    assert np.array_equal(starts, before)
    margins, episodes = find_margins(network, CARTPOLE, starts[:0])
    assert margins.up.shape == (0, 6)
    assert episodes.scores.shape == (0,)


def test_what_is_refused():
    starts = CARTPOLE.starts([1])
    with pytest.raises(InputError, match=r"^network.readout: expected one to play cartpole"):
        find_margins(replace(reflex(), readout=None), CARTPOLE, starts)
    with pytest.raises(InputError, match=r"^starts: expected shape \(any, 4\), got \(1, 3\)$"):
        find_margins(reflex(), CARTPOLE, starts[:, :3])
    task = find_task("gymnasium:CartPole-v1")
    with pytest.raises(InputError, match=r"^task: expected one that kernels play, for margins"):
        find_margins(reflex(), task, task.starts([1]))
    margins, _ = find_margins(reflex(), CARTPOLE, starts)
    with pytest.raises(InputError, match=r"^weights: expected shape \(any, 6\), got \(6,\)$"):
        harmless(margins, reflex().weights)
