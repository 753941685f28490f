"""The policy that a Q-network stands for."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from mk_lightning.envs.observation import FRAME_SHAPE, STACK
from mk_lightning.utils.errors import UserError


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


def act(network: torch.nn.Module, observation: NDArray[np.uint8], epsilon: float, rng: np.random.Generator) -> Any:
    """Choose an action, epsilon-greedy, for one observation or a batch of them.

    Args:
        network: maps (B, 4, 84, 84) uint8 to Q-values (B, actions).
        observation: the newest four frames, (4, 84, 84) uint8, or a batch of such stacks, (B, 4, 84, 84).
        epsilon: probability of a random action.
        rng: draws it.

    Returns:
        A row of the action table, int; of a batch, (B,) int64.

    Raises:
        UserError: the observation is of another shape.
    """
    stacks = np.asarray(observation)
    if stacks.shape[-3:] != (STACK, *FRAME_SHAPE) or stacks.ndim not in (3, 4) or stacks.dtype != np.uint8:
        raise UserError(
            f"observation must be (4, 84, 84) or (B, 4, 84, 84) uint8, got {stacks.shape} {stacks.dtype}; "
            "gymnasium.wrappers.FrameStackObservation(env, 4) stacks frames"
        )
    batch = np.ascontiguousarray(stacks.reshape(-1, STACK, *FRAME_SHAPE))
    actions = GreedyPolicy(network)(batch)
    explores = rng.random(len(actions)) < epsilon
    actions[explores] = rng.integers(network.num_actions, size=len(actions))[explores]  # type: ignore[arg-type]
    return actions if stacks.ndim == 4 else int(actions[0])
