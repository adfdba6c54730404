"""The compiled tasks against the real environments: the same episodes, decision by decision."""

from dataclasses import replace

import gymnasium
import numpy as np
import pytest

from evo import MUTATIONS, SearchSpace, decode
from evo.operators import mutate, random_genome
from fitness import TASKS, episode_seeds, play, play_environment, play_gymnasium
from neuro import (
    ENCODERS,
    Box,
    Current,
    FlipFlop,
    InputError,
    Network,
    Twin,
    WinnerTakesAll,
    golden_copies,
)
from neuro.faults import Fault, Gaussian, inject
from neuro.readouts import FirstToSpike, HighestPotential, Potential, SpikeRate
from neuro.slots import Slots, pick, with_edits

TASK = TASKS["cartpole"]
RATES = {name: rate for name, (_, rate) in MUTATIONS.items()}
# Rule of thumb: push to where the pole leans and where it falls.
LEAN = (0.1, 0.3, 1.0, 1.0)


def grown(encoder, seed, **space):
    """A random network after some mutations, as evolution makes them."""
    genes = SearchSpace(encoder, WinnerTakesAll(), outputs=2, **space)
    rng = np.random.default_rng(seed)
    genome = random_genome(genes, rng)
    for _ in range(seed % 10):
        genome = mutate(genome, genes, rng, RATES)
    return decode(genome, genes)


def leaning_current():
    return Network.build(
        2, input_synapses=[(c, 1, w) for c, w in enumerate(LEAN)], outputs=[0, 1],
        encoder=Current(scale=TASK.scale), readout=WinnerTakesAll(),
    )  # fmt: skip


def leaning_flip_flop():
    """Spikes of positive values drive "right", of negative ones "left"; delays of 1 and 3."""
    rows = [
        (2 * i + side, 8 + side, w, 1 + 2 * side) for i, w in enumerate(LEAN) for side in (0, 1)
    ]
    return Network.build(
        10, rows, inputs=range(8), outputs=[8, 9], encoder=FlipFlop(scale=TASK.scale),
        readout=WinnerTakesAll(),
    )  # fmt: skip


NETWORKS = {
    "current, by hand": leaning_current(),
    "flip-flop, by hand": leaning_flip_flop(),
    **{f"current {s}": grown(Current(scale=TASK.scale), s) for s in range(6)},
    **{f"flip-flop {s}": grown(FlipFlop(scale=TASK.scale), s) for s in range(6)},
    "current, 70 ticks, held": grown(
        Current(scale=TASK.scale, ticks=70), 7, refractory=2, reset="subtract", v_min=-1.0
    ),
    "flip-flop, 90 ticks": grown(FlipFlop(TASK.scale, 90, 30, 3), 8, v_leak=0.05, v_reset=-0.1),
}
SEEDS = {name: episode_seeds(k, "test", 4) for k, name in enumerate(NETWORKS)}


@pytest.mark.parametrize("name", NETWORKS)
def test_compiled_episodes_are_gymnasiums(name):
    network, seeds = NETWORKS[name], SEEDS[name]
    real = play_gymnasium(network, TASK, seeds)
    compiled = play(network, TASK, TASK.starts(seeds))
    assert np.array_equal(real.scores, compiled.scores)
    assert np.array_equal(real.steps, compiled.steps)
    assert real.scores.dtype == compiled.scores.dtype == np.float64
    assert real.steps.dtype == compiled.steps.dtype == np.int64


def test_the_episodes_are_of_every_kind():
    scores = [play(n, TASK, TASK.starts(SEEDS[name])).scores for name, n in NETWORKS.items()]
    every = np.concatenate(scores)
    assert (every == 500).any()  # cut off
    assert (every < 20).any()
    assert ((every > 20) & (every < 500)).any()
    # State must not leak from one episode into the next: those of one network differ.
    assert sum(len(set(s.tolist())) > 1 for s in scores) > len(scores) / 2


