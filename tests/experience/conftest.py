from __future__ import annotations

import pytest
import torch

from mk_lightning.envs.config import EnvConfig
from mk_lightning.envs.fighting_env import FightingEnv
from mk_lightning.envs.vector_env import RetroVectorEnv

torch.set_num_threads(1)

STATES = ["VeryEasy.Bramble-01", "Hard.Scythe-03"]
CUT_OFF = 11
"""Length of the short matches, env_steps."""


@pytest.fixture(scope="module")
def short_envs():
    """Three environments whose matches are cut off early."""
    env = RetroVectorEnv("dojo", STATES, EnvConfig(num_envs=3, max_env_steps=CUT_OFF))
    yield env
    env.close()


@pytest.fixture(scope="module")
def more_short_envs():
    """Three more of the same."""
    env = RetroVectorEnv("dojo", STATES, EnvConfig(num_envs=3, max_env_steps=CUT_OFF))
    yield env
    env.close()


@pytest.fixture(scope="module")
def long_envs():
    """Two environments whose matches are fought to the end, against an opponent that attacks at once."""
    env = RetroVectorEnv("dojo", ["VeryHard.Bramble-01", "VeryHard.Scythe-03"], num_envs=2)
    yield env
    env.close()


@pytest.fixture
def single_env():
    """One short environment in this process: the reference."""
    env = FightingEnv("dojo", STATES, EnvConfig(max_env_steps=CUT_OFF))
    yield env
    env.close()
