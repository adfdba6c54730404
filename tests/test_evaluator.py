"""The batch evaluator: what a network is worth depends on the network and the settings alone."""

from dataclasses import replace

import numpy as np
import pytest

from evo import MUTATIONS, SearchSpace, decode
from evo.operators import mutate, random_genome
from fitness import (
    OBJECTIVES,
    TASKS,
    Batch,
    Evaluator,
    Objective,
    aggregate_scores,
    episode_seeds,
    play,
)
from neuro import Current, FlipFlop, InputError, Network, WinnerTakesAll, prune
from neuro.faults import (
    DeadNeuron,
    DeadSynapse,
    DelayShift,
    Fault,
    Gaussian,
    inject,
    parse_fault,
    parse_time,
    strike,
)

TASK = TASKS["cartpole"]
CURRENT = Current(scale=TASK.scale)
RATES = {name: rate for name, (_, rate) in MUTATIONS.items()}
BALANCING = (0.1, 0.3, 1.0, 1.0)


def balancing(weights=BALANCING, **settings):
    """Push right when a weighted sum of the observation is positive; solves CartPole."""
    rows = [(c, 1, w) for c, w in enumerate(weights)]
    return Network.build(
        2, input_synapses=rows, outputs=[0, 1], encoder=CURRENT, readout=WinnerTakesAll(),
        **settings,
    )  # fmt: skip


def idle():
    return Network.build(2, outputs=[0, 1], encoder=CURRENT, readout=WinnerTakesAll())


def mutants(encoder, count):
    """Random networks, each with up to a dozen mutations."""
    space = SearchSpace(encoder, WinnerTakesAll(), outputs=2, task=TASK.name)
    result = []
    for seed in range(count):
        rng = np.random.default_rng(seed)
        genome = random_genome(space, rng)
        for _ in range(seed % 13):
            genome = mutate(genome, space, rng, RATES)
        result.append(decode(genome, space))
    return result


@pytest.fixture(scope="module")
def networks():
    """Good ones, bad ones, and some with neurons that pruning removes."""
    solving = [balancing(np.array(BALANCING) * f) for f in (1.0, 1.3, 0.8)]
    return [*mutants(CURRENT, 8), *solving, *mutants(FlipFlop(scale=TASK.scale), 6), idle()]


def evaluator(**settings):
    return Evaluator(TASK, seed=3, **{"starts": 4, "draws": 6, "feasible": 0.3, **settings})


def same(a, b):
    return (
        np.array_equal(a.objectives, b.objectives)
        and np.array_equal(a.violation, b.violation)
        and a.steps == b.steps
    )


# --- the batch ------------------------------------------------------------------------------


def test_the_batch_has_networks_of_both_kinds(networks):
    violation = evaluator()(networks).violation
    assert (violation == 0.0).sum() >= 3
    assert (violation > 0.0).sum() >= 3


def test_a_network_is_worth_the_same_alone(networks):
    together = evaluator()(networks)
    alone = [evaluator()([network]) for network in networks]
    joined = Batch(
        np.concatenate([b.objectives for b in alone]),
        np.concatenate([b.violation for b in alone]),
        sum(b.steps for b in alone),
    )
    assert same(together, joined)


def test_order_does_not_matter(networks):
    forth, back = evaluator()(networks), evaluator()(networks[::-1])
    assert same(forth, Batch(back.objectives[::-1], back.violation[::-1], back.steps))


@pytest.mark.parametrize("workers", [2, 5])
def test_workers_do_not_matter(networks, workers):
    assert same(evaluator()(networks), evaluator(workers=workers)(networks))


def test_repetition_does_not_matter(networks):
    one = evaluator()
    assert same(one(networks), one(networks))


def test_rows_are_the_objectives_of_the_measurements(networks):
    batch = evaluator()(networks)
    for row, network in zip(batch.objectives, networks, strict=True):
        measured = evaluator().measure(network)
        assert row.tolist() == [o.measure(measured) for o in OBJECTIVES.values()]


def test_an_empty_batch():
    batch = evaluator()([])
    assert batch.objectives.shape == (0, len(OBJECTIVES))
    assert batch.violation.shape == (0,)
    assert batch.steps == 0


