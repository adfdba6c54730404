"""Pictures of single sites, and other maps whose colours are numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from numpy.typing import ArrayLike, NDArray

from experiments.plots import DAMAGE, LEAST_TOP, network_figure, new_figure
from neuro import Network
from neuro.faults import site_names

OWNERS = ("synapses", "neurons", "channels")
NAMED = 64
"""Sites that can be named below a map."""
WRITTEN = 400
"""Cells that numbers are written into."""

Row = Mapping[str, Any]


def criticality_figure(
    network: Network, rows: Sequence[Row], observations: Sequence[str] = ()
) -> Figure:
    """Draw a network whose synapses and neurons have the colour of what their faults cost.

    Where several models strike a site, it has the mean of them.

    Parameters
    ----------
    network : Network
    rows : sequence of mapping
        With ``model``, ``site`` and ``mean_drop``, as in ``sites.csv``.
    observations : sequence of str
        What the task observes.
    """
    values = {}
    for owner in OWNERS:
        names = site_names(network, owner)
        place = {name: k for k, name in enumerate(names)}
        drops: list[list[float]] = [[] for _ in names]
        for row in rows:
            if row["site"] in place:
                drops[place[row["site"]]].append(max(0.0, row["mean_drop"]))
        if any(drops):
            values[owner] = np.array([np.mean(some) if some else np.nan for some in drops])
    models = list(dict.fromkeys(row["model"] for row in rows))
    meaning = "mean drop of single faults"
    if len(models) <= 3:
        meaning += f"\n({', '.join(models)})"
    return network_figure(network, observations, values=values, meaning=meaning)


def bits_figure(rows: Sequence[Row]) -> Figure | None:
    """Draw what each bit of each weight costs when it is hit, the most significant bit on top.

    White is what was not tried. None if no model has bits.

    Parameters
    ----------
    rows : sequence of mapping
        Single faults of one network, as in ``rows.csv``.
    """
    rows = [r for r in rows if r["bit"] != "" and r["severity"] == ""]
    models = list(dict.fromkeys(r["model"] for r in rows))
    if not models:
        return None
    sites = list(dict.fromkeys(r["site"] for r in rows))
    tables = [_bits([r for r in rows if r["model"] == model], sites) for model in models]
    named = len(sites) <= NAMED
    width = min(24.0, 2.2 + (0.2 if named else 0.06) * len(sites))
    figure = new_figure(max(5.2, width), 0.9 + sum(0.55 + 0.2 * len(t) for t in tables))
    heights = [len(table) for table in tables]
    panels = figure.subplots(
        len(models), 1, sharex=True, squeeze=False, gridspec_kw={"height_ratios": heights}
    )[:, 0]
    top = max(LEAST_TOP, *(float(np.nanmax(table)) for table in tables))
    for panel, model, table in zip(panels, models, tables, strict=True):
        image = panel.imshow(table, origin="lower", aspect="auto", cmap=DAMAGE, vmin=0.0, vmax=top)
        panel.set_title(model, fontsize=9)
        panel.set_ylabel("bit")
        panel.set_yticks(range(0, len(table), 1 if len(table) <= 12 else 4))
        panel.tick_params(labelsize=7)
    if named:
        panels[-1].set_xticks(range(len(sites)), sites, rotation=90)
    else:
        panels[-1].set_xlabel("synapse, in the order of the file")
    figure.colorbar(image, ax=list(panels), label="drop: share of the\nscore that is lost")
    return figure


def _bits(rows: Sequence[Row], sites: Sequence[str]) -> NDArray[np.float64]:
    """Mean drop of each bit (rows) of each site (columns); NaN for those not tried."""
    place = {site: k for k, site in enumerate(sites)}
    total = np.zeros((1 + max(int(r["bit"]) for r in rows), len(sites)))
    count = np.zeros(total.shape)
    for row in rows:
        at = int(row["bit"]), place[row["site"]]
        total[at] += max(0.0, row["drop"])
        count[at] += 1
    with np.errstate(invalid="ignore"):
        return total / count


def matrix_figure(
    rows: Sequence[Row], meaning: str = "mean share of the score that is kept"
) -> Figure:
    """Draw how networks made under one fault do under another.

    Parameters
    ----------
    rows : sequence of mapping
        With ``train``, ``test`` and ``value``; pairs may be missing.
    meaning : str
        What the values are.

    Examples
    --------
    >>> rows = [{"train": a, "test": b, "value": float(a == b)} for a in "xy" for b in "xyz"]
    >>> [axes.get_ylabel() for axes in matrix_figure(rows).axes]
    ['evolved under', 'mean share of the score that is kept']
    """
    down = list(dict.fromkeys(row["train"] for row in rows))
    across = list(dict.fromkeys(row["test"] for row in rows))
    values = np.full((len(down), len(across)), np.nan)
    for row in rows:
        values[down.index(row["train"]), across.index(row["test"])] = row["value"]
    figure = heat_figure(values, down, across, meaning, cmap="cividis")
    axes = figure.axes[0]
    axes.set_ylabel("evolved under")
    axes.set_xlabel("tested under")
    for y, name in enumerate(down):
        if name in across:
            box = Rectangle((across.index(name) - 0.5, y - 0.5), 1, 1, fill=False, ec="black", lw=2)
            axes.add_patch(box)
    return figure


def heat_figure(
    values: ArrayLike, down: Sequence[str], across: Sequence[str], meaning: str, *, cmap: str
) -> Figure:
    """Draw a table as colours, with the numbers in it if there is room.

    Parameters
    ----------
    values : array_like of float, shape (N, M)
        NaN stays white.
    down, across : sequence of str
        Names of the rows and columns.
    meaning : str
        What the values are.
    cmap : str
        Name of a colour map.
    """
    table = np.asarray(values, dtype=np.float64)
    width = 2.4 + 0.07 * _longest(down) + 0.5 * len(across)
    height = 0.6 + 0.07 * _longest(across) + 0.3 * len(down)
    figure = new_figure(max(4.8, width), max(3.2, height))
    axes = figure.add_subplot()
    image = axes.imshow(table, aspect="auto", cmap=cmap)
    axes.set_yticks(range(len(down)), down, fontsize=8)
    axes.set_xticks(range(len(across)), across, fontsize=8, rotation=90)
    if table.size <= WRITTEN:
        light = image.to_rgba(table)[..., :3] @ [0.299, 0.587, 0.114] > 0.5
        for (y, x), value in np.ndenumerate(table):
            if np.isfinite(value):
                axes.text(x, y, f"{value:.2f}", ha="center", va="center", fontsize=7,
                          color="black" if light[y, x] else "white")  # fmt: skip
    figure.colorbar(image).set_label(meaning, fontsize=8)
    return figure


def _longest(names: Sequence[str]) -> int:
    return max(len(name) for name in names)