@pytest.mark.parametrize("name", ["current, by hand", "flip-flop, by hand", "flip-flop 3"])
def test_the_plain_twin_plays_the_same_episode(name):
    network, seed = NETWORKS[name], SEEDS[name][0]
    twin, total, over = Twin(network), 0.0, False
    with gymnasium.make(TASK.gymnasium_id) as env:
        observation, _ = env.reset(seed=seed)
        while not over:
            action, _ = twin.act(observation)
            observation, reward, fallen, cut, _ = env.step(int(action[0]))
            total += float(reward)
            over = fallen or cut
    assert play(network, TASK, TASK.starts([seed])).scores.tolist() == [total]


# --- every task that has a counterpart --------------------------------------------------------

COUNTERPARTS = {
    name: task for name, task in TASKS.items() if getattr(task, "gymnasium_id", None) is not None
}
every_counterpart = pytest.mark.parametrize("task", COUNTERPARTS.values(), ids=COUNTERPARTS)


def wired(task, encoder, readout, seed):
    """A random network for a task after some mutations, with hidden neurons."""
    center, scale = task.ranges()
    ends = ENCODERS[encoder](scale=scale, center=center), readout
    genes = SearchSpace(*ends, outputs=readout.outputs(task.actions), density=0.8, first_hidden=1)
    rng = np.random.default_rng(seed)
    genome = random_genome(genes, rng)
    for _ in range(8):
        genome = mutate(genome, genes, rng, RATES)
    return decode(genome, genes)


def readouts_for(task):
    if not isinstance(task.actions, Box):
        return [WinnerTakesAll(), FirstToSpike(), HighestPotential(tau=20.0)]
    bounds = task.actions.low, task.actions.high
    return [
        SpikeRate(*bounds), SpikeRate(*bounds, gain=0.3, pairs=False),
        Potential(*bounds, traces=(5.0, 40.0)), Potential(*bounds, gain=-3.0),
    ]  # fmt: skip


def test_the_counterparts_are_known():
    assert set(COUNTERPARTS) == {
        "cartpole", "mountain-car", "mountain-car-continuous", "acrobot", "pendulum",
    }  # fmt: skip


@every_counterpart
def test_every_counterpart_gives_the_same_scores(task):
    """With every readout that suits it, two encoders and faulty copies; outcomes differ."""
    found, seeds = [], episode_seeds(3, "test", 3)
    for number, readout in enumerate(readouts_for(task)):
        for encoder in ("current", "flip-flop"):
            network = wired(task, encoder, readout, number)
            copies = inject(network, [Fault(Gaussian(), 0.5)], 1, range(2))
            jobs = {"copies": copies, "copy_of": np.array([0, 1, 1])}
            for wanted in ({}, jobs) if encoder == "current" else ({},):
                compiled = play(network, task, task.starts(seeds), **wanted)
                real = play_gymnasium(network, task, seeds, **wanted)
                assert compiled.scores.tolist() == real.scores.tolist()
                assert compiled.steps.tolist() == real.steps.tolist()
                assert compiled.terminated.tolist() == real.terminated.tolist()
                found += compiled.scores.tolist()
    # Goals are seldom reached by chance: the scores of mountain-car and acrobot say little.
    assert len(set(found)) > (0 if task.name in ("mountain-car", "acrobot") else 6)


SWINGING = ("mountain-car", "mountain-car-continuous", "acrobot")


def swinger(task):
    """Push to where it moves; acrobot the other way."""
    center, scale = task.ranges()
    index = 4 if task.name == "acrobot" else 1
    if isinstance(task.actions, Box):
        readout = SpikeRate(task.actions.low, task.actions.high, gain=0.5)
        rows = [(index, 0, 20.0), (index, 1, -20.0)]
    else:
        readout, sign = WinnerTakesAll(), -20.0 if task.name == "acrobot" else 20.0
        rows = [(index, 2, sign), (index, 0, -sign)]
    encoder = Current(scale=scale, center=center)
    outputs = readout.outputs(task.actions)
    return Network.build(
        {"v_min": [0.0] * outputs}, input_synapses=rows, outputs=range(outputs), encoder=encoder,
        readout=readout,
    )  # fmt: skip


