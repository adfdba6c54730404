"""Playing many networks at once: each plays as if it were alone, whoever does the work."""

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
import pytest

from evo import MUTATIONS, SearchSpace, decode
from evo.operators import mutate, random_genome
from fitness import TASKS, episode_seeds, play, play_all
from neuro import (
    Current,
    FlipFlop,
    InputError,
    Network,
    WinnerTakesAll,
    golden_copies,
)
from neuro.faults import Fault, Gaussian, inject
from neuro.jit import READ_OUT, kernel_function
from neuro.kernels import Copies
from neuro.slots import Slots, pick, with_edits

TASK = TASKS["cartpole"]
RATES = {name: rate for name, (_, rate) in MUTATIONS.items()}
STARTS = TASK.starts(episode_seeds(2, "test", 5))


@kernel_function(READ_OUT)
def _fewest_spikes(counts, parameters, action):
    best = 0
    for i in range(1, len(counts)):
        if counts[i] < counts[best]:
            best = i
    action[0] = best


@dataclass(frozen=True)
class FewestSpikes(WinnerTakesAll):
    """A readout of another kernel: the output that spiked least."""

    kernel: ClassVar = _fewest_spikes


def grown(encoder, seed, readout, **space):
    genes = SearchSpace(encoder, readout, outputs=2, **space)
    rng = np.random.default_rng(seed)
    genome = random_genome(genes, rng)
    for _ in range(seed % 12):
        genome = mutate(genome, genes, rng, RATES)
    return decode(genome, genes)


def leaning(weights=(0.1, 0.3, 1.0, 1.0), ticks=10):
    return Network.build(
        2, input_synapses=[(c, 1, w) for c, w in enumerate(weights)], outputs=[0, 1],
        encoder=Current(scale=TASK.scale, ticks=ticks), readout=WinnerTakesAll(),
    )  # fmt: skip


