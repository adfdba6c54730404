"""Bad arguments of the Python API that would otherwise reach a kernel or be half ignored."""

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
import pytest

from fitness import TASKS, episode_seeds, play
from neuro import Current, FlipFlop, InputError, Network, WinnerTakesAll
from neuro.faults import Change, Fault, FaultSite, FaultTime, Gaussian, inject, parse_model

TASK = TASKS["cartpole"]
NETWORK = Network.build(
    2, input_synapses=[(2, 1, 0.6)], outputs=[0, 1],
    encoder=Current(scale=TASK.scale), readout=WinnerTakesAll(),
)  # fmt: skip


def task(**changes):
    return replace(TASK, name="c", **changes)


def begin(*states):
    """Starts of a task whose resets return these, one after the other."""
    found = iter(states)
    return task(reset=lambda rng: next(found)).starts(range(len(states) - 1))


@dataclass(frozen=True)
class Listed(FaultTime):
    """Changes as they are given."""

    name: ClassVar[str] = "listed"
    given: tuple[Change, ...] = ()

    def changes(self, horizon, seed, draw):
        return list(self.given)


def changing(*changes):
    fault = Fault(Gaussian(), 0.1, time=Listed(tuple(Change(*c) for c in changes)))
    return inject(NETWORK, [fault], 1, [0], horizon=10)


@pytest.mark.parametrize(
    ("call", "line"),
    [
        (lambda: task(solved_at=-200.0, worst=-100.0), "solved_at: expected more than worst, -100"),
        (lambda: task(solved_at=0.0), "solved_at: expected more than worst, 0, got 0.0"),
        (lambda: task(solved_at=np.inf), "solved_at: expected a number from"),
        (lambda: task(worst=np.nan), "worst: expected a number from"),
        (lambda: task(max_steps=0), "max_steps: expected a whole number from 1"),
        (lambda: begin(0.5, 0.5), "task c: reset: expected an array of one dimension, got array("),
        (lambda: begin([[0.5]], [0.5]), "task c: reset: expected an array of one dimension"),
        (lambda: begin("left", "left"), "task c: reset: expected an array of numbers, got left"),
        (lambda: begin({}, {}), "task c: reset: expected an array of numbers, got {}"),
        (lambda: begin([0.5], [0.5, 1.0], [0.5]),
         "task c: reset: expected 1 values, as from another seed, got 2"),
        (lambda: changing((0, 2.0)), "time listed: level: expected a number from 0 to 1, got 2.0"),
        (lambda: changing((0, np.nan)), "time listed: level: expected a number from 0 to 1"),
        (lambda: changing((5, 1.0), (3, 0.0)), "time listed: tick: expected at least 5, in order"),
        (lambda: changing((-1, 1.0)), "time listed: tick: expected at least 0, in order, got -1"),
        (lambda: play(NETWORK, TASK, np.zeros((1, 3))), "starts: expected shape (any, 4), got"),
        (lambda: play(NETWORK, TASK, np.zeros(4)), "starts: expected shape (any, 4), got"),
        (lambda: TASK.starts([1, -1]), "seeds[1]: expected a whole number from 0"),
        (lambda: episode_seeds(-1, "training", 2), "seed: expected a whole number from 0"),
        (lambda: FaultSite("synapses", (0.5,)), "site index: expected a whole number"),
        (lambda: parse_model("bit-flip:bits=4,bits=8"), "model bit-flip: expected each parameter"),
    ],
)  # fmt: skip
def test_refused_with_one_line(call, line):
    with pytest.raises(InputError) as error:
        call()
    assert str(error.value).startswith(line)


def test_no_starts_are_no_episodes():
    assert TASK.starts([]).shape == (0, 4)
    assert len(play(NETWORK, TASK, TASK.starts([])).scores) == 0


def test_numpy_values_are_as_good_as_python_ones():
    encoder = FlipFlop(scale=np.array([1.0, 2.0]), ticks=np.int64(24))
    assert encoder == FlipFlop(scale=(1.0, 2.0))
    assert type(encoder.ticks) is int
