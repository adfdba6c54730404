"""How networks are found: genome, operators, engine. Never imports `fitness`."""

from evo.checkpoint import dump_state, load_state
from evo.engine import Result, Settings, State, default_toolbox, evolve, individuals
from evo.genome import Genome, decode
from evo.hypervolume import ObjectiveSpec, hypervolume
from evo.operators import MUTATIONS
from evo.space import SearchSpace

__all__ = [
    "MUTATIONS", "Genome", "ObjectiveSpec", "Result", "SearchSpace", "Settings", "State",
    "decode", "default_toolbox", "dump_state", "evolve", "hypervolume", "individuals", "load_state",
]  # fmt: skip