@pytest.mark.parametrize("name", SWINGING)
def test_goals_are_reached_in_the_same_step(name):
    task, seeds = TASKS[name], episode_seeds(4, "test", 12)
    compiled = play(swinger(task), task, task.starts(seeds))
    real = play_gymnasium(swinger(task), task, seeds)
    assert compiled.scores.tolist() == real.scores.tolist()
    assert compiled.steps.tolist() == real.steps.tolist()
    assert compiled.terminated.tolist() == real.terminated.tolist()
    assert compiled.terminated.sum() >= 6
    assert (compiled.steps < task.max_steps)[compiled.terminated].all()
    assert len(set(compiled.steps.tolist())) > 3


@every_counterpart
def test_terminated_is_gymnasiums(task):
    """Step by step with the twin: terminated if Gymnasium says so, not if it was cut off."""
    network = (
        swinger(task)
        if task.name in SWINGING
        else wired(task, "flip-flop", readouts_for(task)[0], 5)
    )
    seeds = episode_seeds(4, "test", 2)
    played = play(network, task, task.starts(seeds))
    discrete = not isinstance(task.actions, Box)
    with gymnasium.make(task.gymnasium_id) as env:
        for seed, steps, terminated in zip(seeds, played.steps, played.terminated, strict=True):
            twin, count, over = Twin(network), 0, False
            observation, _ = env.reset(seed=seed)
            while not over:
                action, _ = twin.act(observation)
                taken = int(action[0]) if discrete else action.astype(np.float32)
                observation, _, ended, cut, _ = env.step(taken)
                count, over = count + 1, ended or cut
            assert (steps, terminated) == (count, ended)


def test_cut_off_is_not_terminated():
    network = NETWORKS["current, by hand"]
    played = play_gymnasium(network, TASK, SEEDS["current, by hand"])
    assert played.steps.tolist() == [500] * 4
    assert not played.terminated.any()
    falling = play_gymnasium(network, replace(TASK, max_steps=4), [1, 2])
    assert (falling.steps.tolist(), falling.terminated.any()) == ([4, 4], False)
    idle = Network.build(
        2, outputs=[0, 1], encoder=Current(scale=TASK.scale), readout=WinnerTakesAll()
    )
    for steps, ended in ((9, [False, True, True]), (10, [True] * 3), (8, [False] * 3)):
        short = replace(TASK, max_steps=steps)  # it falls after 10, 9 and 9 steps
        for played in (play_gymnasium(idle, short, [1, 2, 3]),
                       play_environment(idle, cartpole, [1, 2, 3], max_steps=steps),
                       play(idle, short, short.starts([1, 2, 3]))):  # fmt: skip
            assert played.terminated.tolist() == ended
            assert played.steps.max() <= steps


def test_no_seeds_no_episodes():
    played = play_gymnasium(leaning_current(), TASK, [])
    assert played.scores.shape == played.steps.shape == (0,)


def test_a_task_of_its_own_has_no_gymnasium():
    own = replace(TASK, name="own", gymnasium_id=None)
    with pytest.raises(InputError, match=r"^task: expected .*Gymnasium.*, got own$"):
        play_gymnasium(leaning_current(), own, [1])


def test_a_network_that_does_not_fit_is_refused():
    deaf = Network.build(2, outputs=[0, 1], readout=WinnerTakesAll())
    with pytest.raises(InputError, match=r"^network\.encoder: expected one to play cartpole"):
        play_gymnasium(deaf, TASK, [1])


# --- any environment ------------------------------------------------------------------------


def cartpole():
    return gymnasium.make(TASK.gymnasium_id)


def same(a, b):
    return all(np.array_equal(x, y) for x, y in zip(a, b, strict=True))


MANY = episode_seeds(5, "test", 40)


@pytest.mark.parametrize("name", ["flip-flop, by hand", "current, 70 ticks, held", "flip-flop 4"])
def test_more_seeds_than_lanes(name):
    """Lanes are filled again and moved; no episode must notice."""
    network = NETWORKS[name]
    together = play_environment(network, cartpole, MANY)
    assert same(together, play(network, TASK, TASK.starts(MANY)))
    assert same(together, play_gymnasium(network, TASK, MANY))
    assert len(set(together.steps.tolist())) > 3
    alone = [play_environment(network, cartpole, [seed]) for seed in MANY]
    assert together.scores.tolist() == [a.scores[0] for a in alone]
    assert together.steps.tolist() == [a.steps[0] for a in alone]


