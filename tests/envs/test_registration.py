from __future__ import annotations

import gymnasium
import numpy as np
import pytest
from gymnasium.wrappers import FrameStackObservation, RecordEpisodeStatistics
from gymnasium.wrappers.vector import RecordEpisodeStatistics as RecordVectorStatistics
from stable_baselines3 import DQN
from stable_baselines3.common.monitor import Monitor

import mk_lightning  # noqa: F401 - it registers them
from mk_lightning.envs.config import EnvConfig
from mk_lightning.envs.registration import GAMES
from mk_lightning.games.catalog import load_game, shipped_games

STATE = "VeryEasy.Bramble-01"


def test_every_name_is_a_game() -> None:
    assert {f"mk_lightning/{name}" for name in GAMES} <= set(gymnasium.registry)
    assert {load_game(game).id for game in GAMES.values()} == set(shipped_games())


def test_make_plays_a_match_that_gymnasium_keeps_statistics_of() -> None:
    """At a match's end it would raise if it found its key taken."""
    config = EnvConfig(max_env_steps=40)
    env = RecordEpisodeStatistics(gymnasium.make("mk_lightning/Dojo-v0", states=STATE, config=config))
    env.reset(seed=1)
    total, over = 0.0, False
    while not over:
        _, reward, terminated, truncated, info = env.step(3)
        total, over = total + float(reward), terminated or truncated
    env.close()
    assert info["episode"]["r"] == pytest.approx(total)
    assert info["match"]["return"] == pytest.approx(total)


def test_stable_baselines_learns_in_it_and_keeps_statistics() -> None:
    env = Monitor(gymnasium.make("mk_lightning/Dojo-v0", states=STATE, config=EnvConfig(max_env_steps=12)))
    stacked = FrameStackObservation(env, 4)
    model = DQN("CnnPolicy", stacked, buffer_size=50, learning_starts=12, batch_size=2, train_freq=12, seed=0)
    model.learn(36)
    env.close()
    assert [episode["l"] for episode in model.ep_info_buffer] == [12, 12, 12]


def test_make_vec_is_the_vector_environment() -> None:
    config = EnvConfig(max_env_steps=5)
    envs = RecordVectorStatistics(gymnasium.make_vec("mk_lightning/Dojo-v0", num_envs=3, states=STATE, config=config))
    assert type(envs.unwrapped).__name__ == "RetroVectorEnv"
    envs.reset(seed=0)
    for _ in range(5):
        infos = envs.step(np.zeros(3, np.int64))[-1]
    envs.close()
    assert infos["episode"]["l"].tolist() == [5, 5, 5]
    assert infos["match"]["env_steps"].tolist() == [5, 5, 5]


def test_frames_can_be_stacked() -> None:
    env = FrameStackObservation(gymnasium.make("mk_lightning/Dojo-v0", states=STATE), 4)
    observation, _ = env.reset(seed=0)
    env.close()
    assert observation.shape == (4, 84, 84)
