"""Pictures of fault campaigns: curves, bars and distributions; `maps` has those of single sites."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePath
from typing import Any

import matplotlib
import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator, PercentFormatter
from numpy.typing import NDArray

from experiments.faults.maps import bits_figure, criticality_figure, heat_figure
from experiments.faults.plan import Resolved
from experiments.faults.tables import curves_of, rows_of, sites_of, summary_of
from experiments.plots import COLOURS, GREY, can_be_drawn, new_figure, save_figure
from fitness import Outcome, Task

ACROSS = 4
"""Panels beside each other."""
DRAWN = 6
"""Networks that get a picture of their own, at most: the first ones of a campaign."""
BARS = 6
"""Networks that bars can be told apart of."""
MARKERS, LINES = "os^Dv", ("-", "--", "-.")

Row = Mapping[str, Any]


def draw_all(
    resolved: Resolved,
    found: Mapping[str, Sequence[Outcome]],
    path: Path,
    *,
    summary: Sequence[Row] | None = None,
    curves: Sequence[Row] | None = None,
) -> None:
    """Draw what suits the campaign into its directory.

    ``criticality.png`` and ``bits.png`` show one network. If there are several, the first `DRAWN`
    have ``criticality-000.png`` and so on, numbered as in the campaign.

    Parameters
    ----------
    resolved : Resolved
    found : mapping
        Outcomes of each network.
    path : Path
    summary, curves : sequence of mapping, optional
        Tables as `summary_of` and `curves_of` make them, if they have been made already.
    """
    campaign, rows = resolved.campaign, {n: rows_of(resolved, n, found[n]) for n in found}
    every = [row for mine in rows.values() for row in mine]
    pictures: dict[str, Figure | None] = {"outcomes": outcomes_figure(every)}
    if not campaign.single:
        told = summary_of(resolved, found) if summary is None else summary
        alone = [row for row in told if row["network"] in found]
        pictures["degradation"] = degradation_figure(alone, campaign.task)
        pictures["auc"] = area_figure(curves_of(resolved, found) if curves is None else curves)
    else:
        for number, (name, network) in enumerate(list(resolved.networks.items())[:DRAWN]):
            ending = f"-{number:03d}" if len(found) > 1 else ""
            if can_be_drawn(network):
                pictures[f"criticality{ending}"] = criticality_figure(
                    network, sites_of(rows[name]), campaign.task.observations
                )
            pictures[f"bits{ending}"] = bits_figure(rows[name])
    if len(found) > 1:
        pictures["pareto"] = front_figure(_front(resolved, found, rows), campaign.task)
    for name, figure in pictures.items():
        if figure is not None:
            save_figure(figure, path / f"{name}.png")


def _front(
    resolved: Resolved, found: Mapping[str, Sequence[Outcome]], rows: Mapping[str, Sequence[Row]]
) -> list[Row]:
    return [
        {
            "network": name, "size": resolved.networks[name].size,
            "score": float(mine[0].golden.mean()), "resilience": _kept(rows[name]),
        }
        for name, mine in found.items()
    ]  # fmt: skip


def _kept(rows: Sequence[Row]) -> float:
    """Mean share of the score that is kept; every model and severity counts as much."""
    groups: dict[tuple[str, Any], list[float]] = {}
    for row in rows:
        groups.setdefault((row["model"], row["severity"]), []).append(row["drop"])
    return 1.0 - float(np.mean([np.mean(drops) for drops in groups.values()]))


# --- what all have in common ------------------------------------------------------------------


def short_names(names: Sequence[str]) -> dict[str, str]:
    """Leave out what all names of files have in common.

    Examples
    --------
    >>> short_names(["runs/a/front/000.json", "runs/a/front/001.json"])
    {'runs/a/front/000.json': '000', 'runs/a/front/001.json': '001'}
    >>> list(short_names(["runs/a/front/000.json", "runs/b/front/000.json"]).values())
    ['a/front/000', 'b/front/000']
    """
    parts = {name: PurePath(name).with_suffix("").parts for name in names}
    folders = [p[:-1] for p in parts.values()]
    alike = [len(set(level)) == 1 for level in zip(*folders, strict=False)]
    shared = (*alike, False).index(False)
    return {name: "/".join(p[shared:]) for name, p in parts.items()}


def _panels(count: int, width: float = 3.4, height: float = 2.9) -> tuple[Figure, list[Any]]:
    """Make a figure of panels, in rows of up to `ACROSS`, all with the same vertical axis."""
    across = min(ACROSS, count)
    down = -(-count // across)
    figure = new_figure(max(width * across, 4.8), height * down + 0.6)
    axes = figure.subplots(down, across, sharey=True, squeeze=False)
    for spare in axes.ravel()[count:]:
        spare.set_axis_off()
    for panel in axes.ravel()[:count]:
        panel.grid(alpha=0.25)
        panel.tick_params(labelleft=True, labelsize=8)
    return figure, list(axes.ravel()[:count])


def _legend(figure: Figure, handles: Sequence[Any]) -> None:
    """Put a legend below all panels."""
    longest = max(len(handle.get_label()) for handle in handles)
    columns = max(1, min(len(handles), int(figure.get_figwidth() / (0.45 + 0.062 * longest))))
    figure.legend(
        handles=handles, loc="outside lower center", ncols=columns, fontsize=7, frameon=False
    )


def _style(number: int) -> dict[str, Any]:
    """Look of the n-th network: first the colours differ, then marks and dashes as well."""
    lap, colour = divmod(number, len(COLOURS))
    marker, line = MARKERS[lap % len(MARKERS)], LINES[lap % len(LINES)]
    return {"color": COLOURS[colour], "marker": marker, "ls": line}


def _distinct(rows: Sequence[Row], column: str) -> list[Any]:
    return list(dict.fromkeys(row[column] for row in rows))


# --- score against severity -------------------------------------------------------------------


def degradation_figure(rows: Sequence[Row], task: Task) -> Figure:
    """Draw score against severity, one panel per fault model, one colour per network.

    Line: mean; dark band: its 95 % interval; light band, of few networks: 5 % to 95 % of draws.

    Parameters
    ----------
    rows : sequence of mapping
        As in ``summary.csv``.
    task : Task
    """
    models, networks = _distinct(rows, "model"), _distinct(rows, "network")
    names = short_names(networks)
    figure, panels = _panels(len(models))
    for panel, model in zip(panels, models, strict=True):
        mine: list[Row] = []
        for number, network in enumerate(networks):
            mine = [r for r in rows if r["model"] == model and r["network"] == network]
            look, x = _style(number), [r["severity"] for r in mine]
            if len(networks) <= 3:
                panel.fill_between(x, [r["q05"] for r in mine], [r["q95"] for r in mine],
                                   color=look["color"], alpha=0.12, lw=0)  # fmt: skip
            panel.fill_between(x, [r["mean_low"] for r in mine], [r["mean_high"] for r in mine],
                               color=look["color"], alpha=0.4, lw=0)  # fmt: skip
            panel.plot(x, [r["mean"] for r in mine], ms=3.5, lw=1.3, **look)
            panel.axhline(mine[0]["golden"], color=look["color"], ls=":", lw=1)
        panel.axhline(task.solved_at, color=GREY, ls="--", lw=1)
        _severity_axis(panel, mine)
        panel.set_title(model, fontsize=10)
    for panel in panels[::ACROSS]:
        panel.set_ylabel(f"{task.unit} under faults", fontsize=8)
    handles = [
        Line2D([], [], ms=4, label=names[network], **_style(number))
        for number, network in enumerate(networks)
    ]
    handles += [
        Line2D([], [], color=GREY, ls=":", label="without faults"),
        Line2D([], [], color=GREY, ls="--", label="solved"),
    ]
    _legend(figure, handles)
    return figure


def _severity_axis(panel: Any, rows: Sequence[Row]) -> None:
    x = [r["severity"] for r in rows]
    positive = [v for v in x if v > 0]
    if positive and max(positive) / min(positive) >= 30:
        # Linear around zero, so that severity 0 can be shown with the decades.
        scale = {"linthresh": min(positive)} if 0 in x else {}
        panel.set_xscale("symlog" if scale else "log", **scale)
    panel.set_xlabel(textwrap.fill(rows[0]["severity_meaning"], 42), fontsize=8)


def area_figure(rows: Sequence[Row]) -> Figure | None:
    """Draw the area under each curve of ``curves.csv``: bars, or a map for many networks.

    Models with a single severity have no area; None if that goes for all.
    """
    rows = [r for r in rows if np.isfinite(r["auc"])]
    if not rows:
        return None
    models, networks = _distinct(rows, "model"), _distinct(rows, "network")
    found = {(r["model"], r["network"]): r for r in rows}
    names = short_names(networks)
    title = "mean share of the golden score that is\nkept, over the range of severities (1: all)"
    if len(networks) > BARS:
        areas = np.array([[found[m, n]["auc"] for n in networks] for m in models])
        across = [names[n] for n in networks]
        return heat_figure(areas, models, across, title, cmap="cividis")
    bar = min(0.8 / len(networks), 0.6)
    figure = new_figure(6.4, 1.3 + len(models) * max(0.26, 0.16 * len(networks)))
    axes = figure.add_subplot()
    for number, network in enumerate(networks):
        y = np.arange(len(models)) + (number - (len(networks) - 1) / 2) * bar
        area = np.array([found[m, network]["auc"] for m in models])
        low = np.array([found[m, network]["auc_low"] for m in models])
        high = np.array([found[m, network]["auc_high"] for m in models])
        axes.barh(y, area, bar * 0.9, color=COLOURS[number], label=names[network], alpha=0.85)
        axes.hlines(y, low, high, color="black", lw=1)
        axes.plot(low, y, "k|", high, y, "k|", ms=2 + 6 * bar, mew=1)
    axes.axvline(1.0, color=GREY, lw=1, ls=":")
    axes.set_yticks(range(len(models)), models, fontsize=8)
    axes.set_ylim(len(models) - 0.4, -0.6)
    axes.set_xlabel(title, fontsize=8)
    axes.grid(alpha=0.25, axis="x")
    axes.set_axisbelow(True)
    if len(networks) > 1:
        _legend(figure, axes.get_legend_handles_labels()[0])
    return figure


# --- distributions ----------------------------------------------------------------------------


def outcomes_figure(rows: Sequence[Row]) -> Figure:
    """Draw which share of draws or faults loses at most so much, one panel per fault model.

    Lines are networks, at the severity in the middle if there are several; of a single network,
    lines are severities. The open mark is the share of masked ones.

    Parameters
    ----------
    rows : sequence of mapping
        As in ``rows.csv``.
    """
    models, networks = _distinct(rows, "model"), _distinct(rows, "network")
    names = short_names(networks)
    groups: dict[tuple[str, str, Any], list[Row]] = {}
    for row in rows:
        groups.setdefault((row["model"], row["network"], row["severity"]), []).append(row)
    figure, panels = _panels(len(models))
    for panel, model in zip(panels, models, strict=True):
        severities = sorted({s for m, _, s in groups if m == model})
        middle, title = severities[len(severities) // 2], model
        if len(networks) > 1:
            lines = [(_style(k), groups[model, n, middle]) for k, n in enumerate(networks)]
            title = model if middle == "" else f"{model} at {middle:g}"
        else:
            shades = _shades(len(severities))
            alone = [groups[model, networks[0], severity] for severity in severities]
            lines = [
                ({"color": c, "marker": "o", "ls": "-"}, g)
                for c, g in zip(shades, alone, strict=True)
            ]
            _inside(panel, list(zip(shades, severities, alone, strict=True)))
        for look, mine in lines:
            _steps(panel, mine, look)
        panel.set_title(title, fontsize=10)
        panel.set_xlabel("drop: share of the score that is lost", fontsize=8)
        panel.xaxis.set_major_formatter(PercentFormatter(1.0))
        panel.xaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 2.5, 5, 10]))
        panel.set_ylim(-0.03, 1.03)
        panel.yaxis.set_major_formatter(PercentFormatter(1.0))
    noun = "faults" if rows[0]["severity"] == "" else "draws"
    for panel in panels[::ACROSS]:
        panel.set_ylabel(f"{noun} that lose at most so much", fontsize=8)
    handles = []
    if len(networks) > 1:
        handles = [
            Line2D([], [], ms=4, label=names[network], **{**_style(k), "mfc": "white"})
            for k, network in enumerate(networks)
        ]
    handles.append(Line2D([], [], color=GREY, marker="o", mfc="white", ls="", label="masked"))
    _legend(figure, handles)
    return figure


def _shades(count: int) -> list[Any]:
    """Colours of severities: from light to dark, one alone is dark."""
    return list(matplotlib.colormaps["cividis_r"](np.linspace(1.0, 0.15, count)[::-1]))


def _steps(panel: Any, rows: Sequence[Row], look: Mapping[str, Any]) -> None:
    drops = np.sort([row["drop"] for row in rows])
    masked = float(np.mean([row["outcome"] == "masked" for row in rows]))
    x = np.concatenate([[min(drops[0], 0.0)], drops, [max(drops[-1], 1.0)]])
    y = np.concatenate([[0.0], np.arange(1, len(drops) + 1) / len(drops), [1.0]])
    panel.step(x, y, where="post", color=look["color"], ls=look["ls"], lw=1.4)
    panel.plot(0.0, masked, marker=look["marker"], mfc="white", mec=look["color"], ms=5,
               clip_on=False, zorder=5)  # fmt: skip


def _inside(panel: Any, lines: Sequence[tuple[Any, Any, Sequence[Row]]]) -> None:
    """Say in the panel which severities there are, and how much each of them masks."""
    handles = []
    for colour, severity, rows in lines:
        share = np.mean([row["outcome"] == "masked" for row in rows])
        text = f"{share:.0%} masked" if severity == "" else f"{severity:g}: {share:.0%} masked"
        handles.append(Line2D([], [], color=colour, label=text))
    panel.legend(handles=handles, fontsize=6.5, loc="lower right", framealpha=0.8)


# --- several networks -------------------------------------------------------------------------


def front_figure(rows: Sequence[Row], task: Task) -> Figure:
    """Draw the score of networks against their size, coloured by what they keep under faults.

    Parameters
    ----------
    rows : sequence of mapping
        With ``network``, ``size``, ``score`` and ``resilience``, the mean share of the score that
        is kept.
    task : Task
    """
    size, score = (np.array([r[c] for r in rows], dtype=np.float64) for c in ("size", "score"))
    figure = new_figure(6.4, 4.4)
    axes = figure.add_subplot()
    best = _undominated(size, score)
    line = np.append(size[best], size.max()), np.append(score[best], score[best[-1]])
    axes.step(*line, where="post", color=GREY, lw=1, zorder=1)
    points = axes.scatter(
        size, score, c=[r["resilience"] for r in rows], s=60, cmap="viridis", edgecolors="#333333",
        linewidths=0.7, zorder=3,
    )  # fmt: skip
    figure.colorbar(points, label="mean share of the score that is kept under faults")
    if len(rows) <= 12:
        names = short_names([r["network"] for r in rows])
        beside: dict[float, int] = {}
        for row in sorted(rows, key=lambda r: -float(r["score"])):
            # Networks of the same size have their names in turn on either side.
            left = beside[row["size"]] = 1 - beside.get(row["size"], 1)
            axes.annotate(
                names[row["network"]], (row["size"], row["score"]), fontsize=7,
                xytext=(-6 if left else 6, 3), textcoords="offset points",
                ha="right" if left else "left",
            )  # fmt: skip
    axes.axhline(task.solved_at, color=GREY, ls="--", lw=1, zorder=0)
    axes.set_xlabel("size: neurons + synapses")
    axes.set_ylabel(f"{task.unit} without faults (dashed: solved)")
    axes.set_title(f"{task.name}: {len(rows)} networks; line: best score up to a size", fontsize=9)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.margins(0.1)
    axes.grid(alpha=0.25)
    return figure


def _undominated(size: NDArray[np.float64], score: NDArray[np.float64]) -> list[int]:
    """Indices of networks that no smaller or equally small one scores as much as, by size."""
    kept: list[int] = []
    for k in np.lexsort((-score, size)).tolist():
        if not kept or score[k] > score[kept[-1]]:
            kept.append(k)
    return kept
