"""The engine: reproducible, resumable, accountable, and strict about what it is handed."""

import io
import json
import random
import re
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evo import (
    ObjectiveSpec,
    SearchSpace,
    Settings,
    default_toolbox,
    dump_state,
    evolve,
    hypervolume,
    load_state,
    operators,
    selection,
)
from evo.checkpoint import FORMAT, VERSION
from evo.history import operator_names
from fitness import OBJECTIVES, TASKS, Batch, Evaluator
from neuro import Current, FlipFlop, InputError, Network, WinnerTakesAll, same_network

TASK = TASKS["cartpole"]
SPACE = SearchSpace(FlipFlop(scale=(1.0, 2.0)), WinnerTakesAll(), outputs=2, delay_limit=3)
SPECS = [
    ObjectiveSpec("weight", True, 0.0, 10.0),
    ObjectiveSpec("size", False, 40.0, 0.0),
    ObjectiveSpec("delay", True, 0.0, 3.0),
]
SMALL = Settings(population=8, generations=4)


class Measured(NamedTuple):
    objectives: np.ndarray
    violation: np.ndarray
    steps: int


def toy(networks):
    """Objectives that need no simulation, some of them in conflict; negative sums fail."""
    rows, violation = [], []
    for network in networks:
        total = float(network.weights.sum())
        rows.append((total, network.size, float(network.synapses.delay.sum()) / network.size))
        violation.append(max(0.0, -total))
    return Measured(np.array(rows).reshape(-1, 3), np.array(violation), 10 * len(networks))


def run(evaluate=toy, settings=SMALL, *, space=SPACE, specs=SPECS, seed=1, **options):
    return evolve(evaluate, space, specs, settings, seed=seed, **options)


# --- the same again ---------------------------------------------------------------------------


def test_the_same_seed_gives_the_same_state():
    assert dump_state(run().state) == dump_state(run().state)


@pytest.mark.parametrize(
    ("given", "line"),
    [
        ({"seed": -1}, "seed: expected a whole number from 0 .*, got -1"),
        ({"seed": 1, "seeds": [Network.build(2)]}, "seeds: expected genomes, .*, got Network"),
    ],
)
def test_seeds_that_are_none_are_refused(given, line):
    with pytest.raises(InputError, match=f"^{line}$"):
        evolve(None, SPACE, SPECS, SMALL, **given)


def test_different_seeds_differ():
    assert len({dump_state(run(seed=seed).state) for seed in (0, 1, 2, 2**64 - 1)}) == 4


def test_neither_global_generator_is_used():
    before = random.getstate(), np.random.get_state()[1].tobytes()  # noqa: NPY002
    run()
    assert (random.getstate(), np.random.get_state()[1].tobytes()) == before  # noqa: NPY002


def test_child_i_of_generation_g_has_a_generator_of_its_own():
    toolbox = default_toolbox(SPACE, SMALL)
    first, parent, fresh = toolbox.initialise, toolbox.select_parent, []

    def look(rng):
        """Note the state of a generator that has not been used yet."""
        if not fresh or fresh[-1][0] is not rng:
            fresh.append((rng, rng.bit_generator.state["state"]))
        return rng

    toolbox.register("initialise", lambda rng: first(look(rng)))
    toolbox.register("select_parent", lambda population, rng: parent(population, look(rng)))
    run(toolbox=toolbox, seed=9)
    assert [state for _, state in fresh] == [
        np.random.PCG64(np.random.SeedSequence(9, spawn_key=(g, i))).state["state"]
        for g in range(5) for i in range(8)
    ]  # fmt: skip


# --- epochs -----------------------------------------------------------------------------------


def shifting(networks, epoch):
    """Every epoch has another measure; what was good in one may be bad in the next."""
    measured = toy(networks)
    shift = np.random.default_rng(epoch).normal(0.0, 3.0, measured.objectives.shape[1])
    return measured._replace(objectives=measured.objectives + shift)


