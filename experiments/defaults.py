"""What a task's default configuration has instead of the general defaults.

Found by trying a few settings per family with seeds other than those of the study of tasks.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from fitness import EnvironmentTask, Task
from neuro.actions import Box

Settings = Mapping[str, Any]

# What flows through a network is a current per value and, out of it, a pair of spike rates.
CONTINUOUS: Settings = MappingProxyType({"encoder.name": "current", "readout.name": "rate"})

# One sample is one decision: a generation meets them all, each draw of faults some.
CLASSIFICATION: Settings = MappingProxyType({
    "encoder.name": "current",
    "objectives.starts": 1000,
    "resilience.draws": 8,
    "resilience.episodes": 50,
    "validation.episodes": 1000,
    "validation.draws": 20,
    "report.episodes": 10_000,
    "report.draws": 50,
    "evolution.population": 200,
    "evolution.generations": 150,
    "evolution.refresh": 0,
})  # fmt: skip

# Environments are stepped in Python, some hundred times slower than compiled tasks.
ENVIRONMENT: Settings = MappingProxyType({
    "encoder.name": "current",
    "evolution.population": 60,
    "evolution.generations": 1000,
    "evolution.steps": 1_000_000,
    "objectives.starts": 4,
    "resilience.draws": 4,
    "validation.episodes": 20,
    "validation.draws": 10,
    "report.episodes": 100,
    "report.draws": 20,
})  # fmt: skip

# One start, episodes of up to 100,000 decisions: few draws of faults, and steps are the budget.
# First networks are neurons that fire at half of their rate by themselves and hardly react: from
# there refinement finds its way, from random weights it rarely does.
_POLES: Settings = MappingProxyType({
    "encoder.ticks": 20,
    "readout.gain": 0.1,
    "space.mirrored": True,
    "space.density": 1.0,
    "space.v_min": -3.0,
    "space.reset": "subtract",
    "space.first_weight": 0.1,
    "space.first_bias": 0.5,
    "space.first_threshold": 1.0,
    "space.first_tau": 100.0,
    "evolution.population": 12,
    "evolution.generations": 10_000,
    "evolution.steps": 40_000_000,
    "evolution.refresh": 0,
    "evolution.archive": 100,
    "evolution.refine.share": 0.92,
    "evolution.refine.restart": 0.9,
    "resilience.severity": 0.1,
    "resilience.draws": 4,
    "validation.draws": 8,
    "report.draws": 20,
})  # fmt: skip
_POLES_NO_VELOCITY: Settings = MappingProxyType({
    **_POLES,
    # Speeds are told by a fast and a slow trace of what neurons that hardly leak sum up.
    "encoder.ticks": 50,
    "readout.name": "potential",
    "readout.traces": [20.0, 100.0],
    "readout.gain": 0.05,
    "space.weight_limit": 8.0,
    "space.delay_limit": 1,
    "space.first_hidden": 1,
    "space.first_weight": 0.2,
    "evolution.population": 10,
    "evolution.refine.share": 0.9,
    "evolution.refine.patience": 20,
    "evolution.refine.contrast": 4.0,
})  # fmt: skip
_TENNLAB: Settings = MappingProxyType({
    "space.mirrored": True,
    "evolution.generations": 1000,
    "evolution.steps": 100_000_000,
    "objectives.starts": 8,
    "resilience.draws": 4,
    "validation.episodes": 20,
    "validation.draws": 8,
    "report.episodes": 1000,
    "report.draws": 20,
})  # fmt: skip
_GRADED: Settings = MappingProxyType(
    {"encoder.name": "current", "encoder.ticks": 20, "space.density": 1.0}
)

# Many features, each of which says a little: small weights from all of them, refined together.
_DENSE: Settings = MappingProxyType(
    {"space.density": 1.0, "space.first_weight": 0.1, "space.synapse_limit": 2000}
)

# Scales are what matters close to the ground, not what is seen when falling at random. With smaller
# steps, or a single strategy, the search may stop at hovering.
_LANDER: Settings = MappingProxyType({
    "encoder.scale": [1.0, 1.5, 1.0, 1.0, 0.5, 1.0, 1.0, 1.0],
    "encoder.center": [0.0] * 8,
    "space.mirrored": True,
    "space.reset": "subtract",
    "space.density": 1.0,
    "space.first_weight": 0.2,
    "space.first_bias": 0.3,
    "space.first_threshold": 1.0,
    "space.first_tau": 20.0,
    "evolution.population": 32,
    "evolution.steps": 5_000_000,
    "evolution.refresh": 10,
    "evolution.refine.share": 0.75,
    "evolution.refine.method": "cma-es",
    "evolution.refine.samples": 12,
    "evolution.refine.step": 0.15,
    "evolution.refine.patience": 60,
    "objectives.starts": 8,
    "validation.episodes": 50,
})  # fmt: skip

DEFAULTS: Mapping[str, Settings] = MappingProxyType({
    "mountain-car": {"objectives.feasible": 0.5, "evolution.population": 200},
    "mountain-car-continuous": {"readout.name": "potential"},
    "acrobot": {"space.mirrored": True},
    "pendulum": {
        "readout.name": "potential",
        "readout.traces": [3.0],
        "space.mirrored": True,
        "space.first_hidden": 2,
        "space.density": 1.0,
        "space.weight_limit": 4.0,
        "evolution.generations": 100,
    },
    "single-pole": {**_POLES, "evolution.steps": 20_000_000},
    "single-pole-no-velocity": {**_POLES_NO_VELOCITY, "evolution.steps": 20_000_000},
    "double-pole": _POLES,
    "double-pole-no-velocity": _POLES_NO_VELOCITY,
    "tennlab-easy": _TENNLAB,
    "tennlab-medium": _TENNLAB,
    # Speeds have to be told from small differences, which a current keeps and spikes round away.
    "tennlab-hard": {**_TENNLAB, **_GRADED},
    "tennlab-hardest": {**_TENNLAB, **_GRADED, "evolution.steps": 200_000_000},
    "gymnasium:LunarLander-v3": _LANDER,
    # Few samples are soon all told apart; noisy copies tell safe networks from lucky ones.
    "wine": {"objectives.jitter": 0.7, "evolution.refine.share": 0.5},
    "breast-cancer": {
        **_DENSE,
        "objectives.starts": 1372,
        "objectives.jitter": 0.5,
        "evolution.population": 60,
        "evolution.generations": 400,
        "evolution.refine.share": 0.8,
        "evolution.refine.samples": 24,
        "evolution.refine.patience": 40,
    },
    "digits": {
        **_DENSE,
        # Outputs that are alike: one that never fires costs a class, and steps find it no slope.
        "space.first_weight": 0.05,
        "space.first_bias": 0.2,
        "space.first_threshold": 1.0,
        "space.first_tau": 20.0,
        "objectives.starts": 1079,
        "objectives.feasible": 1.06,
        "evolution.population": 80,
        "evolution.generations": 450,
        "evolution.refine.share": 0.9,
        "evolution.refine.samples": 72,
        "evolution.refine.patience": 100,
    },
})  # fmt: skip
"""Settings by task, over those of the task's kind."""


def defaults_of(task: Task) -> dict[str, Any]:
    """Map "section.key" to value for a task: what its kind sets, then the task itself."""
    found: dict[str, Any] = {}
    if task.kind == "classification":
        found |= CLASSIFICATION
    if isinstance(task, EnvironmentTask):
        found |= ENVIRONMENT
    if isinstance(task.actions, Box):
        found |= CONTINUOUS
    return found | dict(DEFAULTS.get(task.name, {}))
