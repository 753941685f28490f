"""Configs and options before they are parsed: jsonargparse takes null for any option."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import is_dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path
from types import NoneType
from typing import Any, get_args, get_type_hints

from mk_lightning.callbacks.checkpoints.resumable import ResumableCheckpoint
from mk_lightning.cli.arguments import CONFIG
from mk_lightning.data.datamodule import ExperienceDataModule
from mk_lightning.games.names import suggestion
from mk_lightning.learning.module import DuelingDoubleDQN
from mk_lightning.playback.recorder import FilmSettings
from mk_lightning.utils.documents import read_yaml
from mk_lightning.utils.errors import UserError
from mk_lightning.utils.files import exists, shipped_configs

GROUPS = {
    "model": DuelingDoubleDQN,
    "data": ExperienceDataModule,
    "film": FilmSettings,
    "checkpoint": ResumableCheckpoint,
}
OWN = frozenset({"seed_everything", "run_dir", "monitor", "torch_threads"})
EMPTY = {"", "null", "~"}
"""How a word says null."""


def check_configs(words: Sequence[str]) -> None:
    """Check that every config of a command line can be read, and that no option is given without a value.

    Raises:
        UserError: it is otherwise.
    """
    for option, path in pairwise(words):
        if option in CONFIG:
            if not exists(path):
                raise UserError(f"no config {path}{suggestion(path, shipped_configs())}")
            check_not_empty(read_yaml(Path(path), "config"), path)
    check_words_not_empty(words)


def check_not_empty(config: object, name: str) -> None:
    """Check that a config gives a value for every key that needs one.

    Args:
        config: as it was read.
        name: of its file.

    Raises:
        UserError: a key is empty.
    """
    for key, value in _leaves(config):
        if value is None and key in _needed():
            raise UserError(f"{name}: {key} is empty; give it a value, or leave the key out")


def check_words_not_empty(words: Sequence[str]) -> None:
    """Check the same of a command line.

    Raises:
        UserError: an option is empty.
    """
    pairs = [*pairwise(words), *((option, value) for option, equals, value in map(_split, words) if equals)]
    for option, value in pairs:
        if value in EMPTY and option.removeprefix("--") in _needed() and option.startswith("--"):
            raise UserError(f"{option} is empty; give it a value, or leave it out")


def _split(word: str) -> tuple[str, str, str]:
    return word.partition("=")


@cache
def _needed() -> frozenset[str]:
    """Keys whose value cannot be null."""
    return OWN.union(*(_keys(kind, f"{group}.") for group, kind in GROUPS.items()))


def _keys(kind: Any, prefix: str) -> Iterator[str]:
    for name, hint in get_type_hints(kind if is_dataclass(kind) else kind.__init__).items():
        if is_dataclass(hint):
            yield from _keys(hint, f"{prefix}{name}.")
        elif name != "return" and NoneType not in (hint, *get_args(hint)):
            yield prefix + name


def _leaves(value: object, prefix: str = "") -> Iterator[tuple[str, object]]:
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _leaves(inner, f"{prefix}.{key}" if prefix else str(key))
    else:
        yield prefix, value
