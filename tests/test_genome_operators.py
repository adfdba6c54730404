"""Genomes stay well formed under every operator, and operators depend on their arguments alone."""

from collections import Counter
from dataclasses import fields, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evo import MUTATIONS, Genome, SearchSpace, decode, operators
from evo.genome import split_key
from evo.operators import mate, mutate, random_genome, split_synapse
from neuro import (
    Current,
    FlipFlop,
    HighestPotential,
    InputError,
    Network,
    Potential,
    WinnerTakesAll,
    prune,
    simulate,
)

RATES = {name: rate for name, (_, rate) in MUTATIONS.items()}
# More growth than by default: genomes with something to mutate.
GROWTH = {**RATES, "add_synapse": 0.3, "split_synapse": 0.2, "delete_synapse": 0.1}
FLIP_FLOP, CURRENT = FlipFlop(scale=(1.0, 2.0)), Current(scale=(1.0, 2.0, 3.0))
DTYPES = {
    "key": np.uint64, "tau_mem": np.float64, "v_threshold": np.float64, "pre": np.uint64,
    "post": np.uint64, "weight": np.float64, "delay": np.int64,
}  # fmt: skip


def space_of(encoder=FLIP_FLOP, **ranges):
    return SearchSpace(encoder, WinnerTakesAll(), outputs=2, task="a task", **ranges)


SPACES = {
    "flip-flop": space_of(),
    "current": space_of(CURRENT),
    "three outputs, long delays": SearchSpace(
        FLIP_FLOP, WinnerTakesAll(), outputs=3, delay_limit=100, density=1.0
    ),
    "narrow": space_of(
        weight_limit=0.25, threshold_low=0.3, threshold_high=0.4, tau_low=5.0, tau_high=6.0,
        hidden_limit=2, synapse_limit=9, density=0.0, refractory=3, reset="subtract",
    ),
    "narrow, current": space_of(
        CURRENT, delay_limit=1, hidden_limit=1, synapse_limit=10, threshold_low=1.5
    ),
    "no hidden": space_of(CURRENT, hidden_limit=0, v_min=-1.0),
    "a point": space_of(
        threshold_low=1.0, threshold_high=1.0, tau_low=10.0, tau_high=10.0, delay_limit=1
    ),
    "hidden to begin with": space_of(first_hidden=2),
    "silent outputs": SearchSpace(FLIP_FLOP, HighestPotential(tau=7.0), outputs=2),
    "silent outputs, current": SearchSpace(CURRENT, HighestPotential(), outputs=3),
    "traces, current": SearchSpace(
        CURRENT, Potential([-1.0], [1.0], traces=[5.0, 500.0]), outputs=2, first_hidden=3,
        hidden_limit=9, density=0.8,
    ),
}  # fmt: skip
SILENT = [name for name, space in SPACES.items() if space.silent]

seeds = st.integers(0, 2**32 - 1)
spaces = st.sampled_from(sorted(SPACES)).map(SPACES.__getitem__)
names = st.sampled_from(sorted(MUTATIONS))


def examples(count):
    return settings(max_examples=count, deadline=None, derandomize=True)


def generator(seed, stream=0):
    return np.random.default_rng([seed, stream])


def grown(space, seed, steps=None):
    """A random genome after up to 30 mutations, its arrays frozen."""
    rng = generator(seed)
    genome = random_genome(space, rng)
    for _ in range(int(rng.integers(31)) if steps is None else steps):
        genome = mutate(genome, space, rng, GROWTH)
    return frozen(genome)


def frozen(genome):
    for f in fields(genome):
        getattr(genome, f.name).setflags(write=False)
    return genome


