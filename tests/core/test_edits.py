"""Edits: lanes whose parameters and state are set while they run, against the twin."""

from dataclasses import replace

import numpy as np
import pytest
from strategies import (
    JIT,
    edits_of,
    random_controller,
    random_copies,
    random_edits,
    random_network,
    same_bits,
    weighed,
)

from neuro import (
    READOUTS,
    Current,
    FlipFlop,
    InputError,
    LaneController,
    Network,
    golden_copies,
    simulate_copies,
)
from neuro.slots import NAMES, Slots, with_edits
from neuro.twin import Twin

COUNTS = [1, 9, 40] if JIT else [1, 9]


def twin_of(network, copies, f):
    return Twin(weighed(network, copies, f), edits_of(copies, f))


@pytest.mark.parametrize("count", COUNTS)
@pytest.mark.parametrize("share_plain", [1.0, 0.5])
def test_edited_lanes_equal_twins(share_plain, count):
    rng = np.random.default_rng([count, int(10 * share_plain)])
    reached = set()
    for _ in range(40 if JIT else 4):
        network = random_network(rng, 30, share_plain)
        copies = random_copies(rng, network, count, own_thresholds=False)
        copies = random_edits(rng, network, copies, 24)
        n = len(network.neurons)
        ext = rng.normal(0.0, 1.5, (20, n, count)) * (rng.random((20, n, count)) < 0.3)
        result = simulate_copies(network, copies, ext)
        for f in range(count):
            twin = twin_of(network, copies, f)
            spikes, voltage = np.zeros((20, n), dtype=bool), np.zeros((20, n))
            for t in range(20):
                spikes[t] = twin.tick(ext[t, :, f].tolist())
                voltage[t] = twin.v
            assert np.array_equal(result.spikes[:, :, f], spikes)
            assert same_bits(result.voltage[:, :, f].copy(), voltage)
        slots = Slots(network)
        reached |= {slots.name_of(int(s)).partition("[")[0] for s in copies.slot}
    possible = set(NAMES) - {"in_weight", "gain"}  # these need an encoder
    assert reached == possible if JIT else reached & possible


@pytest.mark.parametrize("readout", ["winner-takes-all", "highest-potential", "first-to-spike"])
@pytest.mark.parametrize(
    "encoder", [Current([1.0, 2.0], ticks=7), FlipFlop([1.0, 2.0], 9, 3, 2, 0.8)],
    ids=["graded", "pulsed"],
)  # fmt: skip
def test_edited_lanes_decide_as_twins(encoder, readout):
    """Edits fall between decisions and amid them; lanes begin anew while others are under way."""
    rng = np.random.default_rng(len(readout))
    reached, actions = set(), set()
    for _ in range(12 if JIT else 3):
        network = random_controller(rng, encoder, READOUTS[readout](), 3)
        copies = random_copies(rng, network, 12, own_thresholds=False)
        copies = random_edits(rng, network, copies, 60)
        controller, lanes = LaneController(network, copies), []
        for lane in range(10):
            controller.begin(lane, lane)
            lanes.append(twin_of(network, copies, lane))
        for decision in range(10):
            if decision == 4:  # two lanes end; the last one moves, a new one begins
                controller.begin(3, 11)
                lanes[3] = twin_of(network, copies, 11)
                controller.move(0, 9)
                lanes[0] = lanes.pop()
            observed = rng.normal(size=(len(lanes), 2))
            taken = controller.act(observed)
            for lane, twin in enumerate(lanes):
                assert taken[lane].tolist() == twin.act(observed[lane])[0].tolist()
            actions |= {tuple(row) for row in taken.tolist()}
        slots = Slots(network)
        reached |= {slots.name_of(int(s)).partition("[")[0] for s in copies.slot}
    assert len(actions) > 1
    missing = {"gain"} if encoder.graded else {"in_weight"}
    assert reached == set(NAMES) - missing


def one(**columns):
    return Network.build({name: [value] for name, value in columns.items()})


def edited(network, *edits):
    return with_edits(golden_copies(network), [0] * len(edits), *zip(*edits, strict=True))


def test_what_an_edit_does():
    """A threshold of -inf fires in every tick; held for ever, a neuron is out of order."""
    network = one(v_threshold=1.0, bias=0.6, tau_mem=np.inf)
    slots = Slots(network).begin
    ext = np.zeros((6, 1))
    threshold, held, bias = slots["v_threshold"], slots["held"], slots["bias"]
    spikes = [
        simulate_copies(network, copies, ext).spikes[:, 0, 0].astype(int).tolist()
        for copies in (
            golden_copies(network),
            edited(network, (0, threshold, -np.inf)),
            edited(network, (2, threshold, -np.inf), (4, threshold, np.inf)),
            edited(network, (1, held, np.inf)),
            edited(network, (2, bias, 0.0), (5, bias, 1.0)),
        )
    ]
    assert spikes == [
        [0, 1, 0, 1, 0, 1], [1, 1, 1, 1, 1, 1], [0, 1, 1, 1, 0, 0], [0, 0, 0, 0, 0, 0],
        [0, 1, 0, 0, 0, 1],
    ]  # fmt: skip


BAD = {
    "a slot beyond": ((0, 99, 1.0), "edit: expected a slot from 0 to 24, got 99"),
    "a slot below": ((0, -1, 1.0), "edit: expected a slot from 0 to 24, got -1"),
    "a tick below": ((-1, 0, 1.0), "copies.tick: expected ticks of at least 0, rising in"),
    "not a number": ((0, 9, np.nan), "edit of v_threshold[0]: expected a number of magnitude"),
    "an infinite weight": ((0, 0, np.inf), "edit of weight[0]: expected a number of magnitude"),
}


@pytest.mark.parametrize(("edit", "line"), BAD.values(), ids=BAD)
def test_bad_edits_are_refused(edit, line):
    network = Network.build(2, [(0, 1, 0.5, 1)])
    with pytest.raises(InputError) as error:
        simulate_copies(network, edited(network, edit), np.zeros((1, 2)))
    assert str(error.value).startswith(line)
    assert "\n" not in str(error.value)


def test_edits_out_of_order_are_refused():
    network = Network.build(2, [(0, 1, 0.5, 1)])
    copies = edited(network, (2, 0, 1.0), (3, 0, 1.0))
    turned = copies._replace(tick=copies.tick[::-1])
    with pytest.raises(InputError, match=r"^copies.tick: expected ticks of at least 0, rising"):
        simulate_copies(network, turned, np.zeros((1, 2)))
    beyond = copies._replace(first=np.array([0, 3]))
    with pytest.raises(InputError, match=r"^copies.first: expected numbers that rise from 0 to 2"):
        simulate_copies(network, beyond, np.zeros((1, 2)))


def test_slots_of_an_encoder():
    network = Network.build(
        2, inputs=[0, 1], outputs=[1], encoder=FlipFlop([1.0]), readout=READOUTS["first-to-spike"]()
    )
    slots = Slots(network)
    assert slots.count["gain"] == 2
    graded = replace(network, inputs=network.inputs[:0], encoder=Current([1.0]))
    assert Slots(graded).count["gain"] == 0
    assert slots.total == Slots(graded).total + 2
