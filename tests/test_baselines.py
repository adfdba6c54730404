"""The baselines: exact counts, the same again from a seed, and networks that do what they say."""

import random
import sys
from dataclasses import replace

import numpy as np
import pytest

from evo import decode
from evo.operators import random_genome
from evo.snes import utilities
from experiments.baselines import BASELINES, linear_policy, neat_python, random_guessing, snes_fixed
from experiments.baselines import rate_kernel as kernels
from experiments.baselines.contract import attempt
from experiments.baselines.linear_policy import linear
from experiments.baselines.rate_network import RateNetwork
from experiments.baselines.snes import SnesSettings, climb
from experiments.baselines.spiking import Spiking, spiking
from experiments.config import resolve
from fitness import OBJECTIVES, TASKS, Evaluator, aggregate_scores, play
from neuro import InputError, prune
from neuro.faults import BitFlip, DeadSynapse, Fault, FaultSite, Gaussian, strike
from neuro.jit import STEP, kernel_function

neat = pytest.importorskip("neat")

CARTPOLE, PENDULUM, ACROBOT = TASKS["cartpole"], TASKS["pendulum"], TASKS["acrobot"]
STUDIED = (
    "double-pole", "double-pole-no-velocity", "cartpole", "mountain-car", "acrobot", "pendulum",
    "tennlab-easy", "mountain-car-continuous",
)  # fmt: skip
each = pytest.mark.parametrize("name", BASELINES)


def never(controller):
    return False


def weights(controller):
    return controller.network.weights if isinstance(controller, Spiking) else controller.weight


@pytest.fixture
def played(monkeypatch):
    """Everything that controllers play, in order."""
    log = []
    for kind in (Spiking, RateNetwork):
        original = kind.play

        def spy(self, task, starts, /, original=original, **rest):
            episodes = original(self, task, starts, **rest)
            log.append((self, task, starts, episodes))
            return episodes

        monkeypatch.setattr(kind, "play", spy)
    return log


@each
def test_solves_cartpole(name, played):
    found = BASELINES[name](CARTPOLE, 1, evaluations=3000)
    assert found.solved
    assert found.evaluations == len(played) < 3000
    assert found.steps == sum(int(episodes.steps.sum()) for *_, episodes in played)
    controller, task, starts, episodes = played[-1]
    assert found.controller is controller
    assert task is CARTPOLE
    assert found.best_score == episodes.scores.mean() >= CARTPOLE.solved_at
    assert all(e.scores.mean() < CARTPOLE.solved_at for *_, e in played[:-1])
    count = resolve("cartpole").evaluator.starts
    assert (starts == CARTPOLE.draw_starts(1, "training", count)).all()


@each
def test_counts_up_to_the_one_that_solves(name, played):
    asked = []

    def solved(controller):
        asked.append(controller)
        return len(asked) == 17

    found = BASELINES[name](CARTPOLE, 2, evaluations=1000, solved=solved)
    assert found.solved
    assert found.evaluations == len(asked) == len(played) == 17
    assert found.controller is asked[-1]
    assert found.best_score == max(e.scores.mean() for *_, e in played)


@each
def test_spends_the_budget_and_no_more(name, played):
    found = BASELINES[name](CARTPOLE, 3, evaluations=333, solved=never)
    assert not found.solved
    assert found.evaluations == len(played) == 333
    scores = [e.scores.mean() for *_, e in played]
    assert found.best_score == max(scores)
    assert found.controller is played[int(np.argmax(scores))][0]


@each
def test_same_seed_same_attempt(name):
    one, two, other = (
        BASELINES[name](PENDULUM, seed, evaluations=320, solved=never) for seed in (5, 5, 6)
    )
    assert one[:4] == two[:4]
    assert weights(one.controller).tobytes() == weights(two.controller).tobytes()
    assert weights(one.controller).tobytes() != weights(other.controller).tobytes()


@each
@pytest.mark.parametrize("task", STUDIED)
def test_plays_what_is_studied(name, task):
    found = BASELINES[name](TASKS[task], 1, evaluations=3, solved=never)
    starts = TASKS[task].draw_starts(9, "held-out", 3)
    again = found.controller.play(TASKS[task], starts)
    assert np.isfinite(again.scores).all()
    assert again.steps.min() >= 1
    assert found.controller.size > 1