def check(genome, space):
    """Every promise of a genome in a search space."""
    for name, dtype in DTYPES.items():
        array = getattr(genome, name)
        assert array.dtype == dtype, name
        assert array.ndim == 1, name
    assert len(genome.key) == len(genome.tau_mem) == len(genome.v_threshold)
    assert len(genome.pre) == len(genome.post) == len(genome.weight) == len(genome.delay)

    fixed = [*space.input_keys.tolist(), *space.output_keys.tolist()]
    key = genome.key.tolist()
    hidden, channels = key[space.fixed :], space.channel_keys.tolist()
    assert key[: space.fixed] == fixed
    assert hidden == sorted(hidden)
    assert len({*key, *channels}) == len(key) + len(channels)
    assert len(hidden) <= space.hidden_limit

    pairs = list(zip(genome.pre.tolist(), genome.post.tolist(), strict=True))
    assert pairs == sorted(set(pairs))
    assert len(pairs) <= space.synapse_limit
    assert {pre for pre, _ in pairs} <= {*key, *channels}
    assert {post for _, post in pairs} <= set(key) - set(space.input_keys.tolist())
    if space.silent:  # they send nothing, and integrate spikes, not currents
        outputs = set(space.output_keys.tolist())
        assert not {pre for pre, _ in pairs} & outputs
        assert not {pre for pre, post in pairs if post in outputs} & set(channels)

    assert (np.abs(genome.weight) <= space.weight_limit).all()
    assert ((genome.delay >= 1) & (genome.delay <= space.delay_limit)).all()
    assert (genome.v_threshold >= space.threshold_low).all()
    assert (genome.v_threshold <= space.threshold_high).all()
    # The range is drawn on a log scale: its ends may be off by a rounding.
    low, high = space.tau_low * (1 - 1e-12), space.tau_high * (1 + 1e-12)
    assert (np.isinf(genome.tau_mem) | ((genome.tau_mem >= low) & (genome.tau_mem <= high))).all()
    assert (genome.tau_mem > 0).all()


def markings(genome):
    return set(zip(genome.pre.tolist(), genome.post.tolist(), strict=True))


# --- first genomes, mutations, crossover ------------------------------------------------------


@given(spaces, seeds)
@examples(100)
def test_first_genomes(space, seed):
    genome = random_genome(space, generator(seed))
    check(genome, space)
    direct = not (space.silent and space.encoder.graded)
    each = space.first_hidden if direct else max(1, space.first_hidden)
    hidden, outputs = set(genome.key[space.fixed :].tolist()), set(space.output_keys.tolist())
    assert len(hidden) == each * space.outputs
    sources = {*space.channel_keys.tolist(), *space.input_keys.tolist()}
    assert set(genome.pre.tolist()) <= sources | hidden
    assert set(genome.post.tolist()) == outputs | hidden  # every output hears one
    pairs = markings(genome)
    assert {pre for pre, post in pairs if post in hidden} <= sources
    # Every hidden neuron has an output of its own, and others by chance.
    leads = Counter(post for pre, post in pairs if pre in hidden)
    assert all(each <= leads[output] <= len(hidden) for output in outputs)
    assert {pre for pre, _ in pairs if pre in hidden} == hidden
    if space.density == 0.0:
        assert leads.total() == len(hidden)


@pytest.mark.parametrize("encoder", [FLIP_FLOP, CURRENT])
def test_density_is_a_share_of_all_connections(encoder):
    sources = encoder.channels
    for density, low, high in ((0.0, 1, 1), (0.5, 0.4 * sources, 0.7 * sources), (1.0, 4, sources)):
        space = space_of(encoder, density=density)
        counts = [len(random_genome(space, generator(s)).pre) / 2 for s in range(200)]
        assert low <= np.mean(counts) <= high
    assert min(counts) == sources


@given(spaces, st.integers(2, 6), seeds)
@examples(50)
def test_first_genomes_respect_the_synapse_limit(space, limit, seed):
    limited = replace(space, synapse_limit=max(limit, space.outputs), density=1.0)
    check(random_genome(limited, generator(seed)), limited)
    assert len(random_genome(limited, generator(seed)).pre) <= limited.synapse_limit


