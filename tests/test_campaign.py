"""Fault campaigns and their statistics, against hand values, the literature and plain loops."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fitness import TASKS, Campaign, Outcome, aggregate_scores, episode_seeds, play
from fitness import campaign as campaign_module
from fitness.statistics import CRITICAL, bootstrap_mean, summarise
from neuro import Current, FlipFlop, InputError, Network, WinnerTakesAll
from neuro.faults import BitFlip, DeadSynapse, Fault, FaultSite, Gaussian, inject

TASK = TASKS["cartpole"]
LEAN = (0.1, 0.3, 1.0, 1.0)


def leaning():
    """Push to where the pole leans and falls; with a hidden neuron, so that it has synapses."""
    return Network.build(
        3, [(2, 1, 0.3, 2)], input_synapses=[(3, 2, 0.5), *[(c, 1, w) for c, w in enumerate(LEAN)]],
        outputs=[0, 1], encoder=Current(scale=TASK.scale), readout=WinnerTakesAll(),
        task=TASK.name,
    )  # fmt: skip


def leaning_flip_flop():
    rows = [(2 * i + side, 8 + side, w, 1) for i, w in enumerate(LEAN) for side in (0, 1)]
    return Network.build(
        10, rows, inputs=range(8), outputs=[8, 9], encoder=FlipFlop(scale=TASK.scale),
        readout=WinnerTakesAll(),
    )  # fmt: skip


def run(models, network=None, **options):
    settings = {"draws": 12, "episodes": 3, "seed": 4, **options}
    return list(Campaign(TASK, models, **settings).run(network or leaning()))


def same(a, b):
    return len(a) == len(b) and all(
        (x.model, x.severity) == (y.model, y.severity)
        and np.array_equal(x.golden, y.golden)
        and np.array_equal(x.scores, y.scores)
        for x, y in zip(a, b, strict=True)
    )


MODELS = [(Gaussian(), (0.1, 0.5)), (DeadSynapse(), (0.3,)), (BitFlip(bits=6), (0.05, 0.0))]


# --- what is played ---------------------------------------------------------------------------


def test_outcomes_come_in_order_and_shape():
    outcomes = run(MODELS)
    assert [(o.model.name, o.severity) for o in outcomes] == [
        ("gaussian", 0.1), ("gaussian", 0.5), ("dead-synapse", 0.3), ("bit-flip", 0.05),
        ("bit-flip", 0.0),
    ]  # fmt: skip
    for outcome in outcomes:
        assert outcome.golden.shape == (3,)
        assert outcome.scores.shape == (12, 3)
        assert outcome.masked.shape == outcome.drop(TASK).shape == (12,)
        assert np.array_equal(outcome.golden, outcomes[0].golden)
    assert len({o.scores.tobytes() for o in outcomes}) >= 4


@pytest.mark.parametrize("network", [leaning(), leaning_flip_flop()], ids=["current", "flip-flop"])
def test_each_draw_is_the_faulty_network_playing_alone(network):
    starts = TASK.starts(episode_seeds(4, "campaign", 3))
    for outcome in run(MODELS, network):
        assert np.array_equal(outcome.golden, play(network, TASK, starts).scores)
        copies = inject(network, [Fault(outcome.model, outcome.severity)], 4, range(12))
        for k in range(12):
            faulty = replace(
                network,
                synapses=replace(network.synapses, weight=copies.weight[k]),
                input_synapses=replace(network.input_synapses, weight=copies.in_weight[k]),
            )
            assert np.array_equal(outcome.scores[k], play(faulty, TASK, starts).scores)


def test_workers_and_chunks_change_nothing(monkeypatch):
    one = run(MODELS, draws=60)  # more than one chunk
    assert same(one, run(MODELS, draws=60, workers=2))
    monkeypatch.setattr(campaign_module, "CHUNK", 7)
    assert same(one, run(MODELS, draws=60, workers=3))


def test_a_draw_is_the_same_among_more():
    few, many = run(MODELS, draws=5), run(MODELS, draws=55)
    for a, b in zip(few, many, strict=True):
        assert np.array_equal(a.scores, b.scores[:5])


def test_a_severity_is_the_same_among_others():
    (alone,) = run([(Gaussian(), (0.5,))])
    among = run([(DeadSynapse(), (0.1,)), (Gaussian(), (0.1, 0.2, 0.5))])
    assert np.array_equal(alone.scores, among[-1].scores)


def test_more_episodes_begin_with_the_fewer():
    few, many = run(MODELS, episodes=2), run(MODELS, episodes=5)
    for a, b in zip(few, many, strict=True):
        assert np.array_equal(a.golden, b.golden[:2])
        assert np.array_equal(a.scores, b.scores[:, :2])


def test_seeds_differ():
    found = {run([(Gaussian(), (0.5,))], seed=s)[0].scores.tobytes() for s in (0, 1, 2**64 - 1)}
    assert len(found) == 3


def test_progress_counts_every_draw():
    for draws, workers in ((1, 1), (50, 1), (51, 2), (120, 2)):
        seen = []
        campaign = Campaign(TASK, MODELS[:2], draws=draws, episodes=1, workers=workers)
        list(campaign.run(leaning(), progress=seen.append))
        assert sum(seen) == 3 * draws


def test_the_network_is_left_untouched():
    network = leaning()
    before = network.weights.tobytes()
    run(MODELS, network)
    assert network.weights.tobytes() == before


# --- what the models do -----------------------------------------------------------------------


@pytest.mark.parametrize("network", [leaning(), leaning_flip_flop()], ids=["current", "flip-flop"])
@pytest.mark.parametrize("model", [Gaussian(), DeadSynapse()])
def test_without_severity_everything_is_masked(model, network):
    (outcome,) = run([(model, (0.0,))], network)
    assert outcome.masked.all()
    assert (outcome.drop(TASK) == 0.0).all()


def test_bit_flips_without_severity_are_the_quantised_network():
    (outcome,) = run([(BitFlip(bits=4), (0.0,))])
    # Seven steps up to 1.0: 0.1 becomes 1/7, 0.3 becomes 2/7, 0.5 becomes 4/7.
    assert len(np.unique(outcome.scores, axis=0)) == 1
    copies = inject(leaning(), [Fault(BitFlip(bits=4), 0.0)], 4, range(2))
    assert np.round(copies.in_weight[0] * 7, 9).tolist() == [1, 2, 7, 7, 4]


def test_faults_reach_only_their_site():
    network = leaning_flip_flop()  # it has no input synapses
    (outcome,) = run([(DeadSynapse(), (1.0,))], network, site=FaultSite("input-synapses"))
    assert outcome.masked.all()
    (outcome,) = run([(DeadSynapse(), (1.0,))], network, site=FaultSite("synapses"))
    assert not outcome.masked.any()
    one = run([(Gaussian(), (0.5,))], site=FaultSite("synapses", (0,)))
    assert same(one, run([(Gaussian(), (0.5,))], site=FaultSite("synapses")))


@given(st.integers(0, 2**64 - 1), st.floats(0, 1), st.floats(0, 1))
@settings(max_examples=60, deadline=None, derandomize=True)
def test_losses_are_nested_in_severity(seed, a, b):
    network, (low, high) = leaning_flip_flop(), sorted((a, b))
    dead = [
        inject(network, [Fault(DeadSynapse(), p)], seed, range(20)).weight == 0.0
        for p in (low, high)
    ]
    assert (dead[0] <= dead[1]).all()


def test_everything_dead_is_a_network_without_weights():
    (outcome,) = run([(DeadSynapse(), (1.0,))])
    idle = Network.build(
        2, outputs=[0, 1], encoder=Current(scale=TASK.scale), readout=WinnerTakesAll()
    )
    starts = TASK.starts(episode_seeds(4, "campaign", 3))
    assert (outcome.scores == play(idle, TASK, starts).scores).all()


@pytest.mark.parametrize(("name", "value"), [
    ("draws", 0), ("draws", 1.5), ("episodes", 0), ("seed", -1), ("seed", 2**64), ("workers", 0),
    ("workers", 100_000),
])  # fmt: skip
def test_bad_numbers(name, value):
    with pytest.raises(InputError, match=f"^{name}: expected a whole number from .*, got"):
        Campaign(TASK, MODELS, **{name: value})


@pytest.mark.parametrize(
    ("model", "severity"),
    [(Gaussian(), -0.1), (Gaussian(), np.nan), (DeadSynapse(), 1.1), (BitFlip(), 2.0)],
)
def test_bad_severities(model, severity):
    with pytest.raises(InputError, match=f"^severity of {model.name}: expected a number from 0"):
        Campaign(TASK, [(model, (0.1, severity))])


def test_a_site_that_is_not_there():
    with pytest.raises(InputError, match=r"^site: expected an index below 1 of synapses, got 1"):
        run(MODELS, site=FaultSite("synapses", (1,)))


# --- outcomes by hand -------------------------------------------------------------------------


def outcome(golden, scores):
    return Outcome(Gaussian(), 0.1, np.array(golden, float), np.array(scores, float))


def test_masked_means_no_score_changed():
    one = outcome([500, 400], [[500, 400], [500, 399], [400, 500], [500, 500]])
    assert one.masked.tolist() == [True, False, False, False]


def test_drop_is_the_share_of_the_golden_score_that_is_lost():
    one = outcome([400, 400], [[400, 400], [200, 200], [0, 0], [300, 500], [500, 460]])
    assert one.drop(TASK).tolist() == pytest.approx([0.0, 0.5, 1.0, 0.0, -0.2])


def test_drop_counts_from_the_worst_score_of_the_task():
    task = replace(TASK, worst=-100.0, solved_at=100.0)
    assert outcome([100], [[0]]).drop(task).tolist() == pytest.approx([0.5])


def test_who_has_nothing_loses_nothing():
    assert outcome([0, 0], [[0, 0], [10, 0]]).drop(TASK).tolist() == [0.0, 0.0]


# --- statistics -------------------------------------------------------------------------------

RATES = ["masked", *(f"critical_{c:g}" for c in CRITICAL)]
KEYS = {
    "golden", "mean", "mean_low", "mean_high", "min", "q05", "q25", "q50", "q75", "q95", "cvar10",
    *RATES, *(f"{name}_low" for name in RATES), *(f"{name}_high" for name in RATES),
}  # fmt: skip


def test_a_summary_by_hand():
    one = outcome([400, 400], [[400, 400], [390, 390], [370, 370], [300, 340]])
    row = summarise(one, TASK)
    assert set(row) == KEYS
    assert all(type(v) is float for v in row.values())
    assert row["golden"] == 400
    assert row["mean"] == (400 + 390 + 370 + 320) / 4
    assert row["min"] == row["cvar10"] == 320
    assert row["q50"] == 380
    assert row["q25"] == 357.5
    rates = [row[name] for name in RATES]  # drops of 0, 2.5, 7.5 and 20 %
    assert rates == [0.25, 0.75, 0.5, 0.25]


def test_a_summary_of_a_campaign_is_in_order():
    for one in run(MODELS, draws=80):
        row = summarise(one, TASK)
        assert row["mean_low"] <= row["mean"] <= row["mean_high"]
        order = [row[k] for k in ("min", "q05", "q25", "q50", "q75", "q95")]
        assert order == sorted(order)
        assert row["min"] <= row["cvar10"] <= row["mean"]
        assert row["cvar10"] == aggregate_scores(one.scores.mean(axis=1), "cvar:0.1")
        assert row["critical_0.01"] >= row["critical_0.05"] >= row["critical_0.1"]
        for name in RATES:
            assert 0 <= row[f"{name}_low"] <= row[name] <= row[f"{name}_high"] <= 1


# Newcombe (1998), "Two-sided confidence intervals for the single proportion: comparison of seven
# methods", Statistics in Medicine 17:857-872, table I, method 3 (score, no correction; Wilson).
WILSON = [
    (81, 263, 0.2553, 0.3662),
    (15, 148, 0.0624, 0.1605),
    (0, 20, 0.0000, 0.1611),
    (1, 29, 0.0061, 0.1718),
]


@pytest.mark.parametrize(("hits", "count", "low", "high"), WILSON)
def test_wilson_intervals_are_the_published_ones(hits, count, low, high):
    scores = np.full((count, 1), 300.0)
    scores[:hits] = 400.0
    row = summarise(outcome([400], scores), TASK)
    assert row["masked"] == hits / count
    assert (round(row["masked_low"], 4), round(row["masked_high"], 4)) == (low, high)
    # The other draws lose a quarter: the interval of the complement is the mirror image.
    assert row["critical_0.1"] == pytest.approx(1 - hits / count)
    assert row["critical_0.1_low"] == pytest.approx(1 - row["masked_high"])
    assert row["critical_0.1_high"] == pytest.approx(1 - row["masked_low"])


@given(st.lists(st.floats(0, 500), min_size=2, max_size=40), st.integers(0, 2**32))
@settings(max_examples=25, deadline=None, derandomize=True)
def test_the_bootstrap_stays_among_the_values(values, seed):
    array = np.array(values)
    low, high = bootstrap_mean(array, seed)
    slack = 1e-9 * (1.0 + array.max())
    assert array.min() - slack <= low <= high <= array.max() + slack
    assert bootstrap_mean(array, seed) == (low, high)


def test_the_bootstrap_agrees_with_the_normal_theory():
    """For many draws the interval is the mean plus and minus 1.96 standard errors."""
    values = np.random.default_rng(3).normal(400.0, 50.0, 1000)
    low, high = bootstrap_mean(values, 1)
    half = 1.96 * values.std(ddof=1) / np.sqrt(len(values))
    assert low < values.mean() < high
    assert (high - low) / 2 == pytest.approx(half, rel=0.08)
    assert (high + low) / 2 == pytest.approx(values.mean(), abs=half / 10)


def test_the_bootstrap_of_equal_values_is_a_point():
    assert bootstrap_mean(np.full(10, 123.0), 1) == (123.0, 123.0)
    assert bootstrap_mean(np.array([7.0]), 1) == (7.0, 7.0)


def test_the_bootstrap_follows_its_seed():
    values = np.random.default_rng(0).uniform(0, 500, 50)
    assert bootstrap_mean(values, 1) != bootstrap_mean(values, 2)
    one = outcome([500], values[:, None])
    assert summarise(one, TASK, seed=1) == summarise(one, TASK, seed=1)
    assert summarise(one, TASK, seed=1) != summarise(one, TASK, seed=2)


def test_a_single_draw_is_summarised_too():
    row = summarise(outcome([400], [[380]]), TASK)
    assert row["mean_low"] == row["mean_high"] == row["q05"] == row["cvar10"] == 380.0
