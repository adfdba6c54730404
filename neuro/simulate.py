"""Running networks open loop, on given input."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from neuro import kernels
from neuro.columns import LIMIT
from neuro.errors import wrong
from neuro.kernels import Copies
from neuro.network import Network
from neuro.program import compile_network
from neuro.slots import Slots


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


def simulate(network: Network, ext: ArrayLike, /, *, record_voltage: bool = True) -> Recording:
    """Run a network from rest on given external input.

    Parameters
    ----------
    network : Network
    ext : array_like of float, shape (T, N)
        External input of each neuron at each tick; the neurons' own `bias` comes on top.
    record_voltage : bool
        If false, the recording's `voltage` has no ticks, which saves time and memory.

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
    state = kernels.new_state(program)
    bits = np.zeros((len(values), len(state.fired)), dtype=np.uint64)
    voltage = np.zeros(values.shape if record_voltage else (0, values.shape[1]))
    driven = np.flatnonzero(values.any(axis=0))
    kernels.run(program, state, 0, values, driven, bits, voltage)
    return Recording(unpack(bits, values.shape[1]), voltage)


def unpack(masks: NDArray[Any], count: int) -> NDArray[np.bool_]:
    """Turn the bits of masks along the last axis into the first `count` booleans."""
    octets = masks.astype(masks.dtype.newbyteorder("<"), order="C", copy=False).view(np.uint8)
    return np.unpackbits(octets, axis=-1, count=count, bitorder="little").view(np.bool_)


def golden_copies(network: Network, count: int = 1) -> Copies:
    """`count` copies of a network's own weights, without edits, to be changed at will."""
    repeat = np.ones((count, 1))
    nothing = np.zeros(0, dtype=np.int64)
    return Copies(
        network.synapses.weight * repeat, network.input_synapses.weight * repeat,
        np.zeros(count + 1, dtype=np.int64), nothing, nothing.copy(), np.zeros(0),
    )  # fmt: skip


def simulate_copies(
    network: Network, copies: Copies, ext: ArrayLike, /, *, record_voltage: bool = True
) -> Recording:
    """Run F copies of a network side by side from rest.

    Parameters
    ----------
    network : Network
    copies : Copies
    ext : array_like of float, shape (T, N, F), or (T, N) for the same input to all
    record_voltage : bool
        If false, the recording's `voltage` has no ticks, which saves time and memory.

    Returns
    -------
    Recording
        With arrays of shape (T, N, F).
    """
    copies = checked_copies(network, copies)
    n, count = len(network.neurons), len(copies.weight)
    if np.ndim(ext) == 2:
        values = _check_input(ext, (None, n), "(ticks, neurons)")[:, :, np.newaxis]
    else:
        values = _check_input(ext, (None, n, count), "(ticks, neurons, copies)")
    bits = np.zeros((-(-count // kernels.WIDEST), len(values), n), dtype=np.uint32)
    voltage = np.zeros((len(values) if record_voltage else 0, n, count))
    driven = np.flatnonzero(values.any(axis=(0, 2)))
    kernels.run_lanes(compile_network(network), copies, values, driven, bits, voltage)
    return Recording(unpack(np.moveaxis(bits, 0, -1), count), voltage)


def checked_copies(network: Network, copies: Copies, /) -> Copies:
    """Make sure that copies fit a network; the kernels check no bounds.

    Raises
    ------
    InputError
        An array has the wrong shape, the copies are not equally many, or an edit is of a place
        that the network does not have, of an impossible value or out of order.
    """
    weight, in_weight, first, tick, slot, value = copies
    checked = Copies(
        np.ascontiguousarray(weight, dtype=np.float64),
        np.ascontiguousarray(in_weight, dtype=np.float64),
        np.ascontiguousarray(first, dtype=np.int64),
        np.ascontiguousarray(tick, dtype=np.int64),
        np.ascontiguousarray(slot, dtype=np.int64),
        np.ascontiguousarray(value, dtype=np.float64),
    )
    count, edits = len(checked.weight), len(checked.tick)
    shapes = [
        (count, len(network.synapses)), (count, len(network.input_synapses)), (count + 1,),
        (edits,), (edits,), (edits,),
    ]  # fmt: skip
    for name, shape, given in zip(Copies._fields, shapes, checked, strict=True):
        if given.shape != shape:
            raise wrong(f"copies.{name}", f"shape {shape}", given.shape)
    first, tick = checked.first, checked.tick
    if first[0] != 0 or first[-1] != edits or (np.diff(first) < 0).any():
        raise wrong("copies.first", f"numbers that rise from 0 to {edits}", first.tolist())
    if edits:
        copy = np.repeat(np.arange(count), np.diff(first))
        if (tick < 0).any() or ((np.diff(tick) < 0) & (np.diff(copy) == 0)).any():
            raise wrong("copies.tick", "ticks of at least 0, rising in each copy", tick.tolist())
        Slots(network).check(checked.slot, checked.value)
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
