"""Random networks, controllers and inputs: for Hypothesis, and in bulk from a NumPy generator.

Both draw from the same table of values, which is chosen to sit on the edges: no leak and full
leak, thresholds that are never or always reached, zeros of both signs, numbers that swallow
others in a sum, delays around a multiple of 64.
"""

from __future__ import annotations

from dataclasses import replace

import numba
import numpy as np
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from neuro import READOUTS, Network, golden_copies
from neuro.actions import Actions, Box
from neuro.columns import RESET_RULES
from neuro.encoders import Argyle, Bins, Current, Encoder, FlipFlop, Latency, Population, Rate
from neuro.errors import InputError
from neuro.kernels import Copies
from neuro.readouts import HighestPotential, Potential, Readout, SpikeRate
from neuro.slots import NAMES, Slots, with_edits

JIT = not numba.config.DISABLE_JIT
LANES = (1, 3, 8, 13)

# Column: values of special interest, and a range to draw the others from.
VALUES = {
    "tau_mem": ((0.0, np.inf, 1.0, 5e-324, 1e100), (0.05, 50.0)),
    "v_threshold": ((1.0, 0.5, np.inf, 0.0, -0.5, 100.0), (0.1, 2.0)),
    "v_reset": ((0.0, -0.0, 0.3), (-1.0, 1.0)),
    "v_leak": ((0.0, -0.0, 0.2), (-0.5, 0.5)),
    "v_min": ((-np.inf, 0.0, -0.0, -0.5), (-2.0, 0.5)),
    "bias": ((0.0, -0.0, 0.1), (-0.3, 0.6)),
    "tau_syn": ((0.0, 1e100), (0.05, 20.0)),
}
WEIGHTS = ((0.0, -0.0, 1.0, -1.0, 0.1, 1e100, -1e100, 5e-324), (-2.0, 2.0))
REFRACTORY = (0, 0, 0, 1, 2, 5, 2**31 - 1)
# Neurons without these features take a shorter way through the lane kernel.
PLAIN = {"v_leak": 0.0, "v_min": -np.inf, "tau_syn": 0.0, "refractory": 0, "reset": "to_value"}
DELAYS = (*range(1, 10), *range(1, 10), 63, 64, 65, 70)


def examples(count: int) -> settings:
    """Hypothesis settings; kernels that are not compiled get a fifth of the examples."""
    return settings(
        max_examples=count if JIT else count // 5,
        deadline=None,
        derandomize=True,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )


def _values(pool: tuple) -> st.SearchStrategy[float]:
    special, (low, high) = pool
    return st.sampled_from(special) | st.floats(low, high)


@st.composite
def _columns(draw, count: int) -> dict:
    def column(values):
        return draw(st.lists(values, min_size=count, max_size=count))

    table = {name: column(_values(pool)) for name, pool in VALUES.items()}
    table["refractory"] = column(st.sampled_from(REFRACTORY))
    table["reset"] = column(st.sampled_from(RESET_RULES))
    for j, plain in enumerate(column(st.booleans())):
        if plain:
            for name, value in PLAIN.items():
                table[name][j] = value
    return table


@st.composite
def _synapses(draw, count: int) -> list:
    if count == 0:
        return []
    index = st.integers(0, count - 1)
    rows = st.tuples(index, index, _values(WEIGHTS), st.sampled_from(DELAYS))
    return draw(st.lists(rows, max_size=3 * count, unique_by=lambda r: (r[0], r[1], r[3])))


@st.composite
def networks(draw, max_neurons: int = 12) -> Network:
    """Networks without encoder and readout, to be driven open loop."""
    count = draw(st.integers(0, max_neurons))
    columns = draw(_columns(count))
    columns["key"] = draw(
        st.lists(st.integers(0, 2**64 - 1), min_size=count, max_size=count, unique=True)
    )
    index = st.integers(0, max(count - 1, 0))
    ends = st.lists(index, max_size=min(count, 4), unique=True)
    return Network.build(
        columns, draw(_synapses(count)), inputs=draw(ends), outputs=draw(ends),
        dt=draw(st.sampled_from((1.0, 0.1, 3.0))),
    )  # fmt: skip


