"""A callback that ends a fit once enough of the last training matches of all ranks were won."""

from __future__ import annotations

import json
import time
from collections import deque
from pathlib import Path
from typing import Any

from pytorch_lightning import Callback, LightningModule, Trainer

from mk_lightning.experience.transition import Batch

__all__ = ["Skilled"]


class Skilled(Callback):
    """Stops the run, and writes after how much that was.

    Args:
        file: JSON, `{env_steps, learner_steps, seconds, reached}`.
        win_rate: share of the last `matches` to be won, exploration included.
        matches: matches looked back at; fewer than these are never enough.
    """

    def __init__(self, file: str, win_rate: float, matches: int) -> None:
        self._file = Path(file)
        self._win_rate = win_rate
        self._won: deque[bool] = deque(maxlen=matches)
        self._began = 0.0
        self._env_steps = 0
        self._reached = False

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Start the clock: environments and networks are there, the warm-up is still to come."""
        self._began = time.perf_counter()

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Batch, batch_idx: int
    ) -> None:
        """Take in the matches that ended, which are those of all ranks."""
        self._env_steps = batch.env_steps
        self._won.extend(result.won for result in batch.finished)
        full = len(self._won) == self._won.maxlen
        self._reached = full and sum(self._won) >= self._win_rate * len(self._won)
        trainer.should_stop |= self._reached

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Write it down."""
        if trainer.is_global_zero:
            noted = {
                "env_steps": self._env_steps,
                "learner_steps": trainer.global_step,
                "seconds": time.perf_counter() - self._began,
                "reached": self._reached,
            }
            self._file.write_text(json.dumps(noted))
