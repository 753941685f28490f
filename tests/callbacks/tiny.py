"""A Q-network of a few dozen weights with the real one's parts, for tests of a thousand steps."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import torch
from pytorch_lightning import LightningModule
from torch import nn

from mk_lightning.experience.transition import Progress
from mk_lightning.networks.nature import NatureDueling


class TinyBatch(NamedTuple):
    inputs: torch.Tensor
    targets: torch.Tensor
    progress: Progress


class TinyNetwork(nn.Module):
    """The names of its parameters are those of the NatureDueling's first convolution, `features` and heads."""

    parameter_groups = NatureDueling.parameter_groups

    def __init__(self) -> None:
        super().__init__()
        self.convolutions = nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU())
        self.features = nn.Sequential(nn.Flatten(), nn.Linear(8, 4), nn.ReLU())
        self.value = nn.Linear(4, 1)
        self.advantage = nn.Linear(4, 3)

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        features = self.features(self.convolutions(inputs))
        return self.value(features) + self.advantage(features)


class Tiny(LightningModule):
    """Fits random targets; `target` is there to be left alone."""

    def __init__(self, optimizer: Callable[[Any], torch.optim.Optimizer]) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.online = TinyNetwork()
        self.target = TinyNetwork().requires_grad_(False)
        self.optimizer = optimizer

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return self.optimizer(self.online.parameters())

    def training_step(self, batch: TinyBatch, batch_idx: int) -> torch.Tensor:
        return nn.functional.mse_loss(self.online(batch.inputs), batch.targets)


class TinyBatches:
    """`count` batches an epoch, `env_steps` apart; batch k of an epoch is another in the next."""

    def __init__(self, count: int, env_steps: int = 10, run_env_steps: int = 100) -> None:
        self.count = count
        self.env_steps = env_steps
        self.run_env_steps = run_env_steps
        self.trainer: Any = None
        """To be set for more than one epoch."""

    def __len__(self) -> int:
        return self.count

    def __iter__(self) -> Iterator[TinyBatch]:
        first = self.count * self.trainer.current_epoch if self.trainer else 0
        for k in range(first, first + self.count):
            rng = torch.Generator().manual_seed(k)
            inputs, targets = torch.randn(4, 1, 4, 4, generator=rng), torch.randn(4, 3, generator=rng)
            yield TinyBatch(inputs, targets, Progress((k + 1) * self.env_steps, 0, self.run_env_steps))


def weights_of(network: nn.Module) -> dict[str, torch.Tensor]:
    return {name: p.detach().clone() for name, p in network.named_parameters()}


def changed(network: nn.Module, before: dict[str, torch.Tensor]) -> set[str]:
    """Names of the parameters of which a bit is another than before."""
    return {
        name for name, p in network.named_parameters() if p.detach().numpy().tobytes() != before[name].numpy().tobytes()
    }
