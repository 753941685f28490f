"""Configs that are laid one over the other: what a later one changes of an earlier one."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any

from mk_lightning.utils.errors import UserError

log = logging.getLogger(__name__)

SHOWN = 3
"""Keys named of those that are changed."""


def check_order(configs: Sequence[tuple[str, Any]]) -> None:
    """Say what of an overlay a later one changes; the first config is there to be changed.

    Args:
        configs: name and content of each, in their order.

    Raises:
        UserError: a whole config, one that names the game, comes after an overlay and changes it back.
    """
    for (name, content), (later, over) in combinations(configs, 2):
        changed = _changed(content, over)
        if not changed:
            continue
        keys = ", ".join(changed[:SHOWN]) + (", ..." if len(changed) > SHOWN else "")
        if _names_game(over) and not _names_game(content):
            raise UserError(f"{later} is a whole config and takes {keys} of {name} back: give it before its overlays")
        if content is not configs[0][1]:
            log.info(f"{later} changes what {name} says of {keys}")


def _names_game(content: Any) -> bool:
    return isinstance(content, dict) and isinstance(content.get("data"), dict) and "game" in content["data"]


def _changed(content: Any, over: Any, prefix: str = "") -> list[str]:
    """Keys that both give, with other values; an object counts as one, and `callbacks+` adds to what is there."""
    if not (isinstance(content, Mapping) and isinstance(over, Mapping)) or "class_path" in {*content, *over}:
        return [prefix] if content != over else []
    return [
        key
        for name in content
        if name in over and not str(name).endswith("+")
        for key in _changed(content[name], over[name], f"{prefix}.{name}" if prefix else str(name))
    ]