def test_an_epoch_measures_parents_again():
    calls = []

    def evaluate(networks, epoch):
        calls.append((epoch, len(networks)))
        return shifting(networks, epoch)

    state = run(evaluate, Settings(population=8, generations=5, refresh=2)).state
    assert calls == [(0, 8), (0, 8), (1, 16), (1, 8), (2, 16), (2, 8)]
    assert state.evaluations == 64
    # Nobody lives on with what was measured in another epoch.
    again = shifting([default_toolbox(SPACE, SMALL).decode(i.genome) for i in state.population], 2)
    assert [i.fitness.values for i in state.population] == [
        tuple(row) for row in again.objectives.tolist()
    ]


def test_without_epochs_the_evaluator_is_not_told_of_any():
    assert run(toy, Settings(population=8, generations=2, refresh=0)).state.evaluations == 24


@pytest.mark.parametrize("generation", range(6))
def test_epochs_survive_a_resume(generation):
    settings = Settings(population=8, generations=6, refresh=2)
    kept = {}
    whole = run(shifting, settings, callback=lambda s: kept.setdefault(s.generation, dump_state(s)))
    later = run(shifting, settings, state=load_state(kept[generation]))
    assert dump_state(later.state) == dump_state(whole.state)


def test_a_new_epoch_counts_against_the_budget():
    budget = Settings(population=8, generations=9, refresh=2, evaluations=31)
    result = run(shifting, budget)
    assert (result.state.evaluations, result.stopped_by) == (16, "evaluations")
    assert run(shifting, Settings(8, 9, 32, 2)).state.evaluations == 32


CARTPOLE_SPACE = SearchSpace(Current(scale=TASK.scale), WinnerTakesAll(), outputs=2)
CARTPOLE_SPECS = [ObjectiveSpec(o.name, o.maximise, *o.span(TASK)) for o in OBJECTIVES.values()]


def cartpole(evaluate):
    result = run(evaluate, Settings(population=12, generations=3), space=CARTPOLE_SPACE,
                 specs=CARTPOLE_SPECS, seed=5)  # fmt: skip
    return result.state


def evaluator(workers=1):
    return Evaluator(TASK, seed=5, starts=3, draws=4, feasible=0.1, workers=workers)


@pytest.fixture(scope="module")
def reference():
    state = cartpole(evaluator())
    assert len(state.front) >= 2  # otherwise faults would never be injected
    return dump_state(state)


def test_workers_change_nothing(reference):
    assert dump_state(cartpole(evaluator(workers=2))) == reference


@pytest.mark.parametrize("chunk", [1, 5])
def test_splitting_batches_changes_nothing(reference, chunk):
    def in_parts(networks):
        parts = [evaluator()(networks[k : k + chunk]) for k in range(0, len(networks), chunk)]
        return Batch(
            np.concatenate([p.objectives for p in parts]),
            np.concatenate([p.violation for p in parts]),
            sum(p.steps for p in parts),
            np.concatenate([p.cases for p in parts]),
        )

    assert dump_state(cartpole(in_parts)) == reference


# --- accounts ---------------------------------------------------------------------------------


def test_evaluations_and_steps_are_counted():
    batches = []

    def counted(networks):
        assert all(isinstance(n, Network) for n in networks)
        batches.append(len(networks))
        return toy(networks)

    result = run(counted)
    assert batches == [8] * 5
    assert result.state.evaluations == 40
    assert result.state.steps == 400
    assert result.state.generation == 4
    assert result.stopped_by == "generations"
    assert len(result.state.population) == 8


@pytest.mark.parametrize(("budget", "spent", "why"), [
    (1, 8, "evaluations"),  # the first population is always evaluated
    (8, 8, "evaluations"), (15, 8, "evaluations"), (16, 16, "evaluations"),
    (31, 24, "evaluations"), (40, 40, "generations"), (1000, 40, "generations"),
])  # fmt: skip
def test_a_budget_of_evaluations_is_respected(budget, spent, why):
    result = run(settings=Settings(population=8, generations=4, evaluations=budget))
    assert (result.state.evaluations, result.stopped_by) == (spent, why)


