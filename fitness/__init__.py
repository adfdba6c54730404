"""What a network is for: tasks, closed-loop episodes, objectives, the batch evaluator."""

from fitness.evaluator import Batch, Evaluator
from fitness.objectives import OBJECTIVES, Measurement, Objective, aggregate_scores
from fitness.record import EpisodeRecording, record_episode
from fitness.rollout import Episodes, check_fit, play
from fitness.tasks import TASKS, Task, episode_seeds, find_task

__all__ = [
    "OBJECTIVES", "TASKS", "Batch", "EpisodeRecording", "Episodes", "Evaluator", "Measurement",
    "Objective", "Task", "aggregate_scores", "check_fit", "episode_seeds", "find_task", "play",
    "record_episode",
]  # fmt: skip
