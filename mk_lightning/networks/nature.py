"""Dueling Q-networks on the convolutions of the two DQN papers."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import nn
from torch.jit import is_scripting  # type: ignore[attr-defined]

from mk_lightning.networks.base import STACK, PixelConv2d, QNetwork, dueling
from mk_lightning.networks.two_threads import WideLinear, in_halves
from mk_lightning.utils.errors import check_at_least
from mk_lightning.utils.memory import check_memory

COPIES = 6
"""Of a weight, while it is trained: itself, the target's, the actor's, its gradient, the optimizer's two moments."""


class NatureDueling(QNetwork):
    """The three convolutions of Mnih 2015 (doi:10.1038/nature14236), with two linear heads.

    `Q(s, a) = V(s) + A(s, a) - mean_a' A(s, a')`. Submodules: `convolutions`, `features`, `value`, `advantage`.

    Args:
        num_actions: actions of the game's table.
        hidden: units of the fully connected layer; as many as fit into the machine's memory.

    Raises:
        UserError: `hidden` is out of range.
    """

    parameter_groups: ClassVar = {"first_linear": ("features.1",), "heads": ("value", "advantage")}
    layers: ClassVar[tuple[tuple[int, int, int], ...]] = ((32, 8, 4), (64, 4, 2), (64, 3, 1))
    """Filters, kernel size and stride of each convolution."""
    side: ClassVar = 7
    """Height and width of what the last one returns."""

    def __init__(self, num_actions: int, hidden: int = 512) -> None:
        super().__init__(num_actions, hidden=hidden)
        check_at_least(f"{type(self).__name__}: hidden", hidden, 1)
        flat = self.layers[-1][0] * self.side**2
        check_memory(f"{type(self).__name__}: hidden", hidden, COPIES * 4 * flat)
        convolutions: list[nn.Module] = []
        channels = STACK
        for filters, kernel, stride in self.layers:
            convolution = nn.Conv2d if convolutions else PixelConv2d
            convolutions += [convolution(channels, filters, kernel, stride), nn.ReLU()]
            channels = filters
        self.convolutions = nn.Sequential(*convolutions)
        self.features = nn.Sequential(nn.Flatten(), WideLinear(flat, hidden), nn.ReLU())
        self.value = nn.Linear(hidden, 1)
        self.advantage = nn.Linear(hidden, num_actions)
        self.convolutions.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def forward(self, observations: torch.Tensor) -> torch.Tensor:
        """Return the Q-values (B, actions) of observations (B, 4, 84, 84) uint8."""
        if is_scripting():  # which knows no threads
            features = self.features(self.convolutions(observations))
        else:
            features = self.features(in_halves(self.convolutions, observations))
        return dueling(self.value(features), self.advantage(features))


class SmallDueling(NatureDueling):
    """The two convolutions of Mnih 2013 (arXiv:1312.5602), with two linear heads: fewer filters and a smaller layer.

    Args:
        num_actions: actions of the game's table.
        hidden: units of the fully connected layer.

    Raises:
        UserError: `hidden` is out of range.
    """

    layers: ClassVar = ((16, 8, 4), (32, 4, 2))
    side: ClassVar = 9

    def __init__(self, num_actions: int, hidden: int = 256) -> None:
        super().__init__(num_actions, hidden)