@pytest.mark.parametrize(("budget", "spent", "why"), [
    (1, 80, "steps"),  # the first population is always evaluated
    (80, 80, "steps"), (81, 160, "steps"), (160, 160, "steps"), (399, 400, "generations"),
    (400, 400, "generations"), (401, 400, "generations"),
])  # fmt: skip
def test_a_budget_of_steps_ends_the_run(budget, spent, why):
    """A generation takes 80 steps; the one that spends the last of them is completed."""
    result = run(settings=Settings(population=8, generations=4, steps=budget))
    assert (result.state.steps, result.stopped_by) == (spent, why)
    assert result.state.evaluations == spent // 10


def test_a_budget_of_steps_changes_nothing_else():
    """Up to its end the run is the same, and with a larger budget it goes on to the same end."""
    states = []
    run(callback=lambda state: states.append(dump_state(state)))
    stopped = run(settings=replace(SMALL, steps=200))
    assert (stopped.state.generation, stopped.stopped_by) == (2, "steps")
    assert dump_state(stopped.state) == states[2]
    again = run(settings=replace(SMALL, steps=200), state=load_state(states[2]))
    assert (dump_state(again.state), again.stopped_by) == (states[2], "steps")
    assert dump_state(run(state=load_state(states[2])).state) == states[4]


def test_both_budgets_hold():
    for evaluations, steps, why in ((16, 1000, "evaluations"), (1000, 160, "steps")):
        budget = Settings(population=8, generations=9, evaluations=evaluations, steps=steps)
        result = run(settings=budget)
        assert (result.state.evaluations, result.stopped_by) == (16, why)


@pytest.mark.parametrize("steps", [0, -1, 1.5, "many"])
def test_budgets_of_steps_that_are_none(steps):
    with pytest.raises(InputError, match=r"^steps: expected a whole number from 1"):
        Settings(steps=steps)


def test_no_generations_is_the_first_population():
    result = run(settings=Settings(population=8, generations=0))
    assert (result.state.generation, result.state.evaluations) == (0, 8)
    assert result.stopped_by == "generations"


def test_stopping_when_asked():
    asked = []

    def after_two():
        asked.append(True)
        return len(asked) == 3

    result = run(should_stop=after_two)
    assert result.stopped_by == "interrupt"
    assert result.state.generation == 2
    rest = run(state=result.state)
    assert dump_state(rest.state) == dump_state(run().state)


def test_history_has_its_columns():
    history = run().state.history
    names = [n for spec in SPECS for n in (f"best_{spec.name}", f"median_{spec.name}")]
    for number, record in enumerate(history):
        assert list(record) == [
            "generation", "evaluations", "env_steps", "feasible", "least_violation", *names,
            "front_size", "hypervolume", "structures",
            *(f"{what}_{name}" for name in operator_names() for what in ("tried", "kept")),
        ]  # fmt: skip
        assert record["generation"] == number
        assert record["evaluations"] == 8 * (number + 1)
        assert record["env_steps"] == 80 * (number + 1)
    assert len(history) == 5


def test_history_describes_the_population():
    states = []

    def look(state):
        values = np.array([i.fitness.values for i in state.population])
        feasible = np.array([i.fitness.violation == 0 for i in state.population])
        states.append((values, feasible, state.front))

    history = run(callback=look).state.history
    assert len(states) == len(history)
    assert any(f.any() and not f.all() for _, f, _ in states)
    for record, (values, feasible, front) in zip(history, states, strict=True):
        shown = values[feasible] if feasible.any() else values
        assert record["feasible"] == feasible.sum()
        assert record["best_weight"] == shown[:, 0].max()
        assert record["best_size"] == shown[:, 1].min()
        assert record["median_delay"] == np.median(shown[:, 2])
        assert record["front_size"] == len(front)
        points = np.array([i.fitness.values for i in front]).reshape(-1, 3)
        assert record["hypervolume"] == hypervolume(points, SPECS)


def test_values_in_the_population_are_those_of_its_networks():
    toolbox = default_toolbox(SPACE, SMALL)
    for one in run().state.population:
        measured = toy([toolbox.decode(one.genome)])
        assert one.fitness.values == tuple(measured.objectives[0])
        assert one.fitness.violation == measured.violation[0]


