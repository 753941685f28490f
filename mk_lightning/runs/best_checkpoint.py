"""Which checkpoint a run hands over."""

from __future__ import annotations

from pathlib import Path

from pytorch_lightning import Trainer
from pytorch_lightning.callbacks import ModelCheckpoint
from torch import Tensor


class BestCheckpoint(ModelCheckpoint):
    """Keeps the Q-network of the validation with the highest `monitor` as `best.ckpt`; of equals the later.

    Win rates of a few matches tie often. Of two that tie the later has trained for longer and at a lower learning rate;
    the early one is the more often there by luck.

    Args:
        folder: of the checkpoints.
        monitor: name of the figure.
    """

    def __init__(self, folder: Path, monitor: str) -> None:
        super().__init__(
            folder, "best", monitor=monitor, mode="max", save_weights_only=True, enable_version_counter=False
        )

    def check_monitor_top_k(self, trainer: Trainer, current: Tensor | None = None) -> bool:
        """Whether a figure of a validation is as high as any before it."""
        ties = current is not None and self.best_model_score is not None and bool(current == self.best_model_score)
        return ties or super().check_monitor_top_k(trainer, current)
