"""Configurations: defaults, files and overrides; every mistake ends in one line that names it."""

import math
import tomllib
from dataclasses import fields, replace

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from evo import MUTATIONS, PROFILES, Refinement, SearchSpace, Settings
from experiments.config import default_tables, parse_assignment, resolve
from fitness import TASKS
from neuro import ENCODERS, READOUTS, Box, Current, FlipFlop, InputError, WinnerTakesAll
from neuro.actions import describe_actions
from neuro.faults import (
    MODELS,
    BitFlip,
    DeadNeuron,
    DeadSynapse,
    Fault,
    FaultSite,
    Gaussian,
    parse_time,
)

TASK = TASKS["cartpole"]
BUDGETS = ("evaluations", "steps", "seconds", "target", "stagnation")


def set_(*assignments):
    """What `tardigrade evolve cartpole --set ... --set ...` resolves to."""
    return resolve("cartpole", [parse_assignment(text) for text in assignments])


# --- what it resolves to ----------------------------------------------------------------------


def test_defaults():
    config = resolve("cartpole")
    assert config.task is TASK
    assert config.seed == 1
    assert config.space.encoder == FlipFlop(scale=TASK.scale)
    assert config.space.readout == WinnerTakesAll()
    assert (config.space.outputs, config.space.task) == (2, "cartpole")
    for f in fields(SearchSpace):
        if f.name in config.tables["space"]:
            assert getattr(config.space, f.name) == f.default, f.name
    assert config.settings == Settings(refresh=5)
    assert [o.name for o in config.objectives] == ["score", "size", "resilience"]
    evaluator = config.evaluator
    assert (evaluator.task, evaluator.seed, evaluator.purpose) == (TASK, 1, "training")
    assert (evaluator.starts, evaluator.draws, evaluator.feasible) == (8, 32, 1.0)
    assert [(f.model, f.severity) for f in evaluator.faults] == [(Gaussian(), 0.5)]


@pytest.mark.parametrize("task", TASKS.values(), ids=TASKS)
def test_every_task_has_defaults(task):
    config = resolve(task.name)
    jitter = config.tables["objectives"]["jitter"]
    assert config.task == (replace(task, jitter=jitter) if jitter else task)
    assert config.space.outputs == config.space.readout.outputs(task.actions)


def test_every_gene_range_can_be_set():
    tables = default_tables(TASK)
    wiring = {"encoder", "readout", "outputs", "task", "symmetry", "hardware"}
    ranges = {f.name for f in fields(SearchSpace)} - wiring
    assert set(tables["space"]) == ranges | {"mirrored"}  # with the symmetry of the task
    assert set(tables["evolution"]["rates"]) == set(MUTATIONS)
    known = set(tables["evolution"]) | set(BUDGETS)
    assert known == {f.name for f in fields(Settings)} | {"hardware"}  # that of the search space
    assert set(tables["evolution"]["refine"]) == {f.name for f in fields(Refinement)}


def test_what_is_set_is_used():
    config = set_(
        "run.seed=7", "run.workers=2", "encoder.name=current", "encoder.ticks=5",
        "space.delay_limit=3", "space.v_min=-1", "evolution.population=10",
        "evolution.evaluations=50", "evolution.rates.add_synapse=0", "objectives.starts=2",
        "objectives.feasible=0.25", 'objectives.names=["size", "score"]',
        "resilience.model=bit-flip", "resilience.bits=5", "resilience.severity=0.01",
        "resilience.draws=3", "resilience.aggregate=cvar:0.1", "report.episodes=6",
        "report.draws=9",
    )  # fmt: skip
    assert config.seed == 7
    assert config.space.encoder == Current(scale=TASK.scale, ticks=5)
    assert (config.space.delay_limit, config.space.v_min) == (3, -1)
    assert (config.settings.population, config.settings.evaluations) == (10, 50)
    rates = {name: rate for name, (_, rate) in MUTATIONS.items()}
    assert config.settings.rates == {**rates, "add_synapse": 0}
    assert [o.name for o in config.objectives] == ["size", "score"]
    one = config.evaluator
    assert (one.seed, one.workers, one.starts, one.draws) == (7, 2, 2, 3)
    assert (one.feasible, one.aggregate, one.objectives) == (0.25, "cvar:0.1", config.objectives)
    assert [(f.model, f.severity) for f in one.faults] == [(BitFlip(bits=5), 0.01)]
    held_out = config.held_out()
    assert (held_out.purpose, held_out.starts, held_out.draws) == ("held-out", 6, 9)
    assert held_out.feasible < -1e6  # what fails on new starts is measured under faults as well
    assert (held_out.faults, held_out.aggregate) == (one.faults, one.aggregate)