@st.composite
def inputs_for(draw, network: Network, max_ticks: int = 40) -> np.ndarray:
    """External input: a constant drive for some neurons and pulses here and there."""
    count = len(network.neurons)
    ticks = draw(st.integers(0, max_ticks))
    if count and network.synapses.delay.max(initial=1) > 9:
        ticks += 70
    ext = np.zeros((ticks, count))
    if ext.size:
        ext += draw(st.lists(st.sampled_from((0.0, 0.0, 0.3, -0.2)), min_size=count,
                             max_size=count))  # fmt: skip
        pulse = st.tuples(
            st.integers(0, ticks - 1),
            st.integers(0, count - 1),
            st.sampled_from((1.0, -0.0, 2.5)) | st.floats(-3.0, 3.0),
        )
        for tick, neuron, value in draw(st.lists(pulse, max_size=20)):
            ext[tick, neuron] = value
    return ext


@st.composite
def encoders(draw, observations: int):
    """Any encoder with random parameters, some of more than 64 ticks per decision."""

    def column(values):
        return draw(st.lists(values, min_size=observations, max_size=observations))

    kinds = (FlipFlop, Bins, Argyle, Rate, Latency, Current, Population)
    cls = draw(st.sampled_from(kinds))
    ticks = draw(st.integers(1, 30) | st.sampled_from((64, 65, 130)))
    given = {"scale": column(st.sampled_from((0.2, 1.0, 2.4)) | st.floats(1e-3, 10.0)),
             "ticks": ticks}  # fmt: skip
    if draw(st.booleans()):
        given["center"] = column(st.sampled_from((0.0, -0.0, 0.25, -1.0)) | st.floats(-2.0, 2.0))
    if not cls.graded:
        given["gain"] = draw(st.sampled_from((1.0, 0.4, -1.0, 0.0)))
    if cls in (FlipFlop, Bins, Argyle):
        given["period"] = draw(st.integers(1, min(ticks, 5)))
        most = (ticks - 1) // given["period"] + 1
        low, high = (2, most + 1) if cls is Argyle else (1, most)
        given["spikes"] = draw(st.integers(low, high))
    if cls in (Rate, Latency):
        given["signed"] = draw(st.booleans())
    if cls is Rate:
        given["peak"] = draw(st.sampled_from((0.0, 0.5, 1.0)) | st.floats(0.0, 1.0))
        given["seed"] = draw(st.sampled_from((0, 1, 2**53)) | st.integers(0, 2**53))
    if cls is Bins:
        given["bins"] = draw(st.integers(2, 4))
    if cls in (Argyle, Population):
        given["fields"] = draw(st.integers(2, 4))
    if cls is Population:
        given["width"] = draw(st.sampled_from((0.75, 1e-3, 1e3)) | st.floats(0.1, 2.0))
    return cls(**given)


@st.composite
def boxes(draw, most: int = 3) -> Box:
    """Continuous actions, some of one value only."""
    bound = st.sampled_from((0.0, -0.0, 1.0, -10.0)) | st.floats(-100.0, 100.0)
    pairs = draw(st.lists(st.tuples(bound, bound), min_size=1, max_size=most))
    return Box(tuple(min(p) for p in pairs), tuple(max(p) for p in pairs))


# A number of choices, several choices, or continuous values.
any_actions = st.integers(1, 5) | st.lists(st.integers(1, 4), min_size=1, max_size=3).map(tuple)
any_actions |= boxes()


def suits(cls: type[Readout], actions: Actions) -> bool:
    """Whether a kind of readout can take such actions."""
    try:
        cls(**cls.for_actions(actions)).outputs(actions)
    except InputError:
        return False
    return True