def test_the_order_of_seeds_does_not_matter():
    network = NETWORKS["flip-flop, 90 ticks"]
    whole = play_environment(network, cartpole, MANY)
    for seed in range(3):
        order = np.random.default_rng(seed).permutation(len(MANY))[: 40 - 3 * seed]
        part = play_environment(network, cartpole, [MANY[i] for i in order])
        assert np.array_equal(part.scores, whole.scores[order])
        assert np.array_equal(part.steps, whole.steps[order])


@pytest.mark.parametrize("play_copies", ["environment", "gymnasium"])
@pytest.mark.parametrize("count", [7, 40])
def test_copies_play_as_in_compiled_episodes(play_copies, count):
    """Thresholds and weights of their own, in lanes that come and go."""
    network = NETWORKS["flip-flop, by hand"]
    copies = inject(network, [Fault(Gaussian(), 0.3)], 3, range(6))
    slot, threshold = Slots(network).at("v_threshold"), network.neurons.v_threshold
    copies = with_edits(copies, slot * 0 + 4, slot * 0, slot, 1.5 * threshold)
    copy_of = np.random.default_rng(0).integers(0, 6, count)
    seeds = MANY[:count]
    wanted = {"copies": copies, "copy_of": copy_of}
    if play_copies == "environment":
        real = play_environment(network, cartpole, seeds, **wanted)
    else:
        real = play_gymnasium(network, TASK, seeds, **wanted)
    assert same(real, play(network, TASK, TASK.starts(seeds), **wanted))
    assert not same(real, play(network, TASK, TASK.starts(seeds)))


def test_the_first_copy_plays_unless_told_otherwise():
    network = NETWORKS["flip-flop, by hand"]
    copies = inject(network, [Fault(Gaussian(), 0.5)], 3, range(2))
    first = pick(copies, [0])
    found = play_environment(network, cartpole, MANY[:5], copies=copies)
    assert same(found, play_environment(network, cartpole, MANY[:5], copies=first))
    listed = play_environment(network, cartpole, MANY[:5], copies=copies, copy_of=[1] * 5)
    assert not same(found, listed)


class Counting(gymnasium.Env):
    """Observes a countdown that its seed starts; rewards an action with its number.

    Those of even seeds are terminated at zero, the others truncated. Every instance is listed.
    """

    def __init__(self, made, actions=None, box=None, fail_at=None):
        self.observation_space = box or gymnasium.spaces.Box(-100.0, 100.0, (1,))
        self.action_space = gymnasium.spaces.Discrete(2) if actions is None else actions
        self.fail_at = fail_at
        self.received, self.closed, self.steps = [], 0, 0
        made.append(self)

    def observe(self):
        shape = self.observation_space.shape
        values = np.arange(np.prod(shape), dtype=self.observation_space.dtype).reshape(shape)
        return values + values.dtype.type(self.left)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        assert type(seed) is int
        self.seed, self.left = seed, 1 + seed % 7
        return self.observe(), {}

    def step(self, action):
        assert type(action) is int
        self.steps += 1
        if self.fail_at == self.steps:
            raise RuntimeError("the motor burned out")
        self.received.append((self.seed, self.observe().copy(), action))
        self.left -= 1
        over = self.left == 0
        even = self.seed % 2 == 0
        return self.observe(), np.float32(action), over and even, over and not even, {}

    def close(self):
        self.closed += 1


def chooser(actions, observations=1, watched=0):
    """A network whose action grows with one value: 0 up to 4, 1 up to 6, 2 above."""
    constant = observations
    rows = [(constant, 0, 0.45), (watched, 1, 1.0), (watched, 2, 6.0), (constant, 2, -3.0)]
    return Network.build(
        {"v_min": [0.0] * actions}, input_synapses=[r for r in rows if r[1] < actions],
        outputs=range(actions), encoder=Current(scale=[10.0] * observations, ticks=16),
        readout=WinnerTakesAll(),
    )  # fmt: skip


