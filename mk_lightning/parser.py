"""The parser of Lightning's commands, and what it works out of one option for another."""

from __future__ import annotations

from typing import Any

import yaml
from lightning_utilities.core.enums import StrEnum
from pytorch_lightning.cli import LightningArgumentParser

from mk_lightning.cli_errors import readable
from mk_lightning.errors import UserError, check_between
from mk_lightning.experience.checks import MOST_SEED
from mk_lightning.games import load_game

# Some of Lightning's callbacks have a default that is a name and a number at once, for which YAML has no word.
yaml.SafeDumper.add_multi_representer(StrEnum, lambda dumper, name: dumper.represent_str(name.value))


class Parser(LightningArgumentParser):
    """A parser whose errors are one line, and which takes no part of an option's name for the option."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.allow_abbrev = False

    def error(self, message: str, ex: Exception | None = None) -> None:  # type: ignore[override]
        """Raise instead of printing the usage and leaving.

        Raises:
            UserError: always.
        """
        options = [option.removeprefix("--") for option in self._option_string_actions]
        raise UserError(readable(message, options)) from ex


def num_actions(game: str) -> int:
    """Actions of a game's table."""
    return len(load_game(game).actions)


def checked_seed(seed: bool | int) -> int:
    """A seed that every library takes.

    Raises:
        UserError: it is none.
    """
    if isinstance(seed, bool):
        raise UserError(f"seed_everything must be a whole number from 0 on, got {seed}")
    check_between("seed_everything", seed, 0, MOST_SEED)
    return seed


def epochs(env_steps: int, every: int) -> int:
    """An epoch lasts from one validation to the next; the DataModule checks that they are whole."""
    return max(1, env_steps // max(1, every))
