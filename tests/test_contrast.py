"""Contrasts: other words for the same weights, and what these words mean to a network."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evo import Refinement, SearchSpace, decode, refine
from evo.contrast import from_contrast, matrix, to_contrast
from evo.operators import add_synapse, random_genome, split_synapse
from neuro import Current, FlipFlop, Potential, SpikeRate, WinnerTakesAll, simulate
from neuro.symmetry import Symmetry

VALUES = st.integers(1, 3)
SEEDS = st.integers(0, 2**32 - 1)
SCALES = st.floats(0.05, 50.0)
TRACES = st.lists(st.floats(1.0, 300.0), min_size=1, max_size=3).map(tuple)
SEVERAL = st.lists(st.floats(1.0, 300.0), min_size=2, max_size=3).map(tuple)


def examples(count):
    return settings(max_examples=count, deadline=None, derandomize=True)


def space_of(traces, *, values=1, mirrored=False, graded=False, density=1.0):
    """Two observed values; every output is one trace of a value."""
    bounds = (1.0,) * values
    readout = Potential(low=tuple(-b for b in bounds), high=bounds, traces=traces)
    encoder = Current(scale=(1.0, 1.0)) if graded else FlipFlop(scale=(1.0, 1.0))
    return SearchSpace(
        encoder, readout, outputs=readout.size, density=density, hidden_limit=40,
        symmetry=Symmetry((-1, -1)) if mirrored else None,
    )  # fmt: skip


def grown(space, seed):
    """A random genome with a few hidden neurons and further synapses."""
    rng = np.random.default_rng(seed)
    genome = random_genome(space, rng)
    for change in (split_synapse, add_synapse, split_synapse, add_synapse, add_synapse):
        changed = change(genome, space, rng)
        genome = genome if changed is None else changed
    return genome


def whole_groups(genome, space):
    """Rows of the synapse genes of each neuron onto all traces of a value, written out."""
    traces, rows = len(space.readout.traces), []
    for first in range(0, space.outputs, traces):
        for pre in sorted(set(genome.pre.tolist())):
            group = [
                row
                for key in space.output_keys[first : first + traces].tolist()
                for row in np.flatnonzero((genome.pre == pre) & (genome.post == key)).tolist()
            ]
            rows += [group] if len(group) == traces else []
    return rows


# --- there and back ---------------------------------------------------------------------------


@examples(100)
@given(
    traces=TRACES, values=VALUES, scale=SCALES, seed=SEEDS, mirrored=st.booleans(),
    graded=st.booleans(), density=st.floats(0.3, 1.0),
)  # fmt: skip
def test_weights_survive(traces, values, scale, seed, mirrored, graded, density):
    space = space_of(traces, values=values, mirrored=mirrored, graded=graded, density=density)
    genome = grown(space, seed)
    weight = genome.weight.copy()
    weight.setflags(write=False)
    told = to_contrast(genome, space, scale, weight)
    again = from_contrast(genome, space, scale, told)
    np.testing.assert_allclose(again, weight, rtol=1e-8, atol=1e-9)
    back = to_contrast(genome, space, scale, from_contrast(genome, space, scale, weight))
    np.testing.assert_allclose(back, weight, rtol=1e-8, atol=1e-7)
    np.testing.assert_array_equal(weight, genome.weight)


@pytest.mark.parametrize("mirrored", [False, True])
@pytest.mark.parametrize("values", [1, 2])
def test_there_is_something_to_tell(values, mirrored):
    space = space_of((20.0, 100.0), values=values, mirrored=mirrored)
    genome = random_genome(space, np.random.default_rng(0))
    groups = whole_groups(genome, space)
    assert len(groups) >= 2 * values
    told = to_contrast(genome, space, 3.0, genome.weight)
    assert (told[groups] != genome.weight[groups]).all()


# --- where nothing changes --------------------------------------------------------------------


@examples(100)
@given(traces=SEVERAL, values=VALUES, seed=SEEDS, mirrored=st.booleans())
def test_a_scale_of_zero_leaves_weights(traces, values, seed, mirrored):
    space = space_of(traces, values=values, mirrored=mirrored)
    genome = grown(space, seed)
    for tell in (to_contrast, from_contrast):
        np.testing.assert_array_equal(tell(genome, space, 0.0, genome.weight), genome.weight)


@examples(100)
@given(
    readout=st.sampled_from([
        WinnerTakesAll(), SpikeRate(low=(-1.0,), high=(1.0,)),
        Potential(low=(-1.0,) * 2, high=(1.0,) * 2, traces=(20.0,)),
    ]),
    scale=SCALES, seed=SEEDS,
)  # fmt: skip
def test_readouts_without_several_traces_leave_weights(readout, scale, seed):
    space = SearchSpace(FlipFlop(scale=(1.0, 1.0)), readout, outputs=2)
    genome = grown(space, seed)
    for tell in (to_contrast, from_contrast):
        np.testing.assert_array_equal(tell(genome, space, scale, genome.weight), genome.weight)


@examples(100)
@given(
    traces=SEVERAL, values=VALUES, scale=SCALES, seed=SEEDS, mirrored=st.booleans(),
    density=st.floats(0.3, 0.9),
)  # fmt: skip
def test_only_neurons_that_reach_all_traces_are_told(
    traces, values, scale, seed, mirrored, density
):
    space = space_of(traces, values=values, mirrored=mirrored, density=density)
    genome = grown(space, seed)
    groups = whole_groups(genome, space)
    others = np.setdiff1d(np.arange(len(genome.pre)), np.ravel(groups).astype(int))
    for tell in (to_contrast, from_contrast):
        told = tell(genome, space, scale, genome.weight)
        np.testing.assert_array_equal(told[others], genome.weight[others])
    told = to_contrast(genome, space, scale, genome.weight)
    for group in groups:
        expected = matrix(traces, scale) @ genome.weight[group]
        np.testing.assert_allclose(told[group], expected, rtol=1e-9, atol=1e-12)


def test_a_synapse_less_and_the_neurons_other_weights_stay():
    space = space_of((20.0, 100.0), values=2)
    genome = random_genome(space, np.random.default_rng(0))
    fast, slow, fast2, slow2 = space.output_keys
    pre = space.input_keys[0]
    lost = (genome.pre == pre) & (genome.post == slow)
    smaller = genome.keep_synapses(~lost)
    told = to_contrast(smaller, space, 3.0, smaller.weight)
    before = to_contrast(genome, space, 3.0, genome.weight)
    kept = (smaller.pre == pre) & (smaller.post == fast)
    assert told[kept] == smaller.weight[kept]
    np.testing.assert_array_equal(told[~kept], before[~lost][~kept])
    assert (told[(smaller.pre == pre) & np.isin(smaller.post, [fast2, slow2])]
            != smaller.weight[(smaller.pre == pre) & np.isin(smaller.post, [fast2, slow2])]
            ).all()  # fmt: skip


# --- what the coordinates mean ----------------------------------------------------------------

BY_HAND = [
    # traces, scale, weights, what they are told as
    ((20.0, 100.0), 2.0, (1.0, 1.0), (1 + 5, (1 - 5) / 4)),
    ((20.0, 100.0), 3.0, (3.0, -0.6), (3 - 3, (3 + 3) / 6)),  # pure change: fast against slow
    ((100.0, 20.0), 1.0, (1.0, 1.0), (1 + 0.2, (1 - 0.2) / 2)),
    ((10.0, 20.0, 40.0), 1.0, (1.0, 1.0, 1.0), (1 + 2 + 4, (1 - 2) / 2, (2 - 4) / 2)),
    ((10.0, 20.0, 40.0), 0.5, (4.0, 2.0, 1.0), (4 + 4 + 4, 0.0, 0.0)),
]


@pytest.mark.parametrize(("traces", "scale", "weights", "told"), BY_HAND)
def test_coordinates_by_hand(traces, scale, weights, told):
    space = space_of(traces)
    genome = random_genome(space, np.random.default_rng(0))
    rows = whole_groups(genome, space)[0]
    given_ = genome.weight.copy()
    given_[rows] = weights
    np.testing.assert_allclose(to_contrast(genome, space, scale, given_)[rows], told, atol=1e-12)
    given_[rows] = told
    found = from_contrast(genome, space, scale, given_)[rows]
    np.testing.assert_allclose(found, weights, atol=1e-12)


def settled(genome, space, source):
    """Potentials of the outputs after an input neuron has fired at every tick for long."""
    network = decode(genome, space)
    ticks = int(30 * max(space.readout.traces)) + 50
    ext = np.zeros((ticks, len(network.neurons)))
    ext[:, source] = 10.0 * space.threshold_high
    recording = simulate(network, ext)
    assert recording.spikes[:, source].all()
    voltage = recording.voltage[-1, network.outputs]
    # A steady input settles; what is left is far below what is asked for.
    np.testing.assert_allclose(voltage, recording.voltage[-20, network.outputs], atol=1e-9)
    return voltage.reshape(-1, len(space.readout.traces))


def tolerance(weights, traces, dt=1.0):
    """What discrete time adds: 1 / (1 - exp(-x)) lies between 1/x + 1/2 and 1/x + 1/2 + x/12."""
    return np.abs(weights) @ (0.5 + dt / (12.0 * np.array(traces))) + 1e-9


@examples(100)
@given(
    seed=SEEDS, values=VALUES, mirrored=st.booleans(), scale=SCALES,
    traces=st.lists(st.floats(2.0, 60.0), min_size=2, max_size=3).map(tuple),
)  # fmt: skip
def test_the_sum_is_the_steady_effect(seed, values, mirrored, scale, traces):
    space = space_of(traces, values=values, mirrored=mirrored)
    genome = random_genome(space, np.random.default_rng(seed))
    pre = int(genome.pre[0])
    source = space.input_keys.tolist().index(pre)
    told = to_contrast(genome, space, scale, genome.weight)
    voltage = settled(genome, space, source)
    groups = [g for g in whole_groups(genome, space) if int(genome.pre[g[0]]) == pre]
    assert groups
    for group in groups:
        value = space.output_keys.tolist().index(int(genome.post[group[0]])) // len(traces)
        effect = told[group[0]] * traces[0] / space.dt
        error = abs(voltage[value].sum() - effect)
        assert error <= tolerance(genome.weight[group], traces)


@examples(50)
@given(seed=SEEDS, step=st.floats(-2.0, 2.0), scale=st.floats(0.5, 5.0))
def test_a_step_along_a_difference_keeps_the_steady_effect(seed, step, scale):
    space = space_of((20.0, 50.0))
    genome = random_genome(space, np.random.default_rng(seed))
    fast, slow = rows = whole_groups(genome, space)[0]
    source = space.input_keys.tolist().index(int(genome.pre[fast]))
    told = to_contrast(genome, space, scale, genome.weight)
    told[slow] += step
    moved = replace(genome, weight=from_contrast(genome, space, scale, told))
    before, after = settled(genome, space, source)[0], settled(moved, space, source)[0]
    change = moved.weight[rows] - genome.weight[rows]
    assert abs(after.sum() - before.sum()) <= tolerance(change, (20.0, 50.0))
    # Each trace alone changes by the step times the scale, in opposite directions.
    each = step * scale * 20.0
    np.testing.assert_allclose(after - before, [each, -each], rtol=0.03, atol=1e-8)


# --- in refinement ----------------------------------------------------------------------------


def test_strategies_step_further_along_differences():
    """Spread of samples about the mean: the step for effects in common, scaled for differences."""
    space = space_of((20.0, 100.0))
    genome = random_genome(space, np.random.default_rng(3))
    genome = replace(genome, weight=0.0 * genome.weight)  # far from the limits
    rows = whole_groups(genome, space)[0]
    rng, drawn = np.random.default_rng(5), {}
    for contrast in (0.0, 3.0):
        how = Refinement(share=0.5, step=0.1, contrast=contrast)
        strategy = refine.begin(genome, 0, space, how, np.ones(3))
        samples = [refine.sample(strategy, space, how, rng)[0] for _ in range(4000)]
        drawn[contrast] = np.array([s.weight[rows] for s in samples])
    effects = drawn[3.0] * [1.0, 5.0]
    np.testing.assert_allclose(effects.sum(axis=1).std(), 0.1, rtol=0.05)
    np.testing.assert_allclose((effects[:, 0] - effects[:, 1]).std() / 2, 0.3, rtol=0.05)
    np.testing.assert_allclose(drawn[0.0].std(axis=0), 0.1, rtol=0.05)
