"""Gymnasium environments as tasks: ``gymnasium:ID?option=value``."""

import os
import warnings
from dataclasses import replace

import gymnasium
import numpy as np
import pytest
from command import answer
from timeless import timeless

from evo import MUTATIONS, SearchSpace, decode
from evo.operators import mutate, random_genome
from experiments.config import resolve
from fitness import (
    TASKS,
    EnvironmentTask,
    Evaluator,
    episode_seeds,
    find_task,
    play,
    play_all,
    play_gymnasium,
    record_episode,
)
from fitness import processes as playing
from fitness.tasks.environment import MAX_STEPS, MEASURED_EPISODES, environment_task
from neuro import Box, Current, FlipFlop, InputError, Network, Twin, WinnerTakesAll, load
from neuro.faults import Fault, Gaussian, inject
from neuro.readouts import FirstToSpike, Potential, SpikeRate

SPACES = gymnasium.spaces
COMPILED = TASKS["cartpole"]
CARTPOLE = find_task("gymnasium:CartPole-v1")
RATES = {name: rate for name, (_, rate) in MUTATIONS.items()}
LEAN = (0.1, 0.3, 1.0, 1.0)
NUMBER = SPACES.Box(-1.0, 1.0, (1,))


class Toy(gymnasium.Env):
    """Shows a countdown; the reward is the sum of the action's numbers.

    Seeds that are even end in termination after ``1 + seed % 7`` steps, odd ones in truncation.
    """

    def __init__(self, observations=NUMBER, actions=None, length=7, greeting=None, fail=False):
        self.observation_space = observations
        self.action_space = SPACES.Discrete(2) if actions is None else actions
        self.length, self.fail = length, fail

    def observe(self):
        space = self.observation_space
        return np.full(space.shape, 0.1 * self.left, dtype=space.dtype)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.seed = seed or 0
        self.left = 1 + self.seed % self.length
        return self.observe(), {}

    def step(self, action):
        if self.fail:
            os._exit(3)
        assert self.action_space.contains(action), action
        self.left -= 1
        over, even = self.left <= 0, self.seed % 2 == 0
        return self.observe(), float(np.sum(action)), over and even, over and not even, {}


TOYS = {
    "Plain": {},
    "Several": {"actions": SPACES.MultiDiscrete([3, 2], start=[10, 20])},
    "Values": {"actions": SPACES.Box(np.float32([[-1.0, 0.1]]), np.float32([[1.0, 0.7]]))},
    "Shifted": {"actions": SPACES.Discrete(2, start=5)},
    "Fields": {"observations": SPACES.Box(0, 255, (2, 3), np.uint8)},
    "Failing": {},
    "Wide": {"observations": SPACES.Box(
        np.float32([-4.8, -np.inf, -2e4, 3.0]), np.float32([4.8, np.inf, 2e4, 3.0])
    )},
    "DictSeen": {"observations": SPACES.Dict({"x": NUMBER})},
    "TupleSeen": {"observations": SPACES.Tuple([NUMBER, NUMBER])},
    "DiscreteSeen": {"observations": SPACES.Discrete(5)},
    "Boundless": {"actions": SPACES.Box(-np.inf, np.inf, (2,))},
    "Switches": {"actions": SPACES.MultiBinary(3)},
    "Words": {"actions": SPACES.Text(4)},
}  # fmt: skip


@pytest.fixture(scope="module", autouse=True)
def toys():
    for name, options in TOYS.items():
        gymnasium.register(
            f"Tardigrade{name}-v0", Toy, kwargs=options, disable_env_checker=True,
            reward_threshold=None if name == "Plain" else 1000.0,
            max_episode_steps=None if name == "Plain" else 20,
        )  # fmt: skip
    yield
    for name in TOYS:
        del gymnasium.registry[f"Tardigrade{name}-v0"]


def toy(name, options=""):
    return environment_task(f"Tardigrade{name}-v0{options}")


def refusal(text):
    """The one line that says why there is no such task."""
    with pytest.raises(InputError) as error:
        find_task(f"gymnasium:{text}")
    line = str(error.value)
    assert len(line.splitlines()) == 1
    assert line.startswith(f"gymnasium:{text}: ")
    return line.removeprefix(f"gymnasium:{text}: ")


