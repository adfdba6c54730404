"""Fault campaigns and their statistics, against hand values, the literature and plain loops."""

import tracemalloc
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fitness import TASKS, Campaign, Outcome, aggregate_scores, episode_seeds, find_task, play
from fitness import campaign as campaign_module
from fitness.faulty import FaultyPlayer
from fitness.intervals import mean_interval
from fitness.sampling import looks, sample_size
from fitness.statistics import CRITICAL, axis_of, curve, summarise
from neuro import Current, FlipFlop, InputError, Network, WinnerTakesAll
from neuro.faults import (
    BitFlip,
    DeadNeuron,
    DeadSynapse,
    DelayShift,
    Fault,
    FaultSite,
    Gaussian,
    inject,
    parse_model,
    parse_time,
    single_faults,
    strike,
    strike_each,
)
from neuro.jit import STEP, kernel_function

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


def run(models, network=None, task=TASK, **options):
    settings = {"draws": 12, "episodes": 3, "seed": 4, **options}
    return list(Campaign(task, models, **settings).run(network or leaning()))


def same(a, b):
    return len(a) == len(b) and all(
        (x.model, x.severity, x.population) == (y.model, y.severity, y.population)
        and all(
            np.array_equal(getattr(x, name), getattr(y, name))
            for name in ("golden", "scores", "numbers", "ticks")
        )
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


BRIEF = replace(TASK, max_steps=3)
NOISE = (parse_model("read-noise"), (0.2,))


@pytest.mark.parametrize(
    ("chunk", "edits", "workers"), [(200, 10**7, 2), (25, 10**7, 2), (7, 10**7, 3), (200, 1, 1)]
)
def test_workers_and_chunks_change_nothing(monkeypatch, chunk, edits, workers):
    task = replace(TASK, max_steps=60)
    one, noise = run(MODELS, task=task, draws=60), run([NOISE], task=BRIEF, draws=9)
    single = run([(BitFlip(), ())], task=task, single=True)
    monkeypatch.setattr(campaign_module, "CHUNK", chunk)
    monkeypatch.setattr(campaign_module, "EDITS", edits)
    assert same(one, run(MODELS, task=task, draws=60, workers=workers))
    assert same(noise, run([NOISE], task=BRIEF, draws=9, workers=workers))
    assert same(single, run([(BitFlip(), ())], task=task, single=True, workers=workers))


def test_few_edits_are_held_at_a_time(monkeypatch):
    """Noise at every tick of a long episode: few copies are made at once."""
    made = []

    class Watched(FaultyPlayer):
        def __call__(self, struck):
            made.append(len(struck.copies.tick))
            return super().__call__(struck)

    monkeypatch.setattr(campaign_module, "FaultyPlayer", Watched)
    monkeypatch.setattr(campaign_module, "EDITS", 2_000)
    for time in ("redrawn", "redrawn:every=2", "intermittent:on=1,off=1", "accumulating:steps=100"):
        run([NOISE], task=replace(TASK, max_steps=10), draws=6, time=parse_time(time))
    assert len(made) > 8
    assert 500 < max(made) <= 2_000


def test_the_order_of_models_and_severities_changes_nothing():
    forward = run([(Gaussian(), (0.1, 0.5)), (DeadSynapse(), (0.3,))])
    backward = run([(DeadSynapse(), (0.3,)), (Gaussian(), (0.5, 0.1))])
    assert same(forward, backward[::-1])


@pytest.mark.parametrize("time", ["permanent", "upset", "intermittent", "redrawn:every=40"])
def test_draws_strike_other_networks_alike(time):
    """A neuron more, with a synapse that never brings anything: the same scores."""
    network = leaning()
    larger = Network.build(
        4, [(2, 1, 0.3, 2), (3, 2, 0.7, 1)],
        input_synapses=[(3, 2, 0.5), *[(c, 1, w) for c, w in enumerate(LEAN)]],
        outputs=[0, 1], encoder=network.encoder, readout=network.readout,
    )  # fmt: skip
    options = {"time": parse_time(time), "site": FaultSite("synapses")}
    models = [(Gaussian(), (0.5,)), (DeadSynapse(), (0.5,))]
    for a, b in zip(run(models, **options), run(models, larger, **options), strict=True):
        assert np.array_equal(a.scores, b.scores)
    assert len(np.unique(run(models)[0].scores)) > 3


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
    ("workers", 100_000), ("most", 0), ("most", 10**9), ("margin", 0.0), ("margin", 1.5),
    ("margin", np.nan), ("confidence", 0.4), ("confidence", 1.0), ("precision", 0.0),
    ("precision", -1), ("single", 1), ("accelerate", "no"),
])  # fmt: skip
def test_bad_numbers(name, value):
    expected = "(a whole number from|a number from|true or false)"
    with pytest.raises(InputError, match=f"^{name}: expected {expected}.*, got"):
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