def test_columns_follow_the_chosen_objectives():
    weights = Objective("weights", False, lambda m: float(np.abs(m.network.weights).sum()),
                        lambda task: (100.0, 0.0))  # fmt: skip
    chosen = (OBJECTIVES["size"], weights)
    batch = evaluator(objectives=chosen)([balancing(), idle()])
    assert batch.objectives.tolist() == [[6.0, pytest.approx(2.4)], [2.0, 0.0]]


def test_networks_are_left_untouched(networks):
    before = [n.weights.tobytes() + n.neurons.v_threshold.tobytes() for n in networks]
    evaluator(workers=2)(networks)
    assert before == [n.weights.tobytes() + n.neurons.v_threshold.tobytes() for n in networks]


def test_a_network_for_something_else_is_refused():
    three = Network.build(3, outputs=[0, 1, 2], encoder=CURRENT, readout=WinnerTakesAll())
    with pytest.raises(InputError, match=r"network\.outputs: expected 2 neurons .* got 3"):
        evaluator()([three])


# --- feasible or not ------------------------------------------------------------------------


def test_golden_scores_are_those_of_play(networks):
    starts = TASK.starts(episode_seeds(3, "training", 4))
    for network in networks:
        scores = play(network, TASK, starts).scores
        assert np.array_equal(evaluator().measure(network).scores, scores)


def test_the_infeasible_meet_no_faults():
    poor = balancing((0.0, 0.0, 2.0, 1.0))
    golden = play(poor, TASK, TASK.starts(episode_seeds(3, "training", 4)))
    mean = golden.scores.mean()
    assert 0 < mean < 475
    batch = evaluator(feasible=1.0)([poor])
    assert batch.violation[0] == 1.0 - mean / 475
    assert batch.steps == golden.steps.sum()
    assert batch.objectives[0].tolist() == [mean, 6.0, 0.0]
    assert evaluator(feasible=1.0).measure(poor).faulty is None


def test_the_feasible_meet_every_draw():
    measured = evaluator(feasible=1.0).measure(balancing())
    assert measured.scores.tolist() == [500.0] * 4
    assert measured.faulty.shape == (6,)
    batch = evaluator(feasible=1.0)([balancing()])
    assert batch.violation[0] == 0.0
    assert batch.steps == 4 * 500 + measured.faulty.sum()  # a step is worth 1 in CartPole


def test_the_limit_itself_is_feasible():
    poor = balancing((0.0, 0.0, 2.0, 1.0))
    reached = float(TASK.fraction(evaluator().measure(poor).scores.mean()))
    assert evaluator(feasible=reached)([poor]).violation[0] == 0.0
    above = evaluator(feasible=np.nextafter(reached, 2.0))([poor])
    assert above.violation[0] > 0.0
    assert above.objectives[0, 2] == 0.0


def test_no_draws_no_resilience():
    batch = evaluator(draws=0)([balancing()])
    assert batch.violation[0] == 0.0
    assert batch.objectives[0].tolist() == [500.0, 6.0, 0.0]


def test_resilience_is_the_share_kept_of_solved():
    for aggregate in ("mean", "quantile:0.5", "cvar:0.5"):
        one = evaluator(aggregate=aggregate, draws=8)
        faulty = one.measure(balancing()).faulty
        assert len(set(faulty.tolist())) > 1
        expected = aggregate_scores(faulty, aggregate) / 475
        assert one([balancing()]).objectives[0, 2] == expected


@pytest.mark.parametrize("each", [1, 2, 3, 5])
def test_each_draw_meets_several_starts(each):
    """Draw k plays episodes k * each, ..., which go through the starts in turn."""
    network, starts = prune(balancing()), TASK.starts(episode_seeds(3, "training", 4))
    one = evaluator(each=each, feasible=1.0)
    measured = one.measure(network)
    seed = episode_seeds(3, "training faults", 1)[0]
    copies = inject(network, one.faults, seed, range(6))
    expected, steps = [], 4 * 500
    for draw in range(6):
        jobs = [(each * draw + k) % 4 for k in range(each)]
        struck = play(network, TASK, starts, copies=copies, copy_of=np.full(each, draw),
                      start_of=np.array(jobs))  # fmt: skip
        expected.append(struck.scores.mean())
        steps += int(struck.steps.sum())
    assert measured.faulty.tolist() == expected
    batch = one([network])
    assert batch.steps == steps
    assert batch.objectives[0, 2] == np.mean(expected) / 475


def test_the_faults_of_a_draw_do_not_depend_on_its_episodes():
    """With one start the episodes of a draw are all the same."""
    few, many = (evaluator(starts=1, each=each).measure(balancing()).faulty for each in (1, 4))
    assert few.tolist() == many.tolist()


