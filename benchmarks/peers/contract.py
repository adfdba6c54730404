"""What a peer is: another simulator, how it is set up, and what it can be timed at."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib import import_module, metadata
from importlib.util import find_spec
from typing import Any, NamedTuple

OPEN_LOOP = "open-loop"
CLOSED_LOOP = "closed-loop"
EVALUATION = "evaluation"

# One thread for everybody; most libraries read these once, when they are first imported.
ONE_THREAD = {
    **dict.fromkeys(
        ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS"), "1"
    ),
    "JAX_PLATFORMS": "cpu",
    "NPROC": "1",  # XLA's thread pool
    "XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1",
}


class NotInstalledError(RuntimeError):
    """A peer lacks its package or a program."""


class Prepared(NamedTuple):
    """A simulation that is built, compiled and warmed up.

    Attributes
    ----------
    run : callable
        Runs it once from the start and returns the seconds of the run alone.
    steps : int
        Steps of one run, over all copies that run side by side.
    evaluations : int
        Networks evaluated in one run, or 0 if the run is no evaluation.
    """

    run: Callable[[], float]
    steps: int
    evaluations: int = 0


@dataclass(frozen=True)
class Entry:
    """One thing that a peer can be timed at.

    Attributes
    ----------
    function : str
        ``module:function`` in this package, imported only when needed. It prepares everything,
        checks the result where there is something to check, and returns `Prepared`. Its
        arguments: the `Problem` (open loop); neurons and decisions (closed loop); none
        (evaluation).
    unit : str
        What a step is.
    settings : str
        How the peer is set up, and what it leaves out compared with ``docs/model.md``.
    """

    function: str
    unit: str
    settings: str

    def prepare(self, *arguments: Any) -> Prepared:
        """Import and call the function."""
        os.environ.update(ONE_THREAD)
        module, function = self.function.split(":")
        prepared: Prepared = getattr(import_module(f"benchmarks.peers.{module}"), function)(
            *arguments
        )
        return prepared


@dataclass(frozen=True)
class Peer:
    """Another simulator.

    Attributes
    ----------
    name : str
    package : str
        Module that it needs; none if "".
    distributions : tuple of str
        Distributions whose versions matter.
    programs : tuple of str
        Programs of which it needs any one, such as compilers; none if empty.
    entries : mapping
        What it can be timed at, by `OPEN_LOOP`, `CLOSED_LOOP`, `EVALUATION`.
    """

    name: str
    package: str = ""
    distributions: tuple[str, ...] = ()
    programs: tuple[str, ...] = ()
    entries: Mapping[str, Entry] = field(default_factory=dict)

    def missing(self) -> str:
        """Name what is missing, or return "" if the peer can run."""
        if self.package and find_spec(self.package) is None:
            return f"the package {self.package}"
        if self.programs and not any(map(shutil.which, self.programs)):
            return f"a program: {' or '.join(self.programs)}"
        return ""

    def installed(self) -> bool:
        """Whether the peer can run."""
        return not self.missing()

    def version(self) -> str:
        """Versions of its distributions, or else the first line its program says of itself."""
        if self.distributions:
            return ", ".join(f"{name} {metadata.version(name)}" for name in self.distributions)
        program = next(path for path in map(shutil.which, self.programs) if path)
        text = subprocess.run([program, "--version"], capture_output=True, text=True).stdout
        return text.partition("\n")[0]

    def prepare(self, what: str, *arguments: Any) -> Prepared:
        """Prepare what is to be timed.

        Raises
        ------
        NotInstalledError
        """
        if missing := self.missing():
            raise NotInstalledError(f"{self.name} is not installed: it needs {missing}")
        return self.entries[what].prepare(*arguments)
