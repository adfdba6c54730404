"""``tardigrade tasks``."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from typing import Any

EXAMPLE = "  tardigrade tasks"


def add_arguments(parser: ArgumentParser) -> None:
    """Add nothing: the command has no arguments of its own."""


def run(options: Namespace) -> tuple[Any, str]:
    """List the tasks."""
    from experiments.tables import aligned
    from fitness import TASKS
    from neuro.actions import describe_actions

    result = [
        {
            "name": t.name,
            "kind": t.kind,
            "observations": len(t.observations),
            "actions": t.actions if isinstance(t.actions, int) else describe_actions(t.actions),
            "solved_at": t.solved_at,
            "source": t.source,
        }
        for t in TASKS.values()
    ]
    table = aligned([list(r.values()) for r in result], list(result[0]))
    more = "also: gymnasium:ID, csv:PATH?target=COLUMN, idx:DIRECTORY; see docs/tasks.md"
    return result, f"{table}\n\n{more}"