def leaning(task=CARTPOLE):
    return Network.build(
        2, input_synapses=[(c, 1, w) for c, w in enumerate(LEAN)], outputs=[0, 1],
        encoder=Current(scale=COMPILED.scale), readout=WinnerTakesAll(), task=task.name,
    )  # fmt: skip


def grown(task, seed, encoder=Current, readout=WinnerTakesAll):
    center, scale = task.ranges()
    ends = encoder(scale=scale, center=center), readout(**readout.for_actions(task.actions))
    genes = SearchSpace(*ends, ends[1].outputs(task.actions), task=task.name, density=0.8)
    rng = np.random.default_rng(seed)
    genome = random_genome(genes, rng)
    for _ in range(6):
        genome = mutate(genome, genes, rng, RATES)
    return decode(genome, genes)


def same(a, b):
    return all(np.array_equal(x, y) for x, y in zip(a, b, strict=True))


# --- what a task says of an environment --------------------------------------------------------


def test_the_declared_facts_are_taken_over():
    assert isinstance(CARTPOLE, EnvironmentTask)
    assert (CARTPOLE.name, CARTPOLE.kind) == ("gymnasium:CartPole-v1", "control")
    assert (len(CARTPOLE.observations), CARTPOLE.actions) == (4, 2)
    assert (CARTPOLE.solved_at, CARTPOLE.max_steps, CARTPOLE.state_size) == (475.0, 500, 1)
    assert "CartPole-v1" in CARTPOLE.source


def test_ranges_are_declared_or_measured():
    """CartPole declares bounds of position and angle only."""
    center, scale = (np.array(values) for values in CARTPOLE.ranges())
    space = gymnasium.make("CartPole-v1").observation_space
    assert scale[[0, 2]] == pytest.approx(space.high[[0, 2]])
    assert center[[0, 2]].tolist() == [0.0, 0.0]
    measured = find_task("gymnasium:CartPole-v1?ranges=measured")
    seen_center, seen_scale = (np.array(values) for values in measured.ranges())
    assert (center[[1, 3]] == seen_center[[1, 3]]).all()
    assert (scale[[1, 3]] == seen_scale[[1, 3]]).all()
    rows, total = [], []
    with gymnasium.make("CartPole-v1") as env:
        env.action_space.seed(0)
        for seed in range(MEASURED_EPISODES):
            observation, over = env.reset(seed=seed)[0], False
            rows.append(observation)
            total.append(0.0)
            while not over:
                observation, reward, fallen, cut, _ = env.step(env.action_space.sample())
                rows.append(observation)
                total[-1] += reward
                over = fallen or cut
    low, high = np.min(rows, axis=0), np.max(rows, axis=0)
    assert seen_center + seen_scale == pytest.approx(high, rel=1e-6)
    assert seen_center - seen_scale == pytest.approx(low, rel=1e-6)
    assert CARTPOLE.worst == measured.worst == np.mean(total)


def test_bounds_that_say_nothing_are_measured():
    """Of four values one has bounds; infinity, 20,000 and an empty range say nothing."""
    center, scale = toy("Wide").ranges()
    assert center == pytest.approx((0.0, 0.35, 0.35, 0.35))  # the countdown: 0.7 to 0
    assert scale == pytest.approx((4.8, 0.35, 0.35, 0.35))
    center, scale = toy("Wide", "?ranges=measured").ranges()
    assert center == pytest.approx((0.35,) * 4)
    center, scale = toy("Wide", "?ranges=measured&length=1").ranges()
    assert center == pytest.approx((0.05,) * 4)
    assert scale == pytest.approx((0.05,) * 4)


def test_a_value_that_never_changes_has_a_range_all_the_same(monkeypatch):
    monkeypatch.setattr(Toy, "observe", lambda self: np.full(4, 2.0, dtype=np.float32))
    center, scale = toy("Wide", "?ranges=measured").ranges()
    assert (center, scale) == ((2.0,) * 4, (1.0,) * 4)


def test_options():
    task = find_task("gymnasium:CartPole-v1?solved_at=195&worst=-2.5&max_steps=200")
    assert (task.solved_at, task.worst, task.max_steps) == (195.0, -2.5, 200)
    assert task.name == "gymnasium:CartPole-v1?solved_at=195&worst=-2.5&max_steps=200"
    assert task.fraction([-2.5, 195.0]).tolist() == [0.0, 1.0]
    plain = toy("Plain", "?solved_at=3")
    assert (plain.solved_at, plain.max_steps) == (3.0, MAX_STEPS)
    assert plain.ranges() == ((0.0,), (1.0,))


