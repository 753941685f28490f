"""What methods share that add a gradient of their own to the loss's.

They do it in `on_before_optimizer_step`: once per learner_step however many batches it accumulates, after the gradients
are unscaled and averaged over ranks, and before they are clipped.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

import torch
from pytorch_lightning import LightningModule, Trainer

from mk_lightning.callbacks.methods.base import q_network


def learning_parameters(pl_module: LightningModule) -> dict[str, torch.nn.Parameter]:
    """The Q-network's parameters that the coming learner_step will change, by name: neither frozen nor unused."""
    return {name: p for name, p in q_network(pl_module).named_parameters() if p.requires_grad and p.grad is not None}


def add_gradient(
    trainer: Trainer, parameters: Mapping[str, torch.nn.Parameter], loss: torch.Tensor
) -> list[torch.Tensor]:
    """Add the gradient of `loss`, averaged over ranks, to the parameters' own, and return it."""
    gradients = torch.autograd.grad(loss, list(parameters.values()))
    added = [trainer.strategy.reduce(gradient, reduce_op="mean") for gradient in gradients]
    for parameter, gradient in zip(parameters.values(), added, strict=True):
        assert parameter.grad is not None
        parameter.grad += gradient
    return added


def norm(tensors: Iterable[torch.Tensor | None]) -> float:
    """The Euclidean norm of all tensors together."""
    return math.sqrt(sum(float(tensor.square().sum()) for tensor in tensors if tensor is not None))


def gradient_share(added: float, own: float) -> float:
    """The norm of an added gradient as a share of the sum of its norm and the loss's own; 0 where both are 0."""
    return added / (added + own) if added else 0.0
