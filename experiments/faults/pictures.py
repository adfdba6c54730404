"""Pictures of fault campaigns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from experiments.faults.plan import Resolved
from experiments.faults.tables import summary_of
from experiments.plots import COLOURS, GREY, new_figure, save_figure
from fitness import Outcome, Task


def draw_all(resolved: Resolved, found: Mapping[str, Sequence[Outcome]], path: Path) -> None:
    """Draw what suits the campaign into its directory."""
    if not resolved.campaign.single:
        rows = [r for r in summary_of(resolved, found) if r["network"] in found]
        save_figure(degradation_figure(rows, resolved.campaign.task), path / "degradation.png")


def degradation_figure(rows: Sequence[Mapping[str, Any]], task: Task) -> Figure:
    """Draw score against severity, one panel per fault model, one colour per network.

    Line: mean; dark band: its 95 % interval; light band: 5 % to 95 % of draws.
    """
    models = list(dict.fromkeys(r["model"] for r in rows))
    networks = list(dict.fromkeys(r["network"] for r in rows))
    figure = new_figure(4.4 * len(models), 3.8)
    panels = figure.subplots(1, len(models), sharey=True, squeeze=False)[0]
    for panel, model in zip(panels, models, strict=True):
        for number, name in enumerate(networks):
            mine = [r for r in rows if r["model"] == model and r["network"] == name]
            x = [r["severity"] for r in mine]
            colour = COLOURS[number % len(COLOURS)]
            panel.fill_between(x, [r["q05"] for r in mine], [r["q95"] for r in mine],
                               color=colour, alpha=0.12, lw=0)  # fmt: skip
            panel.fill_between(x, [r["mean_low"] for r in mine], [r["mean_high"] for r in mine],
                               color=colour, alpha=0.4, lw=0)  # fmt: skip
            panel.plot(x, [r["mean"] for r in mine], "o-", ms=3.5, color=colour, label=name)
            panel.axhline(mine[0]["golden"], color=colour, ls=":", lw=1)
        panel.axhline(task.solved_at, color=GREY, ls="--", lw=1)
        positive = [v for v in x if v > 0]
        if positive and max(positive) / min(positive) >= 30:
            # Linear around zero, so that severity 0 can be shown with the decades.
            panel.set_xscale("symlog", linthresh=min(positive)) if 0 in x else panel.set_xscale(
                "log"
            )
        panel.set_xlabel(mine[0]["severity_meaning"])
        panel.set_title(model)
        panel.grid(alpha=0.25)
    panels[0].set_ylabel("score (dashed: solved, dotted: without faults)")
    panels[0].legend(fontsize=7, frameon=False, loc="lower left")
    return figure
