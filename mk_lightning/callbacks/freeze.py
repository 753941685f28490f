"""Freeze layers: fine-tune the rest."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from fnmatch import fnmatchcase

from pytorch_lightning import LightningModule, Trainer
from pytorch_lightning.callbacks import Callback
from torch import nn

from mk_lightning.errors import UserError
from mk_lightning.games.names import suggestion

log = logging.getLogger(__name__)


class FreezeLayers(Callback):
    """Keeps every parameter that matches a pattern as it is.

    Patterns are globs on the Q-network's parameter names (`convolutions.0.weight`, `features.1.bias`,
    `value.weight`, ...); the name of a part (`convolutions`) stands for all below it. Which parameters are frozen
    is said when training starts. Frozen parameters get no gradient, so no optimizer touches them, weight decay
    included.

    - Declarative: `requires_grad` follows from the patterns alone, so a resumed run freezes the same.
    - A pattern that matches nothing is an error before training, not a silent nothing.
    - Freezing everything is an error.

    Example:
        >>> FreezeLayers(["convolutions"])  # the convolutional base
        >>> FreezeLayers(["convolutions", "features"])  # all but the heads

    Args:
        patterns: globs or names of parts.
    """

    def __init__(self, patterns: list[str]) -> None:
        if not patterns:
            raise UserError("FreezeLayers: patterns is empty; name at least one, e.g. [convolutions]")
        self.patterns = patterns

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Freeze, before the optimizer is built; in every stage, so that a mistake shows at once.

        Raises:
            UserError: a pattern matches no parameter, or all are frozen.
        """
        parameters = _parameters(pl_module)
        frozen = self.frozen_names(pl_module)
        for name in frozen:
            parameters[name].requires_grad_(False)
        if not any(parameter.requires_grad for parameter in parameters.values()):
            raise UserError(f"FreezeLayers: patterns {self.patterns} freeze every parameter; nothing could learn")
        if stage == "fit":
            count = sum(parameters[name].numel() for name in frozen)
            total = sum(p.numel() for p in parameters.values())
            log.info(f"frozen: {', '.join(sorted(frozen))} ({count:,} of {total:,} parameters)")

    def frozen_names(self, pl_module: LightningModule) -> set[str]:
        """Names of the parameters that the patterns match; the command line asks before it writes anything.

        Raises:
            UserError: a pattern matches no parameter.
        """
        return matching_names(self.patterns, list(_parameters(pl_module)))


def _parameters(pl_module: LightningModule) -> dict[str, nn.Parameter]:
    network: nn.Module = pl_module.online  # type: ignore[assignment]
    return dict(network.named_parameters())


def matching_names(patterns: Sequence[str], names: Sequence[str]) -> set[str]:
    """Names that a pattern matches, as a whole or as the part above them.

    Raises:
        UserError: a pattern matches nothing; names the nearest.
    """
    found: set[str] = set()
    for pattern in patterns:
        matches = {name for name in names if fnmatchcase(name, pattern) or fnmatchcase(name, f"{pattern}.*")}
        if not matches:
            parts = sorted({".".join(n.split(".")[:k]) for n in names for k in range(1, n.count(".") + 2)})
            raise UserError(f"FreezeLayers: pattern {pattern!r} matches no parameter{suggestion(pattern, parts)}")
        found |= matches
    return found
