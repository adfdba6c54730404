"""The picture of the scaling curves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter, ScalarFormatter

Rows = Sequence[Mapping[str, Any]]

# Stays apart in the common forms of colour blindness (Okabe & Ito 2008).
COLOURS = ("#0072B2", "#D55E00", "#009E73")
STEP = "ns per network-step"


def scaling_figure(tables: Mapping[str, Rows]) -> Figure:
    """Draw the tables of `benchmarks.scaling`: lines are medians, bands go from min to max."""
    figure = Figure(figsize=(10.0, 7.6), layout="constrained")
    FigureCanvasAgg(figure)
    neurons, lanes, firing, workers = figure.subplots(2, 2).ravel()

    _lines(neurons, tables["scaling-neurons"], "neurons", "kernel")
    neurons.set(xscale="log", yscale="log", xlabel="neurons", ylabel=STEP)
    neurons.set_title("size: 10 % of the neurons fire per tick")
    _plain(neurons, [10, 50, 200, 500])

    _lines(lanes, tables["scaling-lanes"], "lanes", "neurons", " neurons")
    lanes.set(yscale="log", xlabel="copies side by side", ylabel=STEP)
    lanes.set_xscale("log", base=2)
    lanes.set_title("lanes: 8 share a short vector, 32 a long one")
    _plain(lanes, sorted({r["lanes"] for r in tables["scaling-lanes"]} - {9, 24, 33}))

    percent = [{**r, "firing": 100.0 * r["firing"]} for r in tables["scaling-firing"]]
    _lines(firing, percent, "firing", "kernel")
    firing.set(xlabel="neurons that fire per tick, % of 50", ylabel=STEP, ylim=(0.0, None))
    firing.set_title("firing: time goes to synaptic events")

    _bars(workers, tables["scaling-workers"])
    workers.set(xlabel="population", ylabel="evaluations per second")
    workers.set_title("workers")

    for panel in (neurons, lanes, firing, workers):
        panel.grid(alpha=0.25)
        panel.legend(frameon=False)
    return figure


def _lines(panel: Axes, rows: Rows, x: str, by: str, suffix: str = "") -> None:
    kinds = list(dict.fromkeys(r[by] for r in rows))
    for kind, colour in zip(kinds, COLOURS, strict=False):
        mine = sorted((r for r in rows if r[by] == kind), key=lambda r: float(r[x]))
        places = [r[x] for r in mine]
        low, high = [r["min_ns"] for r in mine], [r["max_ns"] for r in mine]
        panel.fill_between(places, low, high, color=colour, alpha=0.2, lw=0)
        label = f"{kind}{suffix}"
        panel.plot(places, [r["median_ns"] for r in mine], "o-", ms=4, color=colour, label=label)


def _bars(panel: Axes, rows: Rows) -> None:
    populations = sorted({r["population"] for r in rows})
    for number, workers in enumerate(sorted({r["workers"] for r in rows})):
        mine = sorted(
            (r for r in rows if r["workers"] == workers), key=lambda r: int(r["population"])
        )
        rate, low, high = (
            [r[f"{what}_evaluations_per_second"] for r in mine] for what in ("median", "min", "max")
        )
        panel.bar(
            [place + 0.38 * number - 0.19 for place in range(len(mine))],
            rate,
            width=0.36,
            color=COLOURS[number],
            yerr=[
                [m - a for m, a in zip(rate, low, strict=True)],
                [b - m for m, b in zip(rate, high, strict=True)],
            ],
            capsize=3,
            label=f"{workers} worker" + ("s" if workers > 1 else ""),
        )
    panel.set_xticks(range(len(populations)), [f"{p:,}" for p in populations])


def _plain(panel: Axes, ticks: Sequence[float]) -> None:
    """Label a logarithmic axis with whole numbers instead of powers."""
    panel.set_xticks(ticks)
    panel.xaxis.set_major_formatter(ScalarFormatter())
    panel.xaxis.set_minor_formatter(NullFormatter())
    panel.yaxis.set_major_formatter(ScalarFormatter())
