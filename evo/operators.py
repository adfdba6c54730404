"""Variation: first genomes, mutations and crossover; pure functions with an explicit generator.

A mutation takes (genome, space, rng) and returns a new genome, or None where it does not apply.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from evo.genome import Genome, split_key, tunable
from evo.mirror import twin_keys
from evo.space import SearchSpace
from neuro.hashing import hash_text, hash_words

Mutation = Callable[[Genome, SearchSpace, Generator], Genome | None]


def random_genome(space: SearchSpace, rng: Generator, /) -> Genome:
    """Make a sparse random network with few hidden neurons; every target hears something."""
    sources = np.concatenate([space.channel_keys, space.input_keys])
    direct = not (space.silent and space.encoder.graded)
    hidden = {
        np.uint64(hash_words(hash_text("split"), sources[-1], post, rank)): post
        for post in space.targets
        for rank in range(max(space.first_hidden, int(not direct)))
    }
    key = np.concatenate(
        [space.input_keys, space.output_keys, np.array(sorted(hidden), dtype=np.uint64)]
    )
    tau = _random_tau(space, rng, len(key))
    threshold = space.thresholds.draw(rng, len(key))
    if space.first_tau:
        tau = np.full(len(key), float(space.first_tau))
    if space.first_threshold:
        threshold = np.full(len(key), float(space.first_threshold))
    genome = Genome(
        key,
        tau,
        threshold,
        np.empty(0, dtype=np.uint64),
        np.empty(0, dtype=np.uint64),
        np.empty(0),
        np.empty(0, dtype=np.int64),
    )
    rows = []
    for post in [*(space.targets if direct else ()), *hidden]:
        heard = np.array([pre for pre in sources if space.allows(pre, post)], dtype=np.uint64)
        if not len(heard):
            continue
        chosen = rng.random(len(heard)) < space.density
        chosen[rng.integers(len(heard))] = True
        rows += [(pre, post, *_first_synapse(space, pre, rng)) for pre in heard[chosen]]
    for pre, post in hidden.items():  # each has a target of its own, others by chance
        chosen = (rng.random(len(space.targets)) < space.density) | (space.targets == post)
        rows += [(pre, to, *_first_synapse(space, pre, rng)) for to in space.targets[chosen]]
    if len(rows) > space.synapse_limit:
        kept = rng.choice(len(rows), space.synapse_limit, replace=False)
        rows = [rows[i] for i in sorted(kept)]
    wires = space.hardware.wires(genome, space)
    if wires is not None:  # in random order: no neuron is preferred
        rows = [rows[i] for i in rng.permutation(len(rows)) if wires.admit(*rows[i][:2])]
    return space.hardware.conform(genome.with_synapses(rows), space)


def add_synapse(genome: Genome, space: SearchSpace, rng: Generator, /) -> Genome | None:
    """Connect two neurons, or a channel and a neuron, that are not connected yet."""
    if len(genome.pre) >= space.synapse_limit:
        return None
    hidden = genome.key[space.fixed :]
    twins = twin_keys(hidden) if space.symmetry is not None else hidden[:0]
    sources = np.concatenate([space.channel_keys, genome.key, twins])
    targets = np.concatenate([space.targets, hidden])
    wires = space.hardware.wires(genome, space)
    for _ in range(10):
        pre, post = rng.choice(sources), rng.choice(targets)
        # What a twin sends to an output that is its own twin, the original's image sends already.
        double = space.twins.get(int(post)) == int(post) and pre in twins
        if not space.allows(pre, post) or double or genome.has(pre, post):
            continue
        if wires is None or wires.admit(pre, post):
            return genome.with_synapses([(pre, post, *_random_synapse(space, rng))])
    return None


def delete_synapse(genome: Genome, space: SearchSpace, rng: Generator, /) -> Genome | None:
    """Remove one synapse."""
    if not len(genome.pre):
        return None
    keep = np.ones(len(genome.pre), dtype=bool)
    keep[rng.integers(len(keep))] = False
    return genome.keep_synapses(keep)


def split_synapse(genome: Genome, space: SearchSpace, rng: Generator, /) -> Genome | None:
    """Put a hidden neuron into a synapse.

    As far as the weight limit allows, the neuron fires at every spike it receives; the second
    half keeps the weight and the delays add up to the old one where it was at least 2. The
    network then does the same as before, and the new neuron is a place to start from.
    """
    hidden = len(genome.key) - space.fixed
    if (
        not len(genome.pre)
        or hidden >= space.hidden_limit
        or len(genome.pre) >= space.synapse_limit
    ):
        return None
    e = int(rng.integers(len(genome.pre)))
    pre, post, weight, delay = genome.pre[e], genome.post[e], genome.weight[e], genome.delay[e]
    key = split_key(pre, post, genome)
    low = space.delays[0]
    first = int(rng.integers(low, delay - low + 1)) if delay >= 2 * low else low
    second = max(low, int(delay) - first)
    threshold = float(space.thresholds.nearest(min(1.0, space.weights.high)))
    keep = np.arange(len(genome.pre)) != e
    grown = genome.keep_synapses(keep).with_neuron(
        key, float(_random_tau(space, rng, 1)[0]), threshold, space.fixed
    )
    wires = space.hardware.wires(grown, space)
    if wires is not None and not (wires.admit(pre, key) and wires.admit(key, post)):
        return None
    # From the lowest potential it can have when a spike arrives.
    into = space.weights.at_least(threshold - min(space.v_reset, space.v_leak, 0.0))
    return grown.with_synapses([(pre, key, into, first), (key, post, weight, second)])


def delete_neuron(genome: Genome, space: SearchSpace, rng: Generator, /) -> Genome | None:
    """Remove a hidden neuron with all its synapses."""
    hidden = len(genome.key) - space.fixed
    if hidden == 0:
        return None
    j = space.fixed + int(rng.integers(hidden))
    key = genome.key[j]
    keep = np.arange(len(genome.key)) != j
    gone = (genome.pre == key) | (genome.post == key)
    if space.symmetry is not None:
        gone |= genome.pre == twin_keys(key)
    smaller = genome.keep_synapses(~gone)
    return replace(
        smaller,
        key=genome.key[keep],
        tau_mem=genome.tau_mem[keep],
        v_threshold=genome.v_threshold[keep],
    )


def perturb_weights(genome: Genome, space: SearchSpace, rng: Generator, /) -> Genome | None:
    """Add normal noise to about half of the weights, with a step size drawn over decades."""
    if not len(genome.pre):
        return None
    chosen = rng.random(len(genome.pre)) < 0.5
    chosen[rng.integers(len(chosen))] = True
    sigma = space.weights.reach * 10.0 ** rng.uniform(-2.5, -0.3)
    noise = np.where(chosen, rng.normal(0.0, sigma, len(chosen)), 0.0)
    return replace(genome, weight=space.weights.moved(genome.weight, noise))


def replace_weight(genome: Genome, space: SearchSpace, rng: Generator, /) -> Genome | None:
    """Draw one weight anew."""
    if not len(genome.pre):
        return None
    weight = genome.weight.copy()
    weight[rng.integers(len(weight))] = space.weights.draw(rng)
    return replace(genome, weight=weight)


def change_delay(genome: Genome, space: SearchSpace, rng: Generator, /) -> Genome | None:
    """Draw the delay of one synapse between neurons anew."""
    between = np.flatnonzero(~np.isin(genome.pre, space.channel_keys))
    low, high = space.delays
    if not between.size or low == high:
        return None
    delay = genome.delay.copy()
    delay[rng.choice(between)] = rng.integers(low, high + 1)
    return replace(genome, delay=delay)


def perturb_threshold(genome: Genome, space: SearchSpace, rng: Generator, /) -> Genome | None:
    """Add normal noise to one threshold, with a step size drawn over decades."""
    threshold = genome.v_threshold.copy()
    j = _spiking(genome, space, rng)
    if j is None:
        return None
    span = space.thresholds.high - space.thresholds.low
    step = rng.normal(0.0, span * 10.0 ** rng.uniform(-2.0, 0.0))
    threshold[j] = space.thresholds.moved(threshold[j], step)
    return replace(genome, v_threshold=threshold)


def perturb_tau(genome: Genome, space: SearchSpace, rng: Generator, /) -> Genome | None:
    """Stretch or shrink one membrane time constant; beyond the range it becomes infinite.

    Where the hardware has a few only, another one takes its place.
    """
    tau = genome.tau_mem.copy()
    j = _spiking(genome, space, rng)
    if j is None:
        return None
    if space.hardware.leaks is not None:
        others = [leak for leak in space.hardware.leaks if leak != tau[j]]
        tau[j] = rng.choice(others) if others else tau[j]
    elif np.isinf(tau[j]):
        tau[j] = _random_tau(space, rng, 1)[0]
    else:
        stretched = max(tau[j] * np.exp(rng.normal(0.0, 0.5)), space.tau_low)
        tau[j] = stretched if stretched <= space.tau_high else np.inf
    return replace(genome, tau_mem=tau)


MUTATIONS: Mapping[str, tuple[Mutation, float]] = {
    "add_synapse": (add_synapse, 0.15),
    "delete_synapse": (delete_synapse, 0.15),
    "split_synapse": (split_synapse, 0.05),
    "delete_neuron": (delete_neuron, 0.05),
    "perturb_weights": (perturb_weights, 0.35),
    "replace_weight": (replace_weight, 0.05),
    "change_delay": (change_delay, 0.05),
    "perturb_threshold": (perturb_threshold, 0.1),
    "perturb_tau": (perturb_tau, 0.05),
}
"""Mutations by name, with the default relative frequency."""


def mutate(
    genome: Genome, space: SearchSpace, rng: Generator, rates: Mapping[str, float], /
) -> Genome:
    """Apply one mutation, and another with probability one half, and so on up to five.

    Parameters
    ----------
    rates : mapping of str to float
        Relative frequency of each mutation in `MUTATIONS`; left-out ones do not happen.
    """
    return mutate_and_tell(genome, space, rng, rates)[0]


def mutate_and_tell(
    genome: Genome, space: SearchSpace, rng: Generator, rates: Mapping[str, float], /
) -> tuple[Genome, tuple[str, ...]]:
    """Do as `mutate` does, and tell which mutations had an effect."""
    names = _useful(rates, space)
    share = np.array([rates[name] for name in names], dtype=float)
    share /= share.sum()
    count = min(5, int(rng.geometric(0.5)))
    done = []
    for name in rng.choice(len(names), size=count, p=share):
        changed = MUTATIONS[names[name]][0](genome, space, rng)
        if changed is not None:
            genome = changed
            done.append(names[name])
    return space.hardware.conform(genome, space), tuple(done)


def mate(
    a: Genome, b: Genome, space: SearchSpace, rng: Generator, /, *, join: float = 0.1
) -> Genome:
    """Cross two genomes, aligned by their structural keys.

    The child has the structure of `a`. Each gene that both have comes from either with equal
    probability; each synapse that only `b` has is added with probability `join` where the child
    has its neurons.
    """
    tau, threshold = a.tau_mem.copy(), a.v_threshold.copy()
    in_a, in_b = _matches(a.key, b.key)
    swap = rng.random(len(in_a)) < 0.5
    tau[in_a[swap]] = b.tau_mem[in_b[swap]]
    threshold[in_a[swap]] = b.v_threshold[in_b[swap]]

    weight, delay = a.weight.copy(), a.delay.copy()
    pairs_a = {pair: e for e, pair in enumerate(zip(a.pre.tolist(), a.post.tolist(), strict=True))}
    ends = {*a.key.tolist(), *space.channel_keys.tolist()}
    if space.symmetry is not None:
        ends |= set(twin_keys(a.key[space.fixed :]).tolist())
    rows = []
    chance = rng.random(len(b.pre))
    for e, pair in enumerate(zip(b.pre.tolist(), b.post.tolist(), strict=True)):
        if pair in pairs_a:
            if chance[e] < 0.5:
                weight[pairs_a[pair]] = b.weight[e]
                delay[pairs_a[pair]] = b.delay[e]
        elif chance[e] < join and pair[0] in ends and pair[1] in ends:
            rows.append((*pair, b.weight[e], b.delay[e]))
    child = replace(a, tau_mem=tau, v_threshold=threshold, weight=weight, delay=delay)
    room = max(0, space.synapse_limit - len(a.pre))
    wires = space.hardware.wires(child, space)
    if wires is not None:
        rows = [row for row in rows if wires.admit(*row[:2])]
    return space.hardware.conform(child.with_synapses(rows[:room]) if rows else child, space)


def _useful(rates: Mapping[str, float], space: SearchSpace) -> list[str]:
    """Leave out mutations of genes that the hardware has one value for."""
    names = list(rates)
    if space.hardware.free:
        return names
    weights = space.weights.single
    single = {
        "perturb_weights": weights,
        "replace_weight": weights,
        "change_delay": space.delays[0] == space.delays[1],
        "perturb_threshold": space.thresholds.single,
        "perturb_tau": space.hardware.leaks is not None and len(space.hardware.leaks) == 1,
    }
    useful = [name for name in names if not single.get(name, False) and rates[name] > 0.0]
    return useful or names


def _matches(
    a: NDArray[np.uint64], b: NDArray[np.uint64]
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    _, in_a, in_b = np.intersect1d(a, b, assume_unique=True, return_indices=True)
    return in_a, in_b


def _spiking(genome: Genome, space: SearchSpace, rng: Generator) -> int | None:
    """Pick a neuron whose time constant and threshold are genes that count, if there is one."""
    neurons = tunable(genome, space)
    return int(neurons[rng.integers(len(neurons))]) if len(neurons) else None


def _random_tau(space: SearchSpace, rng: Generator, count: int) -> NDArray[np.float64]:
    """Time constants, uniform in their logarithm, or of those that the hardware has."""
    if space.hardware.leaks is not None:
        return rng.choice(space.hardware.leaks, count)
    tau = np.exp(rng.uniform(np.log(space.tau_low), np.log(space.tau_high), count))
    return np.clip(tau, space.tau_low, space.tau_high)  # exp(log(x)) may miss x


def _random_synapse(space: SearchSpace, rng: Generator) -> tuple[float, int]:
    """Weight and delay."""
    low, high = space.delays
    return float(space.weights.draw(rng)), int(rng.integers(low, high + 1))


def _first_synapse(space: SearchSpace, pre: np.uint64, rng: Generator) -> tuple[float, int]:
    """Weight and delay in a first network."""
    weight, delay = _random_synapse(space, rng)
    if space.first_weight:
        weight = float(np.clip(rng.normal(0.0, space.first_weight), -space.weight_limit,
                               space.weight_limit))  # fmt: skip
    if space.first_bias and pre in space.constant_keys:
        weight = space.first_bias
    return weight, delay