# --- mixtures ---------------------------------------------------------------------------------

MIXTURE = (
    Fault(Gaussian(), 0.6), Fault(DeadSynapse(), 0.3), Fault(DeadNeuron(), 0.3),
    Fault(DelayShift(2), 0.5), Fault(DeadNeuron(), 0.5, time=parse_time("window:tick=40,ticks=99")),
    parse_fault("read-noise@0.5"),
)  # fmt: skip


@pytest.mark.parametrize("each", [1, 3])
@pytest.mark.parametrize("count", [1, 2, 6])
def test_each_draw_of_a_mixture_has_one_of_the_faults(count, each):
    """Draw k has fault k mod M, and is the draw that this fault alone would have had."""
    network = Network.build(
        3, [(2, 1, 0.3, 2)], input_synapses=[(3, 2, 0.5), *[(c, 1, w) for c, w in
                                                           enumerate(BALANCING)]],
        outputs=[0, 1], encoder=CURRENT, readout=WinnerTakesAll(),
    )  # fmt: skip
    task = replace(TASK, max_steps=60)
    options = {"starts": 4, "draws": 2 * count + 1, "each": each, "feasible": 0.0}
    mixed = Evaluator(task, 3, faults=MIXTURE[:count], mixture=True, **options)
    faulty = mixed.measure(network).faulty
    for k, score in enumerate(faulty.tolist()):
        alone = Evaluator(task, 3, faults=(MIXTURE[k % count],), **options)
        assert alone.measure(network).faulty[k] == score
    assert len(set(faulty.tolist())) > 1
    batch, networks = mixed([network]), [idle(), network, balancing(), network]
    assert batch.cases[0, 4:].tolist() == faulty.tolist()
    assert batch.objectives[0, 2] == faulty.mean() / 475
    for workers in (1, 2):
        among = replace(mixed, workers=workers)(networks)
        for row in (1, 3):
            assert np.array_equal(among.objectives[row], batch.objectives[0])
            assert np.array_equal(among.cases[row], batch.cases[0])


def test_steps_of_a_mixture_are_those_of_its_draws():
    one = evaluator(faults=MIXTURE[:2], mixture=True, draws=5, starts=2)
    network, starts = prune(balancing()), TASK.starts(episode_seeds(3, "training", 2))
    steps = int(play(network, TASK, starts).steps.sum())
    seed = episode_seeds(3, "training faults", 1)[0]
    for k in range(5):
        struck = strike(network, [MIXTURE[k % 2]], seed, [k])
        played = play(network, TASK, starts, copies=struck.copies, start_of=np.array([k % 2]))
        steps += int(played.steps[0])
    assert one([network]).steps == steps


def test_a_mixture_of_more_faults_than_draws():
    one = evaluator(faults=MIXTURE, mixture=True, draws=2)
    assert one.measure(balancing()).faulty.shape == (2,)
    assert [numbers.tolist() for _, numbers in one.rounds()] == [[0], [1]]
    assert evaluator(faults=MIXTURE, mixture=True, draws=0).rounds() == []
    together = evaluator(faults=MIXTURE, draws=2).rounds()
    assert [(faults, numbers.tolist()) for faults, numbers in together] == [(MIXTURE, [0, 1])]


@pytest.mark.parametrize("each", [0, -1, 1.5, None])
def test_no_episodes_of_a_draw(each):
    with pytest.raises(InputError, match=r"^each: expected a whole number from 1"):
        evaluator(each=each)


# --- common random numbers ------------------------------------------------------------------


def with_bystander(keys):
    """`balancing` with one more neuron, of weight zero everywhere, in front of the others."""
    rows = [(c, 2, w) for c, w in enumerate(BALANCING)]
    return Network.build(
        {"key": keys, "tau_mem": np.inf},
        [(0, 2, 0.0, 1)],
        input_synapses=[(4, 0, 0.0), *rows],
        outputs=[1, 2],
        encoder=CURRENT,
        readout=WinnerTakesAll(),
    )


