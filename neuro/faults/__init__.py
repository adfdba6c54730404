"""Fault injection: what (models), where (sites), when (times), and faulty copies."""

from neuro.faults.analogue import Gaussian
from neuro.faults.contract import FaultModel, SiteFault
from neuro.faults.digital import BitFlip
from neuro.faults.draws import Draws
from neuro.faults.injection import (
    Fault,
    FaultRound,
    Struck,
    fault_keys,
    inject,
    parse_fault,
    single_faults,
    strike,
    strike_each,
    struck_sites,
)
from neuro.faults.models import MODELS, parse_model
from neuro.faults.neurons import DeadNeuron, SaturatedNeuron
from neuro.faults.sites import FaultSite
from neuro.faults.structural import DeadSynapse, DelayShift
from neuro.faults.times import TIMES, Change, FaultTime, parse_time
from neuro.faults.values import OWNERS, Values, site_names

__all__ = [
    "MODELS", "OWNERS", "TIMES", "BitFlip", "Change", "DeadNeuron", "DeadSynapse", "DelayShift",
    "Draws", "Fault", "FaultModel", "FaultRound", "FaultSite", "FaultTime", "Gaussian",
    "SaturatedNeuron", "SiteFault", "Struck", "Values", "fault_keys", "inject", "parse_fault",
    "parse_model", "parse_time", "single_faults", "site_names", "strike", "strike_each",
    "struck_sites",
]  # fmt: skip
