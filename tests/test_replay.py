"""Replaying single neurons: when faults of weights first make a difference, and what by then."""

from dataclasses import replace

import numpy as np
import pytest

from evo import MUTATIONS, SearchSpace, decode
from evo.operators import mutate, random_genome
from fitness import TASKS, play
from fitness import rollout as rolling
from fitness.faulty import FaultyPlayer
from fitness.rollout import record_golden, replay_neurons
from neuro import (
    READOUTS,
    Controller,
    Current,
    FlipFlop,
    Network,
    WinnerTakesAll,
    golden_copies,
)
from neuro.faults import Struck
from neuro.replay import NEVER

TASK = replace(TASKS["cartpole"], max_steps=40)
STARTS = TASK.starts(range(3))
RATES = {name: rate for name, (_, rate) in MUTATIONS.items()}
CHANGES = (0.0, -1.0, 0.5, 0.9, 0.99, 1.01, 1.1, 2.0)


def grown(encoder, readout, seed, **space):
    """A network evolved by chance alone: recurrent, with several delays."""
    made = SearchSpace(
        encoder=encoder, readout=readout, outputs=2, task="cartpole", hidden_limit=6, **space
    )
    rng = np.random.default_rng(seed)
    genome = random_genome(made, rng)
    for _ in range(30):
        genome = mutate(genome, made, rng, RATES)
    return decode(genome, made)


def changed(network):
    """A copy for each weight and each change of it, and the neuron that it reaches."""
    count = len(network.weights)
    copies = golden_copies(network, count * len(CHANGES))
    weights = np.concatenate([copies.weight, copies.in_weight], axis=1)
    row = np.arange(len(weights))
    weights[row, row % count] *= np.repeat(CHANGES, count)
    e = len(network.synapses)
    post = np.concatenate([network.synapses.post, network.input_synapses.post])
    return copies._replace(weight=weights[:, :e].copy(), in_weight=weights[:, e:].copy()), post[
        row % count
    ]


def as_network(network, copies, f):
    return replace(
        network,
        synapses=replace(network.synapses, weight=copies.weight[f]),
        input_synapses=replace(network.input_synapses, weight=copies.in_weight[f]),
    )


def story(network, start):
    """Spikes and action of each decision of an episode, by the scalar kernel."""
    controller, episode, told = Controller(network), TASK.begin(start), []
    while True:
        action = controller.act(episode.observation)
        told.append((controller.spikes.copy(), action.tolist()))
        if any(episode.step(action)[1:]):
            return told


KINDS = {
    "graded": (Current(scale=TASK.scale), "winner-takes-all", {}),
    "pulsed": (FlipFlop(scale=TASK.scale), "winner-takes-all", {}),
    "first to spike": (Current(scale=TASK.scale, ticks=17), "first-to-spike", {}),
    "potentials": (Current(scale=TASK.scale), "highest-potential", {"refractory": 1}),
    "full neurons": (
        FlipFlop(TASK.scale, 90, 30, 3, gain=0.8), "fewest-spikes",
        {"refractory": 2, "reset": "subtract", "v_min": -1.0, "v_leak": 0.05},
    ),
}  # fmt: skip
KINDS = {name: kind for name, kind in KINDS.items() if kind[1] in READOUTS}


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_episodes_are_golden_up_to_the_decision_that_is_found(kind):
    """Spikes too, but for those of an output that sends nothing: there, actions count."""
    encoder, readout, space = kind
    found_late = found_never = 0
    for seed in range(3):
        network = grown(encoder, READOUTS[readout](), seed, **space)
        copies, post = changed(network)
        golden = record_golden(network, TASK, STARTS)
        weights = np.concatenate([copies.weight, copies.in_weight], axis=1)
        copy = np.lexsort((np.arange(len(post)), post))
        start = np.zeros(len(copy), dtype=np.int64)
        begin, _ = replay_neurons(network, golden, weights, copy, start, post[copy])
        expected = story(network, STARTS[0])
        sinks = np.bincount(network.synapses.pre, minlength=len(network.neurons)) == 0
        for f, first in zip(copy.tolist(), begin.tolist(), strict=True):
            told = story(as_network(network, copies, f), STARTS[0])
            quiet = [post[f]] if sinks[post[f]] else []
            others = np.setdiff1d(np.arange(len(network.neurons)), quiet)
            same = [
                x[1] == y[1] and (x[0][:, others] == y[0][:, others]).all()
                for x, y in zip(expected, told, strict=False)
            ]
            if first == NEVER:
                assert all(same)
                assert len(told) == len(expected)
                found_never += 1
            else:
                assert all(same[:first])
                assert not same[first] or len(same) == first
                found_late += first > 0
    assert found_never > 0
    assert found_late > 0


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
@pytest.mark.parametrize("memory", [2**25, 20_000], ids=["every decision", "some decisions"])
def test_what_begins_late_ends_as_if_from_the_beginning(kind, memory, monkeypatch):
    encoder, readout, space = kind
    monkeypatch.setattr(rolling, "MOST_SNAPSHOTS", memory)
    played = asked = 0
    for seed in range(3):
        network = grown(encoder, READOUTS[readout](), seed, **space)
        copies, _ = changed(network)
        fast = FaultyPlayer(network, TASK, STARTS)
        slow = FaultyPlayer(network, TASK, STARTS, accelerate=False)
        struck = Struck(network, copies)
        assert np.array_equal(fast(struck), slow(struck))
        played, asked = played + fast.played, asked + slow.played
    assert played < asked


def test_a_change_that_no_action_shows_is_never():
    """The output fires twice instead of once, and wins all the same."""
    network = Network.build(
        2, input_synapses=[(4, 0, 0.1), (4, 1, 0.3)], outputs=[0, 1],
        encoder=Current(scale=TASK.scale), readout=WinnerTakesAll(),
    )  # fmt: skip
    golden = record_golden(network, TASK, STARTS)
    one = np.array([0])
    for weight, expected in ((0.6, NEVER), (0.05, 0)):
        begin, _ = replay_neurons(network, golden, np.array([[0.1, weight]]), one, one, one + 1)
        assert begin.tolist() == [expected]
    assert (play(network, TASK, STARTS).scores > 0).all()
