"""Pictures of what encoders and readouts do, for ``docs/encoders-and-readouts.md``."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from numpy.typing import ArrayLike, NDArray

from experiments.plots import COLOURS, GREY, save_figure
from experiments.studies.record import RESULTS
from neuro import ENCODERS, Encoder, Readout
from neuro.readouts import FirstToSpike, HighestPotential, Potential, SpikeRate, WinnerTakesAll
from neuro.specs import from_table

VALUES = np.linspace(-1.0, 1.0, 9)
KINDS = ("flip-flop", "bins", "argyle", "latency", "rate", "current", "population")


def encode(encoder: Encoder, value: float) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Channel values, and pulses by channel and tick, of one value."""
    current = np.zeros(encoder.channels)
    pulses = np.zeros((encoder.channels, (encoder.ticks + 63) // 64), dtype=np.uint64)
    encoder.kernel(np.array([value]), encoder.parameters(), current, pulses)
    bits = np.unpackbits(pulses.view(np.uint8), axis=1, bitorder="little")
    return current, bits[:, : encoder.ticks].astype(bool)


def encoders_figure() -> Figure:
    """Draw a panel per encoder: one value on its way from one end of its range to the other."""
    figure = Figure(figsize=(11.0, 7.2), layout="constrained")
    panels = figure.subplots(2, 4).flat
    for axes, name in zip(panels, KINDS, strict=False):
        encoder = from_table(ENCODERS, {"name": name, "scale": [1.0]}, "encoder")
        if encoder.graded:
            draw_curves(axes, encoder)
        else:
            draw_pulses(axes, encoder)
        axes.set_title(name)
    rest = panels[len(KINDS)]
    rest.axis("off")
    handles = [
        Line2D([], [], color=colour, lw=3, label=f"channel {k}")
        for k, colour in enumerate(COLOURS[:4])
    ]
    handles.append(Line2D([], [], color=GREY, ls="--", label="constant channel"))
    rest.legend(handles=handles, loc="center", frameon=False)
    return figure


def draw_pulses(axes: Axes, encoder: Encoder) -> None:
    """Draw pulses over ticks: a band per value, a line in it per channel."""
    height = 0.84 / encoder.channels
    for row, value in enumerate(VALUES):
        axes.axhspan(row - 0.42, row + 0.42, color="#eeeeee", zorder=0)
        for channel, pulses in enumerate(encode(encoder, value)[1]):
            bottom = row - 0.42 + channel * height
            ticks = np.flatnonzero(pulses)
            axes.vlines(ticks, bottom, bottom + height, color=COLOURS[channel], lw=2.6)
    axes.set_yticks(
        range(0, len(VALUES), 2), ["\N{MINUS SIGN}1", "\N{MINUS SIGN}0.5", "0", "0.5", "1"]
    )
    axes.set_xlim(-1, encoder.ticks)
    axes.set_xticks(range(0, encoder.ticks + 1, 6))
    axes.set_xlabel("tick")
    axes.set_ylabel("value / scale")


def draw_curves(axes: Axes, encoder: Encoder) -> None:
    """Draw the value of each channel against the observed value."""
    x = np.linspace(-1.3, 1.3, 261)
    curves = np.array([encode(encoder, value)[0] for value in x]).T
    for channel, curve in enumerate(curves[:-1]):
        axes.plot(x, curve, color=COLOURS[channel], lw=1.8)
    axes.plot(x, curves[-1], color=GREY, ls="--", lw=1.2)
    axes.set_xlabel("value / scale")
    axes.set_ylabel("value of the channel")
    axes.grid(alpha=0.25)


def read_out(readout: Readout, *seen: float) -> float:
    """Return the first number of the action."""
    action = np.zeros(readout.values)
    readout.kernel(np.array(seen), readout.parameters(), action)
    return float(action[0])


def readouts_figure() -> Figure:
    """Draw a panel per readout: the action against what it sees of the outputs."""
    figure = Figure(figsize=(11.0, 5.6), layout="constrained")
    winner, first, highest, rate, potential, rest = figure.subplots(2, 3).flat
    draw_choice(winner, WinnerTakesAll(), np.arange(9.0), 4.0, "spikes")
    draw_choice(first, FirstToSpike(), np.arange(25.0), 12.0, "tick of its first spike")
    draw_choice(highest, HighestPotential(), np.linspace(-1.0, 1.0, 81), 0.0, "potential")
    handles = [Patch(color=c, label=f"action {k}") for k, c in enumerate(COLOURS[:3])]
    rest.axis("off")
    rest.legend(handles=handles, loc="center", frameon=False, title="upper row: three choices")

    low, high, more = (-2.0,), (2.0,), np.arange(-12.0, 13.0)
    up, down = np.maximum(more, 0.0), np.maximum(-more, 0.0)
    for gain, colour in zip((0.05, 0.1, 0.2), COLOURS, strict=False):
        pair, single = SpikeRate(low, high, gain), SpikeRate(low, high, gain, pairs=False)
        actions = [read_out(pair, *n) for n in zip(up, down, strict=True)]
        rate.plot(more, actions, "o-", ms=3, color=colour, label=f"gain {gain:g}")
        actions = [read_out(single, n) for n in more[12:]]
        rate.plot(more[12:], actions, "x:", ms=4, color=colour)
    draw_value(rate, "rate", "spikes up - spikes down (dotted: without pairs)")
    total = np.linspace(-2.5, 2.5, 201)
    for gain, colour in zip((0.5, 1.0, 2.0), COLOURS, strict=False):
        actions = [read_out(Potential(low, high, gain=gain), v) for v in total]
        potential.plot(total, actions, color=colour, label=f"gain {gain:g}")
    draw_value(potential, "potential", "sum of the potentials of its outputs")
    return figure


def draw_choice(axes: Axes, readout: Readout, x: ArrayLike, third: float, unit: str) -> None:
    """Draw which of three outputs wins, by what is seen of two of them."""
    x = np.asarray(x, dtype=np.float64)
    actions = [[read_out(readout, a, b, third) for a in x] for b in x]
    colours = ListedColormap(COLOURS[:3])
    axes.pcolormesh(x, x, actions, cmap=colours, vmin=-0.5, vmax=2.5, shading="nearest")
    axes.set_title(f"{readout.name} (output 2: {third:g})")
    axes.set_xlabel(f"output 0: {unit}")
    axes.set_ylabel(f"output 1: {unit}")


def draw_value(axes: Axes, name: str, what: str) -> None:
    """Finish the panel of a continuous action."""
    axes.set_title(f"{name} (bounds -2 and 2)")
    axes.set_xlabel(what)
    axes.set_ylabel("action")
    axes.grid(alpha=0.25)
    axes.legend(frameon=False)


def main() -> None:
    """Draw both."""
    RESULTS.mkdir(parents=True, exist_ok=True)
    print(save_figure(encoders_figure(), RESULTS / "encoders.png"))
    print(save_figure(readouts_figure(), RESULTS / "readouts.png"))


if __name__ == "__main__":
    main()
