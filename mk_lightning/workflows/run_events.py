"""What the run loggers of a run are told: when it begins, from which checkpoint, and when it ends."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from pytorch_lightning.loggers import Logger

from mk_lightning.checkpointing.run_directory import RunDirectory
from mk_lightning.loggers.base import RunLogger
from mk_lightning.utils.files import find_file


def check_loggers(loggers: Iterable[Logger]) -> None:
    """Check the arguments of every run logger.

    Raises:
        UserError: one cannot be used.
    """
    for logger in run_loggers_of(loggers):
        logger.check()


def begin_run(
    loggers: Iterable[Logger], command: str, run: RunDirectory, config: Mapping[str, Any], start: str | None
) -> None:
    """Tell every run logger what is about to run.

    Args:
        loggers: of the run.
        command: fit, validate, test or predict.
        run: its directory.
        config: of the command.
        start: checkpoint that it begins with or plays.
    """
    for logger in run_loggers_of(loggers):
        logger.begin(run.path, command, config, resumed=run.resume_step is not None)
        if start and find_file(start).is_file():  # what a resumed fit once started from may be gone
            logger.use_checkpoint(find_file(start))


def end_run(loggers: Iterable[Logger]) -> list[str]:
    """Let every run logger finish, and return what they have to say."""
    return [said for logger in run_loggers_of(loggers) if (said := logger.end())]


def run_loggers_of(loggers: Iterable[Logger]) -> list[RunLogger]:
    """Return those loggers that are told of a run's events."""
    return [logger for logger in loggers if isinstance(logger, RunLogger)]
