"""Evolution with and without resilience among its objectives, and what becomes of the networks.

The question is that of Dimovska et al. (2020): are networks that were evolved for size and
resilience smaller, and do they survive faults other than those they were evolved on? All is
measured on held-out starts and fault draws. Two networks of each run are measured: the one
that whoever chose the arm's objectives would take (*chosen*), and the smallest one that scores as
well (*small*), by validation both.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evo import decode, evolve
from evo.individual import Individual
from experiments.config import Config, resolve
from experiments.run_directory import objective_specs
from fitness import play
from fitness.campaign import drops
from fitness.faulty import FaultyPlayer
from fitness.rollout import horizon
from neuro import Network, prune
from neuro.faults import parse_fault, strike
from neuro.faults.times import Redrawn

SEEDS = range(1, 21)
MATRIX_SEEDS = range(1, 11)
MIXTURE = ("gaussian@0.5", "dead-synapse@0.1", "bit-flip@0.02", "dead-neuron@0.1")
PLAIN: Mapping[str, Any] = MappingProxyType({"resilience.draws": 0})


def _trained(faults: str | list[str]) -> Mapping[str, Any]:
    return MappingProxyType({"resilience.model": faults, "objectives.names": [
        "score", "size", "resilience"]})  # fmt: skip


ARMS: Mapping[str, Mapping[str, Any]] = MappingProxyType({
    "score": {**PLAIN, "objectives.names": ["score"]},
    "score, size": {**PLAIN, "objectives.names": ["score", "size"]},
    "gaussian": _trained(["gaussian@0.5"]),
    "mixture": _trained(list(MIXTURE)),
    "dead-synapse": _trained(["dead-synapse@0.1"]),
    "bit-flip": _trained(["bit-flip@0.02"]),
    "dead-neuron": _trained(["dead-neuron@0.1"]),
})  # fmt: skip
"""Objectives, and the faults that resilience is measured with; the last three for the matrix."""
MAIN = ("score", "score, size", "gaussian", "mixture")

TESTS = (
    "gaussian@0.2", "gaussian@0.5", "dead-synapse@0.1", "bit-flip@0.02", "dead-neuron@0.1",
    "uniform-independent@0.2", "sign-flip@0.05", "stuck-synapse@0.05", "delay-shift@0.3",
    "saturated-neuron@0.05", "parametric-threshold@0.2", "device-mismatch@0.2",
    "synaptic-failure@0.1", "spike-insertion@0.01", "dead-channel@0.1",
)  # fmt: skip
"""Faults that finished networks are tested with; those not in `MIXTURE` nobody was evolved on."""

# Arms differ in their objectives alone: no noise of samples that would make all of them resilient.
_WINE: Mapping[str, Any] = MappingProxyType({
    "encoder.name": "population", "encoder.fields": 3, "objectives.jitter": 0.0,
    "evolution.refine.share": 0.0,
})  # fmt: skip
TASKS: Mapping[str, Mapping[str, Any]] = MappingProxyType({
    "cartpole": {}, "mountain-car": {}, "mountain-car-continuous": {}, "acrobot": {},
    "iris": {}, "wine": _WINE,
})  # fmt: skip
COMMON: Mapping[str, Any] = MappingProxyType({
    "evolution.population": 50, "evolution.generations": 1_000_000, "run.workers": 1,
})  # fmt: skip
EVALUATIONS: Mapping[str, int] = MappingProxyType({
    "cartpole": 2000, "mountain-car": 2000, "mountain-car-continuous": 2000, "acrobot": 2000,
    "iris": 4000, "wine": 8000,
})  # fmt: skip
STEPS: Mapping[str, int] = MappingProxyType({
    "cartpole": 15_000_000, "mountain-car": 8_000_000, "mountain-car-continuous": 20_000_000,
    "acrobot": 8_000_000, "iris": 600_000, "wine": 2_300_000,
})  # fmt: skip
"""Decisions of a run where arms have equal time: they are what time is spent on."""
STARTS, FAULT_STARTS, DRAWS = 100, 10, 100
NOISE_DRAWS = 20
"""Draws of noise: an episode of it averages over hundreds of occasions."""
AS_WELL = 0.99
"""Share of the best validated score (from the task's worst) that counts as scoring as well."""


def main_runs() -> list[str]:
    """List the runs of the main arms with equal evaluations, seed by seed."""
    return [f"{t}/{a}/evaluations/{s}" for s in SEEDS for t in TASKS for a in MAIN]


def matrix_runs() -> list[str]:
    """List the runs of the other arms, for the matrix of training and testing faults."""
    others = [arm for arm in ARMS if arm not in MAIN]
    return [f"{t}/{a}/evaluations/{s}" for s in MATRIX_SEEDS for t in TASKS for a in others]


def time_runs() -> list[str]:
    """List the runs of the main arms with equal time, in decisions."""
    return [f"{t}/{a}/steps/{s}" for s in SEEDS for t in TASKS for a in MAIN]


def measure(run: str) -> dict[str, Any]:
    """Evolve one seed of one arm on one task, and test its networks."""
    name, arm, budget, seed = run.split("/")
    begun = time.perf_counter()
    limit = {"evaluations": EVALUATIONS[name], "steps": STEPS[name]}[budget]
    changes = {**COMMON, **TASKS[name], **ARMS[arm], "run.seed": int(seed)}
    config = resolve(name, list({**changes, f"evolution.{budget}": limit}.items()))
    other = {"evaluations": "steps", "steps": "evaluations"}[budget]
    settings = config.settings
    settings = replace(settings, steps=None) if other == "steps" else replace(
        settings, evaluations=None
    )  # fmt: skip
    config = replace(config, settings=settings)
    state = evolve(
        config.evaluator, config.space, objective_specs(config), config.settings, seed=int(seed)
    ).state
    chosen, small = choose(config, state.found)
    row = {
        "task": name, "arm": arm, "budget": budget, "seed": int(seed),
        "evaluations": state.evaluations, "env_steps": state.steps,
    }  # fmt: skip
    row |= {f"chosen {key}": value for key, value in test(chosen, config).items()}
    row |= {f"small {key}": value for key, value in test(small, config).items()}
    return {**row, "seconds": round(time.perf_counter() - begun, 1)}


def choose(config: Config, found: list[Individual]) -> tuple[Network, Network]:
    """Choose two of the networks that a run ended with, by validation.

    Among those that score as well as the best (`AS_WELL`), the first is the most resilient one if
    resilience was an objective, else the smallest if size was, else the best; the second is the
    smallest. Ties go to the better score, then to the smaller network.
    """
    names = config.tables["objectives"]["names"]
    feasible = [i for i in found if i.fitness.violation == 0.0] or found
    networks = [prune(decode(i.genome, config.space)) for i in feasible]
    if "resilience" in names:
        measured = config.validation()(networks).objectives
        score, resilience = measured[:, 0], measured[:, 2]
    else:
        score = config.validation()(networks).objectives[:, 0]
        resilience = np.zeros(len(score))
    size = np.array([float(n.size) for n in networks])
    share = config.task.fraction(score)
    as_well = share >= min(share.max(), AS_WELL * share.max())
    if "size" not in names:
        wanted = -score
    else:
        wanted = -resilience if "resilience" in names else size

    def best(by: NDArray[np.float64]) -> Network:
        order = np.lexsort((size, -score, by, ~as_well))
        return networks[int(order[0])]

    return best(wanted), best(size)


def test(network: Network, config: Config) -> dict[str, float]:
    """Measure a network on starts and faults that no run has met."""
    task = config.task
    clean = play(network, task, task.draw_starts(0, "resilience study", STARTS)).scores
    player = FaultyPlayer(
        network, task, task.draw_starts(1, "resilience study", FAULT_STARTS * _samples(config))
    )
    row: dict[str, float] = {
        "score": float(clean.mean()), "neurons": len(network.neurons),
        "synapses": len(network.synapses) + len(network.input_synapses),
    }  # fmt: skip
    longest = horizon(network, task)
    for text in TESTS:
        fault = parse_fault(text)
        draws = NOISE_DRAWS if isinstance(fault.when, Redrawn) else DRAWS
        struck = strike(network, [fault], 1, range(draws), horizon=longest)
        row[f"drop {text}"] = float(drops(player.golden, player(struck), task).mean())
    return row


def _samples(config: Config) -> int:
    """One sample is little of an episode: of data sets, ten times as many."""
    return 10 if config.task.kind == "classification" else 1