# --- single faults ----------------------------------------------------------------------------

AUDIT = [(BitFlip(bits=4), ()), (DeadNeuron(), ()), (DelayShift(), ())]


def audit(models=AUDIT, task=TASK, network=None, **options):
    options = {"single": True, "episodes": 2, "seed": 4, **options}
    return list(Campaign(task, models, **options).run(network or leaning()))


def test_every_single_fault_is_tried_once():
    network = leaning()
    starts = TASK.starts(episode_seeds(4, "campaign", 2))
    for found, (model, _) in zip(audit(), AUDIT, strict=True):
        numbers = single_faults(network, model, FaultSite())
        assert found.population == len(numbers) == len(found.scores)
        assert found.numbers.tolist() == numbers.tolist()
        assert (found.severity, found.ticks) == (None, None)
        struck = strike_each(network, Fault(model, 0.0), 4, numbers)
        for k in range(len(numbers)):
            alone = play(struck.network, TASK, starts, copies=struck.copies,
                         copy_of=np.full(2, k), start_of=np.arange(2))  # fmt: skip
            assert np.array_equal(found.scores[k], alone.scores)
    assert [o.population for o in audit()] == [6 * 4, 3, 1]


def test_every_fault_at_every_tick():
    (found,) = audit(AUDIT[:1], BRIEF, time=parse_time("upset"))
    assert found.population == 6 * 4 * 3 * 10  # weights, bits, decisions, ticks
    pairs = set(zip(found.numbers.tolist(), found.ticks.tolist(), strict=True))
    assert pairs == {(fault, tick) for fault in range(24) for tick in range(30)}
    (fixed,) = audit(AUDIT[:1], BRIEF, time=parse_time("window:tick=4,ticks=2"))
    assert (fixed.population, fixed.ticks) == (24, None)


def test_a_sample_is_as_large_as_planned_and_has_no_fault_twice():
    for margin, confidence in ((0.1, 0.95), (0.05, 0.95), (0.05, 0.99)):
        (found,) = audit(AUDIT[:1], BRIEF, time=parse_time("upset"), most=100, margin=margin,
                         confidence=confidence)  # fmt: skip
        assert len(found.scores) == sample_size(720, margin, confidence) < 720
        pairs = set(zip(found.numbers.tolist(), found.ticks.tolist(), strict=True))
        assert len(pairs) == len(found.scores)
        assert len(set(found.numbers.tolist())) > 20


def test_larger_samples_begin_with_smaller_ones():
    few, more = (
        audit(AUDIT[:1], BRIEF, time=parse_time("upset"), most=100, margin=margin)[0]
        for margin in (0.1, 0.05)
    )
    count = len(few.scores)
    assert count < len(more.scores)
    assert np.array_equal(few.ticks, more.ticks[:count])
    assert np.array_equal(few.scores, more.scores[:count])


KEYS_OF_FAULTS = np.arange(1000, 1400, dtype=np.uint64)


