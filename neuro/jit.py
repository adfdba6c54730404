"""The project's one Numba configuration, and functions that kernels can be handed.

No fastmath anywhere: it would let the compiler fuse and reorder sums, and the promise that
every simulator agrees bit for bit would be gone.
"""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numba
import numba.experimental.function_type
from numba import types
from numba.core.caching import FunctionCache, IndexDataCacheFile
from numba.core.errors import NumbaError
from numba.core.types import WrapperAddressProtocol
from numba.extending import typeof_impl

from neuro.errors import InputError

_FILES = (
    "jit.py", "vectors.py", "program.py", "kernels.py", "decisions.py", "golden.py",
    "closed_loop.py", "replay.py", "follow.py",
)  # fmt: skip
_SOURCES = hashlib.sha256(
    b"".join(
        hashlib.sha256((Path(__file__).parent / name).read_bytes()).digest() for name in _FILES
    )
).digest()[:8]


class _Cache(FunctionCache):
    """A cache that notices a change in any kernel file; Numba's looks at the function's own."""

    def __init__(self, function: Callable[..., Any]) -> None:
        super().__init__(function)
        # In the names of files rather than in the key: an index that names types which are no more
        # cannot even be read.
        name = f"{self._impl.filename_base}-{_SOURCES.hex()}"
        stamp = self._impl.locator.get_source_stamp()
        self._cache_file = IndexDataCacheFile(self._cache_path, name, stamp)


def kernel(function: Callable[..., Any], *, forceinline: bool = False) -> Any:
    """Compile a function over arrays on first use: no GIL, no fastmath, cached on disk."""
    compiled = numba.njit(cache=True, nogil=True, error_model="numpy", forceinline=forceinline)(
        function
    )
    if not numba.config.DISABLE_JIT:
        compiled._cache = _Cache(function)
    return compiled


def inlined(function: Callable[..., Any]) -> Any:
    """Compile a small function that kernels call every tick.

    Handing over a network's arrays costs more than the work: a call per tick made a 2-neuron
    network 12 times slower.
    """
    return kernel(function, forceinline=True)


FLOATS = types.Array(types.float64, 1, "C")
WORDS = types.Array(types.uint64, 2, "C")


class KernelFunction(WrapperAddressProtocol):
    """A plain function that compiled kernels call through a pointer.

    Tasks, encoders and readouts are handed to the closed-loop kernel this way: the kernel is
    compiled and cached once for a *signature*, not once for each task, so a user's own task
    needs no recompilation of it and cannot make its cache stale. A call costs about 7 ns,
    paid once per decision. Compilation happens on first use, so importing is cheap.
    Called from Python (and with ``NUMBA_DISABLE_JIT=1``) it is the plain function.
    """

    def __init__(self, function: Callable[..., Any], signature: Any) -> None:
        self.function = function
        self._signature = signature
        self.type = types.FunctionType(signature)
        self._compiled: Any = None
        self.__doc__ = function.__doc__

    def __call__(self, *arguments: Any) -> Any:
        return self.function(*arguments)

    def signature(self) -> Any:
        return self._signature

    def __wrapper_address__(self) -> int:
        if self._compiled is None:
            try:
                self._compiled = self._compile()
            except (NumbaError, TypeError) as error:
                if isinstance(error, TypeError) and "Signature mismatch" not in str(error):
                    raise
                name = f"{self.function.__module__}.{self.function.__qualname__}"
                raise InputError(
                    f"kernel function {name}: expected code that Numba compiles, "
                    f"got {_reason(str(error))}"
                ) from error
        return int(self._compiled.address)

    def _compile(self) -> Any:
        try:
            return numba.cfunc(self._signature, cache=True, nopython=True, error_model="numpy")(
                self.function
            )
        except RuntimeError as error:  # defined where no cache can live, e.g. a console
            if "cannot cache" not in str(error):
                raise
            return numba.cfunc(self._signature, nopython=True, error_model="numpy")(self.function)


def _reason(message: str) -> str:
    """Find the line of Numba's message that says what is wrong; the others say where in Numba."""
    lines = [line.strip() for line in message.splitlines()]
    told = [line for line in lines if line and not line.startswith("Failed in ")] or [message]
    # What a signature is found for, or not, is on the next line.
    reason = " ".join(told[:2]) if told[0].endswith(":") else told[0]
    return reason.partition(" for '$")[0]  # Numba's own names of values tell the user nothing


@typeof_impl.register(KernelFunction)
def _type_of(function: KernelFunction, _: Any) -> Any:
    """Numba makes a new type for each call and each function, which takes 10 us more."""
    return function.type


def kernel_function(signature: Any) -> Callable[[Callable[..., Any]], KernelFunction]:
    """Decorate a plain function so that kernels can call it; see `KernelFunction`."""
    return lambda function: KernelFunction(function, signature)


# What the closed-loop kernel calls. Outputs are written into the last arguments.
ENCODE = types.void(FLOATS, FLOATS, FLOATS, WORDS)  # observation, parameters, current, pulses
READ_OUT = types.void(FLOATS, FLOATS, FLOATS)  # seen of each output, parameters, action
OBSERVE = types.void(FLOATS, FLOATS)  # state, observation
STEP = types.Tuple((types.float64, types.boolean))(FLOATS, FLOATS)  # state, action -> reward, end

# First-class functions are labelled experimental; the tests hold them to what is needed here.
warnings.filterwarnings("ignore", category=numba.NumbaExperimentalFeatureWarning)