@each
@pytest.mark.parametrize("evaluations", [0, 1.5])
def test_refuses_a_bad_budget(name, evaluations):
    with pytest.raises(InputError, match=r"^evaluations: expected a whole number from 1"):
        BASELINES[name](CARTPOLE, 1, evaluations=evaluations)


@kernel_function(STEP)
def diverge(state, action):
    """Lose the cart."""
    state[0] = np.nan
    return 1.0, False


@each
def test_a_task_that_diverges_is_named(name):
    task = replace(CARTPOLE, step=diverge, max_steps=5)
    with pytest.raises(ValueError, match=r"^cartpole: expected a finite score, got nan"):
        BASELINES[name](task, 1, evaluations=5)


def test_random_guessing_begins_where_evolution_does(played):
    random_guessing.solve(CARTPOLE, 7, evaluations=3, solved=never)
    space = resolve("cartpole").space
    for i, (controller, *_) in enumerate(played):
        rng = np.random.default_rng(np.random.SeedSequence(7, spawn_key=(0, i)))
        expected = prune(decode(random_genome(space, rng), space))
        assert (controller.network.weights == expected.weights).all()


# SNES


def test_one_generation_by_hand():
    seen = []

    def score(point):
        seen.append(point.copy())
        return point[0]

    settings = SnesSettings(step=0.5, population=4, patience=1)
    start = np.array([1.0, -2.0])
    # Patience ends the search after two generations if the second is no better than the first.
    for seed in range(50):
        seen.clear()
        mean, step = climb(score, start, np.random.default_rng(seed), settings)
        if len(seen) == 8:
            break
    assert len(seen) == 8
    expected, sigma = start, np.full(2, 0.5)
    rate = (3 + np.log(2)) / (5 * np.sqrt(2))
    for points in (np.array(seen[:4]), np.array(seen[4:])):
        s = (points - expected) / sigma
        u = utilities(np.zeros(len(points)), -points[:, 0])
        expected = expected + sigma * sum(u[k] * s[k] for k in range(4))
        sigma = sigma * np.exp(rate / 2 * sum(u[k] * (s[k] ** 2 - 1) for k in range(4)))
    assert mean == pytest.approx(expected)
    assert step == pytest.approx(sigma)


def test_a_plateau_moves_nothing():
    count = [0]

    def flat(point):
        count[0] += 1
        return 1.0

    settings = SnesSettings(step=0.3, population=7, patience=4)
    mean, step = climb(flat, np.ones(3), np.random.default_rng(1), settings)
    assert mean == pytest.approx([1.0] * 3)
    assert step == pytest.approx([0.3] * 3)
    assert count[0] == 7 * (1 + 4)


@pytest.mark.parametrize("floor", [0.0, 0.05])
def test_steps_shrink_to_the_floor(floor):
    settings = SnesSettings(floor=floor)
    _, step = climb(lambda x: -np.sum(x**2), np.ones(5), np.random.default_rng(1), settings)
    assert floor <= step.min()
    assert step.max() < 0.2
    assert (step.min() < 0.01) == (floor == 0.0)


@pytest.mark.parametrize(
    ("settings", "line"),
    [
        ({"step": 0.0}, "step: expected a number from 1e-300"),
        ({"floor": 2.0}, "floor: expected a number from 0 to 1, got 2.0"),
        ({"patience": 0}, "patience: expected a whole number from 1"),
        ({"population": 1}, "population: expected a whole number from 2"),
    ],
)
def test_settings_are_checked(settings, line):
    with pytest.raises(InputError, match=f"^{line}"):
        SnesSettings(**settings)


# The fixed spiking topology


def test_the_topology_stays_and_weights_keep_their_range(played):
    settings = SnesSettings(step=2.0, patience=1)
    snes_fixed.solve(CARTPOLE, 1, evaluations=200, first_hidden=1, settings=settings, solved=never)
    networks = [controller.network for controller, *_ in played]
    assert len({n.synapse_keys().tobytes() for n in networks}) == 1
    assert len({n.neurons.v_threshold.tobytes() for n in networks}) > 1  # it began anew
    largest = max(np.abs(n.weights).max() for n in networks)
    assert largest == resolve("cartpole").space.weight_limit