def test_other_options_go_to_the_environment():
    def sutton(task):
        return task.make().unwrapped._sutton_barto_reward

    assert not sutton(CARTPOLE)
    assert sutton(find_task("gymnasium:CartPole-v1?sutton_barto_reward=true"))
    assert toy("Shifted", "?length=3&greeting=hello").make().unwrapped.length == 3


def test_actions_of_every_kind():
    assert toy("Several").actions == (3, 2)
    low, high = (-1.0, float(np.float32(0.1))), (1.0, float(np.float32(0.7)))
    assert toy("Values").actions == Box(low, high)
    assert toy("Shifted").actions == 2
    assert len(toy("Fields").observations) == 6
    assert toy("Fields").ranges() == ((127.5,) * 6, (127.5,) * 6)


def test_a_task_is_made_once():
    assert find_task("gymnasium:CartPole-v1") is CARTPOLE
    assert find_task("gymnasium:CartPole-v1?solved_at=475") is not CARTPOLE


# --- what is refused ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("DictSeen", "observation space: expected a Box, got Dict("),
        ("TupleSeen", "observation space: expected a Box, got Tuple("),
        ("DiscreteSeen", "observation space: expected a Box, got Discrete(5)"),
        ("Boundless", "action space: expected a Box with finite bounds, got Box(-inf, inf, (2,)"),
        ("Switches", "action space: expected Discrete, MultiDiscrete or Box, got MultiBinary(3)"),
        ("Words", "action space: expected Discrete, MultiDiscrete or Box, got Text("),
        ("Plain", "the environment declares no score that counts as solved; give one: "
                  "gymnasium:TardigradePlain-v0?solved_at=SCORE"),
        ("Plain-v0?worst=1", None),
    ],
)  # fmt: skip
def test_environments_that_are_no_tasks(name, line):
    if line is None:  # with an option already there
        assert refusal(f"Tardigrade{name}").endswith(f"Tardigrade{name}&solved_at=SCORE")
    else:
        assert refusal(f"Tardigrade{name}-v0").startswith(line)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("NoSuchThing-v1", "cannot be made: Environment `NoSuchThing` doesn't exist"),
        ("CartPole-v99", "cannot be made: Environment version `v99` for environment"),
        ("no_such_module:Thing-v1", "cannot be made: No module named"),
        ("CartPole-v1?colour=red", "cannot be made: "),
        ("", "expected a name after the colon, got none"),
        ("?solved_at=3", "expected a name after the colon, got none"),
        ("CartPole-v1?", "expected ?option=value&..., got ?"),
        ("CartPole-v1?solved_at", "expected ?option=value&..., got ?solved_at"),
        ("CartPole-v1?solved_at=", "expected ?option=value&..., got ?solved_at="),
        ("CartPole-v1?=3", "expected ?option=value&..., got ?=3"),
        ("CartPole-v1?worst=1&worst=2", "expected each option once, got worst twice"),
        ("CartPole-v1?solved_at=high", "solved_at: expected a number from -1e+12 to 1e+12, got hi"),
        ("CartPole-v1?solved_at=nan", "solved_at: expected a number from"),
        ("CartPole-v1?solved_at=true", "solved_at: expected a number from"),
        ("CartPole-v1?worst=475", "worst: expected a number below solved_at, 475, got 475"),
        ("CartPole-v1?solved_at=-5", "worst: expected a number below solved_at, -5, got "),
        ("CartPole-v1?max_steps=0", "max_steps: expected a whole number from 1 to"),
        ("CartPole-v1?max_steps=2.5", "max_steps: expected a whole number from 1 to"),
        ("CartPole-v1?ranges=wide", "ranges: expected one of declared, measured, got wide"),
    ],
)
def test_names_that_are_wrong(text, line):
    assert refusal(text).startswith(line)


def test_a_missing_package_is_named(monkeypatch):
    def lacking(*arguments, **options):
        raise gymnasium.error.DependencyNotInstalled("MuJoCo is not installed, run `pip ...`")

    monkeypatch.setattr(gymnasium, "make", lacking)
    line = refusal("Ant-v5?solved_at=6000")
    assert line == "a package is missing: MuJoCo is not installed, run `pip ...`"


