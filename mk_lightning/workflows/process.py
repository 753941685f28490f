"""A process that is a whole run, in which Lightning says only what concerns it."""

from __future__ import annotations

import contextlib
import logging
import os
import warnings
from collections.abc import Iterator

from lightning_utilities.core.rank_zero import rank_zero_only

from mk_lightning.workflows.launcher import check_launcher, whole_run

log = logging.getLogger(__name__)

LEVELS = {
    **dict.fromkeys(
        ("pytorch_lightning", "lightning.pytorch", "lightning_fabric", "lightning.fabric"), logging.WARNING
    ),
    "pytorch_lightning.profilers": logging.INFO,  # their reports, which a run asks for
}
"""Of Lightning's loggers, while a run lasts."""
SILENT = (
    ".*does not have many workers.*",  # ours play in processes of their own
    ".*LightningCLI's args parameter.*",  # main() hands the command line on
    ".*isinstance.treespec, LeafSpec.*",  # inside Lightning
    ".*Couldn't infer the batch indices.*",  # matches are no samples of a dataset
    ".*exists and is not empty.*",  # a resumed run writes where it wrote
    ".*`srun` command is available on your system but is not used.*",  # a run is one process
    ".*You're resuming from a checkpoint that ended.*",  # the loader is stateful, which is what it asks for
)
"""Warnings of Lightning's that are not about a run."""


@contextlib.contextmanager
def run_process() -> Iterator[None]:
    """Take this process for a whole run, whatever launched it, and quiet Lightning.

    Raises:
        UserError: it is meant to be one rank of several.
    """
    if line := check_launcher(os.environ):
        log.info(line)
    with whole_run(), _quiet_lightning():
        rank_zero_only.rank = 0  # type: ignore[attr-defined]  # Lightning may have been imported before us
        yield


@contextlib.contextmanager
def _quiet_lightning() -> Iterator[None]:
    loggers = {logging.getLogger(name): level for name, level in LEVELS.items()}
    before = {logger: logger.level for logger in loggers}
    with warnings.catch_warnings():
        for message in SILENT:
            warnings.filterwarnings("ignore", message)
        for logger, level in loggers.items():
            logger.setLevel(level)
        try:
            yield
        finally:
            for logger, level in before.items():
                logger.setLevel(level)
