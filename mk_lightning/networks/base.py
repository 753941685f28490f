"""What every Q-network is: the seam at which another one is put in."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import ClassVar

import torch
from torch import nn

from mk_lightning.utils.errors import UserError, shortened

STACK = 4
"""Frames in an observation."""
FRAME_SIZE = 84
"""Height and width of a frame, pixels."""


class QNetwork(nn.Module, ABC):
    """Maps observations to the Q-value of every action. Subclass it for a network of your own.

    A subclass passes its own arguments on to `super().__init__`: they are noted in every checkpoint, and a checkpoint
    whose network was made with others is refused. It takes `num_actions` first and gives all others a default.

    Attributes:
        parameter_groups: names for parts of the network that freezing and weight decay can be asked for, each with the
            submodules that it means; names of submodules need none.
        num_actions: actions of the game's table.
        arguments: the network's own arguments, numbers, words and truth values.

    Raises:
        UserError: an argument is none of these.

    Example:
        >>> class Linear(QNetwork):
        ...     def __init__(self, num_actions: int) -> None:
        ...         super().__init__(num_actions)
        ...         self.head = nn.Linear(STACK * FRAME_SIZE**2, num_actions)
        ...
        ...     def forward(self, observations):
        ...         return self.head(pixels(observations, self.head.weight).flatten(1))
        >>> Linear(26)(torch.zeros(2, 4, 84, 84, dtype=torch.uint8)).shape
        torch.Size([2, 26])
    """

    parameter_groups: ClassVar[Mapping[str, tuple[str, ...]]] = {}

    def __init__(self, num_actions: int, **arguments: int | float | str | bool) -> None:
        super().__init__()
        for name, value in arguments.items():
            if type(value) not in (int, float, str, bool):  # NumPy's could not be loaded again
                raise UserError(
                    f"{type(self).__name__}: {name} must be a number, a word or a truth value to be noted in a "
                    f"checkpoint, got {shortened(value)}"
                )
        self.num_actions = num_actions
        self.arguments = arguments

    @abstractmethod
    def forward(self, observations: torch.Tensor) -> torch.Tensor:
        """Return the Q-values (B, actions), learning units, of observations (B, 4, 84, 84) uint8, newest frame last."""


QNetworkCallable = Callable[[int], QNetwork]
"""Makes a Q-network for so many actions: a subclass of `QNetwork`, or a `functools.partial` of one."""


def pixels(observations: torch.Tensor, like: torch.Tensor) -> torch.Tensor:
    """Return observations (B, stack, H, W) uint8 as numbers from 0 to 1, in the type of the weights `like`.

    Channels last: twice as fast on a CPU, and the layout that tensor cores want.
    """
    inputs = observations.to(like.dtype, memory_format=torch.channels_last)
    # In place: a second tensor of a batch's size takes longer to come by than to fill.
    return inputs.div_(255) if observations.dtype == torch.uint8 else inputs / 255


class PixelConv2d(nn.Conv2d):
    """A convolution of `pixels(observations)`: whoever computes half of a batch converts that half."""

    def forward(self, observations: torch.Tensor) -> torch.Tensor:
        """Return the output of observations (B, stack, H, W) uint8."""
        # Not `super`, which TorchScript does not know.
        outputs: torch.Tensor = self._conv_forward(pixels(observations, self.weight), self.weight, self.bias)
        return outputs


def dueling(value: torch.Tensor, advantage: torch.Tensor) -> torch.Tensor:
    """Return `V(s) + A(s, a) - mean_a' A(s, a')` (Wang 2016, arXiv:1511.06581, equation 9).

    Args:
        value: (B, 1).
        advantage: (B, actions).
    """
    return value + advantage - advantage.mean(1, keepdim=True)