def test_box2d_comes_with_an_extra_of_ours(monkeypatch):
    def lacking(*arguments, **options):
        raise gymnasium.error.DependencyNotInstalled(
            "Box2D is not installed, you can install it by run `pip install swig` followed by "
            '`pip install "gymnasium[box2d]"`'
        )

    monkeypatch.setattr(gymnasium, "make", lacking)
    line = refusal("LunarLander-v3")
    assert line == "a package is missing: install it with: pip install 'tardigrade[box2d]'"


def test_a_version_that_is_gone_is_one_line_and_no_warning():
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        assert "use `LunarLander-v3` instead" in refusal("LunarLander-v2")
    assert not told


def test_networks_that_do_not_fit():
    line = r"^network\.readout winner-takes-all: expected one choice .*: 3 x 2 as in gymnasium:Tar"
    with pytest.raises(InputError, match=line):
        play(grown(toy("Shifted"), 1), toy("Several"), np.zeros((1, 1)))
    with pytest.raises(InputError, match=r"^network\.encoder: expected 1 observations as in"):
        play(leaning(), toy("Shifted"), np.zeros((1, 1)))


@pytest.mark.parametrize("seed", [-1, 2**53 + 1, 0.5, "1"])
def test_seeds_that_a_start_cannot_hold(seed):
    with pytest.raises(InputError, match=r"^seeds\[1\]: expected a whole number from 0"):
        CARTPOLE.starts([1, seed])


# --- playing -----------------------------------------------------------------------------------


def test_the_same_episodes_as_the_compiled_task():
    seeds = episode_seeds(9, "test", 40)
    assert CARTPOLE.starts(seeds)[:, 0].tolist() == seeds
    networks = [leaning(), *(grown(COMPILED, seed, FlipFlop) for seed in range(4))]
    for network in networks:
        real = play(network, CARTPOLE, CARTPOLE.starts(seeds))
        assert same(real, play(network, COMPILED, COMPILED.starts(seeds)))
        assert same(real, play_gymnasium(network, CARTPOLE, seeds))
    assert [a.dtype for a in real] == [np.float64, np.int64, np.bool_]


def test_drawn_starts_are_those_of_compiled_tasks():
    drawn = CARTPOLE.draw_starts(3, "held-out", 5)
    assert drawn[:, 0].tolist() == episode_seeds(3, "held-out", 5)
    network = grown(COMPILED, 3, FlipFlop)
    compiled = play(network, COMPILED, COMPILED.draw_starts(3, "held-out", 5))
    assert same(play(network, CARTPOLE, drawn), compiled)


def test_the_limit_of_the_task_cuts_off():
    short = find_task("gymnasium:CartPole-v1?max_steps=30")
    played = play(leaning(short), short, short.starts([1, 2]))
    assert (played.steps.tolist(), played.terminated.tolist()) == ([30, 30], [False, False])
    longer = find_task("gymnasium:CartPole-v1?max_steps=900")
    assert play(leaning(), longer, longer.starts([1])).steps.tolist() == [900]  # not its own 500


def test_terminated_and_truncated():
    task, seeds = toy("Shifted"), list(range(40))
    played = play(grown(task, 1), task, task.starts(seeds))
    assert played.steps.tolist() == [1 + seed % 7 for seed in seeds]
    assert played.terminated.tolist() == [seed % 2 == 0 for seed in seeds]
    limited = replace(task, max_steps=3)
    played = play(grown(task, 1), limited, limited.starts(seeds))
    assert played.steps.tolist() == [min(3, 1 + seed % 7) for seed in seeds]
    assert played.terminated.tolist() == [seed % 2 == 0 and seed % 7 < 3 for seed in seeds]


KINDS = [
    ("Several", WinnerTakesAll, 30.0), ("Several", FirstToSpike, 30.0), ("Values", SpikeRate, 0.0),
    ("Values", Potential, 0.0), ("Shifted", WinnerTakesAll, 5.0), ("Fields", WinnerTakesAll, 0.0),
]  # fmt: skip