def test_samples_of_large_populations(monkeypatch):
    """Drawn one by one: without repetition, the fewer first, everywhere alike."""
    monkeypatch.setattr(campaign_module, "LISTED", 0)
    keys = KEYS_OF_FAULTS[:5]
    few, more = (campaign_module._sample(keys, 1000, count, 7) for count in (100, 2000))
    assert np.array_equal(few, more[:100])
    assert len(np.unique(more)) == 2000
    assert not np.array_equal(few, campaign_module._sample(keys, 1000, 100, 8))
    counts = np.zeros(40)
    for seed in range(200):
        counts += np.bincount(campaign_module._sample(keys, 8, 15, seed), minlength=40)
    # Binomial with 200 trials of 3/8: 75 on average, with a deviation of 6.8.
    assert counts.sum() == 200 * 15
    assert counts.min() > 45
    assert counts.max() < 105
    (found,) = audit(AUDIT[:1], BRIEF, time=parse_time("upset"), most=100, margin=0.1)
    assert len(set(zip(found.numbers.tolist(), found.ticks.tolist(), strict=True))) == 85


def test_a_sample_that_is_most_of_a_large_population(monkeypatch):
    monkeypatch.setattr(campaign_module, "LISTED", 0)
    chosen = campaign_module._sample(KEYS_OF_FAULTS[:5], 100, 499, 7)
    assert len(np.unique(chosen)) == 499


def test_samples_of_populations_beyond_memory():
    """Faults of 400 places at any tick of 100,000 decisions of 24 ticks: 7.7 GB if listed."""
    tracemalloc.start()
    chosen = campaign_module._sample(KEYS_OF_FAULTS, 2_400_000, 10_000, 7)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(np.unique(chosen)) == 10_000
    assert 0 <= chosen.min() < 10**6
    assert 959 * 10**6 < chosen.max() < 960 * 10**6
    assert peak < 10_000_000


def test_samples_beyond_what_can_be_tried_are_refused(monkeypatch):
    monkeypatch.setattr(campaign_module, "TRIED", 600)
    with pytest.raises(InputError, match=r"^margin: expected one that a sample of 600 of 720 f"):
        audit(AUDIT[:1], BRIEF, time=parse_time("upset"), draws=1, most=100, margin=0.001)


def test_models_without_single_faults():
    with pytest.raises(InputError, match=r"^model gaussian: expected one with single faults, got"):
        audit([(Gaussian(), ())])
    with pytest.raises(InputError, match=r"^model delay-shift: expected a network that has sites"):
        audit([(DelayShift(), ())], network=Network.build(
            2, outputs=[0, 1], encoder=Current(scale=TASK.scale), readout=WinnerTakesAll()
        ))  # fmt: skip


# --- precision --------------------------------------------------------------------------------


@pytest.mark.parametrize("single", [False, True])
@pytest.mark.parametrize("precision", [0.05, 0.02, 1e-6])
def test_campaigns_stop_at_looks_only(single, precision):
    """And what they have then is the beginning of what they would have had."""
    if single:
        options = {"single": True, "time": parse_time("upset"), "task": BRIEF, "draws": 720}
        severities = ()
    else:
        options = {"draws": 900, "task": replace(TASK, max_steps=80)}
        severities = (0.05, 0.3)
    task, total = options.pop("task"), options["draws"]
    options |= {"episodes": 2, "seed": 4}
    models = [(BitFlip(bits=4), severities)]
    stopped = list(Campaign(task, models, precision=precision, **options).run(leaning()))
    full = list(Campaign(task, models, precision=1e-9, **options).run(leaning()))
    for some, every in zip(stopped, full, strict=True):
        count = len(some.scores)
        assert len(every.scores) == total
        assert np.array_equal(some.scores, every.scores[:count])
        assert np.array_equal(some.numbers, every.numbers[:count])
        for look in looks(total):
            interval = mean_interval(every.drop(task)[:look], population=every.population,
                                     bounds=(0.0, 1.0))  # fmt: skip
            if look >= count:
                break
            assert interval.margin > precision
        assert count == look
        assert interval.margin <= precision or count == total
    assert precision < 0.05 or min(len(some.scores) for some in stopped) < total
    if single:
        pairs = zip(full[0].numbers.tolist(), full[0].ticks.tolist(), strict=True)
        assert len(set(pairs)) == 720