@pytest.fixture(scope="module")
def networks():
    """Encoders, readouts, ticks, sizes and kinds of neuron take turns: no two neighbours agree."""
    encoders = [
        Current(scale=TASK.scale),
        FlipFlop(scale=TASK.scale),
        Current(scale=(1.0, 1.0, 0.1, 1.0), ticks=17),
        FlipFlop(TASK.scale, 90, 30, 3, gain=0.8),
    ]
    spaces = [{}, {"refractory": 2, "reset": "subtract", "v_min": -1.0}, {"v_leak": 0.05}]
    wired = [
        grown(encoders[k % 4], k, [WinnerTakesAll(), FewestSpikes()][k // 2 % 2], **spaces[k % 3])
        for k in range(24)
    ]
    bare = Network.build(
        2, outputs=[1, 0], encoder=Current(scale=TASK.scale), readout=FewestSpikes()
    )
    return [leaning(), *wired[:10], bare, *wired[10:], leaning((0.0, 0.0, 2.0, 1.0))]


def assert_equal(together, alone):
    """Row by row, and in the types that were promised."""
    assert together.scores.dtype == np.float64
    assert together.steps.dtype == np.int64
    assert together.scores.tolist() == [one.scores.tolist() for one in alone]
    assert together.steps.tolist() == [one.steps.tolist() for one in alone]


def test_the_networks_differ(networks):
    played = play_all(networks, TASK, STARTS)
    assert len({tuple(row) for row in played.scores.tolist()}) > 8
    assert (played.scores == 500).any()
    assert len({(n.encoder.name, type(n.readout)) for n in networks}) == 4


@pytest.mark.parametrize("workers", [1, 2, 5, 100])
def test_networks_play_as_if_alone(networks, workers):
    together = play_all(networks, TASK, STARTS, workers=workers)
    assert_equal(together, [play(n, TASK, STARTS) for n in networks])


@pytest.mark.parametrize("jobs", [1, 9, 40])
@pytest.mark.parametrize("workers", [1, 2, 5])
def test_copies_play_as_if_alone(networks, workers, jobs):
    """Each network's copies are its own: those of others lie before and after them in memory."""
    numbers = np.random.default_rng(jobs)
    copies = [inject(n, [Fault(Gaussian(), 0.3)], 7, range(6)) for n in networks]
    for k, (network, each) in enumerate(zip(networks, copies, strict=True)):
        slot, threshold = Slots(network).at("v_threshold"), network.neurons.v_threshold
        copies[k] = with_edits(each, slot * 0 + k % 6, slot * 0, slot, 1.25 * threshold)
    wanted = {"copy_of": numbers.integers(0, 6, jobs), "start_of": numbers.integers(0, 5, jobs)}
    together = play_all(networks, TASK, STARTS, copies=copies, workers=workers, **wanted)
    alone = [
        play(n, TASK, STARTS, copies=c, **wanted) for n, c in zip(networks, copies, strict=True)
    ]
    assert_equal(together, alone)
    assert not np.array_equal(
        together.scores, play_all(networks, TASK, STARTS, start_of=wanted["start_of"]).scores
    )


def test_golden_copies_change_nothing(networks):
    golden = play_all(networks, TASK, STARTS)
    copies = [golden_copies(n, 3) for n in networks]
    wanted = {"copy_of": np.array([2, 0, 1, 2, 2]), "start_of": np.arange(5)}
    assert_equal(play_all(networks, TASK, STARTS, copies=copies, **wanted),
                 [play(n, TASK, STARTS) for n in networks])  # fmt: skip
    first = play_all(networks, TASK, STARTS, copies=copies)
    assert np.array_equal(first.scores, golden.scores)


def test_order_and_repetition_do_not_matter(networks):
    whole = play_all(networks, TASK, STARTS)
    order = np.random.default_rng(1).permutation(len(networks)).tolist() * 2
    again = play_all([networks[m] for m in order], TASK, STARTS, workers=2)
    assert np.array_equal(again.scores, whole.scores[order])
    assert np.array_equal(again.steps, whole.steps[order])


def test_the_same_starts_in_another_order():
    network, order = leaning((0.0, 0.0, 2.0, 1.0)), np.array([4, 0, 0, 3, 2, 1, 4])
    whole = play_all([network], TASK, STARTS)
    assert len(set(whole.scores[0].tolist())) > 2
    chosen = play_all([network, network], TASK, STARTS, start_of=order)
    assert chosen.scores.tolist() == [whole.scores[0][order].tolist()] * 2
    turned = play_all([network], TASK, np.asfortranarray(STARTS)[::-1])
    assert turned.scores.tolist() == whole.scores[:, ::-1].tolist()


@pytest.mark.parametrize("workers", [1, 2])
def test_no_networks(workers):
    played = play_all([], TASK, STARTS, workers=workers)
    assert played.scores.shape == played.steps.shape == (0, 5)
    played = play_all([], TASK, STARTS, copies=[], start_of=np.arange(3), workers=workers)
    assert played.scores.shape == played.steps.shape == (0, 3)


def test_no_episodes(networks):
    count = len(networks)
    for played in (
        play_all(networks, TASK, TASK.starts([])),
        play_all(networks, TASK, STARTS, start_of=np.zeros(0, dtype=np.int64), workers=2),
    ):
        assert played.scores.shape == played.steps.shape == (count, 0)


def test_what_it_is_given_stays_untouched(networks):
    """Copies may even be frozen; a kernel would be compiled anew for frozen starts and jobs."""
    starts = STARTS.copy()
    copies = [golden_copies(n, 2) for n in networks]
    jobs = np.array([0, 1, 1]), np.array([4, 2, 0])
    given = [starts, *jobs, *(array for each in copies for array in each)]
    before = [array.copy() for array in given]
    for array in given[3:]:
        array.setflags(write=False)
    play_all(
        networks, TASK, starts, copies=copies, copy_of=jobs[0], start_of=jobs[1], workers=2
    )  # fmt: skip
    assert all(np.array_equal(a, b) for a, b in zip(given, before, strict=True))


def test_copies_of_any_layout(networks):
    """Copies that were picked out of others, or transposed, count as they read."""
    chosen = networks[:4]
    copies = [inject(n, [Fault(Gaussian(), 0.3)], 7, range(6)) for n in chosen]
    picked = [pick(each, [0, 2, 4]) for each in copies]
    fortran = [Copies(*(np.asfortranarray(array) for array in each)) for each in picked]
    jobs = {"copy_of": np.arange(3), "start_of": np.arange(3)}
    found = [play_all(chosen, TASK, STARTS, copies=c, **jobs).scores for c in (picked, fortran)]
    expected = play_all(
        chosen, TASK, STARTS, copies=copies, copy_of=np.array([0, 2, 4]), start_of=np.arange(3)
    )
    assert all(np.array_equal(scores, expected.scores) for scores in found)


UNFIT = {
    "deaf": (replace(leaning(), encoder=None), "network.encoder: expected one to play cartpole"),
    "mute": (replace(leaning(), readout=None), "network.readout: expected one to play cartpole"),
    "half blind": (
        replace(leaning(), encoder=Current(scale=[1.0] * 3)),
        "network.encoder: expected 4 observations as in cartpole, got 3",
    ),
    "one-armed": (
        replace(leaning(), outputs=np.array([0])),
        "network.outputs: expected 2 neurons for the actions of cartpole, got 1",
    ),
}


@pytest.mark.parametrize(("unfit", "line"), UNFIT.values(), ids=UNFIT)
def test_one_unfit_network_stops_all(unfit, line):
    with pytest.raises(InputError) as error:
        play_all([leaning(), unfit, leaning()], TASK, STARTS, workers=2)
    assert str(error.value).startswith(line)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("jobs", "line"),
    [
        ({"copy_of": [0, 0]}, "copy_of: expected shape (5,), got (2,)"),
        ({"copy_of": [0, 1, 2, 1, 0]}, "copy_of: expected indices from 0 to 1, got 2"),
        ({"copy_of": [0, 1, -1, 1, 0]}, "copy_of: expected indices from 0 to 1, got -1"),
        ({"start_of": [0, 5]}, "start_of: expected indices from 0 to 4, got 5"),
        ({"start_of": [-1, 4]}, "start_of: expected indices from 0 to 4, got -1"),
        ({"start_of": [[0, 1]]}, "start_of: expected shape (1,), got (1, 2)"),
        (
            {"copy_of": [0, 1, 1], "start_of": [0, 1]},
            "copy_of: expected shape (2,), got (3,)",
        ),
        ({"copy_of": [[0], [1]], "start_of": [0, 1]}, "copy_of: expected shape (2,), got (2, 1)"),
    ],
)
@pytest.mark.parametrize("workers", [1, 2])
def test_jobs_that_do_not_exist_are_refused(jobs, line, workers):
    """The kernel checks no bounds and would play whatever lies in memory."""
    chosen = [leaning(), leaning(ticks=12)]
    arrays = {name: np.array(values) for name, values in jobs.items()}
    copies = [golden_copies(n, 2) for n in chosen]
    with pytest.raises(InputError) as error:
        play_all(chosen, TASK, STARTS, copies=copies, workers=workers, **arrays)
    assert str(error.value) == line


def test_without_copies_there_is_one():
    with pytest.raises(InputError, match=r"^copy_of: expected indices from 0 to 0, got 1$"):
        play_all([leaning()], TASK, STARTS, copy_of=np.array([0, 0, 1, 0, 0]))


@pytest.mark.parametrize("starts", [np.zeros((2, 3)), np.zeros(4), np.zeros((1, 1, 4))])
@pytest.mark.parametrize("count", [0, 2])
def test_starts_of_another_task_are_refused(starts, count):
    with pytest.raises(InputError, match=r"^starts: expected shape \(any, 4\), got \("):
        play_all([leaning()] * count, TASK, starts)
