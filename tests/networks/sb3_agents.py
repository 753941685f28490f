"""Agents of Stable-Baselines3, as its users make and save them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import torch
from gymnasium.spaces import Box, Discrete
from stable_baselines3 import DQN
from torch import nn

from benchmarks._sb3_dueling import DuelingPolicy

ACTIONS = 26
KINDS = ("DQN", "Double DQN", "Dueling DQN", "Dueling Double DQN", "DQN of 256 features")


class Pixels(gymnasium.Env):
    """An environment that has the right spaces and does nothing."""

    def __init__(self, shape: tuple[int, ...] = (4, 84, 84), actions: int = ACTIONS) -> None:
        self.observation_space = Box(0, 255, shape, np.uint8)
        self.action_space = Discrete(actions)

    def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[Any, dict]:
        return np.zeros(self.observation_space.shape, np.uint8), {}

    def step(self, action: int) -> tuple[Any, float, bool, bool, dict]:
        return self.reset()[0], 0.0, False, False, {}


class DoubleDQN(DQN):
    """It differs in how it learns, not in what it saves."""


def agent(kind: str = "DQN", shape: tuple[int, ...] = (4, 84, 84), actions: int = ACTIONS, **options: Any) -> DQN:
    """Make an agent with random weights."""
    made = (DoubleDQN if "Double" in kind else DQN)(
        DuelingPolicy if "Dueling" in kind else "CnnPolicy",
        Pixels(shape, actions),
        buffer_size=1,
        device="cpu",
        policy_kwargs=({"features_extractor_kwargs": {"features_dim": 256}} if "256" in kind else {}) | options,
    )
    made.num_timesteps = 1_600
    return made


def saved(folder: Path, kind: str = "DQN", **options: Any) -> tuple[Path, DQN]:
    """Save such an agent, and return its file and itself."""
    made = agent(kind, **options)
    made.save(folder / "model.zip")
    return folder / "model.zip", made


def observations(count: int = 1_000) -> torch.Tensor:
    """Stacks of random pixels, (count, 4, 84, 84) uint8."""
    return torch.randint(256, (count, 4, 84, 84), dtype=torch.uint8, generator=torch.Generator().manual_seed(1))


def q_values(network: nn.Module, stacks: torch.Tensor) -> torch.Tensor:
    """Of stacks of frames, (count, actions)."""
    with torch.no_grad():
        return torch.cat([network(part) for part in stacks.split(100)])


def assert_same_values(mine: torch.Tensor, theirs: torch.Tensor) -> None:
    """To a millionth of the greatest, and the same greedy actions."""
    assert ((mine - theirs).abs().max() / theirs.abs().max()).item() < 1e-6
    assert torch.equal(mine.argmax(1), theirs.argmax(1))
