"""Pictures: Pareto front, network graph, raster, degradation curves.

Matplotlib is used without pyplot: figures then carry no global state and need no display.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import networkx as nx
import numpy as np
from matplotlib import rc_context
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LinearSegmentedColormap, Normalize, to_rgb
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from fitness import EpisodeRecording, Task
from neuro import Network, SpikeRate
from neuro.errors import InputError, wrong

# A palette that stays apart in the common forms of colour blindness (Okabe & Ito 2008).
BLUE, ORANGE, GREEN, VERMILION, GREY = "#0072B2", "#E69F00", "#009E73", "#D55E00", "#7f7f7f"
COLOURS = (BLUE, VERMILION, GREEN, ORANGE, "#CC79A7", "#56B4E9")
FORMATS = (".png", ".svg", ".pdf")
DAMAGE = LinearSegmentedColormap.from_list("damage", ["#dddddd", ORANGE, VERMILION, "#4d1a00"])
"""From nothing to much: darker all the way, so that it can be read without colours."""
UNKNOWN = "#a8c8dc"
"""What has no value on such a scale."""
LEAST_TOP = 0.05
"""Such scales reach at least so far, lest noise looks like damage."""


def new_figure(width: float, height: float) -> Figure:
    """Make an empty figure, in inches, without any window."""
    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def save_figure(figure: Figure, path: str | os.PathLike[str]) -> Path:
    """Write a figure, atomically; the ending of the name chooses the format."""
    target = Path(path)
    if target.suffix.lower() not in FORMATS:
        raise wrong("--out", f"a name that ends in {', '.join(FORMATS)}", target.name)
    # Not a leading dot: matplotlib reads the format from the name's ending.
    temporary = target.with_name(f".{target.stem}.partial{target.suffix}")
    try:
        # Fixed ids and no date: the same figure is the same file.
        with rc_context({"svg.hashsalt": "tardigrade", "svg.fonttype": "none"}):
            undated = {".png": {}, ".svg": {"Date": None}, ".pdf": {"CreationDate": None}}
            figure.savefig(temporary, dpi=150, metadata=undated[target.suffix.lower()])
        os.replace(temporary, target)
    except OSError as error:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise InputError(f"{target}: cannot be written: {error.strerror or error}") from None
    return target


def pareto_figure(rows: Sequence[Mapping[str, Any]], task: Task) -> Figure:
    """Draw a front: size against resilience, both as held out; colour is the score.

    Raises
    ------
    InputError
        One of these three was no objective of the run.
    """
    for name in ("score", "size", "resilience"):
        if name not in rows[0]:
            raise InputError(f"the run had no objective {name}, which the picture shows")
    figure = new_figure(6.4, 4.4)
    axes = figure.add_subplot()
    size = [r["neurons"] + r["synapses"] for r in rows]
    chosen = [r["resilience_validation"] for r in rows]
    held_out = [r["resilience_held_out"] for r in rows]
    score = [r["score_held_out"] for r in rows]
    axes.vlines(size, held_out, chosen, color=GREY, lw=0.8, alpha=0.6, zorder=1)
    axes.scatter(size, chosen, s=26, facecolors="none", edgecolors=GREY, zorder=2)
    low, high = min(*score, task.solved_at), max(*score, task.solved_at)
    points = axes.scatter(
        size, held_out, c=score, s=46, cmap="viridis", vmin=low, vmax=high, zorder=3
    )
    figure.colorbar(points, label=f"score, held out (solved at {task.solved_at:g})")
    axes.set_xlabel("size: neurons + synapses")
    axes.set_ylabel("resilience: score kept under faults / solved")
    axes.set_title(f"{task.name}: final front, {len(rows)} networks")
    handles = [
        Line2D([], [], marker="o", ls="", color=GREY, label="held-out faults"),
        Line2D(
            [],
            [],
            marker="o",
            ls="",
            mfc="none",
            mec=GREY,
            label="validation faults, which the front was chosen on",
        ),
    ]
    axes.legend(handles=handles, loc="lower right", frameon=False)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.grid(alpha=0.25)
    return figure


def can_be_drawn(network: Network) -> bool:
    """Whether a picture of a network would show anything."""
    channels = network.encoder.channels if network.encoder else 0
    return max(len(network.neurons), channels) <= 300


def network_figure(
    network: Network,
    names: Sequence[str] = (),
    *,
    values: Mapping[str, NDArray[np.float64]] | None = None,
    meaning: str = "",
) -> Figure:
    """Draw a network: inputs left, outputs right, hidden neurons between by distance.

    Colour is the sign of a weight, width its size, the label its delay in ticks.

    Parameters
    ----------
    network : Network
    names : sequence of str
        What the task observes.
    values : mapping, optional
        Colours instead, from 0 on: ``synapses`` (input synapses last), ``neurons`` or
        ``channels`` with a number for each, NaN for unknown.
    meaning : str
        What these numbers are.
    """
    places, labels, colours = _layout(network, names)
    rows = max(sum(1 for x, _ in places.values() if x == column) for column in (0.0, 1.0, 2.0))
    longest = max((len(t) for n, t in labels.items() if places[n][0] == 0.0), default=0)
    left = 0.15 + max(0.6, 0.034 * longest)
    width = 7.2 + 2.1 * (left - 0.75) + (1.0 if values is not None else 0.0)
    figure = new_figure(width, max(3.2, 0.42 * rows + 1.0))
    axes = figure.add_subplot()
    graph = nx.MultiDiGraph()
    graph.add_nodes_from(places)
    s, i = network.synapses, network.input_synapses
    top = np.abs(network.weights).max(initial=1e-12)
    paint = _Paint(values or {})
    edges = [
        (("channel", c), p, w, "")
        for c, p, w in zip(i.channel.tolist(), i.post.tolist(), i.weight.tolist(), strict=True)
    ] + [
        (a, b, w, str(d))
        for a, b, w, d in zip(
            s.pre.tolist(), s.post.tolist(), s.weight.tolist(), s.delay.tolist(), strict=True
        )
    ]
    # Values have input synapses last.
    place = [(number - len(i)) % len(edges) for number in range(len(edges))]
    for number in sorted(range(len(edges)), key=lambda number: paint.rank(place[number])):
        pre, post, weight, text = edges[number]
        graph.add_edge(pre, post)
        style = {
            "edgelist": [(pre, post)],
            "ax": axes,
            "connectionstyle": f"arc3,rad={0.12 + 0.05 * (number % 3)}",
            "node_size": 420,
        }
        nx.draw_networkx_edges(
            graph, places, **style, width=0.6 + 2.6 * abs(weight) / top, arrowsize=11,
            alpha=0.8 if values is None else 1.0, edge_color=paint.synapse(place[number], weight),
        )  # fmt: skip
        if text and values is None:
            del style["edgelist"]
            only = nx.MultiDiGraph([(pre, post)])
            nx.draw_networkx_edge_labels(
                only, places, {(pre, post, 0): text}, **style, font_size=7, rotate=False,
                label_pos=0.15, bbox={"boxstyle": "round,pad=0.15", "fc": "white", "ec": "none"},
            )  # fmt: skip
    colours = {node: paint.node(node, colour) for node, colour in colours.items()}
    nx.draw_networkx_nodes(
        graph, places, ax=axes, node_size=420, node_color=[colours[n] for n in graph],
        edgecolors="#333333", linewidths=0.8,
    )  # fmt: skip
    for node, text in labels.items():
        x, y = places[node]
        column = places[node][0]
        if column == 0.0:
            axes.text(x - 0.09, y, text, ha="right", va="center", fontsize=8)
        elif column == 2.0:
            axes.text(x + 0.09, y, text, ha="left", va="center", fontsize=8)
        else:
            colour = "black" if _is_light(colours[node]) else "white"
            axes.text(x, y, text, ha="center", va="center", fontsize=7, color=colour)
    axes.set_xlim(-left, 2.6)
    axes.margins(y=min(0.12, 0.8 / rows))
    told = "blue +, orange −, width |weight|, number = delay in ticks"
    if values is not None:
        told = "width |weight|"
        figure.colorbar(paint.scale, ax=axes, label=meaning, aspect=30)
    axes.set_title(
        f"{len(network.neurons)} neurons, {len(s) + len(i)} synapses   ({told})", fontsize=9
    )
    axes.set_axis_off()
    return figure


class _Paint:
    """Colours of synapses and nodes: by sign and place, or by given values."""

    def __init__(self, values: Mapping[str, NDArray[np.float64]]) -> None:
        self._values = values
        known = np.concatenate([np.ravel(v) for v in values.values()]) if values else np.zeros(1)
        top = np.nanmax(np.append(known, LEAST_TOP))
        self.scale = ScalarMappable(Normalize(0.0, top, clip=True), DAMAGE)

    def rank(self, place: int) -> float:
        """Sort by value, so that what is painted dark is not painted over."""
        values = self._values.get("synapses")
        return 0.0 if values is None or np.isnan(values[place]) else float(values[place])

    def synapse(self, place: int, weight: float) -> Any:
        if not self._values:
            return BLUE if weight >= 0 else VERMILION
        return self._colour("synapses", place, UNKNOWN)

    def node(self, node: Any, colour: Any) -> Any:
        if not isinstance(node, tuple):
            return self._colour("neurons", node, "white" if self._values else colour)
        return self._colour("channels", node[1], "white" if self._values else colour)

    def _colour(self, owner: str, place: int, otherwise: Any) -> Any:
        if owner not in self._values or np.isnan(self._values[owner][place]):
            return otherwise
        return self.scale.to_rgba(self._values[owner][place])


def _is_light(colour: Any) -> bool:
    red, green, blue = to_rgb(colour)
    return 0.299 * red + 0.587 * green + 0.114 * blue > 0.5


def _channel_name(network: Network, names: Sequence[str], channel: int) -> str:
    """Name the value that a channel belongs to, and its place among those of the value."""
    encoder = network.encoder
    if encoder is None or len(names) != encoder.observations:
        return f"input {channel}"
    each = encoder.channels // len(names)
    if channel >= each * len(names):
        return "1"
    name, place = names[channel // each], channel % each
    if each == 1:
        return name
    return f"{name} {'−+'[place]}" if each == 2 else f"{name} {place + 1}/{each}"


def _output_name(network: Network, number: int) -> str:
    """Name what an output does."""
    if isinstance(network.readout, SpikeRate) and network.readout.pairs:
        return f"action {number // 2} {'+−'[number % 2]}"
    classes = network.provenance.get("classes", ())
    return str(classes[number]) if number < len(classes) else f"action {number}"


def _layout(
    network: Network, names: Sequence[str]
) -> tuple[dict[Any, tuple[float, float]], dict[Any, str], dict[Any, str]]:
    """Places, labels and colours of neurons and of used channels."""
    encoder = network.encoder
    left: list[Any] = network.inputs.tolist()
    labels: dict[Any, str] = {}
    if encoder is not None and encoder.graded:
        used = sorted(set(network.input_synapses.channel.tolist()))
        left = [("channel", c) for c in used]
        for c in used:
            labels["channel", c] = _channel_name(network, names, c)
    else:
        for c, j in enumerate(left):
            labels[j] = _channel_name(network, names, c)
    outputs = network.outputs.tolist()
    hidden = [j for j in range(len(network.neurons)) if j not in {*left, *outputs}]
    places: dict[Any, tuple[float, float]] = {}
    colours: dict[Any, str] = {}
    for x, column, colour in ((0.0, left, "#cfe3f2"), (1.0, hidden, "#eeeeee"),
                              (2.0, outputs, "#f8dfc3")):  # fmt: skip
        for row, node in enumerate(column):
            # Hidden neurons zigzag, so that edges between them can be told apart.
            shift = 0.22 * ((row % 3) - 1) if x == 1.0 else 0.0
            places[node] = (x + shift, -(row + 0.5) / max(1, len(column)))
            colours[node] = colour
    for number, j in enumerate(outputs):
        labels[j] = _output_name(network, number)
    for j in hidden:
        labels[j] = str(j)
    return places, labels, colours


def raster_figure(
    recording: EpisodeRecording, network: Network, task: Task, *, decisions: int = 40
) -> Figure:
    """Draw the beginning of an episode: what was seen, who fired, what was done."""
    shown = min(decisions, len(recording.actions))
    ticks = len(recording.spikes) // len(recording.actions)
    figure = new_figure(8.0, 6.0)
    seen, fired, done = figure.subplots(
        3, 1, sharex=True, gridspec_kw={"height_ratios": [2, 4, 0.8]}
    )
    edges = np.arange(shown + 1) * ticks * network.dt
    center, scale = task.ranges()
    # More lines than colours would tell nothing apart.
    for c, name in enumerate(task.observations[: len(COLOURS)]):
        share = (recording.observations[:shown, c] - center[c]) / scale[c]
        seen.stairs(
            share, edges, baseline=None, label=name, color=COLOURS[c % len(COLOURS)], lw=1.5
        )
    seen.set_ylabel("value / scale" if not any(center) else "(value − center) / scale")
    beside = {"fontsize": 8, "frameon": False, "loc": "center left", "bbox_to_anchor": (1.0, 0.5)}
    seen.legend(**beside)
    spikes = recording.spikes[: shown * ticks]
    inputs, outputs = set(network.inputs.tolist()), set(network.outputs.tolist())
    for j in range(spikes.shape[1]):
        when = np.flatnonzero(spikes[:, j]) * network.dt
        colour = BLUE if j in inputs else VERMILION if j in outputs else "black"
        fired.vlines(when, j - 0.4, j + 0.4, color=colour, lw=0.8)
    fired.set_ylim(spikes.shape[1] - 0.5, -0.5)
    fired.set_ylabel("neuron")
    fired.yaxis.set_major_locator(MaxNLocator(integer=True))
    kinds = [(BLUE, "input", len(inputs)), (VERMILION, "output", len(outputs))]
    kinds.insert(1, ("black", "hidden", spikes.shape[1] - len(inputs | outputs)))
    fired.legend(handles=[Line2D([], [], color=c, label=t) for c, t, n in kinds if n], **beside)
    for c, values in enumerate(recording.actions[:shown].T):
        done.stairs(values, edges, baseline=None, color="black" if c == 0 else COLOURS[c - 1],
                    lw=1.5)  # fmt: skip
    done.set_ylabel("action")
    if isinstance(task.actions, int) and task.actions <= 5:
        done.set_yticks(range(task.actions))
    done.set_xlabel("time in the network, ms")
    done.set_xlim(0, shown * ticks * network.dt)
    seen.set_title(
        f"{task.name}: first {shown} decisions; score {recording.score:g} "
        f"after {len(recording.actions)}"
    )
    return figure


ORIGINS = (("refine", BLUE, "refinement"), ("mate", ORANGE, "two parents"),
           ("first seed restart", GREEN, "new"), ("", GREY, "mutation"))  # fmt: skip
"""Operators, the colour of those that they made, and what that is called."""


def lineage_figure(graph: nx.DiGraph, line: Sequence[int], title: str) -> Figure:
    """Draw an individual and its ancestors, time downwards.

    Parameters
    ----------
    graph : networkx.DiGraph
        See `experiments.lineage.contracted`.
    line : sequence of int
        The line of descent, which is drawn straight down with its operators beside it.
    """
    when = {n: graph.nodes[n]["generation"] for n in graph}
    rows = {g: row for row, g in enumerate(sorted(set(when.values())))}
    lanes = _lanes(graph, line, when)
    places = {n: (lanes[n], rows[when[n]]) for n in graph}
    height, width = 0.24 * len(rows) + 1.4, 0.3 * max(lanes.values()) + 5.5
    figure = new_figure(min(width, 24.0), min(height, 40.0))
    axes = figure.add_subplot()
    second = [edge for edge in graph.edges if graph.edges[edge]["parent"] == 2]
    first = [edge for edge in graph.edges if graph.edges[edge]["parent"] == 1]
    style = {"ax": axes, "arrows": False, "edge_color": GREY, "hide_ticks": False}
    nx.draw_networkx_edges(graph, places, edgelist=first, width=1.2, **style)
    nx.draw_networkx_edges(graph, places, edgelist=second, width=0.8, style="dotted", **style)
    colours = {n: _origin(graph.nodes[n]["operators"]) for n in graph}
    nx.draw_networkx_nodes(
        graph, places, ax=axes, node_size=[90 if n in line else 50 for n in graph],
        node_color=[colours[n] for n in graph], hide_ticks=False,
        edgecolors=["black" if graph.nodes[n]["file"] else "none" for n in graph],
    )  # fmt: skip
    crowded = height > 40.0
    for n in graph:
        node, (x, y) = graph.nodes[n], places[n]
        if crowded:
            break
        if node["count"] > 1:
            axes.text(x, y, str(node["count"]), ha="center", va="center", fontsize=5, color="white")
        if n in line and node["operators"] not in ("", "refine"):
            how = " ".join(dict.fromkeys(node["operators"].split()))
            axes.text(x - 0.5, y, how, ha="right", va="center", fontsize=6)
        if node["file"]:
            axes.text(x + 0.4, y, node["file"], ha="left", va="center", fontsize=6)
    every = max(1, len(rows) // 100)
    axes.set_yticks(list(rows.values())[::every], list(rows)[::every], fontsize=6)
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.set_xlim(-9.0, max(lanes.values()) + 4.0)
    axes.set_xticks([])
    axes.set_ylabel("generation")
    axes.spines[["top", "right", "bottom"]].set_visible(False)
    handles = [Line2D([], [], marker="o", ls="", color=c, label=text) for _, c, text in ORIGINS]
    axes.legend(handles=handles, loc="upper right", fontsize=7, frameon=False)
    axes.set_title(title, fontsize=9)
    return figure


def _origin(operators: str) -> str:
    made = set(operators.split())
    return next(colour for names, colour, _ in ORIGINS if not names or made & set(names.split()))


def _lanes(graph: nx.DiGraph, line: Sequence[int], when: Mapping[int, int]) -> dict[int, int]:
    """Give each individual a lane in which nobody else is until its youngest child is born."""
    lanes = dict.fromkeys(line, 0)
    taken: list[list[tuple[int, int]]] = [[(min(when.values()), max(when.values()))]]
    for child in sorted(graph, reverse=True):
        for parent in sorted(graph.predecessors(child), reverse=True):
            if parent in lanes:
                continue
            span = when[parent], when[child]
            taken.append([])  # there always is a free one
            # Straight up if possible.
            lane = next(
                k for k in (lanes[child], *range(len(taken)))
                if all(span[1] <= low or high <= span[0] for low, high in taken[k])
            )  # fmt: skip
            taken[lane].append(span)
            taken = taken if taken[-1] else taken[:-1]
            lanes[parent] = lane
    return lanes