@pytest.mark.parametrize(("name", "readout", "start"), KINDS)
def test_actions_arrive_as_the_environment_wants_them(name, readout, start):
    """The toy refuses what is not in its space, and its score is the sum of all actions."""
    task, scores = toy(name), set()
    for seed in range(4):
        network = grown(task, seed, readout=readout)
        seeds = list(range(10))
        played = play(network, task, task.starts(seeds))
        for episode, score in zip(seeds, played.scores.tolist(), strict=True):
            twin, env, total, over = Twin(network), task.make(), 0.0, False
            seen, _ = env.reset(seed=episode)
            while not over:
                action, _ = twin.act(np.asarray(seen, dtype=np.float64).ravel())
                if isinstance(task.actions, Box):
                    low, high = env.action_space.low.ravel(), env.action_space.high.ravel()
                    action = np.clip(action.astype(np.float32), low, high)
                total += start + float(action.sum())
                seen, _, ended, cut, _ = env.step(env_action(env, action))
                over = ended or cut
            assert score == pytest.approx(total, rel=1e-6)
            scores.add(score)
    assert len(scores) > 4


def env_action(env, action):
    space = env.action_space
    if isinstance(space, SPACES.Discrete):
        return int(space.start) + int(action[0])
    return (action + getattr(space, "start", 0)).astype(space.dtype).reshape(space.shape)


def test_workers_change_nothing():
    networks = [leaning(), *(grown(COMPILED, seed, FlipFlop) for seed in range(4))]
    starts = CARTPOLE.starts(range(5))
    one = play_all(networks, CARTPOLE, starts)
    assert same(one, play_all(networks, COMPILED, COMPILED.starts(range(5))))
    assert same(one, play_all(networks, CARTPOLE, starts, workers=2))
    assert same(one, play_all(networks, CARTPOLE, starts, workers=2))  # the same processes
    copies = [inject(n, [Fault(Gaussian(), 0.5)], 1, range(3)) for n in networks]
    jobs = {"copies": copies, "copy_of": np.array([2, 0, 1, 1]), "start_of": np.array([0, 4, 3, 0])}
    faulty = play_all(networks, CARTPOLE, starts, **jobs)
    assert same(faulty, play_all(networks, CARTPOLE, starts, workers=2, **jobs))
    assert same(faulty, play_all(networks, COMPILED, COMPILED.starts(range(5)), **jobs))
    assert not np.array_equal(faulty.scores[:, 0], one.scores[:, 0])


def test_workers_know_environments_of_this_process_and_limits_of_its_tasks():
    """Nobody else can make them; a task with another limit may have the same name."""
    task = toy("Several")
    networks = [grown(task, seed) for seed in range(3)]
    for limited in (task, replace(task, max_steps=2), task):
        starts = limited.starts(range(9))
        played = play_all(networks, limited, starts, workers=2)
        assert same(played, play_all(networks, limited, starts))
        assert played.steps.max() == min(7, limited.max_steps)


def test_a_worker_that_dies_does_not_spoil_the_next_run():
    task = toy("Failing")
    networks = [grown(task, seed) for seed in range(2)]
    failing = replace(task, make=lambda: Toy(fail=True))
    with pytest.raises(playing.BrokenProcessPool):
        play_all(networks, failing, failing.starts([1]), workers=2)
    assert play_all(networks, task, task.starts([1]), workers=2).steps.tolist() == [[2], [2]]


def test_an_interrupt_does_not_reach_the_workers():
    import signal

    task = toy("Shifted")
    networks = [grown(task, seed) for seed in range(2)]
    play_all(networks, task, task.starts([1]), workers=2)
    _, pool = playing._POOLS[task.name, 2]
    handlers = pool.submit(signal.getsignal, signal.SIGINT).result()
    assert handlers == signal.SIG_IGN


@pytest.mark.parametrize("workers", [1, 2])
def test_nothing_to_play(workers):
    starts = CARTPOLE.starts([1, 2, 3])
    empty = play_all([], CARTPOLE, starts, workers=workers)
    assert [array.shape for array in empty] == [(0, 3)] * 3
    none = play_all([leaning()] * 2, CARTPOLE, CARTPOLE.starts([]), workers=workers)
    assert [array.shape for array in none] == [(2, 0)] * 3
    assert [a.dtype for a in empty] == [a.dtype for a in none] == [np.float64, np.int64, np.bool_]