def test_a_hundred_harmless_draws_do_not_prove_that_nothing_happens():
    """No fault seen in 100: up to 2.5 % of them may cost everything, 1.2 % on either side."""
    found = run([(DeadSynapse(), (0.0,))], draws=1000, precision=0.01)
    assert [len(o.scores) for o in found] == [200]


# --- scores that are kept ---------------------------------------------------------------------


class Kept(dict):
    """Scores by key, and how many rows were kept each time."""

    def __init__(self):
        self.saved = []

    def load(self, key):
        return self.get(key)

    def save(self, key, scores):
        self[key] = scores.copy()
        self.saved.append(len(scores))


@pytest.fixture
def asked(monkeypatch):
    """How many copies each call of a player was given."""
    counts = []

    class Watched(FaultyPlayer):
        def __call__(self, struck):
            counts.append(len(struck.copies.weight))
            return super().__call__(struck)

    monkeypatch.setattr(campaign_module, "FaultyPlayer", Watched)
    monkeypatch.setattr(campaign_module, "CHUNK", 10)
    return counts


def test_nothing_is_played_twice(asked):
    store, campaign = Kept(), Campaign(TASK, MODELS, draws=25, episodes=2)
    first = list(campaign.run(leaning(), store=store))
    assert (len(store), sum(asked)) == (5, 125)
    asked.clear()
    assert same(first, list(campaign.run(leaning(), store=store)))
    assert asked == []
    # More draws go on where there were fewer; fewer are the beginning.
    more = list(replace(campaign, draws=35).run(leaning(), store=store))
    assert sum(asked) == 50
    assert same(more, list(replace(campaign, draws=35).run(leaning())))
    assert same(first, list(campaign.run(leaning(), store=store)))


@pytest.mark.parametrize("single", [False, True])
@pytest.mark.parametrize("workers", [1, 2])
def test_an_interrupted_campaign_goes_on(asked, single, workers):
    models = [(BitFlip(bits=4), () if single else (0.1,))]
    campaign = Campaign(TASK, models, draws=60, episodes=2, single=single, workers=workers)
    whole = list(campaign.run(leaning()))
    total = len(whole[0].scores)
    for stop in range(1, 4):
        store, seen = Kept(), []

        def interrupt(count, seen=seen, stop=stop):
            seen.append(count)
            if len(seen) == stop + 1:  # the first one tells of what was found
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            list(campaign.run(leaning(), store=store, progress=interrupt))
        assert store.saved == [min(10 * stop, total)]
        asked.clear()
        assert same(whole, list(campaign.run(leaning(), store=store)))
        assert sum(asked) == total - store.saved[0]


def test_long_parts_are_kept_in_between(asked, monkeypatch):
    monkeypatch.setattr(campaign_module, "SAVE_EVERY", 0.0)
    store = Kept()
    list(Campaign(TASK, MODELS[:1], draws=30, episodes=1).run(leaning(), store=store))
    assert set(store.saved) == {10, 20, 30}