def test_hidden_neurons_are_what_was_asked_for(played):
    for hidden in (1, 3):
        snes_fixed.solve(CARTPOLE, 1, evaluations=1, first_hidden=hidden, solved=never)
    few, many = (controller.network for controller, *_ in played)
    assert len(many.neurons) - len(few.neurons) == 2 * CARTPOLE.actions


def test_a_template_keeps_all_but_its_weights(played):
    space = resolve("cartpole").space
    template = random_genome(replace(space, first_hidden=1), np.random.default_rng(3))
    settings = SnesSettings(step=1e-9, patience=1)
    before = template.fingerprint()
    snes_fixed.solve(
        CARTPOLE, 1, evaluations=120, template=template, settings=settings, solved=never
    )
    network = spiking(template, space).network
    assert played[0][0].network.weights == pytest.approx(network.weights, abs=1e-6)
    last = played[-1][0].network
    assert (last.synapse_keys() == network.synapse_keys()).all()
    assert (last.neurons.v_threshold == network.neurons.v_threshold).all()
    assert np.abs(last.weights - network.weights).max() > 0.1  # a later search begins elsewhere
    assert template.fingerprint() == before
    bare = template.keep_synapses(np.zeros(len(template.weight), dtype=bool))
    with pytest.raises(InputError, match=r"^template: expected a genome with synapses"):
        snes_fixed.solve(CARTPOLE, 1, evaluations=1, template=bare)


# neat-python


def test_neat_leaves_the_global_generator_alone():
    random.seed(123)
    before = random.getstate()
    neat_python.solve(CARTPOLE, 1, evaluations=200, solved=never)
    assert random.getstate() == before
    with pytest.raises(ZeroDivisionError):
        neat_python.solve(CARTPOLE, 1, evaluations=200, solved=lambda c: 1 / 0)
    assert random.getstate() == before


def test_neat_missing(monkeypatch):
    monkeypatch.setitem(sys.modules, "neat", None)
    with pytest.raises(InputError, match=r"needs neat-python; install it with: pip install 'tard"):
        neat_python.solve(CARTPOLE, 1, evaluations=1)


def test_neat_evaluates_nobody_twice(played):
    neat_python.solve(PENDULUM, 1, evaluations=450, solved=never)
    seen = {c.weight.tobytes() + c.bias.tobytes() for c, *_ in played}
    assert len(seen) == 450


def test_neat_survives_too_many_species(monkeypatch):
    """Where species need more room than there is, neat-python raises an error."""
    calls = {"reproduce": 0, "create_new": 0}
    reproduce, create_new = (getattr(neat.DefaultReproduction, name) for name in calls)

    def at_times(self, *rest):
        calls["reproduce"] += 1
        if calls["reproduce"] % 2 == 0:
            raise RuntimeError("Configuration conflict: population size 20 is less than 11 * 2")
        return reproduce(self, *rest)

    def count(self, *rest):
        calls["create_new"] += 1
        return create_new(self, *rest)

    monkeypatch.setattr(neat.DefaultReproduction, "reproduce", at_times)
    monkeypatch.setattr(neat.DefaultReproduction, "create_new", count)
    found = neat_python.solve(ACROBOT, 1, evaluations=100, population=20, solved=never)
    assert found.evaluations == 100
    assert calls["create_new"] > 1


def evolved(task, recurrent, seed=1, count=12):
    """Networks of neat-python that had time to grow, as neat-python builds them."""
    config = neat_python._configure(neat, task, recurrent, 30)
    config.genome_config.conn_add_prob = config.genome_config.node_add_prob = 0.9
    kind = neat.nn.RecurrentNetwork if recurrent else neat.nn.FeedForwardNetwork
    before = random.getstate()
    try:
        random.seed(seed)
        population = neat.Population(config)
        fitness = random.Random(seed)

        def rate(genomes, _):
            for _, genome in genomes:
                genome.fitness = fitness.random()

        population.run(rate, 6)
        return [kind.create(g, config) for g in list(population.population.values())[:count]]
    finally:
        random.setstate(before)


