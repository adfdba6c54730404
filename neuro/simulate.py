"""Running networks: open loop on given input, or as a controller, decision by decision."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from neuro import kernels
from neuro.columns import LIMIT
from neuro.errors import InputError, wrong
from neuro.kernels import Copies
from neuro.network import Network
from neuro.program import compile_network


class Recording(NamedTuple):
    """What a simulation saw.

    Attributes
    ----------
    spikes : ndarray of bool, shape (T, N)
    voltage : ndarray of float64, shape (T, N)
        Potentials at the end of each tick, after a reset.
    """

    spikes: NDArray[np.bool_]
    voltage: NDArray[np.float64]


def simulate(network: Network, ext: ArrayLike, /) -> Recording:
    """Run a network from rest on given external input.

    Parameters
    ----------
    network : Network
    ext : array_like of float, shape (T, N)
        External input of each neuron at each tick; the neurons' own `bias` comes on top.

    Returns
    -------
    Recording

    Raises
    ------
    InputError
        `ext` has the wrong shape or is not finite.

    Examples
    --------
    >>> from neuro import Network, simulate
    >>> network = Network.build(2, [(0, 1, 1.0, 2)], inputs=[0], outputs=[1])
    >>> simulate(network, [[1, 0], [0, 0], [0, 0]]).spikes.astype(int)
    array([[1, 0],
           [0, 0],
           [0, 1]])
    """
    values = _check_input(ext, (None, len(network.neurons)), "(ticks, neurons)")
    program = compile_network(network)
    spikes = np.zeros(values.shape, dtype=np.uint8)
    voltage = np.zeros(values.shape)
    kernels.run(program, kernels.new_state(program), 0, values, spikes, voltage)
    return Recording(spikes.view(np.bool_), voltage)


def golden_copies(network: Network, count: int = 1) -> Copies:
    """`count` copies of a network's own weights and thresholds, to be changed at will."""
    repeat = np.ones((count, 1))
    return Copies(
        network.synapses.weight * repeat,
        network.input_synapses.weight * repeat,
        network.neurons.v_threshold * repeat,
    )


def simulate_copies(network: Network, copies: Copies, ext: ArrayLike, /) -> Recording:
    """Run F copies of a network side by side from rest; `ext` has shape (T, N, F).

    Returns
    -------
    Recording
        With arrays of shape (T, N, F).
    """
    copies = checked_copies(network, copies)
    count = len(copies.weight)
    values = _check_input(ext, (None, len(network.neurons), count), "(ticks, neurons, copies)")
    spikes = np.zeros(values.shape, dtype=np.uint8)
    voltage = np.zeros(values.shape)
    kernels.run_lanes(compile_network(network), copies, values, spikes, voltage)
    return Recording(spikes.view(np.bool_), voltage)


def checked_copies(network: Network, copies: Copies, /) -> Copies:
    """Make sure that copies fit a network; the kernels check no bounds.

    Raises
    ------
    InputError
        An array has the wrong shape, or the copies are not equally many.
    """
    widths = len(network.synapses), len(network.input_synapses), len(network.neurons)
    checked = Copies(*(np.ascontiguousarray(a, dtype=np.float64) for a in copies))
    for name, width, given in zip(Copies._fields, widths, checked, strict=True):
        shape = (len(checked.weight), width)
        if given.shape != shape:
            raise wrong(f"copies.{name}", f"shape {shape}", given.shape)
    return checked


def _check_input(ext: ArrayLike, shape: tuple[int | None, ...], names: str) -> NDArray[np.float64]:
    try:
        values = np.array(ext, dtype=np.float64, order="C")
    except (TypeError, ValueError):
        raise wrong("ext", f"an array of numbers, {names}", ext) from None
    if values.ndim != len(shape) or any(
        want is not None and want != got for want, got in zip(shape, values.shape, strict=True)
    ):
        sizes = tuple("any" if want is None else want for want in shape)
        raise wrong("ext", f"an array of shape {names} = {sizes}", values.shape)
    good = np.abs(values) <= LIMIT  # false for NaN
    if not good.all():
        raise wrong("ext", f"finite numbers of magnitude at most {LIMIT:g}", values[~good][0])
    return values


class Controller:
    """A network in use: observation in, action out, state kept between decisions.

    Attributes
    ----------
    ext, voltage : ndarray of float64, shape (ticks, N)
        Input and potentials of the last decision.
    spikes : ndarray of uint8, shape (ticks, N)

    Examples
    --------
    Fire the second output whenever the value is positive:

    >>> from neuro import Network, Controller, FlipFlop, WinnerTakesAll
    >>> network = Network.build(
    ...     4, [(1, 3, 1.0, 1)], inputs=[0, 1], outputs=[2, 3],
    ...     encoder=FlipFlop(scale=[1.0]), readout=WinnerTakesAll())
    >>> controller = Controller(network)
    >>> float(controller.act([0.5])[0]), float(controller.act([-0.5])[0])
    (1.0, 0.0)
    """

    def __init__(self, network: Network, /) -> None:
        if network.encoder is None or network.readout is None:
            missing = "encoder" if network.encoder is None else "readout"
            raise InputError(f"network.{missing}: expected one, got none: it cannot control")
        self.network = network
        self._encode = network.encoder.kernel
        self._read_out = network.readout.kernel
        self._size = network.encoder.observations
        self._program = compile_network(network)
        self._state = kernels.new_state(self._program)
        self._tick = 0
        shape = (network.encoder.ticks, len(network.neurons))
        self.ext = np.zeros(shape)
        self.voltage = np.zeros(shape)
        self.spikes = np.zeros(shape, dtype=np.uint8)
        self._action = np.zeros(1)

    def reset(self) -> None:
        """Go back to rest, as at the start of an episode."""
        kernels.reset_state(self._program, self._state)
        self._tick = 0

    def act(self, observation: ArrayLike, /) -> NDArray[np.float64]:
        """Take one decision.

        Parameters
        ----------
        observation : array_like of float, shape (observations,)

        Returns
        -------
        ndarray of float64
            The action; for discrete actions its index, as a float.
        """
        try:
            values = np.array(observation, dtype=np.float64)
        except (TypeError, ValueError):
            raise wrong("observation", f"{self._size} numbers", observation) from None
        if values.shape != (self._size,):
            raise wrong("observation", f"shape ({self._size},)", values.shape)
        if not np.isfinite(values).all():
            raise wrong("observation", "finite numbers", observation)
        kernels.decide(
            self._program, self._state, self._tick, values, self._encode, self._read_out,
            self._action, self.ext, self.spikes, self.voltage,
        )  # fmt: skip
        self._tick += self.network.encoder.ticks  # type: ignore[union-attr]
        return self._action.copy()
