"""Experience: replay, collection, whole matches, and the DataModule that owns the environments."""

from mk_lightning.experience.datamodule import ExperienceDataModule
from mk_lightning.experience.episodes import EpisodeRecord, EpisodeSpec, play_episodes
from mk_lightning.experience.policy import GreedyPolicy, Policy
from mk_lightning.experience.replay import Priorities, Replay
from mk_lightning.experience.settings import EnvSettings, EvaluationSettings, RecordingSettings, ReplaySettings
from mk_lightning.experience.transition import Batch, Transition

__all__ = [
    "Batch",
    "EnvSettings",
    "EpisodeRecord",
    "EpisodeSpec",
    "EvaluationSettings",
    "ExperienceDataModule",
    "GreedyPolicy",
    "Policy",
    "Priorities",
    "RecordingSettings",
    "Replay",
    "ReplaySettings",
    "Transition",
    "play_episodes",
]
