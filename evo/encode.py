"""Encoding: the genome of a network, so that evolution can begin with networks there are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, replace
from itertools import repeat
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evo.genome import Genome, decode
from evo.hardware import Range
from evo.mirror import twin_keys, twins_of
from evo.space import SearchSpace
from neuro import Network
from neuro.columns import RESET_RULES
from neuro.errors import wrong
from neuro.hashing import hash_text, hash_words
from neuro.specs import to_table


def encode(network: Network, space: SearchSpace, /) -> Genome:
    """Make the genome of a network: the inverse of `evo.decode`.

    Hidden neurons keep their keys if inputs and outputs have the keys that evolution gives them.
    In a network made elsewhere a hidden neuron with the key k gets
    ``hash_words(hash_text("given"), k)``. The order of neurons becomes that of genomes, and the
    task becomes that of the search space.

    In a mirrored space the network must be its own mirror image, and the key of every hidden
    neuron the hash of its twin's, or the other way round (`evo.mirror.twin_keys`).

    Raises
    ------
    InputError
        The network is none of those in the space; names what does not fit.

    Examples
    --------
    >>> from evo import SearchSpace
    >>> from neuro import FlipFlop, Network, WinnerTakesAll
    >>> encoder, readout = FlipFlop([1.0]), WinnerTakesAll()
    >>> network = Network.build(4, [(0, 2, 0.5, 1), (1, 3, -0.5, 9)], inputs=[0, 1],
    ...                         outputs=[2, 3], encoder=encoder, readout=readout)
    >>> encode(network, SearchSpace(encoder, readout, outputs=2, delay_limit=9)).weight
    array([ 0.5, -0.5])
    >>> encode(network, SearchSpace(encoder, readout, outputs=2))
    Traceback (most recent call last):
    neuro.errors.InputError: synapses.delay[1]: expected a whole number from 1 to 8, got 9
    """
    _check_wiring(network, space)
    _check_genes(network, space)
    _check_hardware(network, space)
    key, n, s, i = _keys(network, space), network.neurons, network.synapses, network.input_synapses
    fixed = np.concatenate([network.inputs, network.outputs])
    hidden = np.setdiff1d(np.arange(len(key)), fixed)
    order = np.concatenate([fixed, hidden[np.argsort(key[hidden])]])
    none = np.empty(0, dtype=np.uint64)
    genome = Genome(
        key[order], n.tau_mem[order], n.v_threshold[order],
        none, none, np.empty(0), np.empty(0, dtype=np.int64),
    ).with_synapses([
        *zip(key[s.pre], key[s.post], s.weight, s.delay, strict=True),
        *zip(space.channel_keys[i.channel], key[i.post], i.weight, repeat(space.delays[0])),
    ])  # fmt: skip
    if space.symmetry is not None:
        names = {k: f"neuron {j}" for j, k in enumerate(key.tolist())}
        names |= {k: f"channel {c}" for c, k in enumerate(space.channel_keys.tolist())}
        genome = _fold(genome, space, names)
    for what, count, limit in (
        ("hidden neurons", len(genome.key) - space.fixed, "hidden_limit"),
        ("synapses", len(genome.pre), "synapse_limit"),
    ):
        if count > getattr(space, limit):
            raise wrong(what, f"at most {getattr(space, limit)} ({limit})", count)
    genome = _with_possible_outputs(genome, space)
    _check_columns(network, order, decode(genome, space), space)
    return genome


def _check_wiring(network: Network, space: SearchSpace) -> None:
    for name in ("encoder", "readout"):
        given, wanted = getattr(network, name), getattr(space, name)
        if given is None:
            raise wrong(name, wanted.name, "none")
        table = to_table(given)
        for parameter, value in to_table(wanted).items():
            if table[parameter] != value:
                expected = f"{value}, as in the search space"
                raise wrong(f"{name}.{parameter}", expected, table[parameter])
    if network.dt != space.dt:
        raise wrong("dt", f"{space.dt:g}, as in the search space", network.dt)
    for name, count in (("inputs", len(space.input_keys)), ("outputs", space.outputs)):
        if len(getattr(network, name)) != count:
            raise wrong(name, f"{count} neurons", len(getattr(network, name)))
    both = np.isin(network.outputs, network.inputs)
    if both.any():
        first = int(np.argmax(both))
        raise wrong(f"outputs[{first}]", "a neuron that is no input", int(network.outputs[first]))


def _check_genes(network: Network, space: SearchSpace) -> None:
    """Check the values that evolution may choose, and which synapses there are."""
    n, s, i = network.neurons, network.synapses, network.input_synapses
    for table in ("synapses", "input_synapses"):
        weight = getattr(network, table).weight
        held = space.weights.nearest(weight) == weight
        _check(f"{table}.weight", weight, held, _values(space.weights))
    low, high = space.delays
    held = (low <= s.delay) & (s.delay <= high)
    _check("synapses.delay", s.delay, held, f"a whole number from {low} to {high}")
    held = _dictated(network, space, "v_threshold")
    held |= space.thresholds.nearest(n.v_threshold) == n.v_threshold
    _check("neurons.v_threshold", n.v_threshold, held, _values(space.thresholds))
    held, leaks = _dictated(network, space, "tau_mem"), space.hardware.leaks
    if leaks is not None:
        _check("neurons.tau_mem", n.tau_mem, held | np.isin(n.tau_mem, leaks),
               f"one of {', '.join(f'{tau:g}' for tau in leaks)}")  # fmt: skip
    else:
        held |= (space.tau_low <= n.tau_mem) & (n.tau_mem <= space.tau_high)
        _check("neurons.tau_mem", n.tau_mem, held | np.isinf(n.tau_mem),
               f"a number from {space.tau_low:g} to {space.tau_high:g} or inf")  # fmt: skip
    again = np.flatnonzero((s.pre[1:] == s.pre[:-1]) & (s.post[1:] == s.post[:-1]))
    if again.size:
        e = int(again[0]) + 1
        raise wrong(f"synapses[{e}]", "one synapse from a neuron to another",
                    f"a second one from {s.pre[e]} to {s.post[e]}")  # fmt: skip
    if space.silent:
        never = f"none, as outputs never spike with the readout {space.readout.name}"
        for e in np.flatnonzero(np.isin(s.pre, network.outputs))[:1]:
            raise wrong(f"synapses[{e}]", never, f"one from the output {s.pre[e]}")
        for e in np.flatnonzero(np.isin(i.post, network.outputs))[:1]:
            raise wrong(f"input_synapses[{e}]", "none onto an output that only integrates spikes",
                        f"one onto {i.post[e]}")  # fmt: skip


def _check_hardware(network: Network, space: SearchSpace) -> None:
    """Check what concerns all synapses of a neuron together."""
    chip, s, count = space.hardware, network.synapses, len(network.neurons)
    heard = np.bincount(np.concatenate([s.post, network.input_synapses.post]), minlength=count)
    sent = np.bincount(s.pre, minlength=count)
    for name, found in (("fan_in", heard), ("fan_out", sent)):
        limit = getattr(chip, name)
        if limit is not None and found.max() > limit:
            j = int(np.argmax(found))
            raise wrong(
                f"hardware.{name}", f"at most {limit} synapses", f"{found[j]} of neuron {j}"
            )
    if chip.signs == "dale":
        both = np.intersect1d(s.pre[s.weight > 0.0], s.pre[s.weight < 0.0])
        if both.size:
            raise wrong("hardware.signs", "weights of one sign from each neuron",
                        f"both from neuron {both[0]}")  # fmt: skip


def _check(where: str, values: NDArray[Any], held: NDArray[np.bool_], expected: str) -> None:
    if not held.all():
        first = int(np.argmin(held))
        raise wrong(f"{where}[{first}]", expected, values[first].item())


def _values(allowed: Range) -> str:
    text = f"a number from {allowed.low:g} to {allowed.high:g}"
    return f"{text}, a multiple of {allowed.step:g}" if allowed.step else text


def _dictated(network: Network, space: SearchSpace, column: str) -> NDArray[np.bool_]:
    """Which neurons have a value that the readout dictates."""
    dictated = np.zeros(len(network.neurons), dtype=bool)
    dictated[network.outputs] = column in space.output_columns
    return dictated


def _keys(network: Network, space: SearchSpace) -> NDArray[np.uint64]:
    """Keys of the neurons as genes: those there are, or hashes of them; see `encode`."""
    known = np.concatenate([space.input_keys, space.output_keys])
    key, fixed = network.neurons.key.copy(), np.concatenate([network.inputs, network.outputs])
    given = not np.array_equal(key[fixed], known)
    if given or np.isin(np.delete(key, fixed), [*known, *space.channel_keys]).any():
        key = hash_words(hash_text("given"), key)
    key[fixed] = known
    return key


def _fold(whole: Genome, space: SearchSpace, names: Mapping[int, str]) -> Genome:
    """Return the half of a genome that `evo.mirror.unfold` makes the whole of.

    Parameters
    ----------
    names : mapping of int to str
        What to call the bearers of keys in complaints.
    """
    hidden = whole.key[space.fixed :]
    others = np.isin(hidden, twin_keys(hidden))
    own, images = hidden[~others], twin_keys(hidden[~others])
    paired = np.isin(hidden, np.concatenate([own[np.isin(images, hidden)], images]))
    if not paired.all():
        name = names[int(hidden[np.argmin(paired)])]
        raise wrong("hidden neurons", "a twin of each, with its key hashed", f"none of {name}")
    keep = np.concatenate([np.ones(space.fixed, dtype=bool), ~others])
    half = replace(
        whole, key=whole.key[keep], tau_mem=whole.tau_mem[keep],
        v_threshold=whole.v_threshold[keep],
    )  # fmt: skip
    twins = twins_of(half, space)
    first = {*own.tolist(), *whole.key[space.own].tolist()}
    columns = (whole.pre, whole.post, whole.weight, whole.delay)
    genes = {(a, b): gene for a, b, *gene in zip(*(c.tolist() for c in columns), strict=True)}
    kept = []
    for (pre, post), (weight, delay) in genes.items():
        image = [-weight if (pre in space.odd) != (post in space.odd) else weight, delay]
        there = genes.get((twins[pre], twins[post]))
        if there != image:
            raise wrong(
                f"synapses from {names[twins[pre]]} to {names[twins[post]]}",
                f"one of weight {image[0]:g} and delay {delay}, the mirror image of that from "
                f"{names[pre]} to {names[post]}",
                "none" if there is None else f"weight {there[0]:g} and delay {there[1]}",
            )
        # Of two images the one that operators could have made.
        if twins[post] != post:
            kept.append(post in first)
        elif pre in space.twins:
            kept.append(space.allows(np.uint64(pre), np.uint64(post)))
        else:
            kept.append(pre in first)
    return half.keep_synapses(np.array(kept, dtype=bool))


def _with_possible_outputs(genome: Genome, space: SearchSpace) -> Genome:
    """Put values that evolution may choose in the place of those that the readout dictates."""
    tau, threshold = genome.tau_mem.copy(), genome.v_threshold.copy()
    outputs = slice(len(space.input_keys), space.fixed)
    if "tau_mem" in space.output_columns:
        tau[outputs] = np.clip(tau[outputs], space.tau_low, space.tau_high)
    if "v_threshold" in space.output_columns:
        threshold[outputs] = space.thresholds.nearest(threshold[outputs])
    return space.hardware.conform(replace(genome, tau_mem=tau, v_threshold=threshold), space)


def _check_columns(
    network: Network, order: NDArray[np.int64], decoded: Network, space: SearchSpace
) -> None:
    """Check what evolution does not choose: it must be as in the network that the genome makes."""
    for f in fields(network.neurons):
        given, made = getattr(network.neurons, f.name)[order], getattr(decoded.neurons, f.name)
        if f.name == "key" or np.array_equal(given, made):
            continue
        j = int(np.argmax(given != made))
        got, expected = given[j].item(), made[j].item()
        if f.name == "reset":
            got, expected = RESET_RULES[got], RESET_RULES[expected]
        if _dictated(network, space, f.name)[order[j]]:
            why = f"for the readout {space.readout.name}"
        elif f.name in ("tau_mem", "v_threshold"):
            why = "as its mirror image"
        else:
            why = "as in the search space"
        raise wrong(f"neurons.{f.name}[{order[j]}]", f"{expected}, {why}", got)