def sent(made):
    """What each episode's environment received, by seed; each seed must have been played once."""
    by_seed = {}
    for env in made:
        for seed, observation, action in env.received:
            by_seed.setdefault(seed, []).append((observation, action))
    return by_seed


@pytest.mark.parametrize("first", [0, 1, -3, 10])
def test_actions_count_from_the_first_of_the_space(first):
    made, seeds = [], list(range(40))
    network = chooser(3)
    space = gymnasium.spaces.Discrete(3, start=first)
    played = play_environment(network, lambda: Counting(made, space), seeds)
    twins, actions = {}, set()
    for seed, steps in sent(made).items():
        twins[seed] = Twin(network)
        wanted = [int(twins[seed].act(observation)[0][0]) for observation, _ in steps]
        assert [action - first for _, action in steps] == wanted
        actions.update(action for _, action in steps)
        assert played.scores[seed] == sum(action for _, action in steps)
    assert sorted(twins) == seeds
    assert actions == {first, first + 1, first + 2}


def test_terminated_and_truncated_episodes_end():
    made, seeds = [], list(range(100, 150))
    played = play_environment(chooser(2), lambda: Counting(made), seeds)
    assert played.steps.tolist() == [1 + seed % 7 for seed in seeds]
    assert played.terminated.tolist() == [seed % 2 == 0 for seed in seeds]
    assert {seed: len(steps) for seed, steps in sent(made).items()} == {
        seed: 1 + seed % 7 for seed in seeds
    }
    assert played.scores.dtype == np.float64
    assert played.steps.dtype == np.int64


@pytest.mark.parametrize("shape", [(2, 2), (4,), (1, 4, 1), (2, 1, 2)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int64, np.uint8])
def test_observations_of_any_shape_are_flattened(shape, dtype):
    """Row by row, as numbers of double precision."""
    made, seeds = [], list(range(9))
    network = chooser(2, observations=4, watched=1)
    box = gymnasium.spaces.Box(0, 100, shape, dtype)
    played = play_environment(network, lambda: Counting(made, box=box), seeds)
    flat = gymnasium.spaces.Box(0, 100, (4,), np.float64)
    again = play_environment(network, lambda: Counting([], box=flat), seeds)
    assert same(played, again)
    for steps in sent(made).values():
        twin = Twin(network)
        for observation, action in steps:
            assert observation.shape == shape
            assert action == int(twin.act(observation.ravel())[0][0])
    assert len(set(played.scores.tolist())) > 1


def test_an_observation_of_no_dimension_is_one_value():
    made = []
    box = gymnasium.spaces.Box(-100.0, 100.0, ())
    played = play_environment(chooser(2), lambda: Counting(made, box=box), [3, 4])
    assert same(played, play_environment(chooser(2), lambda: Counting([]), [3, 4]))


@pytest.mark.parametrize("count", [0, 1, 5, 32, 40])
def test_every_episode_has_an_environment_of_its_own_and_all_are_closed(count):
    made = []
    played = play_environment(chooser(2), lambda: Counting(made), list(range(count)))
    assert len(played.scores) == count
    assert len(made) == count
    assert [env.closed for env in made] == [1] * len(made)


@pytest.mark.parametrize("which", [0, 3, 9])
@pytest.mark.parametrize("fail_at", [1, 3])
def test_environments_are_closed_when_one_fails(which, fail_at):
    made = []

    def make():
        return Counting(made, fail_at=fail_at if len(made) == which else None)

    with pytest.raises(RuntimeError, match="burned out"):
        play_environment(chooser(2), make, [6] * 10)
    assert [env.closed for env in made] == [1] * 10


def test_environments_are_closed_when_one_cannot_be_made():
    made = []

    def make():
        if len(made) == 4:
            raise RuntimeError("out of carts")
        return Counting(made)

    with pytest.raises(RuntimeError, match="out of carts"):
        play_environment(chooser(2), make, list(range(10)))
    assert [env.closed for env in made] == [1] * 4


