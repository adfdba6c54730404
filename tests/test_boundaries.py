"""Bad arguments of the Python API that would otherwise reach a kernel or be half ignored."""

import numpy as np
import pytest

from fitness import TASKS, episode_seeds, play
from neuro import Current, FlipFlop, InputError, Network, WinnerTakesAll
from neuro.faults import FaultSite, parse_model

TASK = TASKS["cartpole"]
NETWORK = Network.build(
    2, input_synapses=[(2, 1, 0.6)], outputs=[0, 1],
    encoder=Current(scale=TASK.scale), readout=WinnerTakesAll(),
)  # fmt: skip


@pytest.mark.parametrize(
    ("call", "line"),
    [
        (lambda: play(NETWORK, TASK, np.zeros((1, 3))), "starts: expected shape (any, 4), got"),
        (lambda: play(NETWORK, TASK, np.zeros(4)), "starts: expected shape (any, 4), got"),
        (lambda: TASK.starts([1, -1]), "seeds[1]: expected a whole number from 0"),
        (lambda: episode_seeds(-1, "training", 2), "seed: expected a whole number from 0"),
        (lambda: FaultSite("synapses", (0.5,)), "site index: expected a whole number"),
        (lambda: parse_model("bit-flip:bits=4,bits=8"), "model bit-flip: expected each parameter"),
    ],
)
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