@st.composite
def readouts(draw, actions: Actions, kind: type[Readout] | None = None):
    """Any readout that suits the actions, with random parameters."""
    cls = kind or draw(st.sampled_from([c for c in READOUTS.values() if suits(c, actions)]))
    given = cls.for_actions(actions)
    tau = st.sampled_from((1e-9, 10.0, 1e9)) | st.floats(0.5, 100.0)
    if cls is HighestPotential:
        given["tau"] = draw(tau)
    if cls in (SpikeRate, Potential):
        given["gain"] = draw(st.sampled_from((0.1, 1.0, -0.5, 0.0, 1e9)) | st.floats(-3.0, 3.0))
    if cls is SpikeRate:
        given["pairs"] = draw(st.booleans())
    if cls is Potential:
        given["traces"] = draw(st.lists(tau, min_size=1, max_size=3))
    return cls(**given)


@st.composite
def controllers(draw, observations: int = 4, actions: Actions = 2) -> Network:
    """Whole controllers: some neurons are input and output at once, ends are in any order.

    The outputs of some are such as the readout wants them (which may be silent), of others not.
    """
    encoder, readout = draw(encoders(observations)), draw(readouts(actions))
    ends, read = 0 if encoder.graded else encoder.channels, readout.outputs(actions)
    count = draw(st.integers(max(ends, read), max(ends, read) + 6))
    order = draw(st.permutations(range(count)))
    outputs = draw(st.permutations(range(count)))[:read]
    columns = draw(_columns(count))
    if draw(st.booleans()):
        for name, values in readout.neurons(read).items():
            for j, value in zip(outputs, values.tolist(), strict=True):
                columns[name][j] = value
    input_synapses = []
    if encoder.graded:
        rows = st.tuples(
            st.integers(0, encoder.channels - 1), st.integers(0, count - 1), _values(WEIGHTS)
        )
        input_synapses = draw(
            st.lists(rows, min_size=1, max_size=2 * count, unique_by=lambda r: r[:2])
        )
    return Network.build(
        columns, draw(_synapses(count)), input_synapses=input_synapses,
        inputs=order[:ends], outputs=outputs, encoder=encoder, readout=readout,
    )  # fmt: skip


def _random_values(rng: np.random.Generator, pool: tuple, count: int) -> np.ndarray:
    special, (low, high) = pool
    return np.where(
        rng.random(count) < 0.3, rng.choice(special, count), rng.uniform(low, high, count)
    )


def random_columns(rng: np.random.Generator, count: int, share_plain: float = 0.4) -> dict:
    """Neurons with every edge of the table above."""
    plain = rng.random(count) < share_plain
    columns = {name: _random_values(rng, pool, count) for name, pool in VALUES.items()}
    columns["refractory"] = rng.choice(REFRACTORY, count)
    columns["reset"] = rng.choice(RESET_RULES, count)
    for name, value in PLAIN.items():
        columns[name][plain] = value
    columns["key"] = rng.integers(0, 2**64, count, dtype=np.uint64)
    return columns


def random_synapses(rng: np.random.Generator, count: int) -> list:
    """Up to three synapses per neuron."""
    total = int(rng.integers(0, 3 * count + 1))
    weight = _random_values(rng, WEIGHTS, total)
    ends = rng.integers(0, max(count, 1), (total, 2)).tolist()
    delay = rng.choice(DELAYS, total).tolist()
    rows = {(a, b, d): w for (a, b), d, w in zip(ends, delay, weight.tolist(), strict=True)}
    return [(a, b, w, d) for (a, b, d), w in rows.items()]


def random_network(
    rng: np.random.Generator, max_neurons: int = 12, share_plain: float = 0.4
) -> Network:
    """One of many: the bulk counterpart of `networks`."""
    count = int(rng.integers(0, max_neurons + 1))
    return Network.build(random_columns(rng, count, share_plain), random_synapses(rng, count))


def random_controller(
    rng: np.random.Generator, encoder: Encoder, readout: Readout, outputs: int, hidden: int = 4
) -> Network:
    """A controller with given ends: inputs, then outputs as the readout wants them, then others.

    Moderate weights and thresholds, so that most neurons spike, and not at every tick.
    """
    ends = 0 if encoder.graded else encoder.channels
    count = ends + outputs + hidden
    columns = random_columns(rng, count, share_plain=float(rng.integers(0, 2)))
    columns["v_threshold"] = rng.uniform(0.3, 1.2, count)
    columns["refractory"] = np.minimum(columns["refractory"], 5)
    for name, values in readout.neurons(outputs).items():
        columns[name][ends : ends + outputs] = values
    index = np.arange(ends, count)
    rows = [(c, int(j), rng.normal(0.3, 0.5)) for c in range(encoder.channels) for j in index]
    pairs = [(int(a), int(b)) for a in range(count) for b in index if rng.random() < 0.4]
    synapses = [(a, b, rng.normal(0.2, 0.6), int(rng.choice(DELAYS))) for a, b in pairs]
    return Network.build(
        columns, synapses, input_synapses=rows if encoder.graded else [], inputs=range(ends),
        outputs=range(ends, ends + outputs), encoder=encoder, readout=readout,
    )  # fmt: skip


