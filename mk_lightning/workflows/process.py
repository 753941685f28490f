"""A process that is a run, or a rank of one, in which Lightning says only what concerns it."""

from __future__ import annotations

import contextlib
import logging
import os
import sys
import warnings
from collections.abc import Iterator, Mapping, Sequence

from lightning_utilities.core.rank_zero import rank_zero_only

from mk_lightning.utils.ranks import Ranks
from mk_lightning.workflows.launcher import check_launcher, take_rank, whole_run

log = logging.getLogger(__name__)

LEVELS = {
    **dict.fromkeys(
        ("pytorch_lightning", "lightning.pytorch", "lightning_fabric", "lightning.fabric"), logging.WARNING
    ),
    "pytorch_lightning.profilers": logging.INFO,  # their reports, which a run asks for
    "lightning_fabric.strategies.launchers.subprocess_script": logging.INFO,  # that a rank has ended, and so all do
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


class RunProcess:
    """This process, whatever launched it.

    Args:
        hidden: from Lightning, of what its launcher says in the environment.

    Attributes:
        ranks: which rank of a run it is.
    """

    def __init__(self, hidden: Mapping[str, str]) -> None:
        self._hidden = hidden
        self.ranks = Ranks()

    def take(self, devices: int = 1, num_nodes: int = 1, words: Sequence[str] = ()) -> None:
        """Take it for a whole run, or for a rank of one on several devices, which says nothing that rank 0 says.

        Args:
            devices: ranks on each machine.
            num_nodes: machines.
            words: command line by which Lightning is to start other ranks; a config that was a pipe is a file there.

        Raises:
            UserError: its launcher has meant another thing.
        """
        if devices * num_nodes > 1:
            self.ranks = Ranks(take_rank(self._hidden, devices, num_nodes), devices * num_nodes)
            sys.argv[1:] = words
        elif line := check_launcher({**os.environ, **self._hidden}):
            log.info(line)
        rank_zero_only.rank = self.ranks.rank  # type: ignore[attr-defined]
        if self.ranks.rank:
            warnings.simplefilter("ignore")
            for name in ("mk_lightning", *LEVELS):
                logging.getLogger(name).setLevel(logging.ERROR)


@contextlib.contextmanager
def run_process() -> Iterator[RunProcess]:
    """Hide from Lightning what launched this process until that is asked for, and quiet it."""
    with whole_run() as hidden, _quiet_lightning():
        rank_zero_only.rank = 0  # type: ignore[attr-defined]  # Lightning may have been imported before us
        yield RunProcess(hidden)


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
