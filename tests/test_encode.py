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
@settings(max_examples=60, deadline=None, derandomize=True)
def test_genes_come_back_where_the_network_shows_them(space, seed):
    genome = evolved(space, seed)
    back = encode(decode(genome, space), space)
    assert np.array_equal(back.key, genome.key)
    if space.symmetry is None:
        for name in ("pre", "post", "weight"):
            assert np.array_equal(getattr(back, name), getattr(genome, name)), name
        own = [j for j in range(len(back.key)) if not (space.silent and len(space.input_keys) <= j < space.fixed)]
        assert np.array_equal(back.tau_mem[own], genome.tau_mem[own])
