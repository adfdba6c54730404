"""Fault models by name."""

from __future__ import annotations

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

LISTED = "tardigrade faults --list"
"""What lists them: errors do not, for they are many."""


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
    model: FaultModel = parse_part(MODELS, text, "model", LISTED)
    return model
