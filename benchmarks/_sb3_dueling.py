"""A dueling network for Stable-Baselines3's DQN, which has none, as its users write it."""

from __future__ import annotations

from typing import Any

import torch
from stable_baselines3.dqn.policies import CnnPolicy, QNetwork
from torch import nn

__all__ = ["DuelingNetwork", "DuelingPolicy"]


class DuelingNetwork(QNetwork):
    """Value and advantage, a linear layer each."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        del self.q_net
        self.value_net = nn.Sequential(nn.Linear(self.features_dim, 1))
        self.advantage_net = nn.Sequential(nn.Linear(self.features_dim, int(self.action_space.n)))

    def forward(self, obs: torch.Tensor) -> torch.Tensor:
        """Q-values (B, actions)."""
        features = self.extract_features(obs, self.features_extractor)
        advantage = self.advantage_net(features)
        q_values: torch.Tensor = self.value_net(features) + advantage - advantage.mean(dim=1, keepdim=True)
        return q_values


class DuelingPolicy(CnnPolicy):
    """Nature's convolutions below that network."""

    def make_q_net(self) -> QNetwork:
        """Make the network, or the target network."""
        return DuelingNetwork(**self._update_features_extractor(self.net_args, features_extractor=None)).to(self.device)
