"""What evolution is compared with: chance, weights alone, another program, linear policies.

Each module has one function ``solve(task, seed, *, evaluations, solved) -> Attempt``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from experiments.baselines import linear_policy, neat_python, random_guessing, snes_fixed
from experiments.baselines.contract import Attempt, Controller, Solved

BASELINES: Mapping[str, Callable[..., Attempt]] = MappingProxyType({
    "random-guessing": random_guessing.solve,
    "snes-fixed": snes_fixed.solve,
    "neat-python": neat_python.solve,
    "linear-policy": linear_policy.solve,
})  # fmt: skip
"""Baselines by name."""

__all__ = ["BASELINES", "Attempt", "Controller", "Solved"]
