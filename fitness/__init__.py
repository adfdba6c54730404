"""What a network is for: tasks, closed-loop episodes, objectives, the batch evaluator."""

from fitness.rollout import Episodes, check_fit, play
from fitness.tasks import TASKS, Task, episode_seeds, find_task

__all__ = ["TASKS", "Episodes", "Task", "check_fit", "episode_seeds", "find_task", "play"]
