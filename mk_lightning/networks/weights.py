"""What may stand among a network's weights in a file, wherever the file comes from."""

from __future__ import annotations

import torch

PREFIX = "online."
"""Where the LightningModule keeps the Q-network; the target network is a copy and is not read."""

DTYPES = (
    *(torch.float16, torch.bfloat16, torch.float32, torch.float64, torch.complex64, torch.complex128, torch.bool),
    *(torch.int8, torch.int16, torch.int32, torch.int64, torch.uint8, torch.uint16, torch.uint32, torch.uint64),
)
"""Torch has more, of 8 bits and less, and of most of them cannot even say whether a value is finite."""


def problem_with(name: object, weights: object) -> str | None:
    """Return what is wrong with an entry of a checkpoint's state_dict, or None."""
    if not isinstance(name, str) or not isinstance(weights, torch.Tensor):
        return "is no tensor with a name"
    if weights.layout != torch.strided or weights.device.type != "cpu" or weights.is_quantized:
        return "is not a plain tensor"
    if weights.untyped_storage().nbytes() < weights.numel() * weights.element_size():
        return f"claims {weights.numel():,} values, which are not in the file"
    if name.startswith(PREFIX) and not weights.is_floating_point():
        return f"is of type {weights.dtype}, not floating point"
    if weights.dtype not in DTYPES:
        return f"is of type {weights.dtype}, which is for storage alone; convert it to torch.float32"
    if not bool(weights.isfinite().all()):
        return "has values that are not finite: the run that wrote it had diverged"
    return None