def played_by_neat(network, task, start):
    """One episode in plain Python, neat-python's network deciding."""
    center, scale = map(np.array, task.ranges())
    if hasattr(network, "reset"):
        network.reset()
    episode, score, steps = task.begin(start), 0.0, 0
    while True:
        out = network.activate(((episode.observation - center) / scale).tolist())
        if task.actions == 2:
            action = np.array([1.0 if out[0] > 0.5 else 0.0])
        elif isinstance(task.actions, int):
            action = np.array([float(np.argmax(out))])
        else:
            (low,), (high,) = task.actions.low, task.actions.high
            action = np.array([low + (high - low) * out[0]])
        reward, terminated, truncated = episode.step(action)
        score, steps = score + reward, steps + 1
        if terminated or truncated:
            return score, steps


@pytest.mark.parametrize("recurrent", [False, True])
@pytest.mark.parametrize("task", [CARTPOLE, ACROBOT, PENDULUM], ids=lambda task: task.name)
def test_translated_networks_play_as_in_neat_python(task, recurrent):
    task = replace(task, max_steps=30)
    starts = task.starts([1, 2])
    grown = evolved(task, recurrent)
    assert max(neat_python.translate(n).size for n in grown) > 12
    for network in grown:
        episodes = neat_python.translate(network).play(task, starts)
        expected = [played_by_neat(network, task, start) for start in starts]
        # neat-python adds with Python's `sum`, which from Python 3.12 on compensates rounding.
        assert episodes.scores == pytest.approx([score for score, _ in expected], rel=1e-9)
        assert episodes.steps.tolist() == [steps for _, steps in expected]


def test_size_counts_what_leads_to_an_output():
    nodes = [
        (5, None, None, 0.1, 1.0, [(-1, 1.0), (-2, 2.0)]),  # into the output
        (6, None, None, 0.2, 1.0, [(-1, 3.0)]),  # nowhere
        (0, None, None, 0.3, 1.0, [(5, 4.0)]),
    ]
    network = neat_python.translate(neat.nn.FeedForwardNetwork([-1, -2], [0], nodes))
    assert network.size == 2 + 1 + 1 + 3
    assert network.weight.tolist() == [1.0, 2.0, 4.0]
    assert network.bias.tolist() == [0.1, 0.3]
    # The second output hears nothing and stays at 0; the first hears itself and it.
    loop = [(0, None, None, 0.5, 1.0, [(-1, 1.0), (0, -1.0), (1, 9.0)])]
    network = neat_python.translate(neat.nn.RecurrentNetwork([-1], [0, 1], loop))
    assert network.recurrent
    assert network.size == 1 + 2 + 2
    assert network.outputs.tolist() == [1, 2]


def test_velocities_hidden_need_a_memory():
    for name in ("double-pole", "double-pole-no-velocity"):
        found = neat_python.solve(TASKS[name], 1, evaluations=1, solved=never)
        assert found.controller.recurrent == (name == "double-pole-no-velocity")
    assert set(neat_python.RECURRENT) <= TASKS.keys()


# Networks of rates


def random_network(task, seed, *, sigmoid, recurrent):
    rng = np.random.default_rng(seed)
    inputs, nodes = len(task.observations), 6
    links = rng.integers(0, 5, nodes)
    source = [
        rng.integers(inputs + (nodes if recurrent else n)) for n in range(nodes)
        for _ in range(links[n])
    ]  # fmt: skip
    outputs = 3 if task.actions == 3 else 1
    return RateNetwork(
        inputs, np.cumsum([0, *links]), np.array(source, dtype=np.int64), rng.normal(size=nodes),
        rng.normal(size=nodes), rng.normal(size=links.sum()),
        inputs + nodes - 1 - np.arange(outputs), sigmoid, recurrent,
    )  # fmt: skip


