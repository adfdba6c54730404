"""Taking networks to other simulators. Each format's library is imported when it is used."""

from neuro.export.brian2 import Parity, brian2_network, brian2_script, verify_script

__all__ = ["Parity", "brian2_network", "brian2_script", "verify_script"]
