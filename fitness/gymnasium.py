"""Playing Gymnasium environments: what no kernel can step, and the check on compiled tasks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from fitness.rollout import Episodes, check_fit, check_wiring, checked_jobs
from fitness.tasks import Task
from neuro import LaneController, Network
from neuro.errors import InputError, wrong
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
    if task.gymnasium_id is None:
        raise InputError(f"task {task.name}: expected a task with a Gymnasium environment")
    import gymnasium  # a third of a second that the compiled path need not pay

    name = task.gymnasium_id
    return play_environment(
        network, lambda: gymnasium.make(name), seeds, copies=copies, copy_of=copy_of
    )


def play_environment(
    network: Network,
    make: Callable[[], Any],
    seeds: Sequence[int],
    /,
    *,
    copies: Copies | None = None,
    copy_of: ArrayLike | None = None,
) -> Episodes:
    """Play an episode of any Gymnasium environment for each seed; up to 32 step together.

    The environments are stepped in Python one by one; the network decides for all of them in
    one call of the lane kernel. An episode's outcome does not depend on the others.

    Parameters
    ----------
    network : Network
    make : callable
        Makes an environment with a box of observations and discrete actions, for instance
        ``lambda: gymnasium.make("LunarLander-v3")``.
    seeds : sequence of int
        Each episode's, for the environment's ``reset``.
    copies : Copies, optional
        Faulty copies; the network itself if left out.
    copy_of : array_like of int, optional
        Which copy plays each episode; the first if left out.

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
    count = len(seeds)
    chosen = np.zeros(count, dtype=np.int64) if copy_of is None else copy_of
    chosen = checked_jobs(chosen, "copy_of", 1 if copies is None else len(copies.weight), count)
    scores, steps = np.zeros(count), np.zeros(count, dtype=np.int64)
    with ExitStack() as stack:
        lanes = [stack.enter_context(make()) for _ in range(min(WIDEST, count))]
        if not lanes:
            return Episodes(scores, steps)
        first_action = _check_spaces(network, lanes[0])
        controller = LaneController(network, copies)
        job = list(range(len(lanes)))
        observations = np.zeros((len(lanes), int(np.prod(lanes[0].observation_space.shape))))

        def begin(lane: int) -> None:
            controller.begin(lane, int(chosen[job[lane]]))
            observations[lane] = np.ravel(lanes[lane].reset(seed=seeds[job[lane]])[0])

        for lane in job:
            begin(lane)
        waiting, active = len(lanes), len(lanes)
        while active:
            actions = controller.act(observations[:active])[:, 0]
            # From the last lane on: the one that fills a gap has already been stepped.
            for lane in range(active - 1, -1, -1):
                observation, reward, terminated, truncated, _ = lanes[lane].step(
                    first_action + int(actions[lane])
                )
                observations[lane] = np.ravel(observation)
                scores[job[lane]] += float(reward)
                steps[job[lane]] += 1
                if not (terminated or truncated):
                    continue
                if waiting < count:
                    job[lane], waiting = waiting, waiting + 1
                    begin(lane)
                else:
                    active -= 1
                    controller.move(lane, active)
                    for row in (lanes, job):
                        row[lane], row[active] = row[active], row[lane]
                    observations[lane] = observations[active]
    return Episodes(scores, steps)


def _check_spaces(network: Network, environment: Any) -> int:
    """Make sure that a network fits an environment, and return its first action."""
    from gymnasium.spaces import Box, Discrete

    seen, done = environment.observation_space, environment.action_space
    if not isinstance(seen, Box):
        raise wrong("observation space", "a Box", type(seen).__name__)
    if not isinstance(done, Discrete):
        raise wrong("action space", "a Discrete one", type(done).__name__)
    check_wiring(network, "the environment", int(np.prod(seen.shape)), int(done.n))
    return int(done.start)
