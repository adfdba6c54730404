"""Playing Gymnasium environments: what no kernel can step, and the check on compiled tasks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fitness.tasks import TASKS, CompiledTask, EnvironmentTask, Task
from fitness.tasks.environment import (
    action_converter,
    count_observations,
    flatten,
    read_actions,
)
from fitness.wiring import Episodes, check_fit, check_wiring, checked_jobs
from neuro import LaneController, Network
from neuro.errors import wrong
from neuro.kernels import WIDEST, Copies
from neuro.specs import whole


def play_gymnasium(
    network: Network,
    task: Task,
    seeds: Sequence[int],
    /,
    *,
    copies: Copies | None = None,
    copy_of: ArrayLike | None = None,
) -> Episodes:
    """Play one episode of the task's Gymnasium environment for each seed.

    The same seeds give the same scores as `fitness.play` with ``task.starts(seeds)``. For the
    other arguments see `play_environment`.

    Raises
    ------
    InputError
        The task has no Gymnasium counterpart.
    """
    check_fit(network, task)
    if isinstance(task, EnvironmentTask):
        make = task.make
    else:
        identifier = task.gymnasium_id if isinstance(task, CompiledTask) else None
        if identifier is None:
            known = [n for n, t in TASKS.items() if isinstance(t, CompiledTask) and t.gymnasium_id]
            names = ", ".join((*known, "gymnasium:ID"))
            raise wrong("task", f"one with a Gymnasium environment ({names})", task.name)
        import gymnasium  # a third of a second that the compiled path need not pay

        def make() -> Any:
            return gymnasium.make(identifier)

    return play_environment(
        network, make, seeds, copies=copies, copy_of=copy_of, max_steps=task.max_steps
    )


def play_environment(
    network: Network,
    make: Callable[[], Any],
    seeds: Sequence[int],
    /,
    *,
    copies: Copies | None = None,
    copy_of: ArrayLike | None = None,
    max_steps: int | None = None,
) -> Episodes:
    """Play an episode of any Gymnasium environment for each seed; up to 32 step together.

    The environments are stepped in Python one by one; the network decides for all of them in
    one call of the lane kernel. An episode's outcome does not depend on the others: each has an
    environment of its own, because some carry something over a reset (in BipedalWalker, the
    last bits of an episode depend on those before).

    Parameters
    ----------
    network : Network
    make : callable
        Makes an environment with a box of observations and discrete, multi-discrete or bounded
        continuous actions, for instance ``lambda: gymnasium.make("LunarLander-v3")``.
    seeds : sequence of int
        Each episode's, for the environment's ``reset``.
    copies : Copies, optional
        Faulty copies; the network itself if left out.
    copy_of : array_like of int, optional
        Which copy plays each episode; the first if left out.
    max_steps : int, optional
        Decisions after which an episode is cut off, if the environment itself does not.

    Raises
    ------
    InputError
        The network does not fit the environment, or its spaces are of another kind.

    Examples
    --------
    >>> import gymnasium
    >>> from neuro import Network, Current, WinnerTakesAll
    >>> network = Network.build(
    ...     2, outputs=[0, 1], encoder=Current(scale=(1, 1, 1, 1)), readout=WinnerTakesAll())
    >>> play_environment(network, lambda: gymnasium.make("CartPole-v1"), [1, 2, 3]).scores
    array([10.,  9.,  9.])
    """
    seeds = [whole(seed, f"seeds[{i}]", 0, 2**64 - 1) for i, seed in enumerate(seeds)]
    chosen = np.zeros(len(seeds), dtype=np.int64) if copy_of is None else copy_of
    there = 1 if copies is None else len(copies.weight)
    chosen = checked_jobs(chosen, "copy_of", there, len(seeds))
    lanes: list[Any] = []
    try:
        for _ in range(min(WIDEST, len(seeds))):
            lanes.append(make())
        return _play(network, lanes, make, seeds, copies, chosen, max_steps)
    finally:
        for environment in lanes:
            environment.close()


def _play(
    network: Network, lanes: list[Any], make: Callable[[], Any], seeds: Sequence[int],
    copies: Copies | None, copy_of: NDArray[np.int64], max_steps: int | None,
) -> Episodes:  # fmt: skip
    """Play in as many environments at a time as there are lanes; `make` renews them."""
    count = len(seeds)
    result = Episodes(np.zeros(count), np.zeros(count, np.int64), np.zeros(count, np.bool_))
    if not lanes:
        return result
    observed = count_observations(lanes[0].observation_space)
    actions = read_actions(lanes[0].action_space)
    check_wiring(network, "the environment", observed, actions)
    convert = action_converter(lanes[0].action_space)
    controller = LaneController(network, copies)
    job = list(range(len(lanes)))
    observations = np.zeros((len(lanes), observed))

    def begin(lane: int) -> None:
        controller.begin(lane, int(copy_of[job[lane]]))
        observations[lane] = flatten(lanes[lane].reset(seed=seeds[job[lane]])[0])

    for lane in job:
        begin(lane)
    waiting, active = len(lanes), len(lanes)
    while active:
        taken = controller.act(observations[:active])
        # From the last lane on: the one that fills a gap has already been stepped.
        for lane in range(active - 1, -1, -1):
            seen, reward, terminated, truncated, _ = lanes[lane].step(convert(taken[lane]))
            observations[lane] = flatten(seen)
            episode = job[lane]
            result.scores[episode] += float(reward)
            result.steps[episode] += 1
            if not (terminated or truncated or result.steps[episode] == max_steps):
                continue
            result.terminated[episode] = terminated
            if waiting < count:
                job[lane], waiting = waiting, waiting + 1
                lanes[lane].close()
                lanes[lane] = make()
                begin(lane)
            else:
                active -= 1
                controller.move(lane, active)
                for row in (lanes, job):
                    row[lane], row[active] = row[active], row[lane]
                observations[lane] = observations[active]
    return result