@given(spaces, names, seeds)
@examples(300)
def test_mutations_keep_genomes_well_formed(space, name, seed):
    genome = grown(space, seed)
    before = genome.fingerprint()
    mutated = MUTATIONS[name][0](genome, space, generator(seed, 1))
    assert genome.fingerprint() == before
    if mutated is not None:
        check(mutated, space)
        assert isinstance(decode(mutated, space), Network)


@given(spaces, seeds)
@examples(150)
def test_mutate_keeps_genomes_well_formed(space, seed):
    genome = grown(space, seed)
    before = genome.fingerprint()
    mutated = mutate(genome, space, generator(seed, 1), RATES)
    assert genome.fingerprint() == before
    check(mutated, space)


@given(spaces, seeds, seeds, st.sampled_from([0.0, 0.1, 0.5, 1.0]))
@examples(300)
def test_mate_keeps_genomes_well_formed(space, seed_a, seed_b, join):
    a, b = grown(space, seed_a), grown(space, seed_b)
    before = a.fingerprint(), b.fingerprint()
    child = mate(a, b, space, generator(seed_a, 1), join=join)
    assert (a.fingerprint(), b.fingerprint()) == before
    check(child, space)
    assert child.key.tolist() == a.key.tolist()
    assert markings(a) <= markings(child) <= markings(a) | markings(b)
    if join == 0.0:
        assert markings(child) == markings(a)


def test_every_mutation_applies_somewhere():
    """Otherwise the tests above would pass for operators that never do anything."""
    applied = Counter()
    for space in SPACES.values():
        for seed in range(40):
            genome = grown(space, seed)
            for name, (operator, _) in MUTATIONS.items():
                mutated = operator(genome, space, generator(seed, 1))
                applied[name] += (
                    mutated is not None and mutated.fingerprint() != genome.fingerprint()
                )
    assert all(applied[name] >= 40 for name in MUTATIONS), applied


STRUCTURE = {
    # Change in the number of (neurons, synapses); None where it depends.
    "add_synapse": (0, 1),
    "delete_synapse": (0, -1),
    "split_synapse": (1, 1),
    "delete_neuron": (-1, None),
    "perturb_weights": (0, 0),
    "replace_weight": (0, 0),
    "change_delay": (0, 0),
    "perturb_threshold": (0, 0),
    "perturb_tau": (0, 0),
}
MAY_CHANGE = {
    "perturb_weights": {"weight"},
    "replace_weight": {"weight"},
    "change_delay": {"delay"},
    "perturb_threshold": {"v_threshold"},
    "perturb_tau": {"tau_mem"},
}


@given(spaces, names, seeds)
@examples(300)
def test_mutations_do_what_their_name_says(space, name, seed):
    genome = grown(space, seed)
    mutated = MUTATIONS[name][0](genome, space, generator(seed, 1))
    if mutated is None:
        return
    neurons, synapses = STRUCTURE[name]
    assert len(mutated.key) - len(genome.key) == neurons
    if synapses is not None:
        assert len(mutated.pre) - len(genome.pre) == synapses
    if name in MAY_CHANGE:
        changed = {
            c for c in DTYPES if getattr(genome, c).tobytes() != getattr(mutated, c).tobytes()
        }
        assert changed <= MAY_CHANGE[name]
    if name in ("replace_weight", "change_delay", "perturb_threshold", "perturb_tau"):
        (column,) = MAY_CHANGE[name]
        assert (getattr(genome, column) != getattr(mutated, column)).sum() <= 1
    if name == "delete_neuron":
        gone = set(genome.key.tolist()) - set(mutated.key.tolist())
        assert markings(mutated) == {m for m in markings(genome) if not gone & set(m)}


def test_nothing_to_delete():
    space = SPACES["flip-flop"]
    empty = random_genome(space, generator(0))
    empty = empty.keep_synapses(np.zeros(len(empty.pre), dtype=bool))
    needs_synapses = {"delete_synapse", "split_synapse", "perturb_weights", "replace_weight",
                      "change_delay", "delete_neuron"}  # fmt: skip
    for name, (operator, _) in MUTATIONS.items():
        assert (operator(empty, space, generator(1)) is None) == (name in needs_synapses), name
    check(mutate(empty, space, generator(2), RATES), space)