def test_every_setting_of_evolution_is_used():
    """Each with a value of its own, none of them the default."""
    space = {
        "first_weight": 0.3, "first_bias": -0.2, "first_threshold": 1.5, "first_tau": 7.0,
        "first_hidden": 3, "density": 0.9,
    }  # fmt: skip
    evolution = {
        "population": 31, "generations": 7, "refresh": 2, "mate": 0.7, "join": 0.2, "young": 0.25,
        "youth": 4, "archive": 9, "parents": "lexicase", "survivors": "nsga3", "evaluations": 501,
        "steps": 5001, "seconds": 1.5, "target": 400.0, "stagnation": 6,
    }  # fmt: skip
    refine = {
        "share": 0.4, "samples": 5, "step": 0.15, "floor": 0.01, "patience": 3, "restart": 0.1,
        "contrast": 2.0, "neurons": True,
    }  # fmt: skip
    assert {*evolution, "rates", "refine"} == {f.name for f in fields(Settings)}
    given = {f"space.{key}": value for key, value in space.items()}
    given |= {f"evolution.{key}": value for key, value in evolution.items()}
    given |= {f"evolution.refine.{key}": value for key, value in refine.items()}
    config = resolve("cartpole", list(given.items()))
    assert config.settings == Settings(refine=Refinement(**refine), **evolution)
    for parts, default in ((evolution, Settings), (refine, Refinement), (space, SearchSpace)):
        assert [key for key, value in parts.items() if value == getattr(default, key)] == []
    assert {key: getattr(config.space, key) for key in space} == space


def test_the_hardware_is_that_of_the_search_space():
    assert resolve("cartpole").space.hardware == PROFILES["float"]
    config = set_("evolution.hardware.fan_in=4", "evolution.hardware=risp-15")
    assert config.space.hardware == replace(PROFILES["risp-15"], fan_in=4)
    assert config.settings == resolve("cartpole").settings


def test_later_settings_win():
    assert set_("run.seed=2", "run.seed=3").seed == 3
    config = set_("encoder.name=current", "encoder.name=flip-flop", "encoder.gain=2.0")
    assert config.space.encoder == FlipFlop(scale=TASK.scale, gain=2.0)


def test_parameters_may_come_before_the_part_they_are_of():
    config = set_("encoder.ticks=7", "encoder.name=current")
    assert config.space.encoder == Current(scale=TASK.scale, ticks=7)
    config = set_("encoder.spikes=4", "encoder.name=flip-flop")
    assert config.space.encoder == FlipFlop(scale=TASK.scale, spikes=4)
    config = set_("resilience.bits=5", "resilience.severity=0.1", "resilience.model=bit-flip")
    assert (config.evaluator.faults[0].model, config.evaluator.faults[0].severity) == (
        BitFlip(bits=5), 0.1,
    )  # fmt: skip


def test_one_configuration_does_not_leak_into_the_next():
    set_("evolution.rates.add_synapse=0.7", "encoder.scale=[1, 1, 1, 1]", "space.dt=0.5")
    assert resolve("cartpole").to_toml() == resolve("cartpole").to_toml()
    assert resolve("cartpole").settings.rates["add_synapse"] == MUTATIONS["add_synapse"][1]
    assert resolve("cartpole").space.dt == 1.0
    assert resolve("cartpole").space.encoder.scale == TASK.scale


def test_overrides_come_after_the_file(tmp_path):
    file = tmp_path / "config.toml"
    file.write_text('[run]\ntask = "cartpole"\nseed = 5\n[evolution]\npopulation = 20\n')
    config = resolve(str(file), [("run.seed", 6)])
    assert (config.seed, config.settings.population) == (6, 20)
    assert config.settings.generations == Settings.generations


ROUND_TRIPS = [
    (),
    ("encoder.name=current",),
    ("run.seed=18446744073709551615", "space.v_min=-0.5", "space.dt=0.1"),
    ("resilience.model=dead-synapse", "resilience.severity=0.1"),
    ("resilience.model=bit-flip",),
    ('resilience.model=["gaussian@0.2", "bit-flip:bits=5", "dead-neuron"]', "resilience.draws=6"),
    ("resilience.model=dead-neuron", "resilience.site=hidden", "resilience.time=window:ticks=20"),
    ("resilience.group=row", "resilience.time=upset"),
    ("evolution.evaluations=500", "evolution.rates.perturb_tau=0.123456789012345678"),
    ("encoder.scale=[1e-9, 0.1, 3, 1e9]", 'objectives.names=["score"]'),
    ("evolution.refine.share=0.3", "evolution.refine.neurons=true", "evolution.target=475"),
    ("evolution.parents=lexicase", "evolution.survivors=nsga3", "evolution.seconds=0.1"),
    ("evolution.hardware=int8",),
    ("evolution.hardware.leaks=[inf, 0.0]", "space.first_weight=0.1"),
]


@pytest.mark.parametrize("assignments", ROUND_TRIPS, ids=lambda a: " ".join(a) or "defaults")
def test_the_file_resolves_to_the_same(tmp_path, assignments):
    config = set_(*assignments)
    file = tmp_path / "config.toml"
    file.write_text(config.to_toml())
    again = resolve(str(file))
    assert again.tables == config.tables
    assert again.to_toml() == config.to_toml()
    for part in ("task", "space", "settings", "objectives"):
        assert getattr(again, part) == getattr(config, part)
    assert repr(again.evaluator) == repr(config.evaluator)


