"""How fast a fit is: a callback that a config names."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

from pytorch_lightning import Callback, LightningModule, Trainer

__all__ = ["Pace"]


class Pace(Callback):
    """Writes the time of every learner_step of rank 0, and how many env_steps there were, into a file.

    Args:
        file: JSON, a list of `[seconds, env_steps]`.
        pin: keep each emulator on a core of its own, or as good as: they take turns.
    """

    def __init__(self, file: str, pin: bool = False) -> None:
        self._file = Path(file)
        self._pin = pin
        self._noted: list[tuple[float, int]] = []

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Pin the emulators, if they are to be."""
        cores = sorted(os.sched_getaffinity(0))
        emulators = trainer.datamodule._train_env._pool.pids if self._pin else ()  # type: ignore[attr-defined]
        for number, pid in enumerate(emulators):
            os.sched_setaffinity(pid, {cores[number % len(cores)]})

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Note a learner_step."""
        self._noted.append((time.perf_counter(), batch.env_steps))

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Write them down."""
        if trainer.is_global_zero:
            self._file.write_text(json.dumps(self._noted))
