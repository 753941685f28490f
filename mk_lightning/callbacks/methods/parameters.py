"""Naming the Q-network's parameters in a config."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase

from torch import nn

from mk_lightning.games.names import suggestion
from mk_lightning.utils.errors import UserError

REGEX = "re:"

Groups = Mapping[str, tuple[str, ...]]
"""Names for parts of a network, each with the submodules that it means."""


def matching_names(module: nn.Module, patterns: Iterable[str], owner: str) -> set[str]:
    """Names of the parameters that the patterns stand for.

    A pattern is one of

    - a glob on names: `convolutions.[02].*`, `*.bias`;
    - the name of a part, which stands for all below it: `convolutions`, `features.1`;
    - the name of one of the network's `parameter_groups`: of `NatureDueling`, `first_linear` and `heads`;
    - `re:` and a regular expression that the whole name must match: `re:(value|advantage).weight`.

    Args:
        module: whose parameters are meant.
        patterns: what to look for.
        owner: whom an error names.

    Raises:
        UserError: a pattern matches nothing (the message names the nearest that would), or is no regular expression.
    """
    names = [name for name, _ in module.named_parameters()]
    groups: Groups = getattr(module, "parameter_groups", {})
    found: set[str] = set()
    for pattern in patterns:
        matches = {name for name in names if _matches(name, pattern, groups, owner)}
        if not matches:
            wanted = pattern.removeprefix(REGEX)
            raise UserError(
                f"{owner}: pattern {pattern!r} matches no parameter{suggestion(wanted, _choices(names, groups))}"
            )
        found |= matches
    return found


def _matches(name: str, pattern: str, groups: Groups, owner: str) -> bool:
    if pattern.startswith(REGEX):
        try:
            return re.fullmatch(pattern.removeprefix(REGEX), name) is not None
        except re.error as error:
            raise UserError(f"{owner}: pattern {pattern!r} is no regular expression: {error}") from None
    return any(fnmatchcase(name, part) or fnmatchcase(name, f"{part}.*") for part in groups.get(pattern, (pattern,)))


def _choices(names: list[str], groups: Groups) -> list[str]:
    """Everything that could have been meant, the shortest names first."""
    parts = {".".join(name.split(".")[:k]) for name in names for k in range(1, name.count(".") + 2)}
    return sorted(parts | groups.keys(), key=lambda part: (part.count("."), part))