def test_the_file_says_everything():
    """A default that changes in a later release must not change what the file means."""
    tables = tomllib.loads(set_("encoder.name=current", "resilience.model=bit-flip").to_toml())
    assert set(tables) == set(default_tables(TASK))
    assert tables["encoder"] == {
        "name": "current", "scale": list(TASK.scale), "center": [0.0] * 4, "ticks": 10,
    }  # fmt: skip
    assert tables["readout"] == {"name": "winner-takes-all", "choices": []}
    assert tables["resilience"] == {
        "model": "bit-flip", "severity": 0.02, "draws": 32, "episodes": 1, "aggregate": "mean",
        "bits": 8, "protected": 0, "zeros": 1.0, "ones": 1.0,
    }  # fmt: skip
    assert tables["space"]["v_min"] == -math.inf
    assert set(tables["evolution"]["rates"]) == set(MUTATIONS)


# --- what follows from the task ---------------------------------------------------------------

# As different as tasks are: choices, continuous values, ranges that are not even.
VARIED = ["cartpole", "mountain-car", "mountain-car-continuous", "acrobot", "pendulum"]
PLAIN = ("space.mirrored", False)


@pytest.mark.parametrize("name", VARIED)
@pytest.mark.parametrize("encoder", ENCODERS)
def test_ranges_are_filled_in(name, encoder):
    task = TASKS[name]
    config = resolve(name, [("encoder.name", encoder), PLAIN])
    center, scale = task.ranges()
    found = config.space.encoder
    assert isinstance(found, ENCODERS[encoder])
    assert (found.scale, found.center) == (tuple(scale), tuple(center))
    assert config.tables["encoder"]["scale"] == list(scale)
    assert config.tables["encoder"]["center"] == list(center)


def test_given_ranges_stay():
    config = resolve("mountain-car", [("encoder.scale", [1, 2])])
    assert config.space.encoder.scale == (1.0, 2.0)
    assert config.space.encoder.center == tuple(TASKS["mountain-car"].ranges()[0])
    config = resolve("mountain-car", [("encoder.center", [0.5, 0])])
    assert config.space.encoder.center == (0.5, 0.0)
    assert config.space.encoder.scale == tuple(TASKS["mountain-car"].ranges()[1])


@pytest.mark.parametrize("name", VARIED)
@pytest.mark.parametrize("readout", READOUTS)
def test_readouts_fit_or_are_refused(name, readout):
    task, cls = TASKS[name], READOUTS[readout]
    overrides = [("readout.name", readout), PLAIN]
    continuous = readout in ("rate", "potential")
    if isinstance(task.actions, Box) != continuous:
        line = line_of(lambda: resolve(name, overrides))
        assert line.startswith(f"readout {readout}: expected ")
        assert f": {describe_actions(task.actions)}; try readout.name=" in line
        for other in line.rpartition("=")[2].split(" or "):
            resolve(name, [("readout.name", other), PLAIN])
        assert ("got choices" if continuous else "got continuous values") in line
        return
    config = resolve(name, overrides)
    assert isinstance(config.space.readout, cls)
    assert config.space.outputs == config.space.readout.outputs(task.actions)
    if continuous:
        assert config.tables["readout"]["low"] == list(task.actions.low)
        assert config.tables["readout"]["high"] == list(task.actions.high)
    else:
        assert config.tables["readout"]["choices"] == []


def test_several_choices_are_filled_in(monkeypatch):
    task = replace(TASK, name="several", actions=(3, 2))
    monkeypatch.setitem(TASKS, "several", task)
    config = resolve("several")
    assert config.space.readout == WinnerTakesAll(choices=[3, 2])
    assert (config.space.outputs, config.tables["readout"]["choices"]) == (5, [3, 2])
    assert resolve("several", [("readout.choices", [3, 2])]).tables == config.tables
    line = line_of(lambda: resolve("several", [("readout.choices", [2, 3])]))
    assert line == "readout winner-takes-all: expected choices [2, 3], got choices: 3 x 2"


def test_bounds_are_those_of_the_task():
    pendulum = TASKS["pendulum"]
    assert (pendulum.actions.low, pendulum.actions.high) == ((-2.0,), (2.0,))
    line = line_of(lambda: resolve("pendulum", [("readout.low", [-3])]))
    assert line.endswith(": expected [-3, 2], got continuous values: [-2, 2]")


@pytest.mark.parametrize("task", TASKS.values(), ids=TASKS)
def test_the_file_of_every_task_resolves_to_the_same(tmp_path, task):
    config = resolve(task.name)
    file = tmp_path / "config.toml"
    file.write_text(config.to_toml())
    assert resolve(str(file)).tables == config.tables


