"""`weakest 3 of runs/dojo-pretrain/before_after.json`: states chosen by an evaluation."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from mk_lightning.utils.documents import read_json
from mk_lightning.utils.errors import UserError, shortened

PATTERN = re.compile(r"weakest (?P<count>[0-9]{1,9}) of (?P<file>.+)")


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
    if not path.exists():
        raise UserError(f"{shortened(words)!r}: no file {path}")
    content = read_json(path, "evaluation")
    try:
        scores = {entry["state"]: entry.get("after", entry) for entry in content["states"]}
        ranked = sorted(scores, key=lambda state: _strength(scores[state]))
    except (ValueError, LookupError, TypeError, AttributeError, ArithmeticError):
        raise UserError(f"{shortened(words)!r}: {path} holds no scores as a run's before_after.json does") from None
    if not 1 <= count <= len(ranked):
        raise UserError(f"{shortened(words)!r}: {path} has {len(ranked)} states, so N must be 1 to {len(ranked)}")
    return ranked[:count]


def _strength(score: dict[str, Any]) -> tuple[float, float]:
    return float(score["wins"] / score["matches"]), float(score["mean_return"])
