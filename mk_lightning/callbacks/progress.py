"""The line that says how a run is going."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping
from datetime import timedelta
from typing import Any

from pytorch_lightning import LightningModule, Trainer
from pytorch_lightning.callbacks import Callback
from rich.table import Table

from mk_lightning.callbacks.status_line import StatusLine
from mk_lightning.data.datamodule import ExperienceDataModule
from mk_lightning.data.loaders import EpisodeLoader
from mk_lightning.experience.episodes import EpisodeBatch
from mk_lightning.experience.transition import Batch

BASE, RESULT = "measuring the base", "measuring what came of it"
"""Phases of a fit before its training and after it."""
TRAINING, VALIDATING = "training", "validating"


class ProgressLine(Callback):
    """Shows what a run is doing: its phase, how far that has come, speed and time left.

    A fit measures the base, records its play where a method rehearses it, trains, validates, and measures what came of
    it; a terminal and a notebook have a bar, a log a line every 15 s.

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

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Watch the DataModule, which records."""
        data = trainer.datamodule  # type: ignore[attr-defined]
        if isinstance(data, ExperienceDataModule) and trainer.is_global_zero:
            data.on_recorded = self._recorded

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Batch, batch_idx: int
    ) -> None:
        """Show speed, exploration, recent wins and time left of the training."""
        now = (time.monotonic() - self._evaluating, batch.env_steps, trainer.global_step)
        if self._first is None:
            self._first = self._last = now
        data: Any = trainer.datamodule  # type: ignore[attr-defined]
        total = data.length.end
        due = trainer.is_global_zero and self._line.due(TRAINING, batch.env_steps, total)
        if not due or now[0] <= self._last[0] or now[1] <= self._first[1]:  # many environments bring some batches none
            return
        speed, learner_speed = _rates(self._last, now)
        left = max(0, total - batch.env_steps) / _rates(self._first, now)[0]
        self._last = now
        won = f"{batch.stats['train/win_rate']:.0%}" if "train/win_rate" in batch.stats else "-"
        self._line.show(
            TRAINING,
            batch.env_steps,
            total,
            f"{_duration(left)} left | {batch.env_steps:,}/{total:,} env_steps | recent wins {won} | "
            f"epsilon {batch.stats['epsilon']:.2f} | {speed:,.0f} env_steps/s "
            f"{speed * data.env.frame_skip:,.0f} frames/s {learner_speed:.0f} learner_steps/s",
        )

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Stop the clock of the training."""
        self._begin_evaluation()

    def on_validation_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: EpisodeBatch, *_: Any
    ) -> None:
        """Show how many matches have been played."""
        self._evaluated(trainer, VALIDATING, batch, trainer.val_dataloaders)

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
        self._evaluated(trainer, "testing", batch, trainer.test_dataloaders)

    def on_predict_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Start to count matches."""
        self._begin_evaluation()

    def on_predict_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: EpisodeBatch, *_: Any
    ) -> None:
        """Show how many matches have been played."""
        self._evaluated(trainer, "playing", batch, trainer.predict_dataloaders)

    def count(self, trainer: Trainer, phase: str, loader: EpisodeLoader) -> Iterator[EpisodeBatch]:
        """Show how many matches have been played while they are iterated over."""
        self._begin_evaluation()
        for batch in loader:
            self._evaluated(trainer, phase, batch, loader)
            yield batch

    def show_rates(self, trainer: Trainer, metrics: Mapping[str, Any]) -> None:
        """Show the win rates of a validation, those of groups first."""
        rates = {
            name.removeprefix("val/win_rate/"): f"{float(value):.0%}"
            for name, value in metrics.items()
            if name.startswith("val/win_rate/")
        }
        states = trainer.datamodule.evaluation_states  # type: ignore[attr-defined]
        names = sorted(rates, key=lambda name: name in states)
        if trainer.is_global_zero:
            self._line.say(f"validation: win rate {', '.join(f'{name} {rates[name]}' for name in names)}")

    def show_table(self, table: Table) -> None:
        """Show a table between the lines."""
        self._line.show_table(table)

    def _begin_evaluation(self) -> None:
        self._evaluation_began = time.monotonic()
        self._matches = 0

    def _recorded(self, done: int, total: int) -> None:
        if self._line.due("recording", done, total):
            self._line.show("recording", done, total, f"{done:,}/{total:,} env_steps of the base policy")

    def _evaluated(self, trainer: Trainer, phase: str, batch: EpisodeBatch, loaders: Any) -> None:
        self._matches += len(batch.records)
        total = sum(len(loader.specs) for loader in (loaders if isinstance(loaders, list) else [loaders]))
        if not (trainer.is_global_zero and self._line.due(phase, self._matches, total)):
            return
        rate = self._matches / (time.monotonic() - self._evaluation_began)
        left = (total - self._matches) / rate
        figures = f"{_duration(left)} left | {self._matches}/{total} matches | {rate:.1f} matches/s"
        self._line.show(phase, self._matches, total, figures)


def counted(trainer: Trainer, phase: str, loader: EpisodeLoader) -> Iterable[EpisodeBatch]:
    """Whole matches that a callback plays by itself, on the Trainer's progress line if it has one.

    Args:
        trainer: of the callback.
        phase: in which they are played, e.g. `BASE`.
        loader: of the matches.
    """
    line = _line_of(trainer)
    return loader if line is None else line.count(trainer, phase, loader)


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