def test_episodes_of_a_draw():
    assert resolve("cartpole").evaluator.each == 1
    config = set_("resilience.episodes=3")
    assert config.evaluator.each == 3
    assert config.tables["resilience"]["episodes"] == 3
    assert config.held_out().each == 3
    config = set_("resilience.episodes=3", "resilience.model=bit-flip")
    assert config.evaluator.each == 3  # another model has as many


def test_budgets():
    config = set_("evolution.steps=1000", "evolution.evaluations=50")
    assert (config.settings.steps, config.settings.evaluations) == (1000, 50)
    config = set_("evolution.seconds=60", "evolution.target=-1e3", "evolution.stagnation=9")
    assert (config.settings.seconds, config.settings.target) == (60, -1000.0)
    assert config.settings.stagnation == 9
    default = resolve("cartpole")
    assert not set(BUDGETS) & default.tables["evolution"].keys()
    assert [getattr(default.settings, budget) for budget in BUDGETS] == [None] * 5


def test_names_with_a_colon_may_be_tasks():
    config = resolve("gymnasium:CartPole-v1?max_steps=50")
    assert config.tables["run"]["task"] == config.space.task == "gymnasium:CartPole-v1?max_steps=50"
    assert config.task.max_steps == 50


# --- what is refused --------------------------------------------------------------------------

