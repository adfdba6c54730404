"""What a task's default configuration has instead of the general defaults."""

from __future__ import annotations

from typing import Any

from fitness import EnvironmentTask, Task
from neuro.actions import Box

CONTINUOUS = (("encoder.name", "current"), ("readout.name", "potential"))

DEFAULTS: dict[str, tuple[tuple[str, Any], ...]] = {}
"""Settings by task, applied in order over those of the task's kind."""


def defaults_of(task: Task) -> list[tuple[str, Any]]:
    """List ("section.key", value) for a task: those of its kind, then its own."""
    found: list[tuple[str, Any]] = []
    if isinstance(task.actions, Box):
        found += CONTINUOUS
    if isinstance(task, EnvironmentTask):
        found += []
    return [*found, *DEFAULTS.get(task.name, ())]
