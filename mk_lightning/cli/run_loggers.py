"""What the run loggers of a command are told: when it begins, from which checkpoint, and when it ends."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pytorch_lightning import Trainer

from mk_lightning.checkpointing.run_directory import RunDirectory
from mk_lightning.cli.printing import show
from mk_lightning.loggers.base import RunLogger
from mk_lightning.utils.files import find_file


def begin_run(trainer: Trainer, command: str, run: RunDirectory, config: Mapping[str, Any], start: str | None) -> None:
    """Tell every run logger what is about to run.

    Args:
        trainer: that has them.
        command: fit, validate, test or predict.
        run: its directory.
        config: of the command.
        start: checkpoint that it begins with or plays.
    """
    for logger in _run_loggers(trainer):
        logger.begin(run.path, command, config, resumed=run.resume_step is not None)
        if start and find_file(start).is_file():  # what a resumed fit once started from may be gone
            logger.use_checkpoint(find_file(start))


def end_run(trainer: Trainer) -> None:
    """Let every run logger finish, and print what it has to say."""
    for logger in _run_loggers(trainer):
        if said := logger.end():
            show(said)


def _run_loggers(trainer: Trainer) -> list[RunLogger]:
    return [logger for logger in trainer.loggers if isinstance(logger, RunLogger)]
