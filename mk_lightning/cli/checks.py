"""Configs and options of a command line before they are parsed."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from jsonargparse import Namespace

from mk_lightning.cli.arguments import CONFIG
from mk_lightning.cli.config_names import config_names
from mk_lightning.cli.help import ABOUT
from mk_lightning.cli.overlays import check_order
from mk_lightning.games.names import suggestion
from mk_lightning.utils.errors import UserError
from mk_lightning.utils.files import as_named, exists, shipped_configs
from mk_lightning.utils.program import program
from mk_lightning.workflows.checks import check_config, needed_keys

EMPTY = {"", "null", "~"}
"""How a word says null."""


def check_configs(words: Sequence[str]) -> None:
    """Check that every config of a command line can be read, and that no option is given without a value.

    Raises:
        UserError: it is otherwise.
    """
    configs = []
    for option, path in pairwise(words):
        if option in CONFIG:
            if not exists(path):
                raise UserError(f"no config {path}{_instead(path)}")
            configs.append((as_named(path), check_config(path)))
    check_order(configs)
    check_words_not_empty(words)


def check_states_given(command: str, config: Namespace) -> None:
    """Check that who gives no config names a state.

    Args:
        command: one of Lightning's.
        config: its options, as the parser returns them.

    Raises:
        UserError: nothing says what is to be fought.
    """
    if not (config.config or config.data.original_states or config.data.challenging_states):
        raise UserError(f"no config given; for example: {program()} {ABOUT[command][1][0]}")


def check_words_not_empty(words: Sequence[str]) -> None:
    """Check the same of a command line.

    Raises:
        UserError: an option is empty.
    """
    pairs = [*pairwise(words), *((option, value) for option, equals, value in map(_split, words) if equals)]
    for option, value in pairs:
        if value in EMPTY and option.removeprefix("--") in needed_keys() and option.startswith("--"):
            raise UserError(f"{option} is empty; give it a value, or leave it out")


def _instead(path: str) -> str:
    names = config_names()
    if path in names:  # but there is no config of a game that it could be for
        return f"; a name goes with its game's config, such as -c dojo/finetune -c {path}"
    return suggestion(path, [*shipped_configs(), *names])


def _split(word: str) -> tuple[str, str, str]:
    return word.partition("=")