def test_limits_stop_growth():
    full = SPACES["narrow"]
    only_growth = {"add_synapse": 1.0, "split_synapse": 1.0}
    reached = []
    for seed in range(10):
        genome = random_genome(full, generator(seed))
        for step in range(30):
            genome = mutate(genome, full, generator(seed, step), only_growth)
            check(genome, full)
        reached.append(genome)
    assert {len(g.pre) for g in reached} == {full.synapse_limit}
    assert max(len(g.key) for g in reached) == full.fixed + full.hidden_limit
    for genome in reached:
        assert operators.add_synapse(genome, full, generator(1)) is None
        assert split_synapse(genome, full, generator(1)) is None
        fewer = genome.keep_synapses(np.arange(len(genome.pre)) > 0)
        hidden = len(genome.key) - full.fixed
        assert (split_synapse(fewer, full, generator(1)) is None) == (hidden == full.hidden_limit)


def test_a_fully_connected_genome_gets_no_more_synapses():
    space = space_of(CURRENT, hidden_limit=0)
    genome = random_genome(space, generator(0))
    for seed in range(200):
        genome = operators.add_synapse(genome, space, generator(seed)) or genome
    assert len(genome.pre) == (CURRENT.channels + 2) * 2
    assert operators.add_synapse(genome, space, generator(1)) is None


# --- keys -------------------------------------------------------------------------------------


def bare(space, rows, hidden=()):
    """A genome with the fixed neurons, hidden ones of these keys, and rows of synapse genes."""
    key = np.array([*space.input_keys, *space.output_keys, *sorted(hidden)], dtype=np.uint64)
    empty = Genome(
        key, np.full(len(key), 10.0), np.full(len(key), 1.0), np.empty(0, np.uint64),
        np.empty(0, np.uint64), np.empty(0), np.empty(0, np.int64),
    )  # fmt: skip
    return empty.with_synapses(rows)


def test_keys_are_the_same_for_ever():
    """Genomes in files and fault draws rely on these; a change needs a new file version."""
    space = SPACES["flip-flop"]
    assert f"{space.input_keys[0]:016x}" == INPUT_KEY
    assert f"{space.output_keys[1]:016x}" == OUTPUT_KEY
    assert f"{SPACES['current'].channel_keys[2]:016x}" == CHANNEL_KEY
    genome = bare(space, [])
    assert f"{split_key(space.input_keys[0], space.output_keys[1], genome):016x}" == SPLIT_KEY


INPUT_KEY = "bde74a86fbb527b5"
OUTPUT_KEY = "c88dd51abc862d07"
CHANNEL_KEY = "d23d66932eeec072"
SPLIT_KEY = "fd6bf886047b03ee"


def test_keys_of_inputs_do_not_depend_on_how_many_there_are():
    small, large = space_of(FlipFlop(scale=(1.0,))), space_of(FlipFlop(scale=(1.0, 1.0, 1.0)))
    assert small.input_keys.tolist() == large.input_keys.tolist()[:2]
    assert small.output_keys.tolist() == large.output_keys.tolist()


@given(seeds, seeds)
@examples(50)
def test_equal_splits_have_equal_keys(seed_a, seed_b):
    """However two genomes came to be, the neuron that splits the same synapse is the same."""
    space = SPACES["flip-flop"]
    pre, post = space.input_keys[1], space.output_keys[0]
    found = set()
    for seed in (seed_a, seed_b):
        other = [(space.input_keys[0], space.output_keys[1], 0.5, 1)]
        weight = generator(seed).uniform(-1, 1)
        genome = bare(space, [(pre, post, weight, 3), *other[: seed % 2]])
        genome = operators.perturb_threshold(genome, space, generator(seed))
        only = genome.keep_synapses((genome.pre == pre) & (genome.post == post))
        split = split_synapse(only, space, generator(seed, 1))
        found.add(tuple(split.key.tolist()))
        assert split_key(pre, post, genome) == split.key[-1]
    assert len(found) == 1