def test_scores_are_kept_by_all_that_they_depend_on():
    models = [(DeadSynapse(), (0.2,))]
    base = Campaign(TASK, models, draws=3, episodes=2)
    others = [
        replace(base, models=[(DeadSynapse(), (0.3,))]),
        replace(base, models=[(Gaussian(), (0.2,))]),
        replace(base, models=[(parse_model("stuck-synapse:value=0"), (0.2,))]),
        replace(base, models=[(parse_model("stuck-synapse:value=0.5"), (0.2,))]),
        replace(base, seed=1), replace(base, episodes=1), replace(base, site=FaultSite("synapses")),
        replace(base, site=FaultSite(group="row")), replace(base, time=parse_time("upset")),
        replace(base, time=parse_time("upset:tick=3")),
        replace(base, time=parse_time("upset"), task=BRIEF),
        replace(base, single=True), replace(base, single=True, precision=0.5),
        replace(base, single=True, most=3, margin=0.5),
    ]  # fmt: skip
    store = Kept()
    list(base.run(leaning(), store=store))
    for count, other in enumerate(others, start=2):
        assert same(list(other.run(leaning(), store=store)), list(other.run(leaning())))
        assert len(store) == count, other
    list(base.run(leaning_flip_flop(), store=store))
    assert len(store) == count + 1
    list(replace(base, workers=2, accelerate=False, draws=2).run(leaning(), store=store))
    assert len(store) == count + 1


# --- tasks ------------------------------------------------------------------------------------


def test_environments_are_played_without_any_of_this():
    task = find_task("gymnasium:CartPole-v1")
    models, options = [(DeadSynapse(), (0.3,)), (DelayShift(), (0.5,))], {"draws": 3, "episodes": 2}
    network = replace(leaning(), task=None)
    found = list(Campaign(task, models, **options, workers=2).run(network))
    starts = task.starts(episode_seeds(0, "campaign", 2))
    for one in found:
        struck = strike(network, [Fault(one.model, one.severity)], 0, range(3))
        alone = play(struck.network, task, starts, copies=struck.copies,
                     copy_of=np.repeat(np.arange(3), 2), start_of=np.tile([0, 1], 3))  # fmt: skip
        assert np.array_equal(one.scores, alone.scores.reshape(3, 2))
    (single,) = Campaign(task, [(DeadSynapse(), ())], single=True, episodes=1).run(network)
    assert single.population == 6


@kernel_function(STEP)
def _diverge(state, action):
    state[0] = np.inf if action[0] == 1.0 else state[0] + 0.001
    return 1.0, False


def test_scores_that_are_not_numbers_are_named():
    """The task diverges if the network ever pushes to the right."""
    task = replace(TASK, step=_diverge, max_steps=5)
    idle = Network.build(
        2, input_synapses=[(4, 1, 0.01)], outputs=[0, 1], encoder=Current(scale=TASK.scale),
        readout=WinnerTakesAll(),
    )  # fmt: skip
    stuck = [(parse_model("stuck-synapse:value=100"), ())]
    campaign = Campaign(task, stuck, single=True, episodes=1)
    with pytest.raises(InputError, match=r"^scores under stuck-synapse: expected finite numbers"):
        list(campaign.run(idle))
    with pytest.raises(InputError, match=r"^golden scores: expected finite numbers, got nan$"):
        list(campaign.run(leaning()))


# --- outcomes by hand -------------------------------------------------------------------------


def outcome(golden, scores):
    scores = np.array(scores, float)
    return Outcome(Gaussian(), 0.1, np.array(golden, float), scores, np.arange(len(scores)))


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

RATES = ["masked", "improved", "degraded", *(f"critical_{c:g}" for c in CRITICAL)]
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
    assert rates == [0.25, 0.0, 0.75, 0.75, 0.75, 0.5, 0.25]


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


def test_intervals_of_means_follow_their_seed_and_know_the_bounds():
    values = np.random.default_rng(0).uniform(0, 500, 50)
    one = outcome([500], values[:, None])
    row = summarise(one, TASK, seed=1)
    assert row == summarise(one, TASK, seed=1)
    assert row["mean_low"] != summarise(one, TASK, seed=2)["mean_low"]
    interval = mean_interval(values, bounds=(0.0, 500.0), seed=1)
    assert (row["mean_low"], row["mean_high"]) == interval


