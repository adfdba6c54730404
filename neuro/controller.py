"""Networks in use: observation in, action out, decision by decision."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from neuro import decisions, kernels
from neuro.encoders import Encoder
from neuro.errors import InputError, wrong
from neuro.kernels import Copies
from neuro.network import Network
from neuro.program import compile_network
from neuro.readouts import Readout
from neuro.simulate import checked_copies, golden_copies, unpack
from neuro.specs import whole


def _ends(network: Network) -> tuple[Encoder, Readout]:
    """Return what a controller needs at either end of its network."""
    encoder, readout = network.encoder, network.readout
    if encoder is None or readout is None:
        missing = "encoder" if encoder is None else "readout"
        raise InputError(f"network.{missing}: expected one, got none: it cannot control")
    return encoder, readout


class Controller:
    """A network in use: observation in, action out, state kept between decisions.

    Attributes
    ----------
    ext, voltage : ndarray of float64, shape (ticks, N)
        Input and potentials of the last decision.

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
        encoder, readout = _ends(network)
        self.network = network
        self._encode, self._read_out = encoder.kernel, readout.kernel
        self._size = encoder.observations
        self._program = compile_network(network)
        self._state = kernels.new_state(self._program)
        self._tick = 0
        shape = (encoder.ticks, len(network.neurons))
        self.ext = np.zeros(shape)
        self.voltage = np.zeros(shape)
        self._bits = np.zeros((shape[0], len(self._state.fired)), dtype=np.uint64)
        self._action = np.zeros(readout.values)

    @property
    def spikes(self) -> NDArray[np.bool_]:
        """Spikes of the last decision, shape (ticks, N)."""
        return unpack(self._bits, len(self.network.neurons))

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
            The action: the index of the choice, of each of several choices, or the values.
        """
        try:
            values = np.array(observation, dtype=np.float64)
        except (TypeError, ValueError):
            raise wrong("observation", f"{self._size} numbers", observation) from None
        if values.shape != (self._size,):
            raise wrong("observation", f"shape ({self._size},)", values.shape)
        if not np.isfinite(values).all():
            raise wrong("observation", "finite numbers", observation)
        decisions.decide(
            self._program, self._state, self._tick, values, self._encode, self._read_out,
            self._action, self.ext, self._bits, self.voltage,
        )  # fmt: skip
        self._tick += self._program.ticks
        return self._action.copy()


class LaneController:
    """Up to 32 copies of a network in use side by side, each with an episode of its own.

    For what cannot be stepped inside a kernel, such as any Gymnasium environment: one call
    takes a decision for every lane, with the same kernel as compiled tasks.

    Parameters
    ----------
    network : Network
    copies : Copies, optional
        Faulty copies; the network itself if left out.

    Examples
    --------
    >>> from neuro import Network, FlipFlop, LaneController, WinnerTakesAll
    >>> network = Network.build(
    ...     4, [(1, 3, 1.0, 1)], inputs=[0, 1], outputs=[2, 3],
    ...     encoder=FlipFlop(scale=[1.0]), readout=WinnerTakesAll())
    >>> controller = LaneController(network)
    >>> for lane in range(2):
    ...     controller.begin(lane)
    >>> controller.act([[0.5], [-0.5]])
    array([[1.],
           [0.]])
    """

    def __init__(self, network: Network, copies: Copies | None = None, /) -> None:
        encoder, readout = _ends(network)
        self._copies = golden_copies(network) if copies is None else checked_copies(network, copies)
        self._encode, self._read_out = encoder.kernel, readout.kernel
        self._size = encoder.observations
        p = self._program = compile_network(network)
        own = kernels.edits_neurons(p, self._copies)
        self._lanes = kernels.new_lanes(p, kernels.WIDEST, self._copies, own)
        self._ports = decisions.new_ports(p, self._lanes, kernels.WIDEST, self._size)
        self._tick = 0

    def begin(self, lane: int, copy: int = 0) -> None:
        """Start an episode in a lane, with a copy of the network at rest."""
        whole(lane, "lane", 0, kernels.WIDEST - 1)
        whole(copy, "copy", 0, len(self._copies.weight) - 1)
        kernels.rest_lane(self._program, self._lanes, kernels.WIDEST, lane)
        kernels.load_lane(
            self._program, self._lanes, kernels.WIDEST, lane, self._copies, copy, self._tick
        )

    def move(self, to: int, source: int) -> None:
        """Let lane `source` go on in lane `to`, so that those in use stay in front."""
        whole(to, "to", 0, kernels.WIDEST - 1)
        whole(source, "source", 0, kernels.WIDEST - 1)
        kernels.move_lane(self._program, self._lanes, kernels.WIDEST, to, source)

    def act(self, observations: ArrayLike, /) -> NDArray[np.float64]:
        """Take a decision in the first L lanes; the others may lose what they were doing.

        Parameters
        ----------
        observations : array_like of float, shape (L, observations)

        Returns
        -------
        ndarray of float64, shape (L, values)
        """
        try:
            values = np.array(observations, dtype=np.float64)
        except (TypeError, ValueError):
            raise wrong("observations", f"rows of {self._size} numbers", observations) from None
        if values.ndim != 2 or values.shape[1] != self._size or len(values) > kernels.WIDEST:
            raise wrong(
                "observations", f"shape (up to {kernels.WIDEST}, {self._size})", values.shape
            )  # fmt: skip
        if not np.isfinite(values).all():
            raise wrong("observations", "finite numbers", observations)
        self._ports.observation[: len(values)] = values
        decisions.decide_together(
            self._program, self._lanes, self._ports, kernels.WIDEST, len(values), self._tick,
            self._encode, self._read_out,
        )  # fmt: skip
        self._tick += self._program.ticks
        return np.array(self._ports.action[: len(values)])