def test_repeated_splits_have_different_keys():
    space = SPACES["flip-flop"]
    pre, post = space.input_keys[1], space.output_keys[0]
    genome, hidden = bare(space, []), []
    for count in range(5):
        genome = split_synapse(bare(space, [(pre, post, 0.5, 3)], hidden), space, generator(count))
        check(genome, space)
        hidden = genome.key[space.fixed :].tolist()
        assert len(set(hidden)) == count + 1
    # Without the first of them, the first key is free again.
    first = int(split_key(pre, post, bare(space, [])))
    assert first in hidden
    without = bare(space, [], [k for k in hidden if k != first])
    assert int(split_key(pre, post, without)) == first


def test_split_keys_differ_by_synapse_and_direction():
    space = SPACES["flip-flop"]
    ends = [*space.input_keys, *space.output_keys]
    genome = bare(space, [])
    keys = {int(split_key(a, b, genome)) for a in ends for b in ends}
    assert len(keys) == len(ends) ** 2


# --- what splitting does to spikes ------------------------------------------------------------


def exact(genome):
    """With weights that sum without rounding, the order of arrival cannot matter."""
    return replace(genome, weight=np.round(genome.weight * 256) / 256)


SAME_SPIKES = {
    "plain": space_of(),
    "held": space_of(refractory=4),
    "subtract": space_of(reset="subtract"),
    "floor": space_of(v_min=-0.25, tau_low=2.0, tau_high=3.0),
    "long delays": space_of(delay_limit=40),
    "high thresholds": space_of(threshold_low=1.25),
    "small weights": space_of(weight_limit=0.5, threshold_high=1.0),
}


@pytest.mark.parametrize("name", SAME_SPIKES)
def test_splitting_a_slow_synapse_changes_no_spike(name):
    space, splits, received = SAME_SPIKES[name], 0, 0
    for seed in range(40):
        genome = exact(grown(space, seed, steps=20))
        slow = genome.delay >= 2
        if not slow.any():
            continue
        # Split every slow synapse in turn: the operator chooses among those it is shown.
        for e in np.flatnonzero(slow)[:4]:
            alone = genome.keep_synapses(np.arange(len(slow)) == e)
            split = split_synapse(alone, space, generator(seed, int(e)))
            if split is None:
                continue
            rest = genome.keep_synapses(np.arange(len(slow)) != e)
            rows = zip(rest.pre, rest.post, rest.weight, rest.delay, strict=True)
            split = split.with_synapses(rows)
            check(split, space)
            old, new = decode(genome, space), decode(split, space)
            received += same_spikes(old, new, generator(seed, 99))
            splits += 1
    assert splits >= 40
    assert received >= 200


def same_spikes(old, new, rng):
    """Drive both alike; compare the old neurons and return the spikes of the new one."""
    kept = np.isin(new.neurons.key, old.neurons.key)
    assert new.neurons.key[kept].tolist() == old.neurons.key.tolist()
    ticks = 150
    drive = rng.integers(-1, 3, (ticks, len(kept))) * (rng.random((ticks, len(kept))) < 0.3)
    drive = drive * 0.75
    drive[:, ~kept] = 0.0
    a, b = simulate(old, drive[:, kept]), simulate(new, drive)
    assert np.array_equal(a.spikes, b.spikes[:, kept])
    assert np.array_equal(a.voltage, b.voltage[:, kept])
    # The new neuron fires once for each spike that reaches it.
    (added,) = np.flatnonzero(~kept)
    s = new.synapses
    (into,) = np.flatnonzero(s.post == added)
    sent = np.flatnonzero(b.spikes[:, s.pre[into]]) + s.delay[into]
    assert np.flatnonzero(b.spikes[:, added]).tolist() == sent[sent < ticks].tolist()
    return int(b.spikes[:, added].sum())