def test_evolution_helps():
    """Better than as many random networks, which is what selection is for."""
    budget = Settings(population=16, generations=15)
    evolved = run(settings=budget).state
    drawn = run(settings=Settings(population=16 * 16, generations=0)).state
    assert drawn.evaluations == evolved.evaluations
    assert evolved.history[-1]["hypervolume"] > 1.1 * drawn.history[-1]["hypervolume"]


@pytest.mark.parametrize("count", [1, 2])
def test_fewer_objectives(count):
    def narrow(networks):
        measured = toy(networks)
        return measured._replace(objectives=measured.objectives[:, :count])

    state = run(narrow, specs=SPECS[:count]).state
    best = [record["best_weight"] for record in state.history]
    assert best == sorted(best)
    assert len(state.front) >= 1
    if count == 1:
        assert len(state.front) == 1


# --- state as bytes ---------------------------------------------------------------------------


@pytest.fixture(scope="module")
def dumps():
    found = []
    run(callback=lambda state: found.append(dump_state(state)))
    return found


def test_a_state_survives_the_round_trip(dumps):
    for data in dumps:
        assert dump_state(load_state(data)) == data
    state, copy = run().state, load_state(dumps[-1])
    assert (copy.generation, copy.evaluations, copy.steps) == (4, 40, 400)
    assert list(copy.history) == list(state.history)
    toolbox = default_toolbox(SPACE, SMALL)
    for ours, theirs in zip(state.population, copy.population, strict=True):
        assert ours.genome.fingerprint() == theirs.genome.fingerprint()
        for name in ("values", "wvalues", "weights", "violation", "rank", "crowding_dist"):
            assert getattr(ours.fitness, name) == getattr(theirs.fitness, name), name
        assert same_network(toolbox.decode(ours.genome), toolbox.decode(theirs.genome))


def test_crowding_of_the_ends_is_infinite_and_kept(dumps):
    crowding = [i.fitness.crowding_dist for i in load_state(dumps[-1]).population]
    assert np.isinf(crowding).any()


@pytest.mark.parametrize("generation", range(5))
def test_going_on_from_any_generation_ends_the_same(dumps, generation):
    rest = run(state=load_state(dumps[generation]))
    assert dump_state(rest.state) == dumps[-1]


def test_a_callback_sees_each_generation_once(dumps):
    seen = []
    run(state=load_state(dumps[1]), callback=lambda state: seen.append(state.generation))
    assert seen == [2, 3, 4]


def test_genomes_without_synapses_are_kept():
    bare = default_toolbox(SPACE, SMALL)
    bare.register("initialise", lambda rng: _without_synapses(rng))
    bare.register("mutate", lambda genome, rng: genome)
    state = run(toolbox=bare).state
    assert dump_state(load_state(dump_state(state))) == dump_state(state)
    assert sum(len(i.genome.pre) for i in load_state(dump_state(state)).population) == 0


def _without_synapses(rng):
    genome = operators.random_genome(SPACE, rng)
    return genome.keep_synapses(np.zeros(len(genome.pre), dtype=bool))


def check_refused(data):
    with pytest.raises(InputError, match=r"^[^\n]+$"):
        load_state(data)


def refused_or_harmless(data, original):
    """Some bytes, such as the date of a file in the archive, carry no meaning."""
    try:
        state = load_state(data)
    except InputError as error:
        return len(str(error).splitlines()) == 1
    return dump_state(state) == original


@given(st.data())
@settings(max_examples=150, deadline=None, derandomize=True)
def test_a_truncated_checkpoint_is_refused(dumps, data):
    whole = dumps[1]
    check_refused(whole[: data.draw(st.integers(0, len(whole) - 1))])


@given(st.data())
@settings(max_examples=600, deadline=None, derandomize=True)
def test_a_damaged_checkpoint_is_refused_or_harmless(dumps, data):
    damaged = bytearray(dumps[1])
    for _ in range(data.draw(st.integers(1, 3))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] ^= data.draw(st.integers(1, 255))
    assert refused_or_harmless(bytes(damaged), dumps[1])


