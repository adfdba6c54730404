"""Fault injection: what (models), where (sites), when (times), and faulty copies."""

from neuro.faults.draws import Draws
from neuro.faults.injection import Fault, FaultRound, FaultSite, FaultTime, inject
from neuro.faults.models import MODELS, BitFlip, DeadSynapse, FaultModel, Gaussian, parse_model

__all__ = [
    "MODELS", "BitFlip", "DeadSynapse", "Draws", "Fault", "FaultModel", "FaultRound", "FaultSite",
    "FaultTime", "Gaussian", "inject", "parse_model",
]  # fmt: skip
