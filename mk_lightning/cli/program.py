"""Lightning's commands: what is settled before LightningCLI parses, builds and runs."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from jsonargparse import ArgumentError

import mk_lightning
from mk_lightning.cli.arguments import Pipes, arrange, check_environment
from mk_lightning.cli.checks import check_configs
from mk_lightning.cli.help import CommandParser
from mk_lightning.cli.lightning_cli import MKLightningCLI
from mk_lightning.cli.method_options import with_method_options
from mk_lightning.cli.saved_config import RunConfig
from mk_lightning.data.datamodule import ExperienceDataModule
from mk_lightning.learning.module import DuelingDoubleDQN
from mk_lightning.utils.errors import RunStopped, UserError
from mk_lightning.workflows.process import run_process
from mk_lightning.workflows.run_parts import TRAINER_DEFAULTS
from mk_lightning.workflows.trainer_options import RunTrainer


def run(words: list[str], pipes: Pipes) -> int:
    """Run one of Lightning's commands and return its exit code.

    Args:
        words: the command line after the program's name.
        pipes: keeps configs that can be read only once.

    Raises:
        UserError: something given cannot be used.
    """
    _find_classes()
    words = pipes.as_files(arrange(words))
    check_environment(os.environ)
    with run_process() as process:
        check_configs(words)
        words = with_method_options(words, pipes)
        try:
            MKLightningCLI(
                DuelingDoubleDQN,
                ExperienceDataModule,
                trainer_class=RunTrainer,
                parser_class=CommandParser,
                parser_kwargs={"prog": "mk-lightning"},
                seed_everything_default=1,
                save_config_callback=RunConfig,
                save_config_kwargs={"overwrite": True, "save_to_log_dir": True},
                trainer_defaults=TRAINER_DEFAULTS,
                auto_configure_optimizers=False,
                args=words,
                process=process,
            )
        except ArgumentError as error:
            raise UserError(str(error)) from error
        except (UserError, RunStopped) as error:
            if process.ranks.rank and error.everywhere:
                return 0  # rank 0 says why, and with which code the run ends
            raise
    return 0


def _find_classes() -> None:
    """Let a config name the package's classes, and those of a module in the working directory."""
    for name in mk_lightning.__all__:
        getattr(mk_lightning, name)  # imports it: the parser knows subclasses that have been
    if str(Path.cwd()) not in sys.path:  # last, so that it hides nothing
        sys.path.append(str(Path.cwd()))
