"""Encoding is the inverse of decoding, and refuses what a search space does not hold."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evo import (
    PROFILES,
    HardwareProfile,
    ObjectiveSpec,
    SearchSpace,
    Settings,
    decode,
    encode,
    evolve,
)
from evo.operators import MUTATIONS, mate, mutate, random_genome
from neuro import (
    Current,
    FlipFlop,
    HighestPotential,
    InputError,
    Network,
    Potential,
    SpikeRate,
    WinnerTakesAll,
    prune,
)
from neuro.hashing import hash_text, hash_words
from neuro.network import same_network
from neuro.symmetry import Symmetry

SCALE = (1.0, 2.0, 0.5)
SYMMETRY = Symmetry((-1, 1, -1))
RATES = dict.fromkeys(MUTATIONS, 1.0)
FLIP_FLOP, CURRENT = FlipFlop(SCALE), Current(SCALE, ticks=8)
READOUTS = [
    (WinnerTakesAll(), 3), (HighestPotential(tau=7.0), 2), (SpikeRate([-1, -2], [1, 2]), 4),
    (Potential([-1], [1], traces=[3.0, 500.0]), 2),
]  # fmt: skip
CHIPS = [
    HardwareProfile(weight_bits=4), HardwareProfile(fan_in=4, fan_out=3, delay_high=3),
    HardwareProfile(signs="dale", threshold_low=1, threshold_high=15, threshold_step=0.25),
    HardwareProfile(leaks=(np.inf, 0.0, 20.0)), PROFILES["risp-15"], PROFILES["risp-1+"],
]  # fmt: skip


@st.composite
def spaces(draw):
    """Search spaces of all kinds, plain, mirrored and for a chip."""
    readout, outputs = draw(st.sampled_from(READOUTS))
    plain = SearchSpace(
        draw(st.sampled_from([FLIP_FLOP, CURRENT])), readout, outputs, task="a task",
        first_hidden=draw(st.integers(0, 2)), symmetry=draw(st.sampled_from([None, SYMMETRY])),
    )  # fmt: skip
    kind = draw(st.integers(0, 2))
    if kind == 1:
        return replace(
            plain, dt=0.5, weight_limit=0.25, threshold_low=0.3, threshold_high=0.4, tau_low=5.0,
            tau_high=6.0, v_reset=-0.5, v_leak=0.25, v_min=-1.0, refractory=3, reset="subtract",
            delay_limit=1,
        )  # fmt: skip
    if kind == 2:
        try:
            return replace(plain, hardware=draw(st.sampled_from(CHIPS)))
        except InputError:  # the chip cannot hold what the readout needs
            return plain
    return plain


def evolved(space, seed):
    """A genome some mutations and a mating away from a first one."""
    rng = np.random.default_rng(seed)
    parents = []
    for _ in range(2):
        genome = random_genome(space, rng)
        for _ in range(8):
            genome = mutate(genome, space, rng, RATES)
        parents.append(genome)
    return mate(*parents, space, rng, join=0.5)


@given(spaces(), st.integers(0, 10**6))
@settings(max_examples=200, deadline=None, derandomize=True)
def test_a_network_comes_back_from_its_genome(space, seed):
    whole = decode(evolved(space, seed), space)
    assert same_network(decode(encode(whole, space), space), whole)
    small = prune(whole)
    genome = encode(small, space)
    assert same_network(decode(genome, space), small)
    # What comes back is a genome as operators make them: encoding it again changes nothing.
    assert encode(decode(genome, space), space).fingerprint() == genome.fingerprint()
    assert space.hardware.conform(genome, space).fingerprint() == genome.fingerprint()
    assert all(map(space.allows, genome.pre, genome.post))
    assert set(genome.post.tolist()) <= {*space.targets.tolist(), *genome.key.tolist()}


@given(spaces(), st.integers(0, 10**6))
@settings(max_examples=50, deadline=None, derandomize=True)
def test_hidden_neurons_keep_their_keys(space, seed):
    genome = evolved(space, seed)
    assert np.array_equal(encode(decode(genome, space), space).key, genome.key)


SPACE = SearchSpace(FLIP_FLOP, WinnerTakesAll(), 2, task="a task", v_reset=-0.5)
ROWS = [(0, 8, 0.5, 1), (8, 6, 1.0, 2), (8, 7, -0.25, 3), (3, 7, 2.0, 8)]


def network(space=SPACE, rows=ROWS, *, columns=(), **changes):
    """A network made by hand: six inputs, two outputs, a hidden neuron."""
    values = {"v_reset": -0.5, "tau_mem": [10.0] * 8 + [np.inf], **dict(columns)}
    given = {
        "inputs": range(6), "outputs": [6, 7], "encoder": space.encoder, "readout": space.readout,
        **changes,
    }  # fmt: skip
    return Network.build(values, rows, **given)


def test_networks_made_elsewhere_get_keys():
    made = network()
    genome = encode(made, SPACE)
    key = hash_words(hash_text("given"), made.neurons.key[8])
    assert genome.key.tolist() == [*SPACE.input_keys, *SPACE.output_keys, key]
    again = decode(genome, SPACE)
    assert again.task == "a task"
    assert same_network(
        again, replace(made, neurons=replace(made.neurons, key=genome.key), task="a task")
    )
    assert encode(again, SPACE).fingerprint() == genome.fingerprint()


def test_the_order_of_neurons_is_that_of_genomes():
    """The same network with its neurons in another order has the same genome."""
    place = np.array([4, 1, 0, 8, 2, 3, 5, 7, 6])
    made = network()
    columns = {"key": np.empty(9, dtype=np.uint64), "tau_mem": np.empty(9)}
    for name, values in columns.items():
        values[place] = getattr(made.neurons, name)
    other = network(
        rows=[(place[a], place[b], w, d) for a, b, w, d in ROWS], columns=columns,
        inputs=place[:6], outputs=place[6:8],
    )  # fmt: skip
    assert encode(other, SPACE).fingerprint() == encode(made, SPACE).fingerprint()


def test_a_key_that_another_has_is_replaced():
    key = [*SPACE.input_keys, *SPACE.output_keys, SPACE.output_keys[0] + np.uint64(1)]
    assert encode(network(columns={"key": key}), SPACE).key[8] == key[8]
    graded = replace(SPACE, encoder=CURRENT)
    key = [*graded.output_keys, graded.channel_keys[1]]
    made = Network.build(
        {"key": key, "v_reset": -0.5, "tau_mem": 10.0}, [(2, 0, 1.0, 1)],
        input_synapses=[(1, 2, 0.5)], outputs=[0, 1], encoder=CURRENT, readout=graded.readout,
    )  # fmt: skip
    genome = encode(made, graded)
    assert genome.key[2] == hash_words(hash_text("given"), key[2])
    assert len(decode(genome, graded).input_synapses) == 1


REFUSED = [
    # (search space, network, line)
    (SPACE, network(encoder=None), "encoder: expected flip-flop, got none"),
    (SPACE, network(replace(SPACE, encoder=FlipFlop(SCALE, ticks=30))),
     "encoder.ticks: expected 24, as in the search space, got 30"),
    (replace(SPACE, encoder=CURRENT), network(),
     "encoder.name: expected current, as in the search space, got flip-flop"),
    (SPACE, network(readout=HighestPotential()),
     "readout.name: expected winner-takes-all, as in the search space, got highest-potential"),
    (SPACE, network(dt=0.5), "dt: expected 1, as in the search space, got 0.5"),
    (SPACE, network(outputs=[6, 7, 8]), "outputs: expected 2 neurons, got 3"),
    (SPACE, network(outputs=[6, 2]), "outputs[1]: expected a neuron that is no input, got 2"),
    (replace(SPACE, weight_limit=1.5), network(),
     "synapses.weight[1]: expected a number from -1.5 to 1.5, got 2.0"),
    (replace(SPACE, hardware=HardwareProfile(weight_bits=3)), network(),
     "synapses.weight[0]: expected a number from -2 to 2, a multiple of 0.666667, got 0.5"),
    (replace(SPACE, delay_limit=7), network(),
     "synapses.delay[1]: expected a whole number from 1 to 7, got 8"),
    (replace(SPACE, threshold_high=0.75), network(),
     "neurons.v_threshold[0]: expected a number from 0.1 to 0.75, got 1.0"),
    (replace(SPACE, tau_high=9.0), network(),
     "neurons.tau_mem[0]: expected a number from 1 to 9 or inf, got 10.0"),
    (replace(SPACE, hardware=HardwareProfile(leaks=(np.inf, 5.0))), network(),
     "neurons.tau_mem[0]: expected one of inf, 5, got 10.0"),
    (SPACE, network(rows=[*ROWS, (8, 6, 1.0, 4)]),
     "synapses[3]: expected one synapse from a neuron to another, got a second one from 8 to 6"),
    (SPACE, network(columns={"reset": ["to_value"] * 8 + ["subtract"]}),
     "neurons.reset[8]: expected to_value, as in the search space, got subtract"),
    (SPACE, network(columns={"bias": [0.0] * 8 + [0.5]}),
     "neurons.bias[8]: expected 0.0, as in the search space, got 0.5"),
    (SPACE, network(columns={"v_reset": [-0.5] * 7 + [0.0, -0.5]}),
     "neurons.v_reset[7]: expected -0.5, as in the search space, got 0.0"),
    (SPACE, network(columns={"tau_syn": 1.0}),
     "neurons.tau_syn[0]: expected 0.0, as in the search space, got 1.0"),
    (replace(SPACE, hidden_limit=0), network(),
     "hidden neurons: expected at most 0 (hidden_limit), got 1"),
    (replace(SPACE, synapse_limit=3), network(),
     "synapses: expected at most 3 (synapse_limit), got 4"),
    (replace(SPACE, hardware=HardwareProfile(fan_in=1)), network(),
     "hardware.fan_in: expected at most 1 synapses, got 2 of neuron 7"),
    (replace(SPACE, hardware=HardwareProfile(fan_out=1)), network(),
     "hardware.fan_out: expected at most 1 synapses, got 2 of neuron 8"),
    (replace(SPACE, hardware=HardwareProfile(signs="dale")), network(),
     "hardware.signs: expected weights of one sign from each neuron, got both from neuron 8"),
    (replace(SPACE, readout=HighestPotential()),
     network(rows=[*ROWS, (6, 8, 1.0, 1)], readout=HighestPotential()),
     "synapses[2]: expected none, as outputs never spike with the readout highest-potential, "
     "got one from the output 6"),
    (replace(SPACE, readout=HighestPotential()), network(readout=HighestPotential()),
     "neurons.v_threshold[6]: expected inf, for the readout highest-potential, got 1.0"),
]  # fmt: skip


@pytest.mark.parametrize(("space", "made", "line"), REFUSED, ids=[line for *_, line in REFUSED])
def test_what_does_not_fit_is_refused(space, made, line):
    with pytest.raises(InputError) as error:
        encode(made, space)
    assert str(error.value).startswith(line)
    assert len(str(error.value).splitlines()) == 1


MIRRORED = replace(SPACE, symmetry=SYMMETRY)


def halves(change=None):
    """A mirrored network, changed by hand after it was built."""
    genome = random_genome(replace(MIRRORED, first_hidden=1, density=1.0), np.random.default_rng(1))
    whole = decode(genome, MIRRORED)
    n, s = ({f: getattr(t, f).copy() for f in names} for t, names in (
        (whole.neurons, ("key", "tau_mem", "v_threshold", "v_reset")),
        (whole.synapses, ("pre", "post", "weight", "delay")),
    ))  # fmt: skip
    if change:
        change(n, s)
    return Network.build(
        n, s, inputs=whole.inputs, outputs=whole.outputs, encoder=whole.encoder,
        readout=whole.readout,
    )  # fmt: skip


def other_weight(neurons, synapses):
    synapses["weight"][0] = 0.125


def other_delay(neurons, synapses):
    synapses["delay"][0] = 9 - synapses["delay"][0]


def one_less(neurons, synapses):
    for name in synapses:
        synapses[name] = synapses[name][1:]


def other_tau(neurons, synapses):
    neurons["tau_mem"][-1] = 50.0


def other_key(neurons, synapses):
    neurons["key"][-1] = 77


@pytest.mark.parametrize(
    ("change", "line"),
    [(other_weight, "synapses from"), (other_delay, "synapses from"), (one_less, "synapses from"),
     (other_tau, "neurons.tau_mem"), (other_key, "hidden neurons: expected a twin of each")],
)  # fmt: skip
def test_what_is_not_its_own_mirror_image_is_refused(change, line):
    assert len(encode(halves(), MIRRORED).key) == MIRRORED.fixed + 1
    with pytest.raises(InputError) as error:
        encode(halves(change), MIRRORED)
    assert str(error.value).startswith(line)
    # Where nothing is mirrored it is a network like all others.
    assert len(encode(halves(change), SPACE).key) == SPACE.fixed + 2


class Measured:
    def __init__(self, networks):
        self.objectives = np.array([[n.size] for n in networks], dtype=float)
        self.violation, self.steps = np.zeros(len(networks)), len(networks)


def test_evolution_begins_with_them():
    given = [encode(network(), SPACE), encode(network(rows=ROWS[:2]), SPACE)]
    state = evolve(
        Measured, SPACE, [ObjectiveSpec("size", False, 100.0, 0.0)],
        Settings(population=4, generations=0), seed=1, seeds=given,
    ).state  # fmt: skip
    first = {i.number: i for i in state.population}
    for number, genome in enumerate(given):
        assert first[number].genome.fingerprint() == genome.fingerprint()
        assert state.lineage[number].operators == ("seed",)
    assert state.lineage[2].operators == state.lineage[3].operators == ("first",)
