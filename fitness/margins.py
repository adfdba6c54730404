"""Margins of golden episodes: which weights make no difference to them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fitness.tasks import CompiledTask, Task
from fitness.wiring import Episodes, check_fit
from neuro import Network
from neuro.errors import wrong
from neuro.margins import Margins, margins_of, rounding
from neuro.program import compile_network
from neuro.trace import incoming, new_notes, trace_episodes


def find_margins(
    network: Network, task: Task, starts: NDArray[np.float64], /
) -> tuple[Margins, Episodes]:
    """Play golden episodes, and find how far each weight can move without changing them.

    Parameters
    ----------
    network : Network
    task : CompiledTask
    starts : ndarray of float64, shape (S, D)
        From `Task.starts`.

    Returns
    -------
    margins : Margins
    episodes : Episodes
        The same as those of `fitness.play`.

    Raises
    ------
    InputError
        The task is played by an environment: no kernel can.

    Examples
    --------
    The constant channel takes the second output over its threshold of 1 at every fourth tick. It
    does so with any weight from 1/4 to less than 1/3:

    >>> from fitness import TASKS
    >>> from neuro import Current, Network, WinnerTakesAll
    >>> from neuro.margins import harmless
    >>> task = TASKS["cartpole"]
    >>> network = Network.build(2, input_synapses=[(4, 1, 0.3)], outputs=[0, 1],
    ...                         encoder=Current(scale=task.scale), readout=WinnerTakesAll())
    >>> margins, episodes = find_margins(network, task, task.starts([1]))
    >>> margins.low.round(6), margins.high.round(6)
    (array([[0.25]]), array([[0.333333]]))
    >>> harmless(margins, np.array([[0.26], [0.24]]))
    array([[ True],
           [False]])
    """
    encoder, readout = check_fit(network, task)
    if not isinstance(task, CompiledTask):
        raise wrong("task", "one that kernels play, for margins", task.name)
    if starts.ndim != 2 or starts.shape[1] != task.state_size:
        raise wrong("starts", f"shape (any, {task.state_size})", starts.shape)
    p = compile_network(network)
    q = incoming(p)
    notes = new_notes(p, len(starts))
    unit, added, shortening = rounding(p, task.max_steps * p.ticks)
    trace_episodes(
        p, q, unit, added,
        np.array(starts, dtype=np.float64, order="C"), task.max_steps,
        encoder.kernel, readout.kernel, task.observe, task.step, len(task.observations), notes,
    )  # fmt: skip
    margins = margins_of(network, p, q, notes, shortening)
    return margins, Episodes(notes.returns, notes.steps, notes.terminated)
