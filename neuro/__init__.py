"""What a spiking network is and how it runs: networks, kernels, encoders, faults, exporters.

Knows nothing of tasks or evolution.
"""

from neuro.controller import Controller, LaneController
from neuro.encoders import ENCODERS, Current, Encoder, FlipFlop
from neuro.errors import InputError
from neuro.network import Network, same_network
from neuro.network_file import load, save
from neuro.prune import prune
from neuro.readouts import READOUTS, Readout, WinnerTakesAll
from neuro.simulate import (
    Recording,
    golden_copies,
    simulate,
    simulate_copies,
)
from neuro.twin import Twin, simulate_twin

__all__ = [
    "ENCODERS", "READOUTS", "Controller", "Current", "Encoder", "FlipFlop", "InputError",
    "LaneController", "Network", "Readout", "Recording", "Twin", "WinnerTakesAll",
    "golden_copies", "load", "prune", "same_network", "save", "simulate", "simulate_copies",
    "simulate_twin",
]  # fmt: skip