def test_no_byte_of_the_archives_structure_does_harm(dumps):
    """The headers of the files in the archive and its directory decide how the rest is read."""
    whole = dumps[1]
    heads = [m.start() for m in re.finditer(rb"PK\x03\x04", whole)]
    places = [at for head in heads for at in range(head, head + 40)]
    for at in [*places, *range(whole.index(b"PK\x01\x02"), len(whole))]:
        for flip in (0x01, 0x20, 0xFF):
            damaged = bytearray(whole)
            damaged[at] ^= flip
            assert refused_or_harmless(bytes(damaged), whole), (at, flip)


def rewritten(data, **changes):
    """The same archive with arrays replaced (or, if None, left out)."""
    with np.load(io.BytesIO(data)) as archive:
        arrays = {name: archive[name] for name in archive.files}
    for name, array in changes.items():
        if array is None:
            del arrays[name]
        else:
            arrays[name] = array
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    return buffer.getvalue()


def header_of(data):
    with np.load(io.BytesIO(data)) as archive:
        return json.loads(archive["header"].tobytes())


def encoded(table):
    return np.frombuffer(json.dumps(table).encode(), dtype=np.uint8)


def test_rewriting_alone_does_no_harm(dumps):
    data = rewritten(dumps[1], header=encoded(header_of(dumps[1])))
    assert dump_state(load_state(data)) == dumps[1]


def test_a_checkpoint_of_another_version_is_refused(dumps):
    header = header_of(dumps[1])
    assert (header["format"], header["version"]) == (FORMAT, VERSION)
    for change, line in (
        ({"version": VERSION + 1}, f"version: expected {VERSION}, .* got {VERSION + 1}"),
        ({"format": "other"}, f"format: expected {FORMAT}, got other"),
    ):
        with pytest.raises(InputError, match=line):
            load_state(rewritten(dumps[1], header=encoded(header | change)))


def test_a_checkpoint_with_something_missing_is_refused(dumps):
    with np.load(io.BytesIO(dumps[1])) as archive:
        names = archive.files
    for name in names:
        check_refused(rewritten(dumps[1], **{name: None}))
    header = header_of(dumps[1])
    for name in header:
        without = {k: v for k, v in header.items() if k != name}
        check_refused(rewritten(dumps[1], header=encoded(without)))
    for text in (b"", b"{", b"[]", b"null", b"\xff"):
        check_refused(rewritten(dumps[1], header=np.frombuffer(text, dtype=np.uint8)))


@pytest.mark.parametrize("data", [b"", b"PK", b"tardigrade", b"\x93NUMPY\x01\x00"])
def test_what_is_no_checkpoint_is_refused(data):
    check_refused(data)


def test_a_plain_array_is_no_checkpoint():
    buffer = io.BytesIO()
    np.save(buffer, np.zeros(3))
    check_refused(buffer.getvalue())


# --- what the evaluator returns ---------------------------------------------------------------


def broken(**changes):
    def evaluate(networks):
        measured = toy(networks)
        return measured._replace(
            **{name: change(np.array(getattr(measured, name))) for name, change in changes.items()}
        )

    return evaluate


def put(value, *where):
    def change(array):
        array[where] = value
        return array

    return change


@pytest.mark.parametrize(("changes", "line"), [
    ({"objectives": put(np.nan, 3, 0)}, "expected finite values of weight, got nan for network 3"),
    ({"objectives": put(np.inf, 7, 1)}, "expected finite values of size, got inf for network 7"),
    ({"objectives": put(-np.inf, 0, 2)}, "expected finite values of delay, got -inf"),
    ({"objectives": lambda a: a[:, :2]}, r"shape \(8, 3\), got \(8, 2\)"),
    ({"objectives": lambda a: a[:5]}, r"shape \(8, 3\), got \(5, 3\)"),
    ({"objectives": lambda a: a[0]}, r"shape \(8, 3\), got \(3,\)"),
    ({"objectives": lambda a: a[:, :, None]}, r"shape \(8, 3\), got \(8, 3, 1\)"),
    ({"violation": put(np.nan, 2)}, "violation.* got nan for network 2"),
    ({"violation": put(-1.0, 2)}, "violation.* got -1.0 for network 2"),
    ({"violation": lambda a: a[:5]}, r"violation.* \(8,\), got \(5,\)"),
])  # fmt: skip
def test_bad_results_are_refused_by_name(changes, line):
    with pytest.raises(ValueError, match=f"^evaluate: .*{line}"):
        run(broken(**changes))


