"""Configs by name: `dojo/finetune` for `configs/dojo/finetune.yaml`, and then `cloning` for the overlay beside it."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mk_lightning.games.catalog import load_game
from mk_lightning.utils.documents import read_yaml
from mk_lightning.utils.errors import UserError
from mk_lightning.utils.files import SHIPPED, exists, find_file

CONFIGS = SHIPPED / "configs"


def config_files(names: Sequence[str]) -> list[Path]:
    """The files of configs that are laid one over the other.

    Args:
        names: of each its path, or a name without an ending: with its folder, or that of an overlay for the same game
            as the others, which lies beside one of them or ships. One that is not found is returned as it was given.
    """
    found = {name: file for name in names if (file := _file(name)) is not None}
    folders = [file.parent for file in found.values()]
    if len(found) < len(set(names)):
        folders += [folder for file in found.values() for folder in _folders_of_game(file)]
    return [found.get(name) or _beside(name, folders) for name in names]


def config_names() -> list[str]:
    """Names of the shipped configs, for a message that suggests one."""
    files = [path.relative_to(CONFIGS).with_suffix("") for path in sorted(CONFIGS.glob("*/*.yaml"))]
    return [*map(str, files), *dict.fromkeys(file.name for file in files)]


def _file(name: str) -> Path | None:
    file, named = find_file(name), CONFIGS / f"{name}.yaml"
    return file if exists(file) or file.suffix else named if exists(named) else None


def _beside(name: str, folders: Sequence[Path]) -> Path:
    files = (folder / f"{name}.yaml" for folder in folders)
    return next((file for file in files if exists(file)), Path(name))


def _folders_of_game(config: Path) -> list[Path]:
    """The folder of shipped configs for the game that a config names."""
    with contextlib.suppress(UserError, OSError):  # what is wrong with it is told when it is read
        content: Any = read_yaml(config, "config")
        data = content.get("data") if isinstance(content, dict) else None
        if isinstance(data, dict) and isinstance(data.get("game"), str):
            wanted = load_game(data["game"]).id
            return [path.parent for path in CONFIGS.glob("*/finetune.yaml") if load_game(path.parent.name).id == wanted]
    return []
