"""Replaying single neurons: when faults of weights first make a difference, and what by then."""

from dataclasses import replace

import numpy as np
import pytest

from evo import MUTATIONS, SearchSpace, decode
from evo.operators import mutate, random_genome
from fitness import TASKS, play
from fitness import faulty as faulty_module
from fitness import golden as golden_module
from fitness.faulty import FaultyPlayer
from fitness.golden import first_differences, record_golden
from neuro import (
    READOUTS,
    Controller,
    Current,
    FlipFlop,
    Network,
    WinnerTakesAll,
    golden_copies,
)
from neuro.faults import (
    Fault,
    FaultSite,
    Struck,
    parse_model,
    single_faults,
    strike_each,
)
from neuro.kernels import FAR
from neuro.slots import pick

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
        begin, *_ = first_differences(network, TASK, golden, copies, np.full(len(post), True))
        expected = story(network, STARTS[0])
        sinks = np.bincount(network.synapses.pre, minlength=len(network.neurons)) == 0
        for f, first in enumerate(begin[:, 0].tolist()):
            told = story(as_network(network, copies, f), STARTS[0])
            quiet = [post[f]] if sinks[post[f]] else []
            others = np.setdiff1d(np.arange(len(network.neurons)), quiet)
            same = [
                x[1] == y[1] and (x[0][:, others] == y[0][:, others]).all()
                for x, y in zip(expected, told, strict=False)
            ]
            if first == FAR:
                assert all(x[1] == y[1] for x, y in zip(expected, told, strict=True))
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
    monkeypatch.setattr(golden_module, "MOST_ROOM", 0)
    monkeypatch.setattr(golden_module, "MOST_SNAPSHOTS", memory)
    monkeypatch.setattr(faulty_module, "LEAST", 0)
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
    copies = golden_copies(network, 2)
    copies.in_weight[:, 1] = 0.6, 0.05
    begin, *_ = first_differences(network, TASK, golden, copies, np.full(2, True))
    assert begin.tolist() == [[FAR] * len(STARTS), [0] * len(STARTS)]
    assert (play(network, TASK, STARTS).scores > 0).all()


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
@pytest.mark.parametrize("count", [3, 13, 37])
def test_notes_tell_what_happened(kind, count):
    """Also if episodes are laid side by side in another order."""
    encoder, readout, space = kind
    network, starts = grown(encoder, READOUTS[readout](), 1, **space), TASK.starts(range(count))
    played = play(network, TASK, starts)
    ticks, n = encoder.ticks, len(network.neurons)
    for likely in (None, played.steps, np.arange(count)):
        golden = record_golden(network, TASK, starts, likely)
        assert np.array_equal(golden.returns, played.scores)
        assert np.array_equal(golden.steps, played.steps)
        assert np.array_equal(golden.terminated, played.terminated)
        for s in range(0, count, 6):
            row, lane = golden.first[s], golden.lane[s]
            told = story(network, starts[s])
            spikes = golden.fired[row * ticks : (row + len(told)) * ticks, :n] >> lane & 1
            actions = golden.action[row : row + len(told), lane : lane + 1]
            assert np.array_equal(spikes != 0, np.concatenate([spiked for spiked, _ in told]))
            assert actions.tolist() == [action for _, action in told]


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_what_is_found_does_not_depend_on_other_copies(kind):
    """Larger changes speak for smaller ones; and few starts lie beside those of other copies."""
    encoder, readout, space = kind
    for seed, count in enumerate((3, 40)):
        network = grown(encoder, READOUTS[readout](), seed, **space)
        copies, _ = changed(network)
        golden = record_golden(network, TASK, TASK.starts(range(count)))
        everyone = np.full(len(copies.weight), True)
        begin, *_ = first_differences(network, TASK, golden, copies, everyone)
        for f in range(0, len(begin), 3):
            alone, *_ = first_differences(network, TASK, golden, pick(copies, [f]), everyone[:1])
            assert np.array_equal(begin[f], alone[0])


