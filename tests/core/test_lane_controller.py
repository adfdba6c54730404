"""Lanes side by side decide what each network decides alone, whenever it began."""

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import (
    JIT,
    any_actions,
    controllers,
    copy_as_network,
    examples,
    random_copies,
    same_bits,
)

from neuro import (
    Controller,
    Current,
    FlipFlop,
    InputError,
    LaneController,
    Network,
    Readout,
    Twin,
    WinnerTakesAll,
    golden_copies,
)
from neuro.jit import READ_OUT, kernel_function
from neuro.kernels import Copies
from neuro.readouts import SEES
from neuro.slots import Slots, with_edits


@kernel_function(READ_OUT)
def _tally(counts, parameters, action):
    action[0] = 0.0
    for i in range(len(counts)):
        action[0] = action[0] * 256.0 + counts[i]


@dataclass(frozen=True)
class Tally(Readout):
    """Tells every output's count, so that decisions differ where networks do."""

    name: ClassVar[str] = "tally"
    kernel: ClassVar = _tally

    def outputs(self, actions):
        return actions

    def parameters(self):
        return np.empty(0)


@kernel_function(READ_OUT)
def _each_count(counts, parameters, action):
    for i in range(len(counts)):
        action[i] = counts[i] * parameters[0]


@dataclass(frozen=True)
class EachCount(Tally):
    """As many numbers as there are outputs."""

    kernel: ClassVar = _each_count
    count: int = 5

    @property
    def values(self):
        return self.count

    def parameters(self):
        return np.array([0.5])


@kernel_function(READ_OUT)
def _tell(seen, parameters, action):
    for i in range(len(seen)):
        action[i] = seen[i]


@dataclass(frozen=True)
class TellCounts(EachCount):
    """What it sees of each output, and nothing made of it."""

    kernel: ClassVar = _tell


@dataclass(frozen=True)
class TellFirst(TellCounts):
    sees: ClassVar[str] = "first"


@dataclass(frozen=True)
class TellPotential(TellCounts):
    sees: ClassVar[str] = "potential"


TELLING = {cls.sees: cls for cls in (TellCounts, TellFirst, TellPotential)}
assert tuple(TELLING) == SEES
every_sight = pytest.mark.parametrize("tell", TELLING.values(), ids=TELLING)