@pytest.mark.parametrize(
    ("name", "readout"),
    [
        ("LunarLander-v3", WinnerTakesAll), ("LunarLander-v3?continuous=true", Potential),
        ("BipedalWalker-v3?max_steps=150", SpikeRate),
        ("BipedalWalker-v3?hardcore=true&max_steps=100", SpikeRate),
    ],
)  # fmt: skip
def test_episodes_repeat_whatever_came_before(name, readout):
    """The walker's episodes depend on those before in the same environment; here they do not."""
    pytest.importorskip("Box2D")
    task = find_task(f"gymnasium:{name}")
    networks = [grown(task, seed, readout=readout) for seed in range(2)]
    seeds = list(range(34))
    forth = play(networks[0], task, task.starts(seeds[:6]))
    play(networks[1], task, task.starts(seeds[:2]))
    back = play(networks[0], task, task.starts(seeds[5::-1]))
    assert same(forth, [array[::-1] for array in back])
    alone = play_gymnasium(networks[0], task, [seeds[3]])
    assert same(alone, [array[3:4] for array in forth])
    assert record_episode(networks[0], task, 3).score == alone.scores[0]
    assert len(set(forth.scores.tolist())) > 1
    if "?" not in name:
        # More than there are lanes: an environment's second episode is as good as its first.
        many = play(networks[0], task, task.starts(seeds))
        assert same(forth, [array[:6] for array in many])
        last = play(networks[0], task, task.starts(seeds[-2:]))
        assert same(last, [array[-2:] for array in many])
        pair = play_all(networks, task, task.starts(seeds[:6]), workers=2)
        assert same(forth, [array[0] for array in pair])


class MirroredNumbers(np.random.Generator):
    """The random numbers of a lander that is born on the other side of the mirror."""

    def uniform(self, low=0.0, high=1.0, size=None):
        drawn = super().uniform(low, high, size)
        if np.ndim(drawn):  # the terrain, from left to right
            return drawn[::-1]
        self.drawn = getattr(self, "drawn", -1) + 1
        # The first push is sideways and upwards; engines sway along, then across their axis.
        return -drawn if self.drawn == 0 or (self.drawn > 1 and self.drawn % 2) else drawn


def test_the_lander_is_as_symmetric_as_its_task_says():
    pytest.importorskip("Box2D")
    task = find_task("gymnasium:LunarLander-v3")
    symmetry = task.symmetry
    rng = np.random.default_rng(3)
    for seed in range(4):
        one, other = task.make().unwrapped, task.make().unwrapped
        one.np_random = np.random.Generator(np.random.PCG64(seed))
        other.np_random = MirroredNumbers(np.random.PCG64(seed))
        one.reset()
        other.reset()
        turned = 0.0
        for _ in range(140):
            action = int(rng.choice(4, p=[0.4, 0.15, 0.3, 0.15]))
            seen, reward, *_ = one.step(action)
            mirrored, same_reward, *_ = other.step(int(symmetry.swap(4)[action]))
            if seen[6:].any() or mirrored[6:].any():
                break  # from the first contact on, the last bits of float32 decide
            image = np.array(symmetry.signs) * seen[list(symmetry.places)]
            np.testing.assert_allclose(mirrored, image, atol=1e-3)
            assert same_reward == pytest.approx(reward, abs=0.2)
            turned = max(turned, abs(seen[4]))
        assert turned > 0.05
        for environment in (one, other):
            environment.close()


def test_ranges_of_a_symmetric_environment_are_those_of_its_mirror_image_too():
    pytest.importorskip("Box2D")
    task = find_task("gymnasium:LunarLander-v3?ranges=measured")
    Current(task.scale, center=task.center).mirror(task.symmetry)
    config = resolve(task.name, [("space.mirrored", True)])
    assert config.space.symmetry == task.symmetry
    assert find_task("gymnasium:LunarLander-v3?continuous=true").symmetry is None


def test_recording():
    recording = record_episode(leaning(), CARTPOLE, 7)
    compiled = record_episode(leaning(), COMPILED, 7)
    for one, other in zip(recording, compiled, strict=True):
        assert np.array_equal(one, other)
    short = record_episode(leaning(), CARTPOLE, 7, decisions=5)
    assert short.observations.shape == (5, 4)
    task = toy("Several")
    network = grown(task, 2)
    recording = record_episode(network, task, 6)
    assert recording.actions.shape == (7, 2)
    assert recording.score == play(network, task, task.starts([6])).scores[0]


