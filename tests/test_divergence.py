"""A task whose numbers diverge: its score says so, and nothing else is harmed."""

from dataclasses import replace

import numba
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
IDLE = Network.build(
    2, outputs=[0, 1], encoder=Current(scale=TASK.scale), readout=WinnerTakesAll()
)  # fmt: skip


@kernel_function(STEP)
def unknown(state, action):
    return nowhere, False  # noqa: F821


@kernel_function(STEP)
def reward_only(state, action):
    return 1.0


@kernel_function(STEP)
def too_few(state):
    return 1.0, False


@kernel_function(STEP)
def texts(state, action):
    state[0] = "left"
    return 1.0, False


UNFIT = [
    (unknown, "NameError: name 'nowhere' is not defined"),
    (reward_only, "No conversion from float64 to Tuple(float64, bool)"),
    (too_few, "Signature mismatch: 2 argument types given, but function takes 1 arguments"),
    (texts, "No implementation of function Function(<built-in function setitem>) found for "
     "signature: >>> setitem("),
]  # fmt: skip


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


@pytest.mark.parametrize(
    ("value", "line"),
    [
        (np.inf, "expected finite values, got inf"),
        ("high", "expected a number, got high"),
        (None, "expected a number, got None"),
    ],
)
def test_an_objective_that_is_no_number_is_named(value, line):
    endless = Objective("endless", True, lambda m: value, lambda task: (0.0, 1.0))
    evaluator = Evaluator(TASK, 1, draws=0, objectives=(endless,))
    with pytest.raises(InputError, match=f"^objective endless: {line}$"):
        evaluator([IDLE])


def test_the_command_line_says_it_in_one_line(monkeypatch, capsys, tmp_path):
    monkeypatch.setitem(TASKS, "diverging", DIVERGING)
    words = ["evolve", "diverging", "--population", "4", "--generations", "1"]
    with pytest.raises(SystemExit) as end:
        main([*words, "--out", str(tmp_path / "run")])
    line = "task diverging: step: expected finite rewards, got a score of nan"
    assert (end.value.code, capsys.readouterr().err) == (2, f"tardigrade evolve: error: {line}\n")


@pytest.mark.skipif(numba.config.DISABLE_JIT, reason="plain functions need not compile")
@pytest.mark.parametrize(("step", "reason"), UNFIT, ids=[s.function.__name__ for s, _ in UNFIT])
def test_steps_that_do_not_compile_are_named(step, reason, monkeypatch, capsys, tmp_path):
    line = f"kernel function {__name__}.{step.function.__name__}: expected code that Numba "
    line += f"compiles, got {reason}"
    task = replace(TASK, name="unfit", step=step)
    with pytest.raises(InputError) as error:
        play(IDLE, task, TASK.starts([1]))
    assert str(error.value).startswith(line)
    monkeypatch.setitem(TASKS, "unfit", task)
    words = ["evolve", "unfit", "--population", "4", "--generations", "1"]
    with pytest.raises(SystemExit) as end:
        main([*words, "--out", str(tmp_path / "run")])
    err = capsys.readouterr().err
    assert (end.value.code, err.count("\n")) == (2, 1)
    assert err.startswith(f"tardigrade evolve: error: {line}")


@pytest.mark.parametrize("part", ["observe", "step"])
def test_plain_functions_are_refused(part):
    with pytest.raises(InputError) as error:
        replace(TASK, **{part: lambda state, other: None})
    expected = f"{part}: expected a function decorated with kernel_function({part.upper()})"
    assert str(error.value).startswith(expected)


def test_the_encoders_that_index_by_value_are_among_those_tried():
    assert {FlipFlop, Argyle, Latency} <= set(ENCODERS.values())
