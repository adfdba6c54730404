"""Encoders: from an observation to what a network receives during one decision.

An encoder has *channels*. A spike encoder (``graded = False``) drives one input neuron per
channel: it says at which ticks of the decision that neuron receives `gain`. A graded encoder
gives each channel a value that stays constant during the decision and reaches neurons through
input synapses. To add one: subclass `Encoder`, write its kernel function, register it.
"""

from neuro.encoders.contract import MAX_TICKS, Encoder
from neuro.encoders.graded import Current, Population
from neuro.encoders.latency import Latency
from neuro.encoders.rate import Rate
from neuro.encoders.trains import Argyle, Bins, FlipFlop

ENCODERS: dict[str, type[Encoder]] = {
    cls.name: cls for cls in (FlipFlop, Bins, Argyle, Rate, Latency, Current, Population)
}
"""Encoders by name; add your own class to use it in configs and network files."""

__all__ = [
    "ENCODERS", "MAX_TICKS", "Argyle", "Bins", "Current", "Encoder", "FlipFlop", "Latency",
    "Population", "Rate",
]  # fmt: skip
