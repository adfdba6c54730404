"""The network that controllers are compared with: random, wired for CartPole."""

from __future__ import annotations

import numpy as np

from benchmarks.problems import FAN_OUT, LONGEST_DELAY, TAU_MEM, WEIGHTS
from fitness import TASKS
from neuro import Current, Network, WinnerTakesAll

INPUT_FAN_OUT = 10
INPUT_WEIGHTS = (-0.2, 0.2)
DRIVE = (0.1, 0.3)  # of the channel that is always 1: it keeps some 7 % of 50 neurons firing
GAIN = 0.7
OUTPUTS = 2
LEAN = (0.1, 0.3, 1.0, 1.0)  # push to where the pole leans and falls: it stays up


def closed_loop_network(neurons: int, ticks: int = 10, seed: int = 1) -> Network:
    """Draw a network of at least 12 leaky neurons; the last two are its outputs.

    The others are wired at random and keep firing, but lead to no output: those hear of the
    pole alone, so that episodes are as long as those of evolved networks.

    Parameters
    ----------
    neurons : int
    ticks : int
        Ticks per decision.
    seed : int
    """
    task = TASKS["cartpole"]
    encoder = Current(scale=task.scale, ticks=ticks)
    rng = np.random.default_rng(seed)
    hidden = neurons - OUTPUTS
    pairs = rng.choice(neurons * hidden, size=FAN_OUT * neurons, replace=False)
    channels = encoder.channels
    posts = [rng.choice(hidden, size=INPUT_FAN_OUT, replace=False) for _ in range(channels)]
    weights = rng.uniform(*INPUT_WEIGHTS, (channels, INPUT_FAN_OUT))
    weights[-1] = rng.uniform(*DRIVE, INPUT_FAN_OUT)
    return Network.build(
        {"tau_mem": [TAU_MEM] * neurons},
        {
            "pre": pairs // hidden,
            "post": pairs % hidden,
            "weight": GAIN * rng.uniform(*WEIGHTS, len(pairs)),
            "delay": rng.integers(1, LONGEST_DELAY + 1, len(pairs)),
        },
        input_synapses={
            "channel": np.concatenate([np.repeat(np.arange(channels), INPUT_FAN_OUT), range(4)]),
            "post": np.concatenate([*posts, [neurons - 1] * 4]),
            "weight": np.concatenate([weights.ravel(), LEAN]),
        },
        outputs=range(neurons - OUTPUTS, neurons),
        encoder=encoder,
        readout=WinnerTakesAll(),
        task=task.name,
    )
