"""The target network: how it follows the Q-network."""

from __future__ import annotations

import torch
from torch import nn

from mk_lightning.utils.errors import UserError


def check_target(every: int | None, tau: float | None) -> None:
    """Check that the target network follows in one way.

    Args:
        every: learner_steps between hard updates.
        tau: share that is mixed in after each learner_step.

    Raises:
        UserError: there are two ways or none, or a number is out of range.
    """
    if (every is None) == (tau is None):
        raise UserError(
            "give DuelingDoubleDQN.target_every (hard updates) or DuelingDoubleDQN.target_tau (soft updates) and set "
            f"the other to null, got {every} and {tau}"
        )
    if every is not None and every < 1:
        raise UserError(f"DuelingDoubleDQN.target_every must be at least 1 learner_step, got {every}")
    if tau is not None and not 0 < tau <= 1:
        raise UserError(f"DuelingDoubleDQN.target_tau must be above 0 and at most 1, got {tau}")


@torch.no_grad()
def mix(target: nn.Module, online: nn.Module, share: float) -> None:
    """`target += share * (online - target)`; a share of 1 copies."""
    for mine, theirs in zip(target.parameters(), online.parameters(), strict=True):
        mine.lerp_(theirs, share)
