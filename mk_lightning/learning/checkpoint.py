"""Read a network's weights out of a checkpoint and say what matched."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from mk_lightning.errors import UserError
from mk_lightning.files import find_file
from mk_lightning.tensor_files import read_tensors

PREFIX = "online."
"""Where the LightningModule keeps the Q-network; the target network is a copy and is not read."""


def read_checkpoint(path: str | Path) -> dict[str, Any]:
    """Load a Lightning checkpoint, tensors and plain Python only.

    Raises:
        UserError: no such file; names the checkpoints beside it.
        UserError: not a checkpoint of this package.
    """
    path = find_file(path)
    if not path.is_file():
        near = sorted(p.name for p in path.parent.glob("*.ckpt")) if path.parent.is_dir() else []
        hint = f"; there: {', '.join(near)}" if near else ""
        raise UserError(f"no checkpoint {path}{hint}")
    checkpoint = read_tensors(path, "checkpoint")
    if not isinstance(checkpoint, dict) or not isinstance(checkpoint.get("state_dict"), dict):
        raise UserError(f"{path} is not a Lightning checkpoint: it has no state_dict")
    return checkpoint


@dataclass(frozen=True)
class LoadReport:
    """What became of each parameter when weights were loaded into a network."""

    matched: list[str]
    missing: list[str]
    """In the network, not in the checkpoint."""
    unexpected: list[str]
    """In the checkpoint, not in the network."""
    reshaped: list[str]
    """In both with different shapes; each with both shapes."""

    @property
    def complete(self) -> bool:
        """Every parameter matched and nothing was left over."""
        return not (self.missing or self.unexpected or self.reshaped)

    def __str__(self) -> str:
        """One line."""
        rest = {"missing": self.missing, "unexpected": self.unexpected, "of another shape": self.reshaped}
        parts = (f"{what}: {', '.join(names)}" for what, names in rest.items() if names)
        return "; ".join([f"{len(self.matched)} parameters matched", *parts])


def load_matching(network: nn.Module, state_dict: Mapping[str, torch.Tensor]) -> LoadReport:
    """Load the parameters of a module checkpoint's Q-network that match `network` by name and shape.

    Args:
        network: is changed in place.
        state_dict: of a `DuelingDoubleDQN`; keys with the prefix `online.`.
    """
    theirs = {name.removeprefix(PREFIX): t for name, t in state_dict.items() if name.startswith(PREFIX)}
    mine = network.state_dict()
    reshaped = [
        f"{name} {tuple(theirs[name].shape)} -> {tuple(mine[name].shape)}"
        for name in mine
        if name in theirs and theirs[name].shape != mine[name].shape
    ]
    matched = [name for name in mine if name in theirs and theirs[name].shape == mine[name].shape]
    network.load_state_dict(mine | {name: theirs[name] for name in matched})
    return LoadReport(
        matched,
        missing=[name for name in mine if name not in theirs],
        unexpected=[name for name in theirs if name not in mine],
        reshaped=reshaped,
    )
