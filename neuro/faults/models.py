"""Fault models by name."""

from __future__ import annotations

from dataclasses import is_dataclass
from inspect import isabstract
from typing import Any

from neuro.errors import wrong
from neuro.faults.analogue import (
    DeviceMismatch,
    Drift,
    Gaussian,
    GaussianIndependent,
    GaussianInverse,
    Lognormal,
    ProgrammingNoise,
    ReadNoise,
    Uniform,
    UniformIndependent,
    UniformInverse,
    WeightLoss,
)
from neuro.faults.contract import FaultModel
from neuro.faults.digital import BitFlip, Quantisation, RandomWeight, SignFlip, StuckBit0, StuckBit1
from neuro.faults.neurons import (
    ChannelDropout,
    ChannelNoise,
    DeadChannel,
    DeadNeuron,
    FaultyIntegrate,
    FaultyLeak,
    FaultyReset,
    ParametricLeak,
    ParametricRefractory,
    ParametricReset,
    ParametricThreshold,
    PotentialUpset,
    SaturatedNeuron,
    SpikeDeletion,
    SpikeInsertion,
    StuckChannel,
)
from neuro.faults.sites import FaultSite
from neuro.faults.structural import (
    DeadSynapse,
    DelayJitter,
    DelayShift,
    HighResistance,
    LowResistance,
    SaturatedSynapse,
    StuckDelay,
    StuckSynapse,
    SynapticFailure,
)
from neuro.faults.times import parse_part
from neuro.specs import lookup

MODELS: dict[str, type[FaultModel]] = {cls.name: cls for cls in (
    Gaussian, GaussianIndependent, GaussianInverse, Uniform, UniformIndependent, UniformInverse,
    Lognormal, WeightLoss, ProgrammingNoise, Drift, ReadNoise,
    BitFlip, StuckBit0, StuckBit1, Quantisation, SignFlip, RandomWeight,
    DeadSynapse, StuckSynapse, SaturatedSynapse, LowResistance, HighResistance, SynapticFailure,
    DelayShift, StuckDelay, DelayJitter,
    DeadNeuron, SaturatedNeuron, ParametricThreshold, ParametricLeak, ParametricReset,
    ParametricRefractory, FaultyLeak, FaultyIntegrate, FaultyReset, DeviceMismatch, PotentialUpset,
    SpikeInsertion, SpikeDeletion,
    DeadChannel, StuckChannel, ChannelDropout, ChannelNoise,
)}  # fmt: skip
"""Fault models by name; add your own class to use it on the command line and in configs."""

REQUIRED = ("name", "severity", "severities", "typical", "largest")
"""What a class must define, or inherit from `SiteFault`."""

LISTED = "tardigrade faults --list"
"""What lists them: errors do not, for they are many."""


def find_model(name: str, where: str = "model") -> type[FaultModel]:
    """Find a fault model, and make sure that it says all that it must.

    Raises
    ------
    InputError
        Unknown, or something is missing that one's own model must define.
    """
    cls: Any = lookup(MODELS, name, where, LISTED)
    expected = ""
    if not (isinstance(cls, type) and issubclass(cls, FaultModel) and is_dataclass(cls)):
        expected = "a dataclass that is a subclass of FaultModel or SiteFault"
    elif isabstract(cls):
        expected = f"a class with {', '.join(sorted(cls.__abstractmethods__))}()"
    elif cls.strike is FaultModel.strike and cls.weights is FaultModel.weights:
        expected = "a class with weights() or strike()"
    elif lacking := [n for n in REQUIRED if not hasattr(cls, n)]:
        expected = f"a class with {', '.join(lacking)}"
    elif cls.name != name:
        expected = f"a class whose name is {name}"
    if expected:
        raise wrong(f"{where} {name}", expected, getattr(cls, "__name__", repr(cls)))
    FaultSite().check(cls.owner, f"{where} {name}")
    found: type[FaultModel] = cls
    return found


def parse_model(text: str) -> FaultModel:
    """Make a model from ``name`` or ``name:parameter=value,...``.

    Examples
    --------
    >>> parse_model("bit-flip:bits=6")
    BitFlip(bits=6, protected=0, zeros=1.0, ones=1.0)

    Raises
    ------
    InputError
        Unknown model or parameter, or a value the model refuses.
    """
    find_model(text.partition(":")[0])
    model: FaultModel = parse_part(MODELS, text, "model")
    return model
