"""What a spiking network is and how it runs: networks, kernels, encoders, faults, exporters.

Knows nothing of tasks or evolution.
"""

from neuro.actions import Actions, Box
from neuro.controller import Controller, LaneController
from neuro.encoders import (
    ENCODERS,
    Argyle,
    Bins,
    Current,
    Encoder,
    FlipFlop,
    Latency,
    Population,
    Rate,
)
from neuro.errors import InputError
from neuro.network import Network, same_network
from neuro.network_file import load, save
from neuro.prune import prune
from neuro.readouts import (
    READOUTS,
    FirstToSpike,
    HighestPotential,
    Potential,
    Readout,
    SpikeRate,
    WinnerTakesAll,
)
from neuro.simulate import (
    Recording,
    golden_copies,
    simulate,
    simulate_copies,
)
from neuro.subnetworks import subnetworks
from neuro.twin import Twin, simulate_twin

__all__ = [
    "ENCODERS", "READOUTS", "Actions", "Argyle", "Bins", "Box", "Controller", "Current", "Encoder",
    "FirstToSpike", "FlipFlop", "HighestPotential", "InputError", "LaneController", "Latency",
    "Network", "Population", "Potential", "Rate", "Readout", "Recording", "SpikeRate", "Twin",
    "WinnerTakesAll", "golden_copies", "load", "prune", "same_network", "save", "simulate",
    "simulate_copies", "simulate_twin", "subnetworks",
]  # fmt: skip
