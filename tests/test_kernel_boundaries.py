"""What the kernels do not check, the functions that call them must."""

import numpy as np
import pytest

from fitness import TASKS, play, play_all, play_environment
from neuro import (
    Current,
    InputError,
    LaneController,
    Network,
    WinnerTakesAll,
    golden_copies,
)
from neuro.program import compile_batch

TASK = TASKS["cartpole"]
STARTS = TASK.starts([1, 2])


def leaning(weight=0.6):
    return Network.build(
        2, input_synapses=[(2, 1, weight), (3, 1, 0.02)], outputs=[0, 1],
        encoder=Current(scale=TASK.scale), readout=WinnerTakesAll(),
    )  # fmt: skip


A, B = leaning(), leaning(0.5)


@pytest.mark.parametrize(
    "copies",
    [
        [golden_copies(A, 2), golden_copies(B, 1)],
        [golden_copies(A, 1), golden_copies(B, 2)],
        [golden_copies(A, 2)],
        [golden_copies(A, 2)] * 3,
        [golden_copies(A, 2), golden_copies(Network.build(1), 2)],
        [],
    ],
)
def test_play_all_checks_copies(copies):
    with pytest.raises(InputError, match="copies"):
        play_all([A, B], TASK, STARTS, copies=copies, copy_of=np.array([0, 0]))


def test_play_all_second_copy_of_the_second_network_does_not_exist():
    copies = [golden_copies(A, 2), golden_copies(B, 1)]
    with pytest.raises(InputError):
        play_all([A, B], TASK, STARTS, copies=copies, copy_of=np.array([0, 1]))


@pytest.mark.parametrize(("to", "source"), [(0, 32), (32, 0), (-1, 0), (0, -1)])
def test_move_checks_lanes(to, source):
    controller = LaneController(A)
    controller.begin(0)
    with pytest.raises(InputError, match=r"^(lane|to|source)"):
        controller.move(to, source)


@pytest.mark.parametrize("lane", [0.5, "0", None])
def test_begin_refuses_what_is_no_index(lane):
    with pytest.raises(InputError):
        LaneController(A).begin(lane)


def test_compile_batch_of_nothing():
    assert len(compile_batch([]).gain) == 0


@pytest.mark.parametrize(
    "jobs", [np.array([0.5, 0.9]), np.array(["a", "b"]), np.array([np.nan, 0])]
)
def test_jobs_that_are_no_whole_numbers(jobs):
    with pytest.raises(InputError, match=r"^copy_of"):
        play(A, TASK, STARTS, copy_of=np.array(jobs))


def test_no_workers():
    with pytest.raises(InputError, match=r"^workers"):
        play_all([A], TASK, STARTS, workers=0)


@pytest.mark.parametrize("seed", [1.9, -1, "a"])
def test_seeds_that_are_none(seed):
    """As `Task.starts` does."""
    gymnasium = pytest.importorskip("gymnasium")
    with pytest.raises(InputError, match=r"^seeds"):
        play_environment(A, lambda: gymnasium.make("CartPole-v1"), [seed])


def test_read_only_starts_compile_no_second_kernel():
    from neuro.closed_loop import roll_out

    play(A, TASK, STARTS)
    before = len(roll_out.signatures)
    frozen = STARTS.copy()
    frozen.setflags(write=False)
    play(A, TASK, frozen)
    assert len(roll_out.signatures) == before


def test_single_precision_copies_compile_no_second_kernel():
    from neuro.closed_loop import roll_out
    from neuro.kernels import Copies

    play_all([A], TASK, STARTS)
    before = len(roll_out.signatures)
    single = Copies(*(a.astype(np.float32) for a in golden_copies(A)))
    play_all([A], TASK, STARTS, copies=[single])
    assert len(roll_out.signatures) == before
