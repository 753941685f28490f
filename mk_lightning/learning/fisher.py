"""The diagonal of the Fisher information of a Q-network: how much each weight matters for what it knows."""

from __future__ import annotations

from typing import Literal

import torch
from torch import nn
from torch.nn import functional

Estimator = Literal["q_value", "policy"]


def fisher_diagonal(
    network: nn.Module,
    observations: torch.Tensor,
    actions: torch.Tensor,
    *,
    estimator: Estimator = "q_value",
    temperature: float = 1.0,
) -> dict[str, torch.Tensor]:
    """Mean over samples of the squared gradient of each sample's own output.

    - `q_value`: of `Q(s, a)`, as Continual World (Wolczyk 2021, arXiv:2105.10919, appendix) does for critics.
    - `policy`: of `log softmax(Q(s, .) / temperature)[a]`, with `a` drawn from that softmax, which makes it the Fisher
      information of the policy (Kirkpatrick 2017, arXiv:1612.00796). A dueling network's value stream gets none of
      it: the softmax does not see what all actions have in common.

    The gradient is squared for each sample and then averaged; the square of a batch's mean gradient would shrink as
    one over the batch size. Samples go one by one: on a CPU that is many times faster than `torch.func.vmap`, whose
    gradients of convolutions are slow, and it holds for a network of any layers.

    Args:
        network: maps (B, 4, 84, 84) uint8 to Q-values (B, A); every parameter must require a gradient.
        observations: (N, 4, 84, 84) uint8.
        actions: (N,) int64, see above.
        estimator: of what the gradient is taken.
        temperature: of the softmax, learning units.

    Returns:
        By parameter name, a tensor of the parameter's shape, 0 or more.
    """
    named = dict(network.named_parameters())
    total = {name: torch.zeros_like(parameter) for name, parameter in named.items()}
    for observation, action in zip(observations, actions.tolist(), strict=True):
        q_values = network(observation[None])[0]
        output = functional.log_softmax(q_values / temperature, 0) if estimator == "policy" else q_values
        gradients = torch.autograd.grad(output[action], list(named.values()))
        for name, gradient in zip(named, gradients, strict=True):
            total[name].addcmul_(gradient, gradient)
    return {name: squares / len(observations) for name, squares in total.items()}


def normalised(fisher: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Divided by its mean over all weights, so that a penalty's strength means the same whatever the Q-values' scale.

    A network in which nothing matters stays as it is.
    """
    mean = sum(float(part.sum()) for part in fisher.values()) / sum(part.numel() for part in fisher.values())
    return {name: part / mean for name, part in fisher.items()} if mean > 0 else fisher


def sample_actions(q_values: torch.Tensor, temperature: float, generator: torch.Generator) -> torch.Tensor:
    """Actions (N,) int64 drawn from `softmax(q_values / temperature)`, (N, A)."""
    shares = torch.softmax(q_values / temperature, 1)
    return torch.multinomial(shares, 1, generator=generator).squeeze(1)