MISTAKES = [
    # (what is set, what the line must begin with)
    ("runn.seed=1", "unknown section: runn; did you mean run?"),
    ("zzz.seed=1", "unknown section: zzz; expected one of run, encoder,"),
    ("run.sed=1", "unknown key in run: run.sed; did you mean run.seed?"),
    ("run.qqqq=1", "unknown key in run: run.qqqq; expected one of task, seed,"),
    ("evolution.populaton=8", "unknown key in evolution: evolution.populaton; did you mean "
                              "evolution.population?"),
    ("space.delay_limits=8", "unknown key in space: space.delay_limits; did you mean "
                             "space.delay_limit?"),
    ("evolution.rates.add_synapses=1", "unknown key in evolution.rates: add_synapses; did you "
                                       "mean add_synapse?"),
    ("space.encoder=1", "unknown key in space: space.encoder"),
    ("space.foo=1", "unknown key in space: space.foo; expected one of dt, weight_limit, "),
    ("evolution.foo=1", "unknown key in evolution: evolution.foo; expected one of population, "),
    ("run.task=pendulum",
     "run.task: expected cartpole, the task that is named first, got pendulum"),
    ("run.task=5", "run.task: expected cartpole, the task that is named first, got 5"),
    ("run.seed=-1", "run.seed: expected a whole number from 0 to 18446744073709551615, got -1"),
    ("run.seed=18446744073709551616", "run.seed: expected a whole number from 0 to"),
    ("run.seed=1.5", "run.seed: expected a whole number"),
    ("run.seed=one", "run.seed: expected a whole number from 0 to 18446744073709551615, got one"),
    ("run.seed=true", "run.seed: expected a whole number"),
    ("run.workers=0", "run.workers: expected a whole number from 1"),
    ("run.workers=[2]", "run.workers: expected a whole number"),
    ("encoder.name=poisson", "encoder.name: expected one of flip-flop, bins, argyle"),
    ("encoder.name=3", "encoder.name: expected one of flip-flop, bins, argyle"),
    ("encoder.rate=3", "encoder.rate: unknown parameter of flip-flop; expected scale, ticks"),
    ("encoder.ticks=0", "encoder.ticks: expected a whole number from 1"),
    ("encoder.period=25", "encoder.period: expected a whole number from 1 to 24, got 25"),
    ("encoder.gain=nan", "encoder.gain: expected a number from"),
    ("encoder.scale=[1, 2, 3]", "encoder.scale: expected 4 numbers for cartpole, got 3"),
    ("encoder.scale=[1, 2, 3, 4, 5]", "encoder.scale: expected 4 numbers for cartpole, got 5"),
    ("encoder.scale=[1, 2, 3, 0]", "encoder.scale[3]: expected a number from"),
    ("encoder.scale=[1, 2, nan, 4]", "encoder.scale[2]: expected a number from"),
    ("encoder.center=[1, 2, 3]", "encoder.center: expected 4 numbers for cartpole, got 3"),
    ("encoder.center=[1, 2, nan, 4]", "encoder.center[2]: expected a number from"),
    ("encoder.scale=[]", "encoder.scale: expected a list of at least one number"),
    ("encoder.scale=wide", "encoder.scale: expected a list of at least one number, got wide"),
    ("readout.name=first", "readout.name: expected one of winner-takes-all, first-to-spike,"),
    ("readout.name=rates", "readout.name: expected one of winner-takes-all"),
    ("readout.name=rate", "readout rate: expected continuous values, got choices: 2"),
    ("readout.choices=[2, 2]", "readout winner-takes-all: expected choices [2, 2], got choices"),
    ("readout.choices=[0]", "readout.choices[0]: expected a whole number from 1"),
    ("readout.window=3", "readout.window: unknown parameter of winner-takes-all"),
    ("space.dt=0", "space.dt: expected a number from"),
    ("space.dt=nan", "space.dt: expected a number from 1e-09 to 1e+09, got nan"),
    ("space.weight_limit=inf", "space.weight_limit: expected a number from"),
    ("space.weight_limit=-1", "space.weight_limit: expected a number from"),
    ("space.delay_limit=5000", "space.delay_limit: expected a whole number from 1 to 4096"),
    ("space.threshold_high=0.05", "space.threshold_high: expected a number from 0.1"),
    ("space.tau_low=1000", "space.tau_high: expected a number from 1000"),
    ("space.v_min=inf", "space.v_min: expected a number from -inf"),
    ("space.v_reset=low", "space.v_reset: expected a number from"),
    ("space.refractory=-1", "space.refractory: expected a whole number from 0"),
    ("space.reset=never", "space.reset: expected one of to_value, subtract, got never"),
    ("space.mirrored=1", "space.mirrored: expected true or false, got 1"),
    ("space.first_hidden=33", "space.first_hidden: expected a whole number from 0 to 32"),
    ("space.first_hidden=17", "space.hidden_limit: expected at least 34, those of a first network"),
    ("space.hidden_limit=1.5", "space.hidden_limit: expected a whole number"),
    ("space.density=2", "space.density: expected a number from 0 to 1, got 2"),
    ("space.first_weight=3", "space.first_weight: expected a number from 0 to 2, got 3"),
    ("space.first_bias=-3", "space.first_bias: expected a number from -2 to 2, got -3"),
    ("space.first_threshold=5", "space.first_threshold: expected a number from 0.1 to 2, got 5"),
    ("space.first_tau=0.5", "space.first_tau: expected a number from 1 to 100, got 0.5"),
    ("space.hardware=int8", "unknown key in space: space.hardware"),
    ("evolution.population=1", "evolution.population: expected a whole number from 2"),
    ("evolution.population=ten", "evolution.population: expected a whole number"),
    ("evolution.generations=-1", "evolution.generations: expected a whole number from 0"),
    ("evolution.evaluations=0", "evolution.evaluations: expected a whole number from 1"),
    ("evolution.steps=0", "evolution.steps: expected a whole number from 1"),
    ("evolution.steps=1e6", "evolution.steps: expected a whole number from 1"),
    ("evolution.seconds=0", "evolution.seconds: expected a number from 0.001 to 1e+09, got 0"),
    ("evolution.target=inf", "evolution.target: expected a number from"),
    ("evolution.target=high", "evolution.target: expected a number from"),
    ("evolution.stagnation=0", "evolution.stagnation: expected a whole number from 1"),
    ("evolution.mate=1.1", "evolution.mate: expected a number from 0 to 1, got 1.1"),
    ("evolution.young=-0.1", "evolution.young: expected a number from 0 to 1, got -0.1"),
    ("evolution.youth=0", "evolution.youth: expected a whole number from 1"),
    ("evolution.archive=-1", "evolution.archive: expected a whole number from 0 to 100000, got -1"),
    ("evolution.parents=rank", "evolution.parents: expected one of tournament, lexicase, got rank"),
    ("evolution.survivors=nsga4", "evolution.survivors: expected one of nsga2, nsga3, got nsga4"),
    ("evolution.refine=0.5", "evolution.refine: expected a table, got 0.5"),
    ("evolution.refine.shares=1", "unknown key in evolution.refine: shares; did you mean share?"),
    ("evolution.refine.share=1.1", "evolution.refine.share: expected a number from 0 to 1, got"),
    ("evolution.refine.samples=1", "evolution.refine.samples: expected a whole number from 2"),
    ("evolution.refine.step=0", "evolution.refine.step: expected a number from 1e-09"),
    ("evolution.refine.floor=-1", "evolution.refine.floor: expected a number from 0"),
    ("evolution.refine.patience=0", "evolution.refine.patience: expected a whole number from 1"),
    ("evolution.refine.restart=2", "evolution.refine.restart: expected a number from 0 to 1"),
    ("evolution.refine.contrast=-1", "evolution.refine.contrast: expected a number from 0"),
    ("evolution.refine.neurons=1", "evolution.refine.neurons: expected true or false, got 1"),
    ("evolution.hardware=loihi", "evolution.hardware: expected one of float, int8"),
    ("evolution.hardware=8", "evolution.hardware: expected one of float, int8"),
    ("evolution.hardware.bits=8", "evolution.hardware: expected one of weight_bits, weight_low,"),
    ("evolution.hardware.weight_bits=1", "evolution.hardware.weight_bits: expected a whole number"),
    ("evolution.rates=1", "evolution.rates: expected a table, got 1"),
    ("evolution.rates.add_synapse=-1", "evolution.rates.add_synapse: expected a number from 0"),
    ("evolution.rates.add_synapse=nan", "evolution.rates.add_synapse: expected a number from 0"),
    ("evolution.rates.add_synapse.x=1", "evolution.rates.add_synapse: expected a number from 0"),
    ('objectives.names=["score", "speed"]', "objectives.names[1]: expected one of score, size"),
    ("objectives.names=[]", "objectives.names: expected a list of distinct objectives"),
    ("objectives.names=score", "objectives.names: expected a list of distinct objectives"),
    ('objectives.names=["size", "size"]', "objectives.names: expected a list of distinct"),
    ("objectives.names=[1]", "objectives.names[0]: expected one of score, size"),
    ("objectives.starts=0", "objectives.starts: expected a whole number from 1"),
    ("objectives.feasible=nan", "objectives.feasible: expected a number from"),
    ("objectives.jitter=-1", "objectives.jitter: expected a number from 0 to 1e+09, got -1"),
    ("objectives.jitter=0.5", "objectives.jitter: expected 0, as cartpole is not classification"),
    ("resilience.model=rust",
     "resilience.model: expected one of the 43 of tardigrade faults --list"),
    ("resilience.model=[]", "resilience.model: expected a fault model, or a list of them, got []"),
    ("resilience.model=3", "resilience.model: expected one of the 43 of tardigrade"),
    ('resilience.model=["gaussian", 3]', "resilience.model: expected a fault model, or a list of"),
    ('resilience.model=["rust@0.1"]', "resilience.model: expected one of the 43 of tardigrade"),
    ('resilience.model=["gaussian@x"]', "resilience.severity of gaussian: expected a number, got"),
    ('resilience.model=["gaussian@nan"]', "resilience.severity of gaussian: expected a number fr"),
    ('resilience.model=["gaussian@-1"]', "resilience.severity of gaussian: expected a number fr"),
    ('resilience.model=["bit-flip:bits=1"]', "resilience.model bit-flip: bits: expected a whole"),
    ("resilience.site=nowhere", "resilience.site: expected one of all, synapses, input-synapses"),
    ("resilience.site=neurons", "resilience.site of gaussian: expected one that synapses have"),
    ("resilience.site=input-synapses",
     "resilience.site: expected one that networks with encoder flip-flop have, got input-synapses"),
    ("resilience.site=[1]", "resilience.site: expected one of all, synapses, input-synapses"),
    ("resilience.group=crowd", "resilience.site group: expected one of site, row, column"),
    ("resilience.time=never", "resilience.time: expected one of permanent, upset, window"),
    ("resilience.time=upset:tick=x", "resilience.time upset: tick: expected a number, got x"),
    ("resilience.time=3", "resilience.time: expected one of permanent, upset, window"),
    ("resilience.name=dead-synapse", "resilience.name: unknown parameter of gaussian"),
    ("resilience.bits=8", "resilience.bits: unknown parameter of gaussian"),
    ("resilience.severity=-0.1", "resilience.severity"),
    ("resilience.severity=nan", "resilience.severity"),
    ("resilience.severity=high", "resilience.severity"),
    ("resilience.severity=[0.1]", "resilience.severity"),
    ("resilience.model=bit-flip:bits=1", "resilience.model bit-flip: bits: expected a whole"),
    ("resilience.model=gaussian@x", "resilience.severity of gaussian: expected a number, got x"),
    ("resilience.draws=-1", "resilience.draws: expected a whole number from 0"),
    ("resilience.draws=many", "resilience.draws: expected a whole number from 0"),
    ("resilience.episodes=0", "resilience.episodes: expected a whole number from 1"),
    ("resilience.episodes=1.5", "resilience.episodes: expected a whole number from 1"),
    ("resilience.aggregate=median", "resilience.aggregate: expected mean, quantile:Q or cvar:Q"),
    ("report.episodes=0", "report.episodes: expected a whole number from 1"),
    ("report.episodes=1e3", "report.episodes: expected a whole number from 1"),
    ("report.draws=-1", "report.draws: expected a whole number from 0"),
    ("run=3", "--set: expected section.key=value, got run=3"),
    ("mirrored=true", "--set: expected section.key=value, got mirrored=true"),
    ("run.data=abc", "run.data: expected none: cartpole has no data, got abc"),
    ("seed", "--set: expected section.key=value, got seed"),
    ("=3", "--set: expected section.key=value, got =3"),
    ("run.seed", "--set: expected section.key=value, got run.seed"),
    ("run.seed.x=3", "run.seed: expected a whole number"),
    (".=3", "unknown section:"),
    ("run.=3", "unknown key in run: run.;"),
]  # fmt: skip


