"""Hand-made CartPole controllers, so that a benchmark needs no evolution before it."""

from __future__ import annotations

from fitness import TASKS
from neuro import Current, FlipFlop, Network, WinnerTakesAll

TASK = TASKS["cartpole"]

# Found by a short random search: no pole falls from any of 256 starts. Weight and delay for each
# observation that is used, from either sign's input to the output that pushes that way; the
# network with spikes also survives the faults of an evaluation.
FLIP_FLOP = {0: (1.0, 5), 2: (2.0, 3), 3: (1.0, 5)}
CURRENT = (0.4, 0.2, 1.2, 1.8)
# Low, so that every pulse that arrives makes its output fire.
OUTPUT_THRESHOLD = 0.1
TAU_MEM = 4.0  # ms


def small_network() -> Network:
    """Build 10 neurons and 4 synapses, as evolution finds them; poles stand some 400 steps."""
    return Network.build(
        10,
        [(5, 9, 1.0, 1), (7, 9, 1.0, 2), (4, 8, 1.0, 1), (6, 8, 1.0, 1)],
        inputs=range(8),
        outputs=[8, 9],
        encoder=FlipFlop(scale=TASK.scale),
        readout=WinnerTakesAll(),
        task=TASK.name,
    )


def flip_flop_network() -> Network:
    """Build 10 neurons and 6 synapses that see spikes; no pole falls."""
    synapses = []
    for observation, (weight, delay) in FLIP_FLOP.items():
        synapses.append((2 * observation, 8, weight, delay))
        synapses.append((2 * observation + 1, 9, weight, delay))
    return Network.build(
        {"v_threshold": [1.0] * 8 + [OUTPUT_THRESHOLD] * 2, "tau_mem": [TAU_MEM] * 10},
        synapses,
        inputs=range(8),
        outputs=[8, 9],
        encoder=FlipFlop(scale=TASK.scale),
        readout=WinnerTakesAll(),
        task=TASK.name,
    )


def current_network() -> Network:
    """Build two neurons and four input synapses that see values; no pole falls."""
    return Network.build(
        2,
        input_synapses=[(channel, 1, weight) for channel, weight in enumerate(CURRENT)],
        outputs=[0, 1],
        encoder=Current(scale=TASK.scale),
        readout=WinnerTakesAll(),
        task=TASK.name,
    )
