"""The line that says how a run is going."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from datetime import timedelta
from typing import Any

from pytorch_lightning import LightningModule, Trainer
from pytorch_lightning.callbacks import Callback
from rich.console import Console
from rich.table import Table

from mk_lightning.data.loaders import EpisodeLoader
from mk_lightning.evaluation.before_after import TEXT_WIDTH
from mk_lightning.experience.episodes import EpisodeBatch
from mk_lightning.experience.transition import Batch

TERMINAL_SECONDS, LOG_SECONDS = 0.5, 15.0


class StatusLine:
    """A line on stderr: rewritten in place on a terminal, printed anew every 15 s elsewhere (a log file)."""

    def __init__(self) -> None:
        self._terminal = sys.stderr.isatty()
        self._shown = -float("inf")

    def due(self) -> bool:
        """Whether it is time for another line."""
        return time.monotonic() - self._shown >= (TERMINAL_SECONDS if self._terminal else LOG_SECONDS)

    def show(self, line: str, keep: bool = False) -> None:
        """Show a line; with `keep` the next one does not replace it."""
        start, end = ("\r\x1b[2K", "\n" if keep else "") if self._terminal else ("", "\n")
        sys.stderr.write(f"{start}{line}{end}")
        sys.stderr.flush()
        self._shown = time.monotonic()

    def show_table(self, table: Table) -> None:
        """Show a table, below the last line."""
        if self._terminal:
            sys.stderr.write("\r\x1b[2K")
        Console(file=sys.stderr, width=max(TEXT_WIDTH, Console().width), emoji=False).print(table)


class ProgressLine(Callback):
    """Shows progress, speed and time left, of training and of evaluations.

    Speeds are those since the line before, without the time that evaluations took. They are not logged, so that
    metrics files depend on config and seed alone.
    """

    def __init__(self) -> None:
        self._line = StatusLine()
        self._evaluating = 0.0
        self._evaluation_began = 0.0
        self._matches = 0
        self._first: tuple[float, int, int] | None = None
        self._last = (0.0, 0, 0)

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Batch, batch_idx: int
    ) -> None:
        """Show speed, exploration, recent wins and time left of the training."""
        now = (time.monotonic() - self._evaluating, batch.env_steps, trainer.global_step)
        if self._first is None:
            self._first = self._last = now
        if not (trainer.is_global_zero and self._line.due()) or now[0] <= self._last[0]:
            return
        data: Any = trainer.datamodule  # type: ignore[attr-defined]
        total = data.length.end
        speed, learner_speed = _rates(self._last, now)
        left = (total - batch.env_steps) / max(_rates(self._first, now)[0], 1e-9)
        self._last = now
        won = f"{batch.stats['train/win_rate']:.0%}" if "train/win_rate" in batch.stats else "-"
        self._line.show(
            f"{batch.env_steps:,}/{total:,} env_steps | {speed:,.0f} env_steps/s "
            f"{speed * data.env.frame_skip:,.0f} frames/s {learner_speed:.0f} learner_steps/s | "
            f"epsilon {batch.stats['epsilon']:.2f} | recent wins {won} | {_duration(left)} left"
        )

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Stop the clock of the training."""
        self._begin_evaluation()

    def on_validation_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: EpisodeBatch, *_: Any
    ) -> None:
        """Show how many matches have been played."""
        self._evaluated(trainer, "validation", batch, trainer.val_dataloaders)

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Show the win rates and start the clock of the training again."""
        self._evaluating += time.monotonic() - self._evaluation_began
        self.show_rates(trainer, trainer.callback_metrics)

    def on_test_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Start to count matches."""
        self._begin_evaluation()

    def on_test_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: EpisodeBatch, *_: Any
    ) -> None:
        """Show how many matches have been played."""
        self._evaluated(trainer, "test", batch, trainer.test_dataloaders)

    def on_predict_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Start to count matches."""
        self._begin_evaluation()

    def on_predict_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: EpisodeBatch, *_: Any
    ) -> None:
        """Show how many matches have been played."""
        self._evaluated(trainer, "predict", batch, trainer.predict_dataloaders)

    def count(self, trainer: Trainer, what: str, loader: EpisodeLoader) -> Iterator[EpisodeBatch]:
        """Show how many matches have been played while they are iterated over."""
        self._begin_evaluation()
        for batch in loader:
            self._evaluated(trainer, what, batch, loader)
            yield batch

    def show_rates(self, trainer: Trainer, metrics: Mapping[str, Any]) -> None:
        """Show the win rates of a validation."""
        rates = {
            name.removeprefix("val/win_rate/"): f"{float(value):.0%}"
            for name, value in metrics.items()
            if name.startswith("val/win_rate/")
        }
        if trainer.is_global_zero:
            self._line.show(f"validation: win rate {', '.join(f'{k} {v}' for k, v in rates.items())}", keep=True)

    def show_table(self, table: Table) -> None:
        """Show a table between the lines."""
        self._line.show_table(table)

    def _begin_evaluation(self) -> None:
        self._evaluation_began = time.monotonic()
        self._matches = 0

    def _evaluated(self, trainer: Trainer, what: str, batch: EpisodeBatch, loaders: Any) -> None:
        self._matches += len(batch.records)
        if not (trainer.is_global_zero and self._line.due()):
            return
        total = sum(len(loader.specs) for loader in (loaders if isinstance(loaders, list) else [loaders]))
        rate = self._matches / (time.monotonic() - self._evaluation_began)
        left = (total - self._matches) / rate
        self._line.show(f"{what}: {self._matches}/{total} matches | {rate:.1f} matches/s | {_duration(left)} left")


def counted(trainer: Trainer, what: str, loader: EpisodeLoader) -> Iterable[EpisodeBatch]:
    """Whole matches that a callback plays by itself, on the Trainer's progress line if it has one.

    Args:
        trainer: of the callback.
        what: they are, e.g. `test`.
        loader: of the matches.
    """
    line = _line_of(trainer)
    return loader if line is None else line.count(trainer, what, loader)


def show_rates(trainer: Trainer, metrics: Mapping[str, Any]) -> None:
    """Show the win rates of a validation on the Trainer's progress line, if it has one."""
    if (line := _line_of(trainer)) is not None:
        line.show_rates(trainer, metrics)


def show_table(trainer: Trainer, table: Table) -> None:
    """Show a table in the middle of a run, if the Trainer has a progress line."""
    if (line := _line_of(trainer)) is not None and trainer.is_global_zero:
        line.show_table(table)


def _line_of(trainer: Trainer) -> ProgressLine | None:
    callbacks: list[Callback] = trainer.callbacks  # type: ignore[attr-defined]
    return next((callback for callback in callbacks if isinstance(callback, ProgressLine)), None)


def _rates(then: tuple[float, int, int], now: tuple[float, int, int]) -> tuple[float, float]:
    """env_steps/s and learner_steps/s between two (seconds, env_steps, learner_steps)."""
    seconds = max(now[0] - then[0], 1e-9)
    return (now[1] - then[1]) / seconds, (now[2] - then[2]) / seconds


def _duration(seconds: float) -> timedelta:
    return timedelta(seconds=round(seconds))
