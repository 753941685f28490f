"""What methods share that add a gradient of their own to the loss's.

They do it in `on_before_optimizer_step`: once per learner_step however many batches it accumulates, after the gradients
are unscaled and averaged over ranks, and before they are clipped.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from pytorch_lightning import LightningModule, Trainer


def q_network(pl_module: LightningModule) -> torch.nn.Module:
    """The network that learns; the target network follows it and is nobody else's business."""
    network: torch.nn.Module = pl_module.online  # type: ignore[assignment]
    return network


def learning_parameters(pl_module: LightningModule) -> dict[str, torch.nn.Parameter]:
    """The Q-network's parameters that the coming learner_step will change, by name: neither frozen nor unused."""
    return {name: p for name, p in q_network(pl_module).named_parameters() if p.requires_grad and p.grad is not None}


def add_gradient(trainer: Trainer, parameters: Mapping[str, torch.nn.Parameter], loss: torch.Tensor) -> None:
    """Add the gradient of `loss`, averaged over ranks, to the parameters' own."""
    for parameter, gradient in zip(
        parameters.values(), torch.autograd.grad(loss, list(parameters.values())), strict=True
    ):
        assert parameter.grad is not None
        parameter.grad += trainer.strategy.reduce(gradient, reduce_op="mean")


def gradient_norm(parameters: Mapping[str, torch.nn.Parameter]) -> float:
    """The norm of all gradients together."""
    return math.sqrt(sum(float(p.grad.square().sum()) for p in parameters.values() if p.grad is not None))


def log_is_due(trainer: Trainer) -> bool:
    """Whether the coming learner_step's figures are logged."""
    every: int = trainer.log_every_n_steps  # type: ignore[attr-defined]
    return every > 0 and (trainer.global_step + 1) % every == 0