@pytest.mark.parametrize("task", [CARTPOLE, ACROBOT, PENDULUM], ids=lambda task: task.name)
def test_compiled_and_plain_kernel_agree_bit_for_bit(task, monkeypatch):
    task = replace(task, max_steps=40)
    compiled = kernels.play
    for seed in range(8):
        network = random_network(task, seed, sigmoid=seed % 2 == 0, recurrent=seed % 4 < 2)
        copies = network.struck([Fault(Gaussian(), 0.3)], 1, range(3))
        jobs = {"weights": copies, "copy_of": [0, 1, 2, 1], "start_of": [1, 0, 0, 1]}
        results = []
        for play_ in (compiled, compiled.py_func):
            monkeypatch.setattr(kernels, "play", play_)
            results.append(network.play(task, task.starts([3, 4]), **jobs))
        for one, two in zip(*results, strict=True):
            assert one.tobytes() == two.tobytes()


def test_a_linear_policy_is_linear():
    task = replace(PENDULUM, max_steps=20)
    numbers = np.array([0.5, -1.5, 2.0, 0.25])
    start = task.starts([5])
    episode, score = task.begin(start[0]), 0.0
    for _ in range(20):
        share = numbers[:3] @ (episode.observation / task.scale) + numbers[3]
        score += episode.step(np.array([2.0 * np.clip(share, -1.0, 1.0)])).reward
    policy = linear(task, numbers)
    assert policy.play(task, start).scores == pytest.approx([score])
    assert policy.size == 3 + 1 + 3
    assert linear(task, numbers[:3]).size == policy.size  # a bias is a part of its output


def test_without_bias(played):
    linear_policy.solve(PENDULUM, 1, evaluations=20, bias=False, solved=never)
    assert all((controller.bias == 0.0).all() for controller, *_ in played)


def test_episodes_are_cut_off_and_ended():
    still = linear(CARTPOLE, np.zeros(5))
    played_ = still.play(CARTPOLE, CARTPOLE.starts([1, 2]))
    assert played_.terminated.all()
    assert (played_.steps == played_.scores).all()
    short = still.play(replace(CARTPOLE, max_steps=3), CARTPOLE.starts([1, 2]))
    assert not short.terminated.any()
    assert short.steps.tolist() == [3, 3]


def good_policy():
    return linear(CARTPOLE, np.array([0.1, 0.5, 1.0, 1.0, 0.0]))


def test_copies_play_apart():
    policy = good_policy()
    starts = CARTPOLE.starts([1, 2, 3])
    copies = np.stack([policy.weight, -policy.weight])
    jobs = policy.play(CARTPOLE, starts, weights=copies, copy_of=[1, 0, 1], start_of=[2, 2, 0])
    opposite = replace(policy, weight=-policy.weight).play(CARTPOLE, starts).scores
    expected = [opposite[2], policy.play(CARTPOLE, starts).scores[2], opposite[0]]
    assert jobs.scores.tolist() == expected


def test_faults_are_those_of_networks():
    policy = good_policy()
    nominal = policy.weight.copy()
    assert (policy.struck([Fault(Gaussian(), 0.0)], 1, range(4)) == nominal).all()
    xi = policy.struck([Fault(Gaussian(), 1.0)], 1, range(2000)) / nominal - 1.0
    assert abs(xi.mean()) < 0.03
    assert abs(xi.std() - 1.0) < 0.03
    assert len(np.unique(xi)) == xi.size
    half = policy.struck([Fault(Gaussian(), 0.5)], 1, range(2000))
    assert half == pytest.approx(nominal * (1.0 + 0.5 * xi))
    # A draw is the same whatever else is drawn, and another with another seed.
    assert (policy.struck([Fault(Gaussian(), 0.5)], 1, [7]) == half[7]).all()
    assert (policy.struck([Fault(Gaussian(), 0.5)], 2, [7]) != half[7]).all()
    both = policy.struck([Fault(DeadSynapse(), 0.5), Fault(BitFlip(), 0.0)], 1, range(50))
    assert 0.2 < (both == 0.0).mean() < 0.8
    assert (policy.weight == nominal).all()
    with pytest.raises(InputError, match=r"^site: expected all"):
        policy.struck([Fault(Gaussian(), 0.5, FaultSite("synapses"))], 1, [0])


