"""Configs before they are parsed: jsonargparse takes null for any option."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import is_dataclass
from functools import cache
from pathlib import Path
from types import NoneType
from typing import Any, get_args, get_type_hints

from mk_lightning.callbacks.checkpoints.resumable import ResumableCheckpoint
from mk_lightning.data.datamodule import ExperienceDataModule
from mk_lightning.learning.module import DuelingDoubleDQN
from mk_lightning.playback.recorder import FilmSettings
from mk_lightning.utils.documents import read_yaml
from mk_lightning.utils.errors import UserError

GROUPS = {
    "model": DuelingDoubleDQN,
    "data": ExperienceDataModule,
    "film": FilmSettings,
    "checkpoint": ResumableCheckpoint,
}
LINKED = {
    "trainer.max_epochs": "data.max_env_steps",
    "model.num_actions": "data.game",
    "data.seed": "seed_everything",
}
"""Keys that follow from others, by which the parser would overwrite them in silence."""
OWN = frozenset({"seed_everything", "run_dir", "monitor", "torch_threads"})


def check_config(path: str | Path) -> Any:
    """Read a config; it gives a value for every key that needs one, and none that follows from others.

    Raises:
        UserError: it is otherwise.
    """
    content = read_yaml(Path(path), "config")
    for key, value in _leaves(content):
        if value is None and key in needed_keys():
            raise UserError(f"{path}: {key} is empty; give it a value, or leave the key out")
        if key in LINKED:
            raise UserError(f"{path}: {key} follows from {LINKED[key]}; leave it out")
    return content


@cache
def needed_keys() -> frozenset[str]:
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
