"""Lightning's commands: what is settled before LightningCLI parses, builds and runs."""

from __future__ import annotations

import logging
import os
import sys
import warnings
from pathlib import Path

from jsonargparse import ArgumentError
from lightning_utilities.core.rank_zero import rank_zero_only

import mk_lightning
from mk_lightning.cli.arguments import Pipes, arrange, check_environment
from mk_lightning.cli.checks import check_configs
from mk_lightning.cli.launcher import check_launcher, whole_run
from mk_lightning.cli.lightning_cli import MKLightningCLI
from mk_lightning.cli.parser import Parser
from mk_lightning.cli.trainer_options import RunTrainer
from mk_lightning.data.datamodule import ExperienceDataModule
from mk_lightning.learning.module import DuelingDoubleDQN
from mk_lightning.utils.errors import UserError
from mk_lightning.workflows.run_parts import TRAINER_DEFAULTS


def run(words: list[str], pipes: Pipes) -> int:
    """Run one of Lightning's commands and return its exit code.

    Args:
        words: the command line after the program's name.
        pipes: keeps configs that can be read only once.

    Raises:
        UserError: something given cannot be used.
    """
    _quiet_lightning()
    _find_classes()
    words = pipes.as_files(arrange(words))
    check_environment(os.environ)
    if line := check_launcher(os.environ):
        logging.getLogger("mk_lightning").info(line)
    check_configs(words)
    with whole_run():
        rank_zero_only.rank = 0  # type: ignore[attr-defined]  # Lightning may have been imported before us
        try:
            MKLightningCLI(
                DuelingDoubleDQN,
                ExperienceDataModule,
                trainer_class=RunTrainer,
                parser_class=Parser,
                parser_kwargs={"prog": "mk-lightning"},
                seed_everything_default=1,
                save_config_kwargs={"overwrite": True, "save_to_log_dir": True},
                trainer_defaults=TRAINER_DEFAULTS,
                auto_configure_optimizers=False,
                args=words,
            )
        except ArgumentError as error:
            raise UserError(str(error)) from error
    return 0


def _find_classes() -> None:
    """Let a config name the package's classes, and those of a module in the working directory."""
    for name in mk_lightning.__all__:
        getattr(mk_lightning, name)  # imports it: the parser knows subclasses that have been
    if str(Path.cwd()) not in sys.path:  # last, so that it hides nothing
        sys.path.append(str(Path.cwd()))


def _quiet_lightning() -> None:
    """Leave the console to what concerns this run: our own log and Lightning's warnings that are about it."""
    for name in ("pytorch_lightning", "lightning.pytorch", "lightning_fabric", "lightning.fabric"):
        logging.getLogger(name).setLevel(logging.WARNING)
    logging.getLogger("pytorch_lightning.profilers").setLevel(logging.INFO)  # their reports, which a run asks for
    for message in (
        ".*does not have many workers.*",  # ours play in processes of their own
        ".*LightningCLI's args parameter.*",  # main() hands the command line on
        ".*isinstance.treespec, LeafSpec.*",  # inside Lightning
        ".*Couldn't infer the batch indices.*",  # matches are no samples of a dataset
        ".*exists and is not empty.*",  # a resumed run writes where it wrote
        ".*`srun` command is available on your system but is not used.*",  # a run is one process
        ".*You're resuming from a checkpoint that ended.*",  # the loader is stateful, which is what it asks for
    ):
        warnings.filterwarnings("ignore", message)
