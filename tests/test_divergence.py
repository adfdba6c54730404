"""A task whose numbers diverge: its score says so, and nothing else is harmed."""

from dataclasses import replace

import numpy as np
import pytest

from evo import ObjectiveSpec, SearchSpace, Settings, evolve
from experiments.cli import main
from fitness import TASKS, Evaluator, Objective, play
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
    line = r"^task diverging: step: expected finite rewards, got a score of nan$"
    with pytest.raises(InputError, match=line):
        evolve(evaluator, space, specs, Settings(4, 1), seed=1)


def test_an_objective_that_is_no_number_is_named():
    endless = Objective("endless", True, lambda m: np.inf, lambda task: (0.0, 1.0))
    evaluator = Evaluator(TASK, 1, draws=0, objectives=(endless,))
    network = Network.build(
        2, outputs=[0, 1], encoder=Current(scale=TASK.scale), readout=WinnerTakesAll()
    )
    with pytest.raises(InputError, match=r"^objective endless: expected finite values, got inf$"):
        evaluator([network])


def test_the_command_line_says_it_in_one_line(monkeypatch, capsys, tmp_path):
    monkeypatch.setitem(TASKS, "diverging", DIVERGING)
    words = ["evolve", "diverging", "--population", "4", "--generations", "1"]
    with pytest.raises(SystemExit) as end:
        main([*words, "--out", str(tmp_path / "run")])
    line = "task diverging: step: expected finite rewards, got a score of nan"
    assert (end.value.code, capsys.readouterr().err) == (2, f"tardigrade evolve: error: {line}\n")


@pytest.mark.parametrize("part", ["observe", "step"])
def test_plain_functions_are_refused(part):
    with pytest.raises(InputError) as error:
        replace(TASK, **{part: lambda state, other: None})
    expected = f"{part}: expected a function decorated with kernel_function({part.upper()})"
    assert str(error.value).startswith(expected)


def test_the_encoders_that_index_by_value_are_among_those_tried():
    assert {FlipFlop, Argyle, Latency} <= set(ENCODERS.values())
