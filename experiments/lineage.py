"""The lineage of a run: its file, a network's line of descent, and graphs of its ancestors."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import networkx as nx

from evo.lineage import Birth, ancestors, line_of_descent
from experiments.tables import aligned, plural, write_csv
from neuro.errors import InputError, unknown_file, wrong
