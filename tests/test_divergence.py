"""A task whose numbers diverge: its score says so, and nothing else is harmed."""

from dataclasses import replace

import numpy as np
import pytest

from evo import ObjectiveSpec, SearchSpace, Settings, evolve
from fitness import TASKS, Evaluator, play
from neuro import (
    ENCODERS,
    Argyle,
    Current,
    FlipFlop,
    InputError,
    Latency,
    Network,
    WinnerTakesAll,
)
from neuro.jit import STEP, kernel_function

TASK = TASKS["cartpole"]


@kernel_function(STEP)
def diverge(state, action):
    """Lose the cart in the second step."""
    state[1] += 1.0
    if state[1] >= 1.5:
        state[0] = np.nan
    return 1.0, state[1] > 5.0


DIVERGING = replace(TASK, name="diverging", step=diverge)


@pytest.mark.parametrize("name", ENCODERS)
def test_the_score_is_nan_and_the_episode_goes_on(name):
    encoder = ENCODERS[name](scale=TASK.scale)
    channels = 0 if encoder.graded else encoder.channels
    network = Network.build(
        channels + 2, inputs=range(channels), outputs=[channels, channels + 1],
        encoder=encoder, readout=WinnerTakesAll(),
    )  # fmt: skip
    starts = np.array([[0.0, 0.0, 0.0, 0.0], [0.0, -9.0, 0.0, 0.0]] * 20)
    played = play(network, replace(DIVERGING, max_steps=12), starts)
    assert np.isnan(played.scores[::2]).all()
    assert played.steps[::2].tolist() == [6] * 20
    assert np.isnan(played.scores[1::2]).all()  # these come to it later
    short = play(network, replace(DIVERGING, max_steps=5), starts)
    assert (short.scores[1::2] == 5.0).all()


def test_evolution_names_the_score():
    space = SearchSpace(Current(TASK.scale), WinnerTakesAll(), 2)
    specs = [ObjectiveSpec("score", True, 0.0, 1.0), ObjectiveSpec("size", False, 100.0, 0.0)]
    evaluator = Evaluator(DIVERGING, 1, draws=0)
    evaluator = replace(evaluator, objectives=evaluator.objectives[:2])
    with pytest.raises(ValueError, match=r"expected finite values of score, got nan for network 0"):
        evolve(evaluator, space, specs, Settings(4, 1), seed=1)


@pytest.mark.parametrize("part", ["observe", "step"])
def test_plain_functions_are_refused(part):
    with pytest.raises(InputError) as error:
        replace(TASK, **{part: lambda state, other: None})
    expected = f"{part}: expected a function decorated with kernel_function({part.upper()})"
    assert str(error.value).startswith(expected)


def test_the_encoders_that_index_by_value_are_among_those_tried():
    assert {FlipFlop, Argyle, Latency} <= set(ENCODERS.values())
