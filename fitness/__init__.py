"""What a network is for: tasks, closed-loop episodes, objectives, the batch evaluator."""

from fitness.campaign import Campaign, Outcome
from fitness.evaluator import Batch, Evaluator
from fitness.gymnasium import play_environment, play_gymnasium
from fitness.objectives import OBJECTIVES, Measurement, Objective, aggregate_scores
from fitness.record import EpisodeRecording, record_episode
from fitness.rollout import play, play_all
from fitness.tasks import (
    TASKS,
    CompiledTask,
    EnvironmentTask,
    Task,
    episode_seeds,
    find_task,
)
from fitness.wiring import Episodes, check_fit

__all__ = [
    "OBJECTIVES", "TASKS", "Batch", "Campaign", "CompiledTask", "EnvironmentTask",
    "EpisodeRecording", "Episodes", "Evaluator",
    "Measurement", "Objective", "Outcome", "Task", "aggregate_scores", "check_fit",
    "episode_seeds", "find_task", "play", "play_all", "play_environment", "play_gymnasium",
    "record_episode",
]  # fmt: skip