def busy(encoder, plain=False):
    """A network that remembers: leaks, currents, held neurons, biases and delays beyond 64."""
    ends = range(0 if encoder.graded else encoder.channels)
    count = max(len(ends), 6) + 4
    rng = np.random.default_rng(count)
    columns = {
        "tau_mem": rng.uniform(3.0, 40.0, count), "v_threshold": rng.uniform(0.6, 1.2, count),
        "refractory": [0, 2] * (count // 2), "tau_syn": [0.0, 5.0] * (count // 2),
        "reset": ["subtract", "to_value"] * (count // 2),
        "bias": np.where(np.arange(count) % 3 == 0, 0.05, 0.0), "v_leak": rng.normal(0, 0.1, count),
    }  # fmt: skip
    if plain:
        columns = {name: columns[name] for name in ("tau_mem", "v_threshold", "bias")}
    synapses = [
        (int(a), int(b), float(w), int(d))
        for a, b, w, d in zip(
            np.repeat(range(count), 3), rng.permutation(3 * count) % count,
            rng.normal(0.2, 0.4, 3 * count), np.tile([1, 5, 70], count), strict=True,
        )
    ]  # fmt: skip
    rows = [(c, j, 0.4) for c in range(encoder.channels) for j in range(c % 2, count, 2)]
    return Network.build(
        columns, synapses, input_synapses=rows if encoder.graded else [], inputs=ends,
        outputs=range(count - 5, count), encoder=encoder, readout=Tally(),
    )  # fmt: skip


BUSY = {
    "current": busy(Current([1.0, 2.0], ticks=20)),
    "current, plain neurons": busy(Current([1.0, 2.0], ticks=20), plain=True),
    "pulses, plain neurons": busy(FlipFlop([1.0, 2.0, 0.5], 30, 30, 1, 0.9), plain=True),
    "pulses up to the last tick": busy(FlipFlop([1.0, 2.0], 20, 20, 1, 0.6)),
    "pulses in several words": busy(FlipFlop([1.0, 2.0, 0.5], 70, 35, 2, 0.6)),
}
own_or_shared = pytest.mark.parametrize("own_thresholds", [True, False])
every_busy = pytest.mark.parametrize("network", BUSY.values(), ids=BUSY)


def observe(rng, lanes, network):
    """Values of both signs, zeros, and some far beyond their scale."""
    shape = (lanes, network.encoder.observations)
    return np.where(
        rng.random(shape) < 0.3, rng.choice((0.0, -0.0, 1.0, -50.0), shape), rng.normal(size=shape)
    )


class Lanes:
    """A `LaneController` next to one network for each of its lanes, which must agree."""

    def __init__(self, network, copies, alone=Controller):
        self.network, self.copies, self.alone = network, copies, alone
        self.controller = LaneController(network, copies)
        self.inside = []
        self.seen = set()

    def begin(self, lane, copy):
        self.controller.begin(lane, copy)
        one = self.alone(copy_as_network(self.network, self.copies, copy))
        self.inside[lane : lane + 1] = [one]

    def end(self, lane):
        """Let the last lane take the place of one whose episode is over."""
        self.controller.move(lane, len(self.inside) - 1)
        last = self.inside.pop()
        if lane < len(self.inside):
            self.inside[lane] = last

    def act(self, observations):
        actions = self.controller.act(observations)
        assert actions.shape == (len(self.inside), self.network.readout.values)
        for one, observation, action in zip(self.inside, observations, actions, strict=True):
            expected = one.act(observation)
            expected = expected[0] if self.alone is Twin else expected
            assert same_bits(action, expected)
            self.seen.add(tuple(action.tolist()))


def live(lanes, rng, decisions, most):
    """Begin, end and begin again at random; at most `most` lanes at once."""
    copies = len(lanes.copies.weight)
    for _ in range(decisions):
        for _ in range(int(rng.integers(0, most + 1))):
            if len(lanes.inside) < most:
                lanes.begin(len(lanes.inside), int(rng.integers(copies)))
        for _ in range(int(rng.integers(0, len(lanes.inside) + 1)) if rng.random() < 0.4 else 0):
            lanes.end(int(rng.integers(len(lanes.inside))))
        if lanes.inside and rng.random() < 0.5:
            lanes.begin(int(rng.integers(len(lanes.inside))), int(rng.integers(copies)))
        lanes.act(observe(rng, len(lanes.inside), lanes.network))


@examples(100)
@given(controllers(observations=2, actions=3), st.sampled_from((1, 5, 8, 9, 32)),
       st.integers(0, 2**31))  # fmt: skip
def test_lanes_equal_controllers(network, most, seed):
    """Episodes of different copies begin and end at any decision; the last lane fills the gap."""
    network = replace(network, readout=Tally())
    rng = np.random.default_rng(seed)
    copies = random_copies(rng, network, 4)
    live(Lanes(network, copies), rng, 10 if JIT else 3, most if JIT else min(most, 9))


@examples(50)
@given(controllers(observations=2, actions=3), st.sampled_from((2, 9)), st.integers(0, 2**31))
def test_lanes_equal_twins(network, most, seed):
    network = replace(network, readout=Tally())
    rng = np.random.default_rng(seed)
    live(Lanes(network, random_copies(rng, network, 3), Twin), rng, 4 if JIT else 2, most)


@every_sight
@examples(60)
@given(controllers(observations=2, actions=4), st.sampled_from((1, 8, 9, 32)),
       st.integers(0, 2**31))  # fmt: skip
def test_lanes_see_what_controllers_see(tell, network, most, seed):
    network = replace(network, readout=tell(len(network.outputs)))
    rng = np.random.default_rng(seed)
    copies = random_copies(rng, network, 4)
    live(Lanes(network, copies), rng, 8 if JIT else 2, most if JIT else min(most, 9))


@every_sight
@examples(30)
@given(controllers(observations=2, actions=4), st.sampled_from((2, 9)), st.integers(0, 2**31))
def test_lanes_see_what_twins_see(tell, network, most, seed):
    network = replace(network, readout=tell(len(network.outputs)))
    rng = np.random.default_rng(seed)
    live(Lanes(network, random_copies(rng, network, 3), Twin), rng, 3 if JIT else 2, most)


@examples(100)
@given(st.data())
def test_lanes_act_as_controllers_with_every_readout(data):
    network = data.draw(controllers(observations=2, actions=data.draw(any_actions)))
    rng = np.random.default_rng(data.draw(st.integers(0, 2**31)))
    most = data.draw(st.sampled_from((1, 8, 9, 32)))
    copies = random_copies(rng, network, 4)
    live(Lanes(network, copies), rng, 8 if JIT else 2, most if JIT else min(most, 9))


@every_sight
@every_busy
def test_what_is_seen_of_busy_networks(network, tell):
    """Outputs that fire several times, late for the first time, or not at all."""
    network = replace(network, readout=tell(len(network.outputs)))
    rng = np.random.default_rng(11)
    lanes = Lanes(network, random_copies(rng, network, 6, own_thresholds=True), Twin)
    live(lanes, rng, 12 if JIT else 3, 20 if JIT else 10)
    found = {value for row in lanes.seen for value in row}
    ticks = network.encoder.ticks
    if not JIT:
        assert len(found) > 2
    elif tell is TellCounts:
        assert {0.0, 1.0, 2.0} <= found
    elif tell is TellFirst:
        assert {0.0, float(ticks)} <= found
        assert ticks <= 64 or any(64 <= value < ticks for value in found)
    else:
        assert len(found) > 50


@own_or_shared
@every_busy
def test_long_lives_of_busy_networks(network, own_thresholds):
    """Many decisions: tick counts beyond every ring, and counts that tell lanes apart."""
    rng = np.random.default_rng(1)
    lanes = Lanes(network, random_copies(rng, network, 6, own_thresholds))
    live(lanes, rng, 120 if JIT else 6, 32 if JIT else 10)
    assert len(lanes.seen) > (50 if JIT else 5)


@own_or_shared
@pytest.mark.parametrize("count", [*range(1, 33)] if JIT else [9])
def test_every_number_of_lanes(count, own_thresholds):
    rng = np.random.default_rng(count)
    for network in BUSY.values():
        lanes = Lanes(network, random_copies(rng, network, 5, own_thresholds))
        for lane in range(count):
            lanes.begin(lane, lane % 5)
        for _ in range(4 if JIT else 1):
            lanes.act(observe(rng, count, network))


@own_or_shared
@every_busy
def test_few_lanes_and_many_are_swept_alike(network, own_thresholds):
    """With 12 lanes, then 5 of them, then 20: up to 8 are swept at once, or 32."""
    rng = np.random.default_rng(2)
    copies = random_copies(rng, network, 20, own_thresholds)
    script = [12, 5, 20, 8, 9] if JIT else [12, 5, 9]
    plan = [(count, observe(rng, 20, network)) for count in script for _ in range(3 if JIT else 1)]
    lanes = Lanes(network, copies)
    for count, observations in plan:
        del lanes.inside[count:]
        for lane in range(len(lanes.inside), count):
            lanes.begin(lane, lane)
        lanes.act(observations[:count])

    few, many = LaneController(network, copies), LaneController(network, copies)
    for lane in range(20):
        for controller in (few, many):
            controller.begin(lane, lane)
    different = set()
    for _, observations in plan:
        action = few.act(observations[:5])
        assert action.tolist() == many.act(observations)[:5].tolist()
        different.update(action[:, 0].tolist())
    assert len(different) > (5 if JIT else 2)


@every_busy
def test_a_moved_lane_goes_on(network):
    """Its potentials, currents, spikes on their way and parameters go with it."""
    rng = np.random.default_rng(3)
    copies = random_copies(rng, network, 3)
    moved, stays = LaneController(network, copies), LaneController(network, copies)
    for controller in (moved, stays):
        for lane in range(3):
            controller.begin(lane, lane)
    different = 0
    for decision in range(20 if JIT else 3):
        observations = observe(rng, 3, network)
        if decision == 2:
            moved.move(0, 2)
            moved.move(1, 1)
        if decision < 2:
            assert moved.act(observations).tolist() == stays.act(observations).tolist()
        else:
            one, expected = moved.act(observations[[2, 1]]), stays.act(observations)
            assert one.tolist() == expected[[2, 1]].tolist()
            different += expected[0].tolist() != expected[2].tolist()
    assert different


def test_lanes_of_the_network_itself():
    """Without copies every lane is the golden network, in the kernel without own thresholds."""
    rng = np.random.default_rng(4)
    network = BUSY["current"]
    golden, given_copies = LaneController(network), LaneController(network, golden_copies(network))
    one = Controller(network)
    for controller in (golden, given_copies):
        controller.begin(0)
    for _ in range(5):
        observations = observe(rng, 1, network)
        expected = one.act(observations[0]).tolist()
        assert golden.act(observations)[0].tolist() == expected
        assert given_copies.act(observations)[0].tolist() == expected


def test_thresholds_of_one_copy_only():
    """Lanes read thresholds of their own as soon as one copy of all has them."""
    network = replace(BUSY["current"], neurons=Network.build(len(BUSY["current"].neurons)).neurons)
    last = Slots(network).at("v_threshold")[-1:]
    copies = with_edits(golden_copies(network, 3), [2], [0], last, [0.3])
    lanes = Lanes(network, copies)
    rng = np.random.default_rng(5)
    for lane, copy in enumerate((0, 2, 1, 2)):
        lanes.begin(lane, copy)
    for _ in range(6):
        lanes.act(observe(rng, 4, network))
    assert len(lanes.seen) > 3


def test_actions_of_several_numbers():
    network = replace(BUSY["current"], readout=EachCount())
    tally = LaneController(BUSY["current"])
    controller = LaneController(network)
    rng = np.random.default_rng(6)
    for lane in range(3):
        controller.begin(lane)
        tally.begin(lane)
    for _ in range(4):
        observations = observe(rng, 3, network)
        actions = controller.act(observations)
        assert actions.shape == (3, 5)
        powers = 256.0 ** np.arange(4, -1, -1)
        assert (2.0 * actions @ powers).tolist() == tally.act(observations)[:, 0].tolist()


def test_no_lanes_no_actions():
    controller = LaneController(BUSY["current"])
    assert controller.act(np.empty((0, 2))).shape == (0, 1)
    controller.begin(0)
    assert controller.act([[0.5, 0.5]]).shape == (1, 1)


@every_busy
def test_what_it_is_given_stays_untouched(network):
    """Observations may be frozen, and an action that was returned does not change any more."""
    rng = np.random.default_rng(7)
    copies = random_copies(rng, network, 2)
    kept_copies = [array.copy() for array in copies]
    controller = LaneController(network, copies)
    for lane in range(2):
        controller.begin(lane, lane)
    past = []
    for _ in range(5 if JIT else 2):
        observations = observe(rng, 2, network)
        kept = observations.copy()
        observations.setflags(write=False)
        actions = controller.act(observations)
        assert same_bits(observations, kept)
        past.append((actions, actions.copy()))
    assert all(np.array_equal(actions, kept) for actions, kept in past)
    assert all(same_bits(a, b) for a, b in zip(copies, kept_copies, strict=True))


def test_observations_of_any_form():
    """Lists, single precision, strided and transposed arrays are the same numbers."""
    network = BUSY["current"]
    values = np.array([[0.5, -1.0], [0.25, 2.0], [1.0, 0.0]])
    forms = [
        values, values.tolist(), values.astype(np.float32), np.asfortranarray(values),
        np.repeat(values, 2, axis=0)[::2],
    ]  # fmt: skip
    results = []
    for form in forms:
        controller = LaneController(network)
        for lane in range(3):
            controller.begin(lane)
        results.append([controller.act(form).tolist() for _ in range(3)])
    assert all(result == results[0] for result in results)


@pytest.mark.parametrize(
    ("network", "line"),
    [
        (Network.build(1), "network.encoder: expected one, got none: it cannot control"),
        (
            Network.build(1, encoder=Current(scale=[1.0])),
            "network.readout: expected one, got none: it cannot control",
        ),
        (
            Network.build(1, readout=WinnerTakesAll()),
            "network.encoder: expected one, got none: it cannot control",
        ),
    ],
)
def test_a_network_that_cannot_control(network, line):
    with pytest.raises(InputError) as error:
        LaneController(network)
    assert str(error.value) == line


@pytest.mark.parametrize(
    ("observations", "line"),
    [
        ([0.0, 0.0], "observations: expected shape (up to 32, 2), got (2,)"),
        ([[0.0, 0.0, 0.0]], "observations: expected shape (up to 32, 2), got (1, 3)"),
        (np.zeros((33, 2)), "observations: expected shape (up to 32, 2), got (33, 2)"),
        (np.zeros((1, 1, 2)), "observations: expected shape (up to 32, 2), got (1, 1, 2)"),
        (0.0, "observations: expected shape (up to 32, 2), got ()"),
        ([], "observations: expected shape (up to 32, 2), got (0,)"),
        ([[0.0, np.nan]], "observations: expected finite numbers, got [[0.0, nan]]"),
        ([[-np.inf, 0.0]], "observations: expected finite numbers, got [[-inf, 0.0]]"),
        ([["a", "b"]], "observations: expected rows of 2 numbers, got [['a', 'b']]"),
        ([[1.0], [1.0, 2.0]], "observations: expected rows of 2 numbers, got [[1.0], [1.0, 2.0]]"),
        (None, "observations: expected"),
    ],
)
def test_bad_observations_are_one_line_and_change_nothing(observations, line):
    network = BUSY["current"]
    controller, other = LaneController(network), LaneController(network)
    rng = np.random.default_rng(8)
    for each in (controller, other):
        each.begin(0)
    for _ in range(3):
        with pytest.raises(InputError) as error:
            controller.act(observations)
        assert str(error.value).startswith(line)
        assert "\n" not in str(error.value)
        good = observe(rng, 1, network)
        assert controller.act(good).tolist() == other.act(good).tolist()


@pytest.mark.parametrize(
    ("lane", "copy", "line"),
    [
        (-1, 0, "lane: expected a whole number from 0 to 31, got -1"),
        (32, 0, "lane: expected a whole number from 0 to 31, got 32"),
        (0, -1, "copy: expected a whole number from 0 to 2, got -1"),
        (0, 3, "copy: expected a whole number from 0 to 2, got 3"),
    ],
)
def test_lanes_and_copies_that_do_not_exist(lane, copy, line):
    """The kernel checks no bounds and would write to whatever lies in memory."""
    controller = LaneController(BUSY["current"], golden_copies(BUSY["current"], 3))
    with pytest.raises(InputError) as error:
        controller.begin(lane, copy)
    assert str(error.value) == line


@pytest.mark.parametrize("column", range(len(Copies._fields)))
def test_copies_of_another_network_are_refused(column):
    network = BUSY["current"]
    copies = list(golden_copies(network, 2))
    copies[column] = copies[column][..., :-1] if copies[column].size else np.zeros((1, 1))
    with pytest.raises(InputError, match=rf"^copies\.{Copies._fields[column]}: expected shape"):
        LaneController(network, Copies(*copies))