@pytest.mark.parametrize("each_", [1, 3])
def test_measured_like_networks(each_):
    evaluator = Evaluator(CARTPOLE, 3, "held-out", starts=5, draws=7, each=each_,
                          faults=(Fault(Gaussian(), 1.5),), aggregate="quantile:0.3")  # fmt: skip
    policy = good_policy()
    score, size, resilience = policy.measure(evaluator)
    starts = CARTPOLE.draw_starts(3, "held-out", 5)
    assert score == policy.play(CARTPOLE, starts).scores.mean()
    assert size == policy.size == 9
    # An evaluator plays all draws of a spiking network likewise: watch which faults it asks for.
    asked = []

    def watch(network, faults, seed, numbers, **more):
        asked.append((faults, seed, numbers))
        return strike(network, faults, seed, numbers, **more)

    space = resolve("cartpole").space
    spiker = spiking(random_genome(space, np.random.default_rng(1)), space)
    with pytest.MonkeyPatch.context() as context:
        context.setattr("fitness.evaluator.strike", watch)
        measured = spiker.measure(replace(evaluator, feasible=-1e9))
    assert measured[0] == play(spiker.network, CARTPOLE, starts).scores.mean()
    ((faults, seed, numbers),) = asked
    copies = policy.struck(faults, seed, numbers)
    kept = []
    for k, copy in enumerate(copies):
        own = [starts[(each_ * k + i) % 5] for i in range(each_)]
        kept.append(replace(policy, weight=copy).play(CARTPOLE, np.array(own)).scores.mean())
    expected = CARTPOLE.fraction(aggregate_scores(np.array(kept), "quantile:0.3"))
    assert resilience == pytest.approx(float(expected))
    assert resilience < 1.0


def test_what_fails_has_no_resilience():
    evaluator = Evaluator(CARTPOLE, 1, draws=4)
    failing = linear(CARTPOLE, np.zeros(5))
    assert failing.measure(evaluator)[2] == 0.0
    assert failing.measure(replace(evaluator, feasible=-1e9))[2] > 0.0
    assert good_policy().measure(replace(evaluator, draws=0))[2] == 0.0
    only = replace(evaluator, objectives=(OBJECTIVES["size"],))
    assert good_policy().measure(only).tolist() == [9.0]


@pytest.mark.parametrize(
    ("change", "line"),
    [
        ({"first": np.array([0, 3])}, "first: expected ascending numbers from 0 to 4"),
        ({"first": np.array([0, 2, 4])}, "first: expected 2 values, got 3"),
        ({"response": np.ones(2)}, "response: expected 1 values, got 2"),
        ({"source": np.array([0, 1, 2, 4])}, "source: expected inputs and nodes that are computed"),
        ({"source": np.array([0, 1, 2, -1])}, "source: expected inputs and nodes that are"),
        ({"outputs": np.array([3])}, "outputs: expected numbers from 4"),
    ],
)
def test_networks_are_checked(change, line):
    with pytest.raises(InputError, match=f"^{line}"):
        replace(good_policy(), **change)


def test_misfits_are_refused():
    policy = good_policy()
    starts = CARTPOLE.starts([1])
    with pytest.raises(InputError, match=r"^inputs: expected 3 as in pendulum, got 4"):
        policy.play(PENDULUM, PENDULUM.starts([1]))
    three = linear(ACROBOT, np.zeros(21))
    with pytest.raises(InputError, match=r"^inputs"):
        three.play(CARTPOLE, starts)
    with pytest.raises(InputError, match=r"^outputs: expected 3 as in medium, got 1"):
        policy.play(replace(CARTPOLE, name="medium", actions=3, symmetry=None), starts)
    with pytest.raises(InputError, match=r"^starts: expected shape \(any, 4\)"):
        policy.play(CARTPOLE, starts[:, :3])
    with pytest.raises(InputError, match=r"^copy_of: expected indices from 0 to 0, got 1"):
        policy.play(CARTPOLE, starts, copy_of=[1])
    with pytest.raises(InputError, match=r"^task: expected one of"):
        attempt(replace(CARTPOLE, name="unheard-of"), 1, lambda e: None, evaluations=1)


def test_environments_are_left_to_spiking_networks():
    from fitness import find_task

    task = find_task("gymnasium:CartPole-v1")
    assert random_guessing.solve(task, 1, evaluations=1, solved=never).evaluations == 1
    with pytest.raises(InputError, match=r"^task: expected a compiled one, got gymnasium:Cart"):
        linear_policy.solve(task, 1, evaluations=1)