def test_splitting_keeps_weight_and_total_delay():
    space = SPACES["flip-flop"]
    pre, post = space.input_keys[0], space.output_keys[0]
    firsts = set()
    for seed in range(60):
        split = split_synapse(bare(space, [(pre, post, -0.75, 5)]), space, generator(seed))
        key = split.key[space.fixed]
        rows = {
            (int(a), int(b)): (w, d)
            for a, b, w, d in zip(split.pre, split.post, split.weight, split.delay, strict=True)
        }
        assert rows.keys() == {(int(pre), int(key)), (int(key), int(post))}
        assert rows[int(key), int(post)][0] == -0.75
        assert rows[int(pre), int(key)][0] == split.v_threshold[space.fixed] == 1.0
        first, second = rows[int(pre), int(key)][1], rows[int(key), int(post)][1]
        assert first + second == 5
        firsts.add(int(first))
    assert firsts == {1, 2, 3, 4}
    quick = split_synapse(bare(space, [(pre, post, 0.5, 1)]), space, generator(0))
    assert quick.delay.tolist() == [1, 1]


# --- crossover --------------------------------------------------------------------------------


def hand_made_parents():
    space = SPACES["flip-flop"]
    a, b, c, _ = space.input_keys
    left, right = space.output_keys
    shared, only_a, only_b = np.uint64(100), np.uint64(50), np.uint64(150)
    mother = bare(
        space, [(a, left, 0.1, 1), (b, right, 0.2, 2), (a, shared, 0.3, 3), (c, only_a, 0.4, 4)],
        [only_a, shared],
    )  # fmt: skip
    father = bare(
        space, [(a, left, -0.1, 5), (a, shared, -0.3, 7), (c, right, -0.5, 6),
                (shared, left, -0.6, 8), (a, only_b, -0.7, 1), (only_b, left, -0.8, 2)],
        [shared, only_b],
    )  # fmt: skip
    father = replace(father, tau_mem=father.tau_mem * 2, v_threshold=father.v_threshold * 1.5)
    return space, mother, father


def rows_of(genome):
    columns = (genome.pre, genome.post, genome.weight, genome.delay)
    return {(p, q): (w, d) for p, q, w, d in zip(*(c.tolist() for c in columns), strict=True)}


def test_genes_meet_by_their_keys():
    space, mother, father = hand_made_parents()
    ours, theirs = rows_of(mother), rows_of(father)
    joint = {m for m in theirs if m not in ours and 150 not in m}
    assert len(joint) == 2
    seen = {True: Counter(), False: Counter()}
    for seed in range(200):
        child = mate(mother, father, space, generator(seed), join=1.0)
        rows = rows_of(child)
        assert rows.keys() == ours.keys() | joint
        for marking, gene in rows.items():
            choices = [r[marking] for r in (ours, theirs) if marking in r]
            assert gene in choices  # weight and delay come together
            if len(choices) == 2:
                seen[gene == choices[0]]["synapse"] += 1
        for k, key in enumerate(child.key.tolist()):
            gene = child.tau_mem[k], child.v_threshold[k]
            assert gene in ((10.0, 1.0),) if key == 50 else gene in ((10.0, 1.0), (20.0, 1.5))
            if key != 50:
                seen[gene == (10.0, 1.0)]["neuron"] += 1
    for kind in ("synapse", "neuron"):  # either parent with equal probability
        share = seen[True][kind] / (seen[True][kind] + seen[False][kind])
        assert 0.42 < share < 0.58


def test_join_is_a_probability():
    space, mother, father = hand_made_parents()
    extra = [len(mate(mother, father, space, generator(s), join=0.25).pre) - 4 for s in range(800)]
    assert set(extra) == {0, 1, 2}
    assert 0.21 < np.mean(extra) / 2 < 0.29


def test_joining_stops_at_the_synapse_limit():
    space, mother, father = hand_made_parents()
    tight = replace(space, synapse_limit=5)
    assert {len(mate(mother, father, tight, generator(s), join=1.0).pre) for s in range(20)} == {5}


