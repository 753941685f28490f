"""A small learner for the tests of methods: real Trainer, real optimizer, closed-form loss."""

from __future__ import annotations

from typing import Any

import torch
from pytorch_lightning import LightningModule, Trainer
from pytorch_lightning.callbacks import Callback
from torch import nn
from torch.utils.data import DataLoader

from mk_lightning.experience.transition import Batch, Progress


class Quadratic(LightningModule):
    """`loss = curvature / 2 * sum((w - wanted)**2)`, `w` the weights of `online`; SGD finds the minimum.

    Args:
        curvature: of the loss, the same in every direction.
        learning_rate: of SGD.
    """

    def __init__(self, curvature: float = 1.0, learning_rate: float = 0.1) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.online = nn.Linear(3, 2)
        self.start = {name: p.detach().clone() for name, p in self.online.named_parameters()}
        self.wanted = {name: torch.randn_like(p) for name, p in self.online.named_parameters()}
        self.curvature = curvature
        self.learning_rate = learning_rate

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.online.parameters(), lr=self.learning_rate)

    def training_step(self, batch: Any, batch_idx: int) -> torch.Tensor:
        away = [(p - self.wanted[name]).square().sum() for name, p in self.online.named_parameters()]
        return self.curvature / 2 * torch.stack(away).sum()


def train(module: LightningModule, callbacks: list[Callback], steps: int, folder: Any, **options: Any) -> Trainer:
    """Take learner_steps on batches that carry nothing but their place in the run."""
    per_step = options.get("accumulate_grad_batches", 1)
    none = torch.zeros(0)
    run = 8 * steps * per_step
    batches: Any = [Batch(none, none, none, none, Progress(8 * k, 0, run), {}, ()) for k in range(steps * per_step)]  # type: ignore[arg-type]
    trainer = Trainer(
        accelerator="cpu", max_epochs=1, callbacks=callbacks, logger=False, enable_checkpointing=False,
        enable_progress_bar=False, enable_model_summary=False, default_root_dir=folder, **options,
    )  # fmt: skip
    trainer.fit(module, DataLoader(batches, batch_size=None, collate_fn=None))
    return trainer
