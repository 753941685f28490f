"""A dueling Q-network on IMPALA's residual convolutions."""

from __future__ import annotations

from itertools import pairwise
from typing import ClassVar

import torch
from torch import nn
from torch.nn import functional

from mk_lightning.networks.base import STACK, PixelConv2d, QNetwork, dueling
from mk_lightning.networks.two_threads import WideLinear, in_halves
from mk_lightning.utils.errors import check_between

POOLED = 6
"""Height and width that the last convolutions' output, 11 x 11, is pooled to."""


class ImpalaDueling(QNetwork):
    """Three stages of residual blocks (Espeholt 2018, arXiv:1802.01561), pooled to 6x6, with two linear heads.

    The widths, the pooling and the single hidden layer are those of Beyond The Rainbow (Clark 2024, arXiv:2411.03820),
    which has `width` 2; its spectral normalisation, noise and quantiles are not here. A learner_step is many times that
    of `NatureDueling`. Submodules: `stages`, `features`, `value`, `advantage`.

    Args:
        num_actions: actions of the game's table.
        width: multiplies the 16, 32 and 32 filters of the stages, 1 to 16.
        hidden: units of the fully connected layer, 1 to 65,536.

    Raises:
        UserError: an argument is out of range.
    """

    parameter_groups: ClassVar = {
        "convolutions": ("stages",),
        "first_linear": ("features.1",),
        "heads": ("value", "advantage"),
    }

    def __init__(self, num_actions: int, width: int = 2, hidden: int = 512) -> None:
        super().__init__(num_actions, width=width, hidden=hidden)
        check_between("ImpalaDueling: width", width, 1, 16)
        check_between("ImpalaDueling: hidden", hidden, 1, 2**16)
        sizes = (STACK, 16 * width, 32 * width, 32 * width)
        first, *others = pairwise(sizes)
        convolutions = PixelConv2d(*first, 3, padding=1), *(nn.Conv2d(*pair, 3, padding=1) for pair in others)
        stages = map(_Stage, convolutions)
        self.stages = nn.Sequential(*stages, nn.ReLU(), nn.MaxPool2d(3, stride=2, padding=1))
        self.features = nn.Sequential(nn.Flatten(), WideLinear(sizes[-1] * POOLED**2, hidden), nn.ReLU())
        self.value = nn.Linear(hidden, 1)
        self.advantage = nn.Linear(hidden, num_actions)
        self.stages.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def forward(self, observations: torch.Tensor) -> torch.Tensor:
        """Return the Q-values (B, actions) of observations (B, 4, 84, 84) uint8."""
        features = self.features(in_halves(self.stages, observations))
        return dueling(self.value(features), self.advantage(features))


class _Stage(nn.Module):
    """A convolution, a pooling that halves height and width, and two residual blocks."""

    def __init__(self, convolution: nn.Conv2d) -> None:
        super().__init__()
        filters = convolution.out_channels
        self.convolution = convolution
        self.pool = nn.MaxPool2d(3, stride=2, padding=1)
        self.blocks = nn.Sequential(_Block(filters), _Block(filters))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y: torch.Tensor = self.blocks(self.pool(self.convolution(x)))
        return y


class _Block(nn.Module):
    """`x + conv(relu(conv(relu(x))))`."""

    def __init__(self, filters: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(filters, filters, 3, padding=1)
        self.second = nn.Conv2d(filters, filters, 3, padding=1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y: torch.Tensor = x + self.second(functional.relu(self.first(functional.relu(x))))
        return y
