"""How networks are found: genome, operators, engine. Never imports `fitness`."""

from evo.checkpoint import dump_state, load_state
from evo.encode import encode
from evo.engine import Result, default_toolbox, evolve
from evo.genome import Genome, decode
from evo.hardware import PROFILES, HardwareProfile
from evo.hypervolume import ObjectiveSpec, hypervolume
from evo.lineage import Birth
from evo.measured import individuals
from evo.operators import MUTATIONS
from evo.settings import Refinement, Settings
from evo.space import SearchSpace
from evo.state import State

__all__ = [
    "MUTATIONS", "PROFILES", "Birth", "Genome", "HardwareProfile", "ObjectiveSpec", "Refinement",
    "Result", "SearchSpace", "Settings", "State", "decode", "default_toolbox", "dump_state",
    "encode", "evolve", "hypervolume", "individuals", "load_state",
]  # fmt: skip
