"""Networks and `torch.compile`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

import torch
from torch import nn

from mk_lightning.utils.errors import UserError, shortened

WRAPPER = "_orig_mod."
"""What `torch.compile(network)` puts into the names of a network's parameters."""

T = TypeVar("T")


def plain_names(state: Mapping[str, T]) -> dict[str, T]:
    """A state_dict by the names that it has without `torch.compile`."""
    return {name.replace(WRAPPER, ""): value for name, value in state.items()}


def names_in(module: nn.Module, state: Mapping[str, T]) -> dict[str, T]:
    """A state_dict by the names that it has in `module`, parts of which may have been compiled.

    Names that the module does not have stay as they are.
    """
    names = {name.replace(WRAPPER, ""): name for name in module.state_dict()}
    return {names.get(name, name): value for name, value in plain_names(state).items()}


def check_compiler(device: torch.device) -> None:
    """Compile and run a sum, to learn whether it can be done on this machine.

    Raises:
        UserError: it cannot.
    """
    try:
        torch.compile(_sum)(torch.ones(8, device=device))
    except Exception as error:  # of the compiler's many parts each has its own
        reason = shortened(str(error).strip().partition("\n")[0], 160)
        raise UserError(
            f"DuelingDoubleDQN.compile: torch cannot compile for {device} here ({reason}); install a C++ compiler, "
            "such as g++, or leave it out"
        ) from None


def _sum(tensor: Any) -> Any:
    return tensor + tensor
