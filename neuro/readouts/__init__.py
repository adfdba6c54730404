"""Readouts: from what the output neurons did in a decision to an action.

To add one: subclass `Readout`, write its kernel function, register it.
"""

from neuro.readouts.choices import FirstToSpike, HighestPotential, WinnerTakesAll
from neuro.readouts.continuous import Potential, SpikeRate
from neuro.readouts.contract import SEES, Readout

READOUTS: dict[str, type[Readout]] = {
    cls.name: cls for cls in (WinnerTakesAll, FirstToSpike, HighestPotential, SpikeRate, Potential)
}
"""Readouts by name; add your own class to use it in configs and network files."""

__all__ = [
    "READOUTS",
    "SEES",
    "FirstToSpike",
    "HighestPotential",
    "Potential",
    "Readout",
    "SpikeRate",
    "WinnerTakesAll",
]  # fmt: skip
