"""The loggers, callbacks and options of the Trainer that every run has, beside those of its config."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from pytorch_lightning import Callback, Trainer
from pytorch_lightning.loggers import Logger

from mk_lightning.callbacks.checkpoints.best import BestCheckpoint
from mk_lightning.callbacks.checkpoints.resumable import ResumableCheckpoint
from mk_lightning.callbacks.checkpoints.signals import Interruption
from mk_lightning.callbacks.evaluation.before_after import BeforeAfter
from mk_lightning.callbacks.evaluation.evaluations_csv import EvaluationsCSV
from mk_lightning.callbacks.evaluation.films import FilmWriter
from mk_lightning.callbacks.evaluation.writer import EvaluationWriter
from mk_lightning.callbacks.progress import ProgressLine
from mk_lightning.checkpointing.run_directory import RunDirectory
from mk_lightning.loggers.metrics_csv import MetricsCSV
from mk_lightning.loggers.tensor_board import TensorBoard
from mk_lightning.utils.run_files import CHECKPOINTS

TRAINER_DEFAULTS: dict[str, Any] = {
    "devices": 1,  # or Lightning takes every GPU there is
    "enable_progress_bar": False,
    "enable_model_summary": False,
    "num_sanity_val_steps": 0,
}

Part = TypeVar("Part", bound=Callback)


def run_loggers(run: RunDirectory, configured: Any) -> list[Logger]:
    """`metrics.csv` always; TensorBoard unless `trainer.logger` is false; beside them, what it names.

    Args:
        run: its directory.
        configured: `trainer.logger` of the config.
    """
    rows = MetricsCSV(run.path)
    if configured is False:
        return [rows]
    return [rows, TensorBoard(run.path), *named_loggers(configured)]


def named_loggers(configured: Any) -> list[Logger]:
    """The loggers of `trainer.logger`, which may also be true or false."""
    entries = configured if isinstance(configured, list) else [configured]
    return [entry for entry in entries if isinstance(entry, Logger)]


def run_callbacks(command: str, config: Any, run: RunDirectory, interruption: Interruption) -> list[Callback]:
    """The callbacks of a command.

    Args:
        command: fit, validate, test or predict.
        config: its options, with the objects that they describe.
        run: its directory.
        interruption: listens to signals.
    """
    if command == "validate":
        return [ProgressLine()]
    if command == "test":
        return [ProgressLine(), EvaluationWriter()]
    if command == "predict":
        return [ProgressLine(), FilmWriter(config.film)]
    return fit_callbacks(run, config.monitor, config.checkpoint, interruption)


def fit_callbacks(
    run: RunDirectory, monitor: str, checkpoint: Mapping[str, Any], interruption: Interruption | None = None
) -> list[Callback]:
    """Return the callbacks of a fit, beside those of its config.

    Args:
        run: its directory.
        monitor: metric by which the best checkpoint is chosen.
        checkpoint: options of `ResumableCheckpoint`.
        interruption: listens to signals; None lets `ResumableCheckpoint` listen.
    """
    folder = run.path / CHECKPOINTS
    return [
        ProgressLine(),
        BeforeAfter(),
        EvaluationsCSV(),
        BestCheckpoint(folder, monitor),
        ResumableCheckpoint(**checkpoint, folder=folder, interruption=interruption),
    ]


def part(trainer: Trainer, kind: type[Part]) -> Part:
    """The callback of a kind that a Trainer has."""
    callbacks: list[Callback] = trainer.callbacks  # type: ignore[attr-defined]
    return next(callback for callback in callbacks if isinstance(callback, kind))