def test_mating_with_oneself_changes_nothing():
    for seed in range(10):
        genome = grown(SPACES["current"], seed)
        child = mate(genome, genome, SPACES["current"], generator(seed, 1), join=1.0)
        assert child.fingerprint() == genome.fingerprint()


# --- outputs that never spike -----------------------------------------------------------------


@pytest.mark.parametrize("name", SILENT)
def test_silent_outputs_stay_silent(name):
    """Their potentials follow what reaches them, and no mutation touches their genes."""
    space, moved = SPACES[name], 0
    outputs = slice(len(space.input_keys), space.fixed)
    for seed in range(30):
        rng = generator(seed)
        first = genome = random_genome(space, rng)
        for _ in range(20):
            genome = mutate(genome, space, rng, GROWTH)
        for gene in ("tau_mem", "v_threshold"):
            assert getattr(genome, gene)[outputs].tolist() == getattr(first, gene)[outputs].tolist()
        network = decode(genome, space)
        assert (network.neurons.v_threshold[network.outputs] == np.inf).all()
        drive = rng.uniform(0.0, 1.5, (60, len(network.neurons)))
        drive[:, network.outputs] = 0.0
        recording = simulate(network, drive)
        assert not recording.spikes[:, network.outputs].any()
        moved += bool(recording.voltage[:, network.outputs].any())
    assert moved > 20


def test_readouts_dictate_the_outputs_neurons():
    space = SPACES["traces, current"]
    network = decode(random_genome(space, generator(1)), space)
    assert network.neurons.tau_mem[network.outputs].tolist() == [5.0, 500.0]
    space = SPACES["silent outputs"]
    network = decode(random_genome(space, generator(1)), space)
    assert network.neurons.tau_mem[network.outputs].tolist() == [7.0, 7.0]
    assert (network.neurons.v_threshold[network.inputs] < np.inf).all()


def test_what_silent_outputs_allow():
    graded, pulsed, loud = (
        SPACES[n] for n in ("silent outputs, current", "silent outputs", "current")
    )  # fmt: skip
    hidden, output = np.uint64(5), graded.output_keys[0]
    channel, heard = graded.channel_keys[0], pulsed.input_keys[0]
    assert graded.allows(channel, hidden)
    assert graded.allows(hidden, output)
    assert not graded.allows(channel, output)
    assert not graded.allows(output, hidden)
    assert not graded.allows(output, output)
    assert pulsed.allows(heard, output)
    assert not pulsed.allows(output, hidden)
    assert all(loud.allows(a, b) for a in (channel, output) for b in (hidden, output))


def test_there_is_room_for_the_first_hidden_neurons():
    space = SPACES["silent outputs, current"]
    for wanted in ({"hidden_limit": 2}, {"hidden_limit": 5, "first_hidden": 2}):
        with pytest.raises(InputError, match=r"^hidden_limit: expected at least [36]"):
            replace(space, **wanted)
    assert replace(space, hidden_limit=3).hidden_limit == 3
    with pytest.raises(InputError, match=r"^first_hidden: expected a whole number from 0 to 1"):
        space_of(hidden_limit=1, first_hidden=2)


# --- randomness -------------------------------------------------------------------------------


@given(spaces, names, seeds)
@examples(150)
def test_operators_depend_on_their_arguments_alone(space, name, seed):
    genome, other = grown(space, seed), grown(space, seed + 1)

    def once():
        rng = generator(seed, 1)
        results = [
            MUTATIONS[name][0](genome, space, rng),
            mutate(genome, space, rng, RATES),
            mate(genome, other, space, rng, join=0.3),
            random_genome(space, rng),
        ]
        return [None if g is None else g.fingerprint() for g in results], rng.random()

    first = once()
    np.random.default_rng(0).random(3)
    assert once() == first


