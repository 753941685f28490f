"""The line that says how a fit is going."""

from __future__ import annotations

import sys
import time
from datetime import timedelta
from typing import Any

from pytorch_lightning import LightningModule, Trainer
from pytorch_lightning.callbacks import Callback

from mk_lightning.experience.transition import Batch

TERMINAL_SECONDS, LOG_SECONDS = 0.5, 15.0


class ProgressLine(Callback):
    """Prints progress, speed, exploration, recent wins and time left.

    On a terminal one line is rewritten; elsewhere (a log file) a line is printed every 15 s. Speeds are over the time
    since the last line, validation left out; they are not logged, so that metrics files depend on config and seed
    alone.
    """

    def __init__(self) -> None:
        self._terminal = sys.stderr.isatty()
        self._last = (0.0, 0, 0)
        self._left_out = 0.0
        self._paused = 0.0
        self._began: tuple[float, int] | None = None

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Batch, batch_idx: int
    ) -> None:
        """Print if it is time."""
        if not trainer.is_global_zero:
            return
        now = time.monotonic() - self._left_out
        if self._began is None:
            self._began, self._last = (now, batch.env_steps), (now, batch.env_steps, trainer.global_step)
            return
        then, env_steps, learner_steps = self._last
        if now - then < (TERMINAL_SECONDS if self._terminal else LOG_SECONDS):
            return
        speed = (batch.env_steps - env_steps) / (now - then)
        learner_speed = (trainer.global_step - learner_steps) / (now - then)
        self._last = (now, batch.env_steps, trainer.global_step)
        data: Any = trainer.datamodule  # type: ignore[attr-defined]
        total = data.max_env_steps + data.warmup_env_steps
        began, at = self._began
        left = (now - began) / max(1, batch.env_steps - at) * (total - batch.env_steps)
        won = f"{batch.stats['train/win_rate']:.0%}" if "train/win_rate" in batch.stats else "-"
        self._print(
            f"{batch.env_steps:,}/{total:,} env_steps | {speed:,.0f} env_steps/s "
            f"{speed * data.env.frame_skip:,.0f} frames/s {learner_speed:.0f} learner_steps/s | "
            f"epsilon {batch.stats['epsilon']:.2f} | recent wins {won} | "
            f"{timedelta(seconds=round(left))} left"
        )

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Stop the clock."""
        self._paused = time.monotonic()

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Start the clock again and print the win rates."""
        self._left_out += time.monotonic() - self._paused
        if not trainer.is_global_zero:
            return
        rates = {
            name.removeprefix("val/win_rate/"): f"{float(value):.0%}"
            for name, value in trainer.callback_metrics.items()
            if name.startswith("val/win_rate/") and "." not in name
        }
        self._print(f"validation: win rate {', '.join(f'{k} {v}' for k, v in rates.items())}", keep=True)

    def _print(self, line: str, keep: bool = False) -> None:
        start, end = ("\r\x1b[2K", "\n" if keep else "") if self._terminal else ("", "\n")
        sys.stderr.write(f"{start}{line}{end}")
        sys.stderr.flush()
