"""`weakest 3 of runs/dojo-pretrain/before_after.json`: states chosen by an evaluation."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from mk_lightning.errors import UserError

PATTERN = re.compile(r"weakest (?P<count>\d+) of (?P<file>.+)")


def weakest(words: str) -> list[str] | None:
    """The states with the lowest win rates in an evaluation, lowest first; None when `words` are no such phrase.

    Args:
        words: `weakest N of FILE`, FILE being a run's `before_after.json` (its scores after the fit count),
            `before.json`, or a test's `evaluation_epsilon_0.json`. Of states with the same win rate those with the
            lower mean return come first.

    Raises:
        UserError: no such file, not an evaluation, or fewer states in it.
    """
    found = PATTERN.fullmatch(words)
    if not found:
        return None
    path, count = Path(found["file"]), int(found["count"])
    try:
        scores = {entry["state"]: entry.get("after", entry) for entry in json.loads(path.read_text())["states"]}
        ranked = sorted(scores, key=lambda state: _strength(scores[state]))
    except FileNotFoundError:
        raise UserError(f"{words!r}: no file {path}") from None
    except (ValueError, KeyError, TypeError, AttributeError, OSError):
        raise UserError(f"{words!r}: {path} holds no scores as a run's before_after.json does") from None
    if not 1 <= count <= len(ranked):
        raise UserError(f"{words!r}: {path} has {len(ranked)} states, so N must be 1 to {len(ranked)}")
    return ranked[:count]


def _strength(score: dict[str, Any]) -> tuple[float, float]:
    return score["wins"] / score["matches"], score["mean_return"]
