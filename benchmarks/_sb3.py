"""Stable-Baselines3's contender: its DQN with its own `CnnPolicy`, replay and vector environments."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any

import cv2
import gymnasium
import numpy as np
import torch
from _contenders import SkillWatch, Turns
from _seed_wrapping import make_seed_env
from gymnasium.wrappers import ReshapeObservation, TransformReward
from stable_baselines3 import DQN
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.monitor import Monitor
from stable_baselines3.common.vec_env import SubprocVecEnv, VecEnv, VecFrameStack

from mk_lightning.envs.config import EnvConfig
from mk_lightning.envs.fighting_env import FightingEnv
from mk_lightning.envs.observation import FRAME_SHAPE
from mk_lightning.games.catalog import load_game

__all__ = ["fighting_env", "stacked", "take_turns", "train_until_skilled"]

FOREVER = 10**9
"""env_steps; the callback stops the run."""


def take_turns(
    connection: Connection, *, game: str, states: list[str], num_envs: int, warmup: int, per_learner_step: int,
    epsilon: float, capacity: int, torch_threads: int | None, batch_size: int = 32, device: str = "cpu",
) -> None:  # fmt: skip
    """Train with the seed project's wrapping for as long as the parent gives turns; the first message says how."""
    envs = stacked([make_seed_env(load_game(game), states)] * num_envs)
    if torch_threads:
        torch.set_num_threads(torch_threads)
    model = DQN(
        "CnnPolicy",
        envs,
        buffer_size=capacity,
        learning_starts=warmup,
        batch_size=batch_size,
        train_freq=per_learner_step // num_envs,
        gradient_steps=1,
        exploration_initial_eps=epsilon,
        exploration_final_eps=epsilon,
        device=device,
        seed=0,
    )
    model.learn(FOREVER, callback=_TakeTurns(connection, warmup))
    envs.close()


def train_until_skilled(
    connection: Connection, *, game: str, state: str, seed: int, watch: dict[str, Any], num_envs: int, warmup: int,
    per_learner_step: int, learning_rate: float, target_every: int, gamma: float, n_step: int, capacity: int,
    reward_scale: float, epsilon: list[float], torch_threads: int | None,
) -> None:  # fmt: skip
    """Train from scratch until skilled, as `SkillWatch` has it.

    `target_every` is in learner_steps, as ours is.
    """
    envs = stacked([fighting_env(game, [state], reward_scale)] * num_envs)
    if torch_threads:
        torch.set_num_threads(torch_threads)
    start, end, env_steps = epsilon
    total = watch["max_env_steps"] + num_envs  # the watch stops the run before that
    model = DQN(
        "CnnPolicy",
        envs,
        learning_rate=learning_rate,
        buffer_size=capacity,
        learning_starts=warmup,
        batch_size=32,
        gamma=gamma,
        n_steps=n_step,
        train_freq=per_learner_step // num_envs,
        gradient_steps=1,
        target_update_interval=target_every * per_learner_step,
        exploration_initial_eps=start,
        exploration_final_eps=end,
        exploration_fraction=env_steps / total,
        device="cpu",
        seed=seed,
    )
    model.learn(total, callback=_UntilSkilled(SkillWatch(connection, f"SB3 DQN, seed {seed}", **watch)))
    envs.close()


def stacked(factories: list[Callable[[], gymnasium.Env[Any, Any]]]) -> VecEnv:
    """Return environments in processes of their own, whose observations are the last four frames."""
    # Forked while this process has no torch threads yet: starts faster and needs less memory than SB3's default.
    return VecFrameStack(SubprocVecEnv(factories, start_method="fork"), n_stack=4)


def fighting_env(
    game: str, states: list[str], reward_scale: float, release_frames: int = EnvConfig().release_frames
) -> Callable[[], gymnasium.Env[Any, Any]]:
    """Return a function that makes our environment as SB3 takes it."""

    def make() -> gymnasium.Env[Any, Any]:
        cv2.setNumThreads(0)  # as in our own workers
        played = FightingEnv(game, states, EnvConfig(release_frames=release_frames))
        env: gymnasium.Env[Any, Any] = ReshapeObservation(played, (*FRAME_SHAPE, 1))
        scaled = TransformReward(env, lambda reward: float(reward) / reward_scale)
        return Monitor(scaled, info_keywords=("rounds_won", "enemy_rounds_won"))

    return make


class _TakeTurns(BaseCallback):
    def __init__(self, connection: Connection, warmup: int) -> None:
        super().__init__()
        self._connection = connection
        self._warmup = warmup
        self._turns: Turns | None = None
        self._stop = False

    def _on_rollout_start(self) -> None:
        """Comes before each `train_freq` vector env_steps and the learner_step that follows them."""
        if self.num_timesteps <= self._warmup:
            return
        if self._turns is None:
            self._turns = Turns(self._connection)
            buffer: Any = self.model.replay_buffer
            arrays = [value for value in vars(buffer).values() if isinstance(value, np.ndarray)]
            size = sum(array.nbytes for array in arrays) / (buffer.buffer_size * buffer.n_envs)
            self._connection.send({"bytes_per_transition": size, "torch_threads": torch.get_num_threads()})
        self._stop = not self._turns.go_on(self.num_timesteps)

    def _on_step(self) -> bool:
        return not self._stop


class _UntilSkilled(BaseCallback):
    def __init__(self, watch: SkillWatch) -> None:
        super().__init__()
        self._watch = watch
        self._won: deque[bool] = deque(maxlen=watch.matches)

    def _on_training_start(self) -> None:
        self._watch.start()

    def _on_step(self) -> bool:
        for info in self.locals["infos"]:
            if "match" in info:
                match = info["match"]
                self._won.append(match["rounds_won"] >= 2 > match["enemy_rounds_won"])
        return self._watch.go_on(self.num_timesteps, self._won)
