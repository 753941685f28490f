"""Train a Q-network of your own from scratch, and see how often it wins."""

from functools import partial

import pytorch_lightning as pl
import torch
from rich import print
from torch import nn

import mk_lightning as mk
from mk_lightning.networks.base import pixels


class Pooled(mk.QNetwork):
    """Two layers on a picture shrunk to a few cells."""

    parameter_groups = {"output": ("head",)}  # noqa: RUF012 - what `FreezeLayers(["output"])` freezes

    def __init__(self, num_actions: int, cells: int = 12) -> None:
        super().__init__(num_actions, cells=cells)
        self.pool = nn.AdaptiveAvgPool2d(cells)
        self.body = nn.Linear(4 * cells**2, 128)
        self.head = nn.Linear(128, num_actions)

    def forward(self, observations: torch.Tensor) -> torch.Tensor:
        """Q-values (B, actions) of observations (B, 4, 84, 84) uint8."""
        cells = self.pool(pixels(observations, self.head.weight)).flatten(1)
        return self.head(self.body(cells).relu())


def main(run="runs/own-network", state="VeryEasy.Bramble-01", env_steps=40_000, matches=10):
    pl.seed_everything(1)
    evaluation = mk.EvaluationSettings(every=env_steps, matches=matches)
    data = mk.ExperienceDataModule(
        "dojo",
        challenging_states=[state],
        max_env_steps=env_steps,
        warmup_env_steps=1_000,
        epsilon=mk.Linear(1.0, 0.05, env_steps // 2),
        reward_scale=20,
        evaluation=evaluation,
    )
    model = mk.DuelingDoubleDQN(network=partial(Pooled, cells=12), learning_rate=3e-4)
    trainer = pl.Trainer(
        max_epochs=data.max_epochs,
        default_root_dir=run,
        logger=False,
        enable_checkpointing=False,
        accelerator="cpu",
    )
    trainer.fit(model, data)
    print(mk.evaluate(model, "dojo", state, matches=matches).scores()[state])


if __name__ == "__main__":
    main()
