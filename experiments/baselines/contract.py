"""What every baseline is asked and answers: a task, a seed and a budget in, an `Attempt` out."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from experiments.config import resolve
from fitness import Episodes, Evaluator, Task
from neuro.specs import whole


class Controller(Protocol):
    """What can play a task, whatever it is made of."""

    @property
    def size(self) -> int:
        """Inputs, other nodes and connections."""

    def play(self, task: Task, starts: NDArray[np.float64], /) -> Episodes:
        """Play one episode from each start."""

    def measure(self, evaluator: Evaluator, /) -> NDArray[np.float64]:
        """Measure an evaluator's objectives, shape (m,), the way it measures networks."""


Solved = Callable[[Controller], bool]
Evaluate = Callable[[Controller], float]


class Attempt(NamedTuple):
    """How a baseline fared.

    Attributes
    ----------
    solved : bool
    evaluations : int
        Up to and including that of the controller that solved the task, else the budget.
    steps : int
        Environment steps of these evaluations.
    best_score : float
        Best mean score from the training starts.
    controller : Controller
        The one that solved the task, else the first with the best score.
    """

    solved: bool
    evaluations: int
    steps: int
    best_score: float
    controller: Controller


class _Finished(Exception):
    """The task is solved or the budget spent: what searches is to be left, however deep."""


class _Search:
    """Evaluates controllers one by one and keeps count."""

    def __init__(self, task: Task, seed: int, budget: int, solved: Solved | None) -> None:
        self.task, self.budget = task, whole(budget, "evaluations", 1, 10**15)
        self.solves = solved
        count = resolve(task.name).evaluator.starts
        self.starts = task.draw_starts(seed, "training", count)
        self.solved, self.evaluations, self.steps = False, 0, 0
        self.best: tuple[float, Controller] | None = None

    def __call__(self, controller: Controller) -> float:
        played = controller.play(self.task, self.starts)
        score = float(played.scores.mean())
        if not np.isfinite(score):
            raise ValueError(f"{self.task.name}: expected a finite score, got {score}")
        self.evaluations += 1
        self.steps += int(played.steps.sum())
        if self.best is None or score > self.best[0]:
            self.best = score, controller
        if self.solves is None:
            self.solved = score >= self.task.solved_at
        else:
            self.solved = bool(self.solves(controller))
        if self.solved:
            self.best = self.best[0], controller
        if self.solved or self.evaluations == self.budget:
            raise _Finished
        return score


def attempt(
    task: Task,
    seed: int,
    explore: Callable[[Evaluate], None],
    /,
    *,
    evaluations: int,
    solved: Solved | None = None,
) -> Attempt:
    """Let something explore controllers until one solves the task or the budget is spent.

    Controllers play from the starts that evolution trains on with the same seed and the task's
    default configuration, those of the first epoch.

    Parameters
    ----------
    task : Task
        One with a default configuration, which is found by its name.
    seed : int
    explore : callable
        ``explore(evaluate)`` goes on for ever; ``evaluate(controller)`` is the mean score, and
        does not return when the search is over.
    evaluations : int
        Budget.
    solved : callable, optional
        ``solved(controller) -> bool``, asked of every controller after its evaluation; what it
        plays is not counted. Where left out, the mean score must reach ``task.solved_at``.

    Raises
    ------
    ValueError
        A score is not finite.

    Examples
    --------
    >>> from experiments.baselines.linear_policy import linear
    >>> from fitness import TASKS
    >>> task = TASKS["cartpole"]
    >>> def explore(evaluate):
    ...     for lean in (0.0, 0.1, 1.0, 10.0):
    ...         evaluate(linear(task, np.array([0.0, 0.0, lean, 1.0, 0.0])))
    >>> found = attempt(task, 1, explore, evaluations=9, solved=lambda c: True)
    >>> found.solved, found.evaluations
    (True, 1)
    """
    search = _Search(task, seed, evaluations, solved)
    with suppress(_Finished):
        explore(search)
    assert search.best is not None
    return Attempt(search.solved, search.evaluations, search.steps, *search.best)
