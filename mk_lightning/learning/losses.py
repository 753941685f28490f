"""The double-DQN loss, as pure functions of tensors."""

from __future__ import annotations

from typing import Literal

import torch
from torch.nn import functional

Distance = Literal["kl", "mse"]


def double_q_target(
    r_t: torch.Tensor, discount_t: torch.Tensor, q_t_online: torch.Tensor, q_t_target: torch.Tensor
) -> torch.Tensor:
    """The double-DQN target (van Hasselt 2016, arXiv:1509.06461, equation 4).

    The online network chooses the next action, the target network values it.

    Args:
        r_t: (B,) n-step returns, learning units.
        discount_t: (B,) weight of the next value, 0 after a terminal.
        q_t_online: (B, actions) the online network's Q-values of the next observation.
        q_t_target: (B, actions) the target network's.

    Returns:
        (B,) targets, without gradient.
    """
    with torch.no_grad():
        best = q_t_online.argmax(1, keepdim=True)
        return r_t + discount_t * q_t_target.gather(1, best).squeeze(1)


def td_errors(q_tm1: torch.Tensor, a_tm1: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """Target minus the value of the action taken: (B,) from (B, actions), (B,) int64 and (B,)."""
    return target - q_tm1.gather(1, a_tm1[:, None]).squeeze(1)


def huber_loss(errors: torch.Tensor, weights: torch.Tensor, delta: float = 1.0) -> torch.Tensor:
    """The weighted mean Huber loss of TD errors (B,): quadratic up to `delta`, linear beyond (Huber 1964)."""
    losses = functional.huber_loss(errors, torch.zeros_like(errors), reduction="none", delta=delta)
    return (weights * losses).mean()


def distillation_loss(
    q_values: torch.Tensor, wanted: torch.Tensor, distance: Distance, temperature: float = 1.0
) -> torch.Tensor:
    """How far Q-values are from a teacher's, a mean over the batch.

    - `kl`: KL(softmax(wanted / T) || softmax(q_values / T)), which holds what is preferred to what and by how much
      in terms of the temperature T, and leaves the level of the values free (as QDagger, arXiv:2206.01626).
    - `mse`: the mean square of the differences over actions, which holds the values themselves.

    Args:
        q_values: (B, A), with gradient.
        wanted: (B, A), the teacher's.
        distance: `kl` or `mse`.
        temperature: T, in the Q-values' units.
    """
    if distance == "mse":
        return functional.mse_loss(q_values, wanted)
    logits, target = (functional.log_softmax(q / temperature, 1) for q in (q_values, wanted))
    return functional.kl_div(logits, target, reduction="batchmean", log_target=True)