def line_of(make):
    """The one line of the error that `make()` raises."""
    with pytest.raises(InputError) as caught:
        make()
    line = str(caught.value)
    assert len(line.splitlines()) == 1, line
    return line


@pytest.mark.parametrize(("assignment", "begins"), MISTAKES)
def test_mistakes(assignment, begins):
    line = line_of(lambda: set_(assignment))
    assert line.startswith(begins), line


def test_a_chip_that_cannot_hold_the_readout_has_another_one():
    chip = ("evolution.hardware", "risp-15")
    line = line_of(lambda: resolve("pendulum", [chip]))
    assert line.endswith(", got potential: v_threshold inf; try readout.name=rate")
    resolve("pendulum", [chip, ("readout.name", "rate")])


def test_a_model_with_parameters_is_a_list_of_one(tmp_path):
    config = set_("resilience.model=bit-flip:bits=6@0.05")
    assert config.evaluator.faults == (Fault(BitFlip(bits=6), 0.05),)
    assert not config.evaluator.mixture
    assert config.tables["resilience"]["model"] == "bit-flip:bits=6@0.05"
    (tmp_path / "config.toml").write_text(config.to_toml())
    assert resolve(str(tmp_path / "config.toml")).evaluator == config.evaluator


def test_graded_encoders_have_no_inputs():
    inputs = ("resilience.model=dead-neuron", "resilience.site=inputs")
    set_(*inputs)
    line = line_of(lambda: set_("encoder.name=current", *inputs))
    what = "one that networks with encoder current have"
    assert line == f"resilience.site: expected {what}, got inputs"