def test_episodes_stepped_from_python():
    short = find_task("gymnasium:CartPole-v1?max_steps=3")
    episode = short.begin(short.starts([5])[0])
    first = episode.observation
    with gymnasium.make("CartPole-v1") as env:
        assert first.tolist() == env.reset(seed=5)[0].tolist()
        for last in (False, False, True):
            assert episode.step(np.array([1.0])) == (1.0, False, last)
            assert episode.observation.tolist() == env.step(1)[0].tolist()
    episode.close()
    for seed in (6, 3):
        task = toy("Shifted")
        episode = task.begin(task.starts([seed])[0])
        outcomes = [episode.step(np.array([0.0])) for _ in range(1 + seed % 7)]
        assert outcomes[-1] == (5.0, seed == 6, seed == 3)
        assert outcomes[0] == (5.0, False, False)


def test_evaluators_agree_with_the_compiled_task():
    """Score, resilience and steps; what fails is not given faults in either."""
    networks = [leaning(), *(grown(COMPILED, seed) for seed in range(5))]
    worst = find_task(f"gymnasium:CartPole-v1?worst={COMPILED.worst}")
    settings = {"seed": 2, "starts": 3, "draws": 4, "each": 2, "feasible": 0.05}
    compiled = Evaluator(COMPILED, **settings)(networks)
    real = Evaluator(worst, workers=2, **settings)(networks)
    assert np.array_equal(compiled.objectives, real.objectives)
    assert np.array_equal(compiled.violation, real.violation)
    assert compiled.steps == real.steps


# --- the command line --------------------------------------------------------------------------


def contents(run, file):
    return timeless(file, (run / file).read_bytes())


QUICK = ["--population", "4", "--seed", "3", "--set", "objectives.feasible=-1",
         "--set", "objectives.starts=2", "--set", "resilience.draws=2",
         "--set", "validation.episodes=2", "--set", "validation.draws=2",
         "--set", "report.episodes=2", "--set", "report.draws=2"]  # fmt: skip


def test_evolving_an_environment(capsys, tmp_path):
    """The run, with one worker and two, in one go and resumed; then what is done with it."""
    name = "gymnasium:CartPole-v1"
    runs = {workers: tmp_path / f"run{workers}" for workers in (1, 2)}
    for workers, run in runs.items():
        arguments = [name, *QUICK, "--generations", "2", "--workers", workers, "--out", run]
        result = answer(capsys, "evolve", *arguments)
        assert (result["evaluations"], result["stopped_by"]) == (12, "generations")
    files = ("history.csv", "front.csv", "checkpoint/state.npz")
    for file in files:
        assert contents(runs[1], file) == contents(runs[2], file)

    shorter = tmp_path / "shorter"
    answer(capsys, "evolve", name, *QUICK, "--generations", "1", "--workers", 2, "--out", shorter)
    config = (shorter / "config.toml").read_text()
    (shorter / "config.toml").write_text(config.replace("generations = 1", "generations = 2"))
    answer(capsys, "resume", shorter)
    for file in files:
        assert contents(shorter, file) == contents(runs[1], file)

    assert answer(capsys, "show", runs[1])["task"] == name
    network = runs[1] / "front" / "000.json"
    assert load(network).task == name
    assert answer(capsys, "show", network)["task"] == name
    result = answer(capsys, "evaluate", network, "--episodes", 3)
    assert (result["task"], result["engine"]) == (name, "gymnasium")
    again = answer(capsys, "evaluate", network, "--episodes", 3, "--gymnasium")
    assert result == again
    compiled = answer(capsys, "evaluate", network, "--episodes", 3, "--task", "cartpole")
    for key in ("score_mean", "score_std", "score_min", "terminated_fraction"):
        assert compiled[key] == result[key]


def test_the_configuration_says_what_was_measured():
    """Another release of the environment must not change what the file means."""
    config = resolve("gymnasium:CartPole-v1", [("encoder.name", "current")])
    assert config.tables["encoder"]["scale"] == list(CARTPOLE.scale)
    assert config.tables["encoder"]["center"] == list(CARTPOLE.center)
    assert config.space.task == "gymnasium:CartPole-v1"
    assert config.task is CARTPOLE


def test_configurations_of_other_actions():
    config = resolve("gymnasium:TardigradeSeveral-v0")
    assert config.space.readout == WinnerTakesAll(choices=[3, 2])
    assert config.tables["readout"]["choices"] == [3, 2]
    assert config.space.outputs == 5
    config = resolve("gymnasium:TardigradeValues-v0", [("readout.name", "potential")])
    actions = config.task.actions
    assert config.space.readout == Potential(actions.low, actions.high)
    assert config.tables["readout"]["low"] == list(actions.low)
