"""Export to Brian2: a live `brian2.Network`, or a script that needs nothing but Brian2.

Both come from `neuro.export.brian2_runner`, whose network does the tick of ``docs/model.md``
in the same order of operations: spikes and voltages are equal, not close.
"""

from __future__ import annotations

import inspect
import json
import os
import pprint
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from neuro.network import Network
from neuro.program import compile_network
from neuro.simulate import simulate


class Parity(NamedTuple):
    """Outcome of a comparison with our own simulator.

    Attributes
    ----------
    ticks, spikes_compared : int
    spikes_equal : bool
    max_abs_voltage_difference : float
        Over all neurons and ticks.
    """

    ticks: int
    spikes_compared: int
    spikes_equal: bool
    max_abs_voltage_difference: float

    @property
    def exact(self) -> bool:
        """Whether not a single spike or bit of a voltage differs."""
        return self.spikes_equal and self.max_abs_voltage_difference == 0.0


def _parameters(network: Network) -> dict[str, Any]:
    """Collect what the runner's `build` needs, as plain lists."""
    p, s = compile_network(network), network.synapses
    arrays: dict[str, NDArray[Any]] = {
        "al": p.al, "be": p.be, "v_leak": p.v_leak, "v_threshold": p.v_threshold,
        "v_reset": p.v_reset, "v_min": p.v_min, "bias": p.bias,
        "subtract": network.neurons.reset, "refractory": network.neurons.refractory,
        "pre": s.pre, "post": s.post, "weight": s.weight, "delay": s.delay,
    }  # fmt: skip
    return {"dt": network.dt, **{name: array.tolist() for name, array in arrays.items()}}


def brian2_network(network: Network, ext: NDArray[np.float64], /) -> Any:
    """Build a live `brian2.Network` that receives `ext`.

    Sets Brian2's code-generation preferences to exact arithmetic (see
    `neuro.export.brian2_runner.set_preferences`), which last until the run.

    Parameters
    ----------
    network : Network
    ext : ndarray of float64, shape (T, N)
        External input, as for `neuro.simulate`.

    Returns
    -------
    brian2.Network
        With the named objects "neurons", "synapses" (if any), "spikes" and "voltage"; run it
        for ``T * network.dt * brian2.ms``.

    Examples
    --------
    >>> import brian2
    >>> from neuro import Network
    >>> from neuro.export import brian2_network
    >>> network = Network.build(2, [(0, 1, 1.0, 2)], inputs=[0], outputs=[1])
    >>> live = brian2_network(network, np.array([[1.0, 0], [0, 0], [0, 0]]))
    >>> live.run(3 * brian2.ms)
    >>> live["spikes"].i[:], live["spikes"].t[:]
    (array([0, 1], dtype=int32), array([0., 2.]) * msecond)
    """
    from neuro.export import brian2_runner

    brian2_runner.set_preferences()
    return brian2_runner.build(_parameters(network), ext)


def _changes(ext: NDArray[np.float64]) -> dict[int, list[tuple[int, float]]]:
    """Describe each neuron's input by its changes; the opposite of the runner's expand_drive."""
    result = {}
    for j in range(ext.shape[1]):
        before = np.concatenate([[0.0], ext[:-1, j]])
        at = np.flatnonzero(ext[:, j] != before)
        if at.size:
            result[j] = [(int(t), float(ext[t, j])) for t in at]
    return result


def brian2_script(network: Network, ext: NDArray[np.float64], /) -> str:
    """Write the text of a self-contained Brian2 script that runs a network on recorded input.

    Parameters
    ----------
    network : Network
    ext : ndarray of float64, shape (T, N)
        External input, as for `neuro.simulate`; it becomes part of the script.

    Returns
    -------
    str
        Python source that imports only Brian2, numpy and the standard library.
    """
    from neuro.export import brian2_runner

    n = network.neurons
    roles = [
        f"inputs:  {network.inputs.tolist()}",
        f"outputs: {network.outputs.tolist()}",
        f"task:    {network.task}",
        f"origin:  {json.dumps(dict(network.provenance))}",
    ]
    data = pprint.pformat(_parameters(network), width=98, compact=True, sort_dicts=False)
    # Not the bare name inf, which Brian2 would find in the script and warn about.
    data = data.replace("inf", "INF")
    drive = pprint.pformat(_changes(ext), width=98, compact=True)
    header = inspect.cleandoc(
        f'''
        """Spiking network of {len(n)} neurons and {len(network.synapses)} synapses, for Brian2.

        Exported from Tardigrade. Run it with nothing but Brian2 installed: python THIS_FILE
        Potentials and weights have no unit; time constants and delays are in ms and ticks.
        The update is exact: spikes and voltages equal those of Tardigrade's own simulator.

        PLACE
        """

        INF = float("inf")
        '''
    ).replace("PLACE", "\n".join(roles).replace("\\", "\\\\").replace('"""', "'''"))
    return "\n".join(
        [
            header,
            "\n# One value per neuron, then one per synapse; delays and refractory times in ticks.",
            f"PARAMETERS = {data}\n",
            f"OUTPUTS = {network.outputs.tolist()}",
            f"TICKS = {len(ext)}",
            "# Recorded external input: {neuron: [(tick, value from then on), ...]}.",
            f"DRIVE = {drive}\n",
            inspect.getsource(brian2_runner),
        ]
    )


def compare(
    network: Network,
    ext: NDArray[np.float64],
    spikes: NDArray[np.bool_],
    voltage: NDArray[np.float64],
    /,
) -> Parity:
    """Compare somebody else's spikes and voltages with our own simulation of the same input."""
    ours = simulate(network, ext)
    difference = np.abs(ours.voltage - voltage).max(initial=0.0)
    return Parity(
        len(ext),
        int(ours.spikes.sum()),
        bool(np.array_equal(ours.spikes, spikes)),
        float(difference),
    )


def verify_script(
    path: str | os.PathLike[str], network: Network, ext: NDArray[np.float64], /, *,
    target: str = "numpy",
) -> Parity:  # fmt: skip
    """Run an exported script in a process of its own and compare it with our simulator.

    Raises
    ------
    RuntimeError
        The script failed; its last line of output is in the message.
    """
    with tempfile.TemporaryDirectory() as folder:
        results = Path(folder) / "results.npz"
        finished = subprocess.run(
            [sys.executable, os.fspath(path), "--target", target, "--save", os.fspath(results)],
            capture_output=True,
            text=True,
        )
        if finished.returncode:
            last = (finished.stderr.strip().splitlines() or ["no output"])[-1]
            raise RuntimeError(f"{path}: the exported script failed: {last}")
        with np.load(results) as saved:
            return compare(network, ext, saved["spikes"], saved["voltage"])