SPACES = gymnasium.spaces
NUMBER = SPACES.Box(-1.0, 1.0, (1,))
UNFIT = {
    "several actions at once": (
        chooser(2), {"actions": SPACES.MultiDiscrete([2, 2])},
        "network.readout winner-takes-all: expected one choice (see its parameter `choices`), got "
        "choices: 2 x 2 as in the environment",
    ),
    "continuous actions": (
        chooser(2), {"actions": NUMBER},
        "network.readout winner-takes-all: expected one choice, got continuous values: [-1, 1] as "
        "in the environment",
    ),
    "continuous actions without bounds": (
        chooser(2), {"actions": SPACES.Box(-np.inf, np.inf, (1,))},
        "action space: expected a Box with finite bounds, got Box(-inf, inf, (1,), float32)",
    ),
    "switches": (
        chooser(2), {"actions": SPACES.MultiBinary(2)},
        "action space: expected Discrete, MultiDiscrete or Box, got MultiBinary(2)",
    ),
    "a table of choices": (
        chooser(2), {"actions": SPACES.MultiDiscrete([[2, 2], [2, 2]])},
        "action space: expected Discrete, MultiDiscrete or Box, got "
        "MultiDiscrete([[2 2]\\n [2 2]])",
    ),
    "a dictionary": (
        chooser(2), {"box": SPACES.Dict({"x": NUMBER})},
        "observation space: expected a Box, got Dict('x': Box(-1.0, 1.0, (1,), float32))",
    ),
    "a number of something": (
        chooser(2), {"box": SPACES.Discrete(5)},
        "observation space: expected a Box, got Discrete(5)",
    ),
    "too many values": (
        chooser(2), {"box": SPACES.Box(-1.0, 1.0, (2, 3))},
        "network.encoder: expected 6 observations as in the environment, got 1",
    ),
    "too many actions": (
        chooser(2), {"actions": SPACES.Discrete(3, start=1)},
        "network.outputs: expected 3 neurons for the actions of the environment, got 2",
    ),
    "no encoder": (
        Network.build(2, outputs=[0, 1], readout=WinnerTakesAll()), {},
        "network.encoder: expected one to play the environment, got none",
    ),
    "no readout": (
        Network.build(2, outputs=[0, 1], encoder=Current(scale=[1.0])), {},
        "network.readout: expected one to play the environment, got none",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("network", "kind", "line"), UNFIT.values(), ids=UNFIT)
def test_environments_that_do_not_fit_are_refused_and_closed(network, kind, line):
    made = []
    with pytest.raises(InputError) as error:
        play_environment(network, lambda: Counting(made, **kind), [1, 2])
    assert str(error.value) == line
    assert [env.closed for env in made] == [1, 1]
    assert not any(env.received for env in made)


@pytest.mark.parametrize(
    ("wanted", "line"),
    [
        ({"copy_of": [0]}, "copy_of: expected shape (2,), got (1,)"),
        ({"copy_of": [0, 1]}, "copy_of: expected indices from 0 to 0, got 1"),
        ({"copy_of": [-1, 0]}, "copy_of: expected indices from 0 to 0, got -1"),
        (
            {"copies": golden_copies(chooser(2), 3), "copy_of": [3, 0]},
            "copy_of: expected indices from 0 to 2, got 3",
        ),
        ({"copies": golden_copies(chooser(3))}, "copies.in_weight: expected shape (1, 2), got"),
    ],
)
def test_copies_that_do_not_exist_are_refused(wanted, line):
    made = []
    with pytest.raises(InputError) as error:
        play_environment(chooser(2), lambda: Counting(made), [1, 2], **wanted)
    assert str(error.value).startswith(line)
    assert all(env.closed == 1 for env in made)


def test_an_observation_that_is_no_number_is_refused():
    made = []

    class Broken(Counting):
        """Its sensor fails at the second decision."""

        def observe(self):
            return super().observe() * (np.nan if self.steps == 1 else 1.0)

    with pytest.raises(InputError, match=r"^observations: expected finite numbers, got"):
        play_environment(chooser(2), lambda: Broken(made), [6, 13])
    assert [env.closed for env in made] == [1, 1]
