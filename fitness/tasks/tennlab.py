"""TENNLab's cart-pole benchmark in four difficulties: CartPole-v1 for five minutes.

Plank, Rizzo, White & Schuman, "The cart-pole application as a benchmark for neuromorphic
computing", J. Low Power Electron. Appl. 15 (2025), 5. Starts are far from the middle, and the
harder levels hide the velocities or ask for rest.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np
from numpy.typing import NDArray

from fitness.tasks import cartpole
from fitness.tasks.contract import CompiledTask
from neuro.errors import wrong
from neuro.jit import OBSERVE, kernel_function
from neuro.specs import reals
from neuro.symmetry import Symmetry

START = (1.2, 0.5, 0.1045, 0.5)
"""Half the range of each value at the start: the cart's place and speed, the pole's.

The paper's are not known. Both starts in the authors' published logs are inside these (the
positions at half of what fails), and from every one of 1,000 a linear law of all four values
balances. Twice the speeds would already put some out of reach.
"""
SCALE = (2.4, 2.0, 0.209, 2.0)


def _draw(start: tuple[float, ...], size: int, rng: np.random.Generator) -> NDArray[np.float64]:
    state = np.zeros(size)
    state[:4] = rng.uniform(-1.0, 1.0, 4) * start
    return state


@kernel_function(OBSERVE)
def observe_all(state, observation):
    """Show positions and velocities."""
    for i in range(4):
        observation[i] = state[i]


@kernel_function(OBSERVE)
def observe_positions(state, observation):
    """Show where the cart is and how far the pole leans."""
    observation[0], observation[1] = state[0], state[2]


def tennlab(
    name: str,
    *,
    velocities: bool = True,
    rest: bool = False,
    often: bool = False,
    solved_at: float = 14_250.0,
    start: Sequence[float] = START,
) -> CompiledTask:
    """Make a level of the benchmark: balance for 15,000 steps of 0.02 s.

    Dynamics and limits are those of CartPole-v1, and as there each step counts 1, the one that
    fails included. The actions are to push left (0) and right (1). Where doing nothing is allowed,
    it is 0, left 1 and right 2, as in the published networks: in a tie, the first wins, so a
    network that is silent rests.

    Parameters
    ----------
    name : str
    velocities : bool
        Whether velocities are observed; without them, a controller needs a memory.
    rest : bool
        Whether doing nothing is allowed.
    often : bool
        Whether it has to be done at least 75 % of the time. The score is then the smaller of the
        steps and of 4/3 times the steps in which nothing was done, without its fraction: the
        steps balanced whenever the rule was kept.
    solved_at : float
    start : sequence of float
        The four values of the state are drawn uniformly from +- these.

    Returns
    -------
    CompiledTask

    Examples
    --------
    >>> tennlab("near-the-middle", start=[0.05] * 4).actions, tennlab("idle", rest=True).actions
    (2, 3)
    """
    if often and not rest:
        raise wrong("often", "False where doing nothing is not allowed", often)
    half = reals(start, "start", 0.0, 100.0)
    if len(half) != 4:
        raise wrong("start", "4 numbers", len(half))
    every = 1 if velocities else 2
    return CompiledTask(
        name=name,
        observations=("x", "x_dot", "theta", "theta_dot")[::every],
        scale=SCALE[::every],
        actions=3 if rest else 2,
        max_steps=15_000,
        solved_at=solved_at,
        worst=0.0,
        source="Plank, Rizzo, White & Schuman, J. Low Power Electron. Appl. 15 (2025), 5",
        symmetry=Symmetry((-1,) * (4 // every), (0, 2, 1) if rest else (1, 0)),
        reset=partial(_draw, half, 6 if often else 4),
        observe=observe_all if velocities else observe_positions,
        step=cartpole.step_or_rest_often
        if often
        else cartpole.step_or_rest
        if rest
        else cartpole.step,
    )


EASY = tennlab("tennlab-easy", solved_at=14_250.0)
MEDIUM = tennlab("tennlab-medium", rest=True, often=True, solved_at=12_000.0)
HARD = tennlab("tennlab-hard", velocities=False, rest=True, solved_at=9_000.0)
HARDEST = tennlab("tennlab-hardest", velocities=False, solved_at=6_000.0)