def test_a_severity_beyond_what_the_model_allows():
    line = line_of(lambda: set_("resilience.model=dead-synapse", "resilience.severity=1.5"))
    assert line.startswith("resilience.severity")
    assert "from 0 to 1, got 1.5" in line


FILES = [
    # (what the file holds, what follows the file's name in the line)
    ("", "run.task: expected the name of a task, got none"),
    ("[run]\nseed = 1\n", "run.task: expected the name of a task, got none"),
    ('run = "cartpole"\n', "run.task: expected the name of a task, got none"),
    ('[run]\ntask = "chess"\n', "run.task: expected one of cartpole"),
    ("[run]\ntask = 3\n", "run.task: expected one of cartpole"),
    ("[run\n", "not valid TOML: "),
    ('[run]\ntask = "cartpole"\ntask = "cartpole"\n', "not valid TOML: "),
    ("\x00", "not valid TOML: "),
    ('[run]\ntask = "cartpole"\n[spice]\na = 1\n', "unknown section: spice; did you mean space?"),
    ('space = 3\n[run]\ntask = "cartpole"\n', "space: expected a section of keys, got 3"),
    ('space = []\n[run]\ntask = "cartpole"\n', "space: expected a section of keys, got []"),
    ('[[space]]\n[run]\ntask = "cartpole"\n', "space: expected a section of keys, got [{}]"),
    ('encoder = "current"\n[run]\ntask = "cartpole"\n',
     "encoder: expected a section of keys, got current"),
    ('[run]\ntask = "cartpole"\nseed = 1979-05-27\n', "run.seed: expected a whole number"),
    ('[run]\ntask = "cartpole"\n[evolution]\nrates = {fly = 1}\n',
     "unknown key in evolution.rates: fly"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "follows"), FILES)
def test_mistakes_in_files(tmp_path, text, follows):
    file = tmp_path / "mine.toml"
    file.write_text(text)
    line = line_of(lambda: resolve(str(file)))
    assert line.startswith(f"{file}: {follows}"), line


def test_files_that_cannot_be_read(tmp_path):
    missing, folder, binary = (tmp_path / f"{n}.toml" for n in ("missing", "folder", "binary"))
    folder.mkdir()
    binary.write_bytes(b"\xff\xfe\x00")
    for file, what in ((missing, "No such file"), (folder, "directory"), (binary, "UTF-8")):
        line = line_of(lambda file=file: resolve(str(file)))
        assert line.startswith(f"{file}: ")
        assert what in line


def test_deeply_nested_or_endless_values(tmp_path):
    file = tmp_path / "deep.toml"
    for value in ("[" * 5000 + "]" * 5000, "9" * 5000):
        file.write_text(f'[run]\ntask = "cartpole"\nseed = {value}\n')
        assert str(file) in line_of(lambda: resolve(str(file)))
        line_of(lambda value=value: set_(f"run.seed={value}"))


def test_an_unknown_task():
    line = line_of(lambda: resolve("cartpol"))
    assert line.startswith("task: expected one of cartpole")
    assert line.endswith("got cartpol; did you mean cartpole?")


# --- anything at all --------------------------------------------------------------------------

scalars = (  # whatever TOML can hold
    st.booleans()
    | st.integers()
    | st.floats()
    | st.sampled_from(["", "current", "flip-flop", "score", "mean", "cvar:0.1", "subtract"])
    | st.text(max_size=5)
)
values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["name", "scale", "x", ""]), inner, max_size=3)
    ),
    max_leaves=6,
)
sections = default_tables(TASK)
paths = st.sampled_from(
    [
        *[f"{section}.{key}" for section, table in sections.items() for key in table],
        *[f"evolution.rates.{name}" for name in MUTATIONS],
        *[f"evolution.refine.{key}" for key in sections["evolution"]["refine"]],
        *[f"evolution.{budget}" for budget in BUDGETS],
        "evolution.hardware.name", "evolution.hardware.weight_bits", "evolution.hardware.leaks",
        "run.seed_networks", "resilience.severity", "resilience.bits", "resilience.name",
        "resilience.site", "resilience.group", "resilience.time",
        "encoder.ticks", "encoder.x", "encoder.scale.x", "encoder.name.x", "readout.x", "run",
        "run.task.x", "", ".", "a.b.c.d.e",
    ]
)  # fmt: skip


