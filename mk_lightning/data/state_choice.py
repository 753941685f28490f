"""States to train on, as a config names them: by name, by group, or by an evaluation."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mk_lightning.utils.documents import read_json
from mk_lightning.utils.errors import UserError, shortened

States = Sequence[str] | Mapping[str, float]
"""States to draw from, as `named_states` takes them."""

PATTERN = re.compile(r"weakest (?P<count>[0-9]{1,9}) of (?P<file>.+)")


def named_states(states: States, groups: Mapping[str, Sequence[str]]) -> dict[str, float]:
    """Weight of each name or pattern of states to draw from.

    Args:
        states: names, patterns, `original` or `challenging` for the states of that group, or `weakest N of FILE` for
            those an evaluation found weakest; with equal weights or a weight for each state meant.
        groups: states by group.

    Raises:
        UserError: the evaluation cannot be used.
    """
    weights = states if isinstance(states, Mapping) else dict.fromkeys(states, 1.0)
    named: dict[str, float] = {}
    for name, weight in weights.items():
        named |= dict.fromkeys(groups.get(name) or weakest(name) or [name], weight)
    return named


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
