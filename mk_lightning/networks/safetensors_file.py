"""A network's weights as a safetensors file: tensors and text, no code, whoever wrote it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from mk_lightning.networks.weights import PREFIX
from mk_lightning.utils.documents import parse_json
from mk_lightning.utils.errors import UserError, shortened
from mk_lightning.utils.optional import import_optional

SUFFIX = ".safetensors"
CONFIG = "config"
"""Entry of a file's metadata: which network it holds, as JSON."""
NOTED: dict[str, Any] = {"network": dict, "env_steps": int, "reward_scale": int | float | None}
"""Of that, what makes a checkpoint of the file."""


def write_safetensors(weights: Mapping[str, torch.Tensor], config: Mapping[str, Any]) -> bytes:
    """Return the bytes of a file.

    Args:
        weights: of a Q-network, its state_dict.
        config: what there is to know of it, at least what `NOTED` says.

    Raises:
        UserError: safetensors is not installed.
    """
    library = import_optional("safetensors.torch", "a safetensors file")
    tensors = {name: tensor.contiguous() for name, tensor in weights.items()}
    raw: bytes = library.save(tensors, {"format": "pt", CONFIG: json.dumps(config)})
    return raw


def read_safetensors(path: Path) -> dict[str, Any]:
    """Return what a file holds as a checkpoint of weights.

    Raises:
        UserError: safetensors is not installed; or the file is none that `write_safetensors` made, or is damaged.
    """
    library = import_optional("safetensors", str(path))
    try:
        with library.safe_open(path, "pt") as file:
            metadata = file.metadata() or {}
            weights = {f"{PREFIX}{name}": file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - no mapping
    except Exception as error:  # damaged bytes raise whatever they happen to lead to
        raise UserError(f"{path} is not a readable checkpoint: {shortened(error, 200)}") from None
    config = parse_json(metadata.get(CONFIG, "null"), path, "checkpoint")
    if not isinstance(config, dict) or not all(isinstance(config.get(key), kind) for key, kind in NOTED.items()):
        raise UserError(
            f"{path} cannot be used: its metadata has no {CONFIG} that says which network it holds; only what "
            "`mk-lightning export --to safetensors` or hub has written does"
        )
    return {key: config[key] for key in NOTED} | {"state_dict": weights, "global_step": 0, "epoch": 0}