@given(st.lists(st.tuples(paths, values), min_size=1, max_size=4))
@settings(max_examples=600, deadline=None, derandomize=True)
@example([("resilience.severity", "high")])
@example([("encoder.name", {"name": "current"}), ("encoder.name", "current")])
@example([("resilience.model", ["gaussian"]), ("resilience.severity", 0.1)])
@example([("resilience.model", [["gaussian"]])])
@example([("run.task", ["cartpole"])])
def test_any_settings_resolve_or_are_refused(overrides):
    try:
        config = resolve("cartpole", overrides)
    except InputError as error:
        line = str(error)
    else:
        line = "resolved"
        assert tomllib.loads(config.to_toml())["run"] == config.tables["run"]
    assert len(line.splitlines()) == 1


@given(st.text(max_size=40) | st.from_regex(r"[a-z.]{1,9} ?= ?[\[\]{}\"'0-9a-z.,:\-\n]{0,12}"))
@settings(max_examples=400, deadline=None, derandomize=True)
def test_any_assignment_is_read_or_refused(text):
    try:
        path, _ = parse_assignment(text)
    except InputError as error:
        assert_one_line(str(error))
    else:
        assert path
        assert path == text.partition("=")[0].strip()


def assert_one_line(line):
    assert len(line.splitlines()) == 1, line


ASSIGNMENTS = [
    ("a.b=1", ("a.b", 1)),
    ("a.b=1.5", ("a.b", 1.5)),
    ("a.b=1e-3", ("a.b", 0.001)),
    ("a.b=true", ("a.b", True)),
    ("a.b=-inf", ("a.b", -math.inf)),
    ("a.b=current", ("a.b", "current")),
    ('a.b="current"', ("a.b", "current")),
    ("a.b='1'", ("a.b", "1")),
    ("a.b=cvar:0.1", ("a.b", "cvar:0.1")),
    ("a.b=x=y", ("a.b", "x=y")),
    ("a.b=", ("a.b", "")),
    (" a.b = 3 ", ("a.b", 3)),
    ("a.b= two words ", ("a.b", "two words")),
    ("a.b=[1, 2.5]", ("a.b", [1, 2.5])),
    ("a.b={c = 1}", ("a.b", {"c": 1})),
    (" a.b =1", ("a.b", 1)),
]


@pytest.mark.parametrize(("text", "expected"), ASSIGNMENTS)
def test_assignments(text, expected):
    path, value = parse_assignment(text)
    assert (path, value) == expected
    assert type(value) is type(expected[1])


@pytest.mark.parametrize("model", MODELS.values(), ids=MODELS)
def test_each_model_comes_with_a_severity_that_suits_it(model):
    config = set_(f"resilience.model={model.name}")
    assert config.evaluator.faults == (Fault(model(), model.typical),)
    assert config.tables["resilience"]["severity"] == model.typical
    assert not config.evaluator.mixture


def test_a_mixture_of_faults():
    config = set_('resilience.model=["gaussian@0.2", "bit-flip:bits=5,protected=1", "dead-neuron"]')
    assert config.evaluator.faults == (
        Fault(Gaussian(), 0.2), Fault(BitFlip(bits=5, protected=1), 0.02),
        Fault(DeadNeuron(), DeadNeuron.typical),
    )  # fmt: skip
    for one in (config.evaluator, config.validation(), config.held_out()):
        assert one.mixture
    assert "severity" not in config.tables["resilience"]
    assert not set_('resilience.model=["gaussian"]').evaluator.mixture


def test_where_and_when_faults_are():
    where, when = FaultSite("synapses", group="column"), parse_time("window:ticks=30")
    assignments = ("resilience.site=synapses", "resilience.group=column",
                   "resilience.time=window:ticks=30")  # fmt: skip
    for models in ("resilience.model=dead-synapse", 'resilience.model=["dead-synapse"]'):
        config = set_(*assignments, models)
        assert config.evaluator.faults == (Fault(DeadSynapse(), 0.1, where, when),)
    # They stay when another model is named.
    assert set_(*assignments).evaluator.faults == (Fault(Gaussian(), 0.5, where, when),)


@pytest.mark.parametrize("key", ["severity=0.1", "bits=6", "name=gaussian"])
def test_a_mixture_has_its_parameters_in_its_list(key):
    line = line_of(lambda: set_('resilience.model=["gaussian", "bit-flip"]', f"resilience.{key}"))
    name, value = key.split("=")
    assert line == (
        f"resilience.{name}: expected it in the list of models, as in gaussian@0.2, got {value}"
    )
