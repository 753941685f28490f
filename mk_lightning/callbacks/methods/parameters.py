"""Naming the Q-network's parameters in a config."""

from __future__ import annotations

import re
from collections.abc import Iterable
from fnmatch import fnmatchcase

from torch import nn

from mk_lightning.games.names import suggestion
from mk_lightning.utils.errors import UserError

REGEX = "re:"

GROUPS = {
    "first_linear": ("features.1",),
    "heads": ("value", "advantage"),
}
"""Names for parts that have none of their own: the first layer after the convolutions, and both streams' last."""


def matching_names(module: nn.Module, patterns: Iterable[str], owner: str) -> set[str]:
    """Names of the parameters that the patterns stand for.

    A pattern is one of

    - a glob on names: `convolutions.[02].*`, `*.bias`;
    - the name of a part, which stands for all below it: `convolutions`, `features.1`;
    - the name of a group: `first_linear`, `heads`;
    - `re:` and a regular expression that the whole name must match: `re:(value|advantage).weight`.

    Args:
        module: whose parameters are meant.
        patterns: what to look for.
        owner: whom an error names.

    Raises:
        UserError: a pattern matches nothing (the message names the nearest that would), or is no regular expression.
    """
    names = [name for name, _ in module.named_parameters()]
    found: set[str] = set()
    for pattern in patterns:
        matches = {name for name in names if _matches(name, pattern, owner)}
        if not matches:
            wanted = pattern.removeprefix(REGEX)
            raise UserError(f"{owner}: pattern {pattern!r} matches no parameter{suggestion(wanted, _choices(names))}")
        found |= matches
    return found


def _matches(name: str, pattern: str, owner: str) -> bool:
    if pattern.startswith(REGEX):
        try:
            return re.fullmatch(pattern.removeprefix(REGEX), name) is not None
        except re.error as error:
            raise UserError(f"{owner}: pattern {pattern!r} is no regular expression: {error}") from None
    return any(fnmatchcase(name, part) or fnmatchcase(name, f"{part}.*") for part in GROUPS.get(pattern, (pattern,)))


def _choices(names: list[str]) -> list[str]:
    """Everything that could have been meant, the shortest names first."""
    parts = {".".join(name.split(".")[:k]) for name in names for k in range(1, name.count(".") + 2)}
    return sorted(parts | GROUPS.keys(), key=lambda part: (part.count("."), part))