def random_copies(
    rng: np.random.Generator, network: Network, count: int, own_thresholds: bool = True
) -> Copies:
    """Copies with different weights and thresholds; some synapses and neurons are dead."""

    def spread(values):
        struck = values * rng.normal(1.0, 0.5, (count, len(values)))
        return np.where(rng.random(struck.shape) < 0.1, 0.0, struck)

    threshold = np.repeat(network.neurons.v_threshold[None, :], count, axis=0)
    threshold += rng.choice((0.0, 0.1, -0.2), threshold.shape)
    threshold[rng.random(threshold.shape) < 0.05] = np.inf
    copies = golden_copies(network, count)._replace(
        weight=spread(network.synapses.weight), in_weight=spread(network.input_synapses.weight)
    )
    if not own_thresholds:
        return copies
    copy, neuron = np.nonzero(threshold != network.neurons.v_threshold)
    slot = Slots(network).at("v_threshold")[neuron]
    return with_edits(copies, copy, slot * 0, slot, threshold[copy, neuron])


def random_edits(
    rng: np.random.Generator, network: Network, copies: Copies, ticks: int, most: int = 12
) -> Copies:
    """The copies with edits of any slot at any of the first `ticks` ticks."""
    slots = Slots(network)
    made = []
    most = most if len(network.neurons) else 1
    for f in np.repeat(np.arange(len(copies.weight)), rng.integers(most, size=len(copies.weight))):
        name = rng.choice([n for n in NAMES if slots.count[n]])
        values = {
            "held": (0.0, 1.0, 3.0, np.inf), "refractory": (0.0, 2.0), "al": (0.0, 0.5, 1.0),
            "be": (0.0, 0.5), "subtract": (0.0, 1.0), "v_threshold": (0.3, np.inf),
            "v_min": (-np.inf, -0.5), "gain": (0.0, 1.0),
        }.get(name, (0.0, -0.7, 0.4, 1.0))  # fmt: skip
        made.append((f, rng.integers(ticks), rng.choice(slots.at(name)), rng.choice(values)))
    return with_edits(copies, *zip(*made, strict=True)) if made else copies


def edits_of(copies: Copies, f: int) -> list[tuple[int, int, float]]:
    """Edits of copy `f`, for the twin."""
    part = slice(copies.first[f], copies.first[f + 1])
    arrays = (copies.tick, copies.slot, copies.value)
    return list(zip(*(array[part].tolist() for array in arrays), strict=True))


def weighed(network: Network, copies: Copies, f: int) -> Network:
    """The network with the weights of copy `f`."""
    return replace(
        network,
        synapses=replace(network.synapses, weight=copies.weight[f]),
        input_synapses=replace(network.input_synapses, weight=copies.in_weight[f]),
    )


def copy_as_network(network: Network, copies: Copies, f: int) -> Network:
    """Copy `f`, of which no more than weights and thresholds is edited, as a network of its own."""
    begin, threshold = Slots(network).begin["v_threshold"], network.neurons.v_threshold.copy()
    for tick, slot, value in edits_of(copies, f):
        assert tick == 0
        threshold[slot - begin] = value
    network = weighed(network, copies, f)
    return replace(network, neurons=replace(network.neurons, v_threshold=threshold))


def same_bits(a: np.ndarray, b: np.ndarray) -> bool:
    """Whether two float arrays are the same down to the sign of zero."""
    return a.shape == b.shape and bool((a.view(np.int64) == b.view(np.int64)).all())
