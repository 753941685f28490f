"""Reading files of tensors, from wherever they come."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import torch

from mk_lightning.errors import UserError


def read_tensors(path: Path, what: str) -> Any:
    """Load tensors and plain Python, to host memory; nothing in the file can run code.

    Args:
        path: of a file that `torch.save` wrote.
        what: it is meant to be, for the message.

    Raises:
        UserError: there is no such file, or it is something else or damaged.
    """
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError, KeyError, ValueError, OSError) as error:
        reason = next(iter(str(error).splitlines()), "it ends too early")
        raise UserError(f"{path} is not a readable {what}: {reason}") from None
