"""Environments: one emulator behind gymnasium's interface, and many of them side by side. No torch here."""

from mk_lightning.envs.episode import EpisodeResult
from mk_lightning.envs.fighting_env import FightingEnv
from mk_lightning.envs.observation import FRAME_SHAPE
from mk_lightning.envs.vector_env import RetroVectorEnv, WorkerError

__all__ = ["FRAME_SHAPE", "EpisodeResult", "FightingEnv", "RetroVectorEnv", "WorkerError"]