def test_a_single_draw_is_summarised_too():
    row = summarise(outcome([400], [[380]]), TASK)
    assert row["mean"] == row["q05"] == row["cvar10"] == 380.0
    # One draw says little: the mean may be anything from the worst score to the golden one.
    assert row["mean_low"] < 100
    assert 390 < row["mean_high"] <= 400


def test_what_was_all_tried_has_no_interval():
    scores = [[400], [300], [400], [0]]
    every = outcome([400], scores)._replace(population=4)
    row = summarise(every, TASK)
    assert row["mean_low"] == row["mean"] == row["mean_high"] == 275
    assert row["masked_low"] == row["masked"] == row["masked_high"] == 0.5
    some = summarise(every._replace(population=8), TASK)
    none = summarise(outcome([400], scores), TASK)
    assert none["mean_low"] < some["mean_low"] < 275 < some["mean_high"] < none["mean_high"]


# --- curves -----------------------------------------------------------------------------------


def sweep(severities, losses):
    """Outcomes of two draws, which keep these shares of a golden score of 400."""
    return [
        Outcome(Gaussian(), q, np.array([400.0]), 400.0 * (1 - np.array(pair)[:, None]),
                np.arange(2))
        for q, pair in zip(severities, losses, strict=True)
    ]  # fmt: skip


def test_a_curve_by_hand():
    found = sweep((0.1, 0.2, 0.4), ([0.0, 0.0], [0.0, 0.04], [0.1, 0.3]))
    row = curve(found, TASK)
    assert (row["severities"], row["draws"]) == (3, 2)
    # Kept on average: 1, 0.98, 0.8.
    assert row["auc"] == pytest.approx((0.99 * 0.1 + 0.89 * 0.2) / 0.3)
    # Resampled, it is the first draw twice, the second twice, or both.
    assert row["auc_high"] == pytest.approx((1.0 * 0.1 + 0.95 * 0.2) / 0.3)
    assert row["auc_low"] == pytest.approx((0.98 * 0.1 + 0.83 * 0.2) / 0.3)
    assert row["severity_at_0.01"] == pytest.approx(0.15)
    assert row["severity_at_0.05"] == pytest.approx(0.2 + 0.2 * 3 / 18)
    assert row["severity_at_0.1"] == pytest.approx(0.2 + 0.2 * 8 / 18)


def test_a_curve_over_decades_by_hand():
    found = sweep((0.0, 0.001, 0.01, 0.1), ([0, 0], [0, 0], [0.05, 0.05], [0.1, 0.1]))
    row = curve(found, TASK)
    assert row["auc"] == row["auc_low"] == row["auc_high"] == pytest.approx((0.975 + 0.925) / 2)
    assert row["severity_at_0.05"] == pytest.approx(0.01)
    assert row["severity_at_0.01"] == pytest.approx(10**-2.8)
    assert row["severities"] == 4
    alone = curve(found[2:3], TASK)
    assert np.isnan([alone["auc"], alone["auc_low"], alone["auc_high"]]).all()
    assert (alone["severity_at_0.05"], np.isnan(alone["severity_at_0.1"])) == (0.01, True)


def test_axes():
    for severities, axis in (
        ([0.1, 0.2], "linear"), ([0.01, 0.3], "log"), ([0.0, 0.01, 0.3], "log"), ([0.0], "linear"),
        ([0.0, 0.5], "linear"), ([0.01, 0.29], "linear"),
    ):  # fmt: skip
        assert axis_of(np.array(severities)) == axis


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (("cartpole", [NOISE]), r"task: expected a task, .*, got cartpole"),
        ((TASK, []), r"models: expected at least one, got none"),
        ((TASK, [("gaussian", (0.1,))]), r"models: expected fault models, .*, got gaussian"),
    ],
)
def test_names_in_place_of_things_are_refused(arguments, line):
    with pytest.raises(InputError, match=f"^{line}$"):
        Campaign(*arguments)