def test_the_same_synapse_meets_the_same_fault_in_every_network():
    plain = Network.build(
        {"key": [11, 22]}, input_synapses=[(c, 1, w) for c, w in enumerate(BALANCING)],
        outputs=[0, 1], encoder=CURRENT, readout=WinnerTakesAll(),
    )  # fmt: skip
    larger, renamed = with_bystander([99, 11, 22]), with_bystander([99, 11, 23])
    assert len(prune(larger).neurons) == 3
    struck = [inject(n, [Fault(Gaussian(), 0.3)], 5, range(20)).in_weight
              for n in (plain, larger, renamed)]  # fmt: skip
    assert np.array_equal(struck[0], struck[1][:, :4])  # sorted by channel: the bystander's is last
    assert not np.isclose(struck[0], struck[2][:, :4]).any()
    one = evaluator(draws=20, faults=(Fault(Gaussian(), 0.3),))
    scores = [one.measure(n).faulty.tolist() for n in (plain, larger, renamed)]
    assert scores[0] == scores[1]
    assert scores[0] != scores[2]


def test_more_draws_begin_with_the_fewer():
    few, many = evaluator(draws=5), evaluator(draws=17)
    assert np.array_equal(few.measure(balancing()).faulty, many.measure(balancing()).faulty[:5])


def test_draws_take_the_starts_in_turn():
    one = evaluator(starts=3, draws=7, faults=(Fault(DeadSynapse(), 0.0),))
    poor = balancing((0.0, 0.0, 2.0, 1.0))
    measured = one.measure(poor)
    assert len(set(measured.scores.tolist())) == 3
    assert measured.faulty.tolist() == [measured.scores[k % 3] for k in range(7)]


SETS = [(0, "training"), (1, "training"), (0, "held-out"), (0, "training faults")]


def test_seeds_and_purposes_have_their_own_starts():
    seeds = [frozenset(episode_seeds(seed, purpose, 500)) for seed, purpose in SETS]
    assert all(len(s) == 500 for s in seeds)
    for k, one in enumerate(seeds):
        assert all(not one & other for other in seeds[k + 1 :])
    poor = balancing((0.0, 0.0, 2.0, 1.0))
    scores = {
        tuple(Evaluator(TASK, seed, purpose, starts=4, draws=0).measure(poor).scores)
        for seed, purpose in SETS
    }
    assert len(scores) == len(SETS)


def test_seeds_and_purposes_have_their_own_faults():
    # A task that always starts the same leaves the faults as the only difference.
    task = replace(TASK, reset=lambda rng: np.full(4, 0.03))
    scores = {
        tuple(Evaluator(task, seed, purpose, starts=2, draws=12).measure(balancing()).faulty)
        for seed, purpose in SETS
    }
    assert len(scores) == len(SETS)


def test_the_largest_seed_is_a_seed():
    poor = balancing((0.0, 0.0, 2.0, 1.0))
    scores = [
        Evaluator(TASK, seed, starts=4, draws=2).measure(poor).scores.tolist()
        for seed in (2**64 - 2, 2**64 - 1)
    ]
    assert scores[0] != scores[1]


# --- aggregates -----------------------------------------------------------------------------

HALVES = [4.0, 1.0, 3.0, 5.0, 2.0]
AGGREGATES = [
    (HALVES, "mean", 3.0),
    (HALVES, "quantile:0.25", 2.0),
    (HALVES, "quantile:0.125", 1.5),  # between two scores, linearly
    (HALVES, "quantile:1", 5.0),
    (HALVES, "cvar:0.2", 1.0),
    (HALVES, "cvar:0.4", 1.5),
    (HALVES, "cvar:0.5", 2.0),  # two and a half scores are three
    (HALVES, "cvar:1", 3.0),
    (HALVES, "cvar:1e-9", 1.0),  # at least one
    ([7.0], "quantile:0.5", 7.0),
    ([7.0], "cvar:0.05", 7.0),
    (list(map(float, range(100))), "cvar:0.1", 4.5),
    # 0.07 * 100 is 7.000000000000001 in floating point, and still seven scores.
    (list(map(float, range(100))), "cvar:0.07", 3.0),
]


@pytest.mark.parametrize(("scores", "how", "expected"), AGGREGATES)
def test_aggregates(scores, how, expected):
    array = np.array(scores)
    array.setflags(write=False)
    assert aggregate_scores(array, how) == expected