def test_different_generators_differ():
    space = SPACES["flip-flop"]
    genome, other = grown(space, 1), grown(space, 2)
    for operator in (
        lambda rng: random_genome(space, rng),
        lambda rng: operators.perturb_weights(genome, space, rng),
        lambda rng: operators.replace_weight(genome, space, rng),
        lambda rng: operators.perturb_threshold(genome, space, rng),
        lambda rng: operators.perturb_tau(genome, space, rng),
        lambda rng: operators.add_synapse(genome, space, rng),
        lambda rng: mate(genome, other, space, rng),
    ):
        found = [operator(generator(s)) for s in range(20)]
        assert len({g.fingerprint() for g in found if g is not None}) >= 15


def counting(monkeypatch):
    calls = []
    for name in MUTATIONS:

        def operator(genome, space, rng, name=name):
            calls.append(name)

        monkeypatch.setitem(operators.MUTATIONS, name, (operator, 0.0))
    return calls


def test_mutate_respects_rates(monkeypatch):
    genome, calls = grown(SPACES["current"], 1), counting(monkeypatch)
    rates = {"add_synapse": 3.0, "perturb_tau": 1.0, "delete_neuron": 0.0}
    for seed in range(2000):
        assert mutate(genome, SPACES["current"], generator(seed), rates) is genome
    counts = Counter(calls)
    assert counts.keys() == {"add_synapse", "perturb_tau"}
    assert 2.6 < counts["add_synapse"] / counts["perturb_tau"] < 3.4


def test_mutate_applies_one_to_five(monkeypatch):
    genome, calls = grown(SPACES["current"], 1), counting(monkeypatch)
    counts = Counter()
    for seed in range(2000):
        calls.clear()
        mutate(genome, SPACES["current"], generator(seed), RATES)
        counts[len(calls)] += 1
    assert counts.keys() == {1, 2, 3, 4, 5}
    for n, expected in ((1, 1000), (2, 500), (3, 250), (4, 125), (5, 125)):
        assert abs(counts[n] - expected) < 5 * np.sqrt(expected)


# --- decoding ---------------------------------------------------------------------------------


@given(spaces, seeds)
@examples(150)
def test_decoding_loses_nothing(space, seed):
    genome = grown(space, seed)
    network = decode(genome, space)
    key = network.neurons.key
    assert key.tolist() == genome.key.tolist()
    assert key[network.inputs].tolist() == space.input_keys.tolist()
    assert key[network.outputs].tolist() == space.output_keys.tolist()
    dictated = space.readout.neurons(space.outputs)
    for name in ("tau_mem", "v_threshold"):
        values = getattr(genome, name).copy()
        values[network.outputs] = dictated.get(name, values[network.outputs])
        assert getattr(network.neurons, name).tolist() == values.tolist()
    s, i = network.synapses, network.input_synapses
    found = {
        (int(key[a]), int(key[b])): (w, d)
        for a, b, w, d in zip(s.pre, s.post, s.weight, s.delay, strict=True)
    }
    expected = rows_of(genome)
    channels = {int(k): c for c, k in enumerate(space.channel_keys)}
    assert found == {m: gene for m, gene in expected.items() if m[0] not in channels}
    graded = {(int(c), int(key[b])): w for c, b, w in zip(i.channel, i.post, i.weight, strict=True)}
    assert graded == {
        (channels[p], q): w for (p, q), (w, _) in expected.items() if p in channels
    }  # fmt: skip
    for name in ("v_reset", "v_leak", "v_min", "refractory"):
        assert (getattr(network.neurons, name) == getattr(space, name)).all()
    assert (network.neurons.reset == (space.reset == "subtract")).all()
    wiring = (network.dt, network.encoder, network.readout, network.task)
    assert wiring == (space.dt, space.encoder, space.readout, space.task)
    assert len(prune(network).outputs) == space.outputs


@given(spaces, seeds, seeds)
@examples(50)
def test_fingerprints_tell_genomes_apart(space, seed_a, seed_b):
    a, b = grown(space, seed_a), grown(space, seed_b)
    same = all(getattr(a, c).tolist() == getattr(b, c).tolist() for c in DTYPES)
    assert (a.fingerprint() == b.fingerprint()) == same