@pytest.mark.parametrize(("settings", "line"), [
    ({"population": 1}, "population: expected a whole number from 2 .*, got 1"),
    ({"population": 10.0}, "population: expected a whole number"),
    ({"generations": -1}, "generations: expected a whole number from 0 .*, got -1"),
    ({"evaluations": 0}, "evaluations: expected a whole number from 1 .*, got 0"),
    ({"mate": 1.5}, "mate: expected a number from 0 to 1, got 1.5"),
    ({"mate": float("nan")}, "mate: expected a number from 0 to 1, got nan"),
    ({"join": -0.1}, "join: expected a number from 0 to 1, got -0.1"),
    ({"rates": {"fly": 1.0}}, "rates: expected mutations among .*, got fly"),
    ({"rates": {"perturb_tau": -1.0}}, "rates.perturb_tau: expected a number from 0"),
    ({"rates": {"perturb_tau": 0.0}}, "rates: expected at least one above 0"),
    ({"rates": {}}, "rates: expected at least one above 0"),
])  # fmt: skip
def test_bad_settings(settings, line):
    with pytest.raises(InputError, match=f"^{line}"):
        Settings(**settings)


# --- the toolbox ------------------------------------------------------------------------------


def test_the_default_toolbox_is_what_is_used_by_default():
    explicit = run(toolbox=default_toolbox(SPACE, SMALL)).state
    assert dump_state(explicit) == dump_state(run().state)


@pytest.mark.parametrize(
    "name",
    ["initialise", "mutate", "mate", "select_parent", "select_survivors", "decode"],
)
def test_a_replaced_operator_is_used(name):
    toolbox = default_toolbox(SPACE, SMALL)
    default, calls = getattr(toolbox, name), []

    def mine(*arguments):
        calls.append(arguments)
        return default(*arguments)

    toolbox.register(name, mine)
    state = run(toolbox=toolbox).state
    assert dump_state(state) == dump_state(run().state)  # it does the same as the default
    children = 4 * 8
    expected = {
        "initialise": 8, "mutate": children, "select_survivors": 5, "decode": 8 + children,
    }  # fmt: skip
    if name in expected:
        assert len(calls) == expected[name]
    elif name == "mate":
        assert 0 < len(calls) < children
    else:
        assert children < len(calls) < 2 * children


def test_a_replaced_operator_decides():
    settings = Settings(population=8, generations=2, mate=0.0)
    toolbox = default_toolbox(SPACE, settings)
    toolbox.register("mutate", lambda genome, rng: genome)
    toolbox.register("select_parent", lambda population, rng: population[0])
    states = []
    run(settings=settings, toolbox=toolbox, callback=lambda s: states.append(list(s.population)))
    first = states[0][0].genome.fingerprint()
    newcomers = [i for i in states[1] if i not in states[0]]
    assert all(i.genome.fingerprint() == first for i in newcomers)
    assert selection.non_dominated(states[0]) == selection.non_dominated(states[-1])


@pytest.mark.parametrize(("mate", "low", "high"), [(0.0, 0, 0), (0.5, 20, 44), (1.0, 64, 64)])
def test_how_often_children_have_two_parents(mate, low, high):
    settings = Settings(population=16, generations=4, mate=mate)
    toolbox = default_toolbox(SPACE, settings)
    default, calls = toolbox.mate, []
    toolbox.register("mate", lambda a, b, rng: calls.append(1) or default(a, b, rng))
    run(settings=settings, toolbox=toolbox)
    assert low <= len(calls) <= high


def test_the_rates_of_the_settings_are_used():
    """Without growth, no network ever gets a hidden neuron or more synapses."""
    settings = Settings(population=8, generations=3, rates={"perturb_weights": 1.0}, join=0.0)
    for one in run(settings=settings).state.population:
        assert len(one.genome.key) == SPACE.fixed
    default = run(settings=Settings(population=16, generations=6)).state
    assert max(len(i.genome.key) for i in default.population) > SPACE.fixed