def test_hidden_spikes_that_no_action_shows_are_never():
    """The hidden neuron fires twice as often, and its output wins all the same."""
    network = Network.build(
        3, [(2, 1, 1.0, 1)], input_synapses=[(4, 2, 0.3)], outputs=[0, 1],
        encoder=Current(scale=TASK.scale), readout=WinnerTakesAll(),
    )  # fmt: skip
    golden = record_golden(network, TASK, STARTS)
    copies = golden_copies(network, 3)
    copies.in_weight[:, 0] = 0.6, 0.31, 0.05
    begin, *_ = first_differences(network, TASK, golden, copies, np.full(3, True))
    assert begin.tolist() == [[FAR] * len(STARTS), [FAR] * len(STARTS), [0] * len(STARTS)]


@pytest.mark.parametrize(("readout", "weight"), [("rate", 0.5), ("potential", 0.01)])
def test_a_few_starts_tell_whether_it_is_worth_while(monkeypatch, readout, weight):
    monkeypatch.setattr(faulty_module, "LEAST", 0)
    task = replace(TASKS["pendulum"], max_steps=20)
    kind = READOUTS[readout]
    ends = kind(**kind.for_actions(task.actions))
    outputs = range(ends.outputs(task.actions))
    network = Network.build(
        ends.neurons(len(outputs)) or len(outputs),
        input_synapses=[(0, 0, weight), *[(2, o, weight) for o in outputs]], outputs=outputs,
        encoder=Current(scale=task.scale), readout=ends,
    )  # fmt: skip
    copies = golden_copies(network, 4)
    copies.in_weight[:, 0] = weight * np.array([0.99, 0.999, 1.001, 1.01])
    player = FaultyPlayer(network, task, task.starts(range(10)))
    scores = player(Struck(network, copies))
    assert player.asked == 40
    assert (player.played == 40) == (readout == "potential")
    slow = FaultyPlayer(network, task, task.starts(range(10)), accelerate=False)
    assert np.array_equal(scores, slow(Struck(network, copies)))


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
@pytest.mark.parametrize("model", ["bit-flip", "dead-synapse"])
def test_golden_scores_come_beside_those_of_copies(monkeypatch, kind, model):
    """Words are rounded, so that the golden network is one more copy; or it is the one recorded."""
    encoder, readout, space = kind
    network = grown(encoder, READOUTS[readout](), 2, **space)
    fault = Fault(parse_model(model), 0.0)
    struck = strike_each(network, fault, 0, single_faults(network, fault.model, FaultSite()))
    expected = play(network, TASK, STARTS)
    slow = FaultyPlayer(network, TASK, STARTS, accelerate=False)
    monkeypatch.setattr(faulty_module, "LEAST", 0)
    fast = FaultyPlayer(network, TASK, STARTS)
    scores = fast(struck)
    again = fast(struck)
    with monkeypatch.context() as once:
        once.setattr(faulty_module, "play", None)
        assert np.array_equal(fast.golden, expected.scores)
        assert fast.longest == expected.steps.max() * encoder.ticks
    assert np.array_equal(scores, slow(struck))
    assert np.array_equal(again, scores)
    assert fast.asked == 2 * scores.size


def test_what_does_not_fit_into_memory_is_played(monkeypatch):
    monkeypatch.setattr(faulty_module, "LEAST", 0)
    monkeypatch.setattr(golden_module, "MOST_ROOM", 0)
    monkeypatch.setattr(golden_module, "MOST_NOTES", 10)
    network = grown(Current(scale=TASK.scale), WinnerTakesAll(), 0)
    copies, _ = changed(network)
    player = FaultyPlayer(network, TASK, STARTS)
    slow = FaultyPlayer(network, TASK, STARTS, accelerate=False)
    assert np.array_equal(player(Struck(network, copies)), slow(Struck(network, copies)))
    assert record_golden(network, TASK, STARTS) is None