@pytest.mark.parametrize("how", [
    "", "median", "Mean", "mean:0.5", "quantile", "quantile:", "quantile:0", "quantile:1.01",
    "quantile:-0.5", "quantile:nan", "quantile:x", "cvar", "cvar:0", "cvar:2", "cvar:inf",
    "cvar:0.1:0.2", "min", None, 0.5,
])  # fmt: skip
def test_aggregates_that_do_not_exist(how):
    line = r"^aggregate: expected mean, quantile:Q or cvar:Q .*, got .*$"
    with pytest.raises(InputError, match=line):
        aggregate_scores(np.array([1.0]), how)
    with pytest.raises(InputError, match=line):
        evaluator(aggregate=how)


@pytest.mark.parametrize(("name", "value"), [
    ("seed", -1), ("seed", 2**64), ("seed", 1.0), ("starts", 0), ("starts", 2.0), ("draws", -1),
    ("workers", 0), ("workers", True), ("feasible", np.nan), ("feasible", "much"),
])  # fmt: skip
def test_bad_settings(name, value):
    settings = {"seed": 1, name: value}
    with pytest.raises(InputError, match=rf"^{name}: expected a .*number from .*, got"):
        Evaluator(TASK, **settings)


# --- size and the contract of objectives -----------------------------------------------------


def test_size_counts_what_pruning_leaves():
    # 0 and 1 are outputs, 2 is heard by 1, 3 hears but is not heard, 4 is heard but hears nothing.
    network = Network.build(
        5,
        [(2, 1, 1.0, 1), (2, 1, 0.5, 2), (2, 3, 1.0, 1), (4, 0, 1.0, 1)],
        input_synapses=[(0, 2, 1.0), (1, 1, 1.0), (1, 3, 1.0)],
        outputs=[0, 1],
        encoder=CURRENT,
        readout=WinnerTakesAll(),
    )
    assert evaluator()([network]).objectives[0, 1] == 3 + 2 + 2


def test_size_counts_unused_inputs_and_outputs():
    network = Network.build(
        10, inputs=range(8), outputs=[8, 9], encoder=FlipFlop(scale=TASK.scale),
        readout=WinnerTakesAll(),
    )  # fmt: skip
    assert evaluator()([network]).objectives[0, 1] == 10


every_objective = pytest.mark.parametrize("objective", OBJECTIVES.values(), ids=OBJECTIVES)
every_task = pytest.mark.parametrize("task", TASKS.values(), ids=TASKS)


@every_objective
def test_objective_is_registered_under_its_name(objective):
    assert OBJECTIVES[objective.name] is objective
    assert objective.name.replace("_", "").isalnum()


@every_objective
@every_task
def test_objective_span_runs_from_worst_to_best(objective, task):
    worst, best = objective.span(task)
    assert np.isfinite([worst, best]).all()
    assert (best > worst) if objective.maximise else (best < worst)


@every_objective
def test_objective_is_finite_and_repeatable(objective, networks):
    for draws in (0, 3):
        for network in networks:
            measured = evaluator(draws=draws).measure(network)
            for array in (measured.scores, measured.faulty):
                if array is not None:
                    array.setflags(write=False)
            value = objective.measure(measured)
            assert isinstance(value, float)
            assert np.isfinite(value)
            assert objective.measure(measured) == value


BETTER_AND_WORSE = {
    "score": (balancing(), idle()),
    "size": (idle(), balancing()),
    "resilience": (balancing(), balancing((0.1, 0.2, 1.0, 0.6))),
}


@every_objective
def test_objective_prefers_the_better_network(objective):
    better, worse = BETTER_AND_WORSE[objective.name]
    settings = {"feasible": -1e9, "starts": 8, "draws": 16}
    values = [objective.measure(evaluator(**settings).measure(n)) for n in (better, worse)]
    assert (values[0] > values[1]) == objective.maximise
    assert values[0] != values[1]


def test_epochs_have_starts_and_faults_of_their_own():
    evaluator = Evaluator(TASK, seed=3, starts=4, draws=6, feasible=-1.0)
    network = Network.build(
        2, input_synapses=[(2, 1, 0.6), (3, 1, 0.02)], outputs=[0, 1],
        encoder=Current(scale=TASK.scale), readout=WinnerTakesAll(),
    )  # fmt: skip
    measured = [evaluator.measure(network, epoch) for epoch in range(3)]
    assert len({m.scores.tobytes() for m in measured}) == 3
    assert len({m.faulty.tobytes() for m in measured}) == 3
    assert evaluator.measure(network).scores.tolist() == measured[0].scores.tolist()
    for epoch, m in enumerate(measured):
        batch = evaluator([network], epoch)
        assert batch.objectives[0, 0] == m.scores.mean()
