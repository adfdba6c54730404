"""The compiled tasks against the real environments: the same episodes, decision by decision."""

from dataclasses import replace

import gymnasium
import numpy as np
import pytest

from evo import MUTATIONS, SearchSpace, decode
from evo.operators import mutate, random_genome
from fitness import TASKS, episode_seeds, play, play_gymnasium
from neuro import Current, FlipFlop, InputError, Network, Twin, WinnerTakesAll

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


def test_no_seeds_no_episodes():
    played = play_gymnasium(leaning_current(), TASK, [])
    assert played.scores.shape == played.steps.shape == (0,)


def test_a_task_of_its_own_has_no_gymnasium():
    own = replace(TASK, name="own", gymnasium_id=None)
    with pytest.raises(InputError, match=r"^task own: expected .*Gymnasium"):
        play_gymnasium(leaning_current(), own, [1])


def test_a_network_that_does_not_fit_is_refused():
    deaf = Network.build(2, outputs=[0, 1], readout=WinnerTakesAll())
    with pytest.raises(InputError, match=r"^network\.encoder: expected one to play cartpole"):
        play_gymnasium(deaf, TASK, [1])
