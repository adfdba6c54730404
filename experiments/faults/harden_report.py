"""What came of hardening a network: as a table, as files, and as a picture."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import PercentFormatter

from experiments.faults.harden import COLUMNS, Hardened
from experiments.faults.remedies import SHARES
from experiments.plots import COLOURS, GREY, new_figure, save_figure
from experiments.tables import aligned, plural, write_csv
from neuro import save
from neuro.files import write_atomically

FORMAT, VERSION = "tardigrade-hardening", 1
SHOWN = 5
"""Sites that are named on the terminal."""
TITLES = {
    "synapses": "weights of synapses protected",
    "bits": "highest bits of all weights protected",
    "halves": "neurons twice, with half of the weights",
    "copies": "neurons twice, with all of the weights",
}

Row = Mapping[str, Any]


def write_report(found: Hardened, path: Path, **known: Any) -> None:
    """Write tables, picture, proposal and, if there is one, the hardened network.

    Parameters
    ----------
    found : Hardened
    path : Path
        A directory.
    **known
        What else ``harden.json`` is to say.
    """
    write_csv(path / "harden.csv", found.rows, COLUMNS)
    told = {"format": FORMAT, "version": VERSION, **known, **found.proposal, "tests": found.rows}
    write_atomically(path / "harden.json", json.dumps(told, indent=2) + "\n")
    figure = hardening_figure(found.rows)
    if figure is not None:
        save_figure(figure, path / "harden.png")
    if found.network is not None:
        save(found.network, path / "hardened.json")


def describe(found: Hardened) -> tuple[dict[str, Any], str]:
    """Return the result for ``--json``, and the text for people."""
    header = ["remedy", "sites", "cost", "model", "drop", "95 % interval", "critical", "gain",
              "95 % interval", "random"]  # fmt: skip
    random = {_place(row): row for row in found.rows if row["order"] == "random"}
    body = []
    for row in found.rows:
        if row["order"] == "random":
            continue
        control = random.get(_place(row))
        tested = row["remedy"] != "none"
        body.append([
            row["remedy"], row["budget"], _cost(row), row["model"], _figure(row["mean_drop"]),
            _figure(row["mean_drop_low"], row["mean_drop_high"]), f"{row['critical']:.1%}",
            _figure(row["gain"]) if tested else "",
            _figure(row["gain_low"], row["gain_high"]) if tested else "",
            _figure(control["gain"]) if control else "",
        ])  # fmt: skip
    text = "\n".join([aligned(body, header), "", *_advice(found)])
    return {"tests": found.rows, **found.proposal}, text


def _figure(*values: float) -> str:
    """Write a number, or the ends of an interval; nothing is negative that is shown as 0."""
    return " .. ".join(f"{round(value, 4) + 0.0:.4f}" for value in values)


def _place(row: Row) -> tuple[Any, ...]:
    return row["remedy"], row["budget"], row["model"]


def _cost(row: Row) -> str:
    if row["remedy"] in SHARES:
        neurons, synapses = int(row["added_neurons"]), int(row["added_synapses"])
        return f"{plural(neurons, 'neuron')}, {plural(synapses, 'synapse')}"
    return plural(int(row["protected_bits"]), "bit") if row["remedy"] != "none" else ""


def _advice(found: Hardened) -> list[str]:
    """Say what to protect first, and what became of the copies."""
    lines = []
    for owner in ("synapses", "neurons"):
        sites = found.proposal.get(owner, [])
        worst = [f"{s['name']} ({s['mean_drop']:.3f})" for s in sites if s["mean_drop"] > 0.0]
        if worst:
            noun = "synapses" if owner == "synapses" else "hidden neurons"
            more = f" and {len(worst) - SHOWN} more" if len(worst) > SHOWN else ""
            named = ", ".join(worst[:SHOWN])
            lines.append(f"{noun} whose single faults cost most: {named}{more}")
    copies = found.proposal["copies"]
    if copies is not None:
        lines.append(
            f"hardened network: {len(copies['neurons'])} of its neurons twice, remedy "
            f"{copies['remedy']}; golden score {copies['golden']:g}, before "
            f"{copies['golden_before']:g}"
        )
    elif "neurons" in found.proposal and not found.proposal["neurons"]:
        lines.append("no neuron is hidden, so none can be duplicated")
    elif "neurons" in found.proposal:
        lines.append("no copies of neurons helped on the starts of the ranking")
    for remedy, words in (("halves", "half"), ("copies", "all")):
        kept = [row["same_golden"] for row in found.rows if row["remedy"] == remedy]
        if kept:
            how = f"{min(kept):.0%} to {max(kept):.0%}, as there are more or fewer of them,"
            if min(kept) == max(kept):
                how = {0.0: "none", 1.0: "all"}.get(kept[0], f"{kept[0]:.0%}")
            lines.append(f"copies with {words} of the weights keep {how} of the golden scores")
    return lines


def hardening_figure(rows: Sequence[Row]) -> Figure | None:
    """Draw what is lost under faults against what protection costs, a panel for each remedy.

    Solid: the sites that the ranking puts first; dashed: as many at random; both with their 95 %
    intervals.

    Parameters
    ----------
    rows : sequence of mapping
        As in ``harden.csv``. None if no remedy was tried.
    """
    remedies = [r for r in TITLES if any(row["remedy"] == r for row in rows)]
    if not remedies:
        return None
    models = list(dict.fromkeys(row["model"] for row in rows if row["remedy"] != "none"))
    across = min(2, len(remedies))
    down = -(-len(remedies) // across)
    figure = new_figure(4.2 * across, 3.2 * down + 0.5)
    panels = figure.subplots(down, across, squeeze=False, sharey=True).ravel()
    for spare in panels[len(remedies) :]:
        spare.set_axis_off()
    for panel, remedy in zip(panels, remedies, strict=False):
        for number, model in enumerate(models):
            mine = [r for r in rows if r["model"] == model and r["remedy"] in ("none", remedy)]
            if len(mine) > 1:
                _curves(panel, mine, COLOURS[number % len(COLOURS)])
        column = "protected bits" if remedy not in SHARES else "added neurons and synapses"
        panel.set_xlabel(column, fontsize=8)
        panel.set_title(TITLES[remedy], fontsize=9)
        panel.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
        panel.tick_params(labelsize=8, labelleft=True)
        panel.grid(alpha=0.25)
    for panel in panels[::across]:
        panel.set_ylabel("mean drop under faults", fontsize=8)
    handles = [
        Line2D([], [], color=COLOURS[k % len(COLOURS)], label=model)
        for k, model in enumerate(models)
    ]
    handles += [
        Line2D([], [], color=GREY, marker="o", ms=4, label="ranked"),
        Line2D([], [], color=GREY, ls="--", marker="o", ms=4, mfc="white", label="random"),
    ]
    figure.legend(
        handles=handles, loc="outside lower center", ncols=min(5, len(handles)), fontsize=8,
        frameon=False,
    )  # fmt: skip
    return figure


def _curves(panel: Any, rows: Sequence[Row], colour: str) -> None:
    """Draw one model: what is ranked, and where there is a choice, what is chosen at random."""
    ends = [r for r in rows if r["remedy"] == "none"]
    ranked = [r for r in rows if r["order"] == "ranked"]
    random = [r for r in rows if r["order"] == "random"]
    tried = {r["budget"] for r in random}
    # Where all sites are protected, there is no other choice.
    random += [r for r in ranked if r["budget"] not in tried and random]
    for mine, look in (
        (random, {"ls": "--", "mfc": "white"}), (ranked, {"ls": "-"}),
    ):  # fmt: skip
        if not mine:
            continue
        line = [*ends, *mine]
        x = [r["protected_bits"] + r["added_neurons"] + r["added_synapses"] for r in line]
        place = np.argsort(x, kind="stable")
        x = [x[k] for k in place]
        low, high, mean = (
            [float(line[k][name]) for k in place]
            for name in ("mean_drop_low", "mean_drop_high", "mean_drop")
        )
        panel.fill_between(x, low, high, color=colour, alpha=0.12, lw=0)
        panel.plot(x, mean, color=colour, marker="o", ms=4, lw=1.4, **look)
