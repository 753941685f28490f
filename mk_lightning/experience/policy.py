"""Policies: from stacked frames to actions."""

from __future__ import annotations

from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray


class Policy(Protocol):
    """Chooses the greedy action for each observation; exploration is added by whoever plays."""

    def __call__(self, stacks: NDArray[np.uint8]) -> NDArray[np.int64]:
        """Actions (B,) int64 for observations (B, 4, 84, 84) uint8."""


class GreedyPolicy:
    """The action with the highest Q-value of a network.

    Args:
        network: maps (B, 4, 84, 84) uint8 to Q-values (B, actions). It is called as it is at each call; to act with
            the weights of one moment, pass a copy and `load_weights` into it.
    """

    def __init__(self, network: torch.nn.Module) -> None:
        self.network = network

    @torch.inference_mode()
    def __call__(self, stacks: NDArray[np.uint8]) -> NDArray[np.int64]:
        """Actions (B,) int64 for observations (B, 4, 84, 84) uint8."""
        device = next(self.network.parameters()).device
        # `forward`, for a call would compile a network whose learner_steps are compiled for every number of stacks.
        q_values: torch.Tensor = self.network.forward(torch.from_numpy(stacks).to(device))
        actions: NDArray[np.int64] = q_values.argmax(1).cpu().numpy()
        return actions

    @torch.no_grad()
    def load_weights(self, source: torch.nn.Module) -> None:
        """Copy the parameters of `source`, a network of the same shape, on any device."""
        for mine, theirs in zip(self.network.parameters(), source.parameters(), strict=True):
            mine.copy_(theirs)
