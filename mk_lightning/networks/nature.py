"""The dueling Q-network."""

from __future__ import annotations

import torch
from torch import nn


class DuelingNetwork(nn.Module):
    """NatureCNN (Mnih 2015) with two linear heads (Wang 2016, arXiv:1511.06581, equation 9).

    `Q(s, a) = V(s) + A(s, a) - mean_a' A(s, a')`. Parameters lie in four groups whose names are the first part of
    theirs: `convolutions`, `features`, `value`, `advantage`.

    Args:
        num_actions: actions.
        stack: frames in an observation.
        hidden: width of the fully connected layer.
    """

    def __init__(self, num_actions: int, stack: int = 4, hidden: int = 512) -> None:
        super().__init__()
        self.num_actions = num_actions
        self.convolutions = nn.Sequential(
            nn.Conv2d(stack, 32, 8, 4),
            nn.ReLU(),
            nn.Conv2d(32, 64, 4, 2),
            nn.ReLU(),
            nn.Conv2d(64, 64, 3, 1),
            nn.ReLU(),
        )
        self.features = nn.Sequential(nn.Flatten(), nn.Linear(64 * 7 * 7, hidden), nn.ReLU())
        self.value = nn.Linear(hidden, 1)
        self.advantage = nn.Linear(hidden, num_actions)
        # Twice as fast on CPU, and the layout tensor cores want on GPU.
        self.convolutions.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def forward(self, observations: torch.Tensor) -> torch.Tensor:
        """Q-values (B, actions) float32 of observations (B, stack, 84, 84) uint8."""
        pixels = observations.to(self.value.weight.dtype, memory_format=torch.channels_last) / 255
        features = self.features(self.convolutions(pixels))
        advantage = self.advantage(features)
        q_values: torch.Tensor = self.value(features) + advantage - advantage.mean(1, keepdim=True)
        return q_values
