"""What a fit really did, batch by batch, under whichever Trainer; without an emulator."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, ClassVar, NamedTuple

import torch
from pytorch_lightning import Callback, LightningDataModule, LightningModule, Trainer

from mk_lightning.experience.episodes import EpisodeBatch
from mk_lightning.learning.module import DuelingDoubleDQN
from tests.evaluation.records import record
from tests.learning.batches import ACTIONS, Batches, random_batch
from tests.networks.narrow import narrow

STATE = "VeryEasy.Bramble-01"
BATCHES, VALIDATION_BATCHES = 5, 3
"""Of an epoch, and of a validation."""


class Seen(NamedTuple):
    """The end of a training batch."""

    learner_step: int
    rate: float
    gradient_norm: float
    gradient_max: float
    anomaly: bool
    deterministic: bool
    benchmark: bool
    dtype: torch.dtype


class Probe(Callback):
    """Notes what a Trainer's options come to.

    Args:
        stop: ask Lightning to stop after so many batches; 0 does not.
    """

    latest: ClassVar[Probe]

    def __init__(self, stop: int = 0) -> None:
        Probe.latest = self
        self.stop = stop
        self.batches: list[Seen] = []
        self.validated: list[int] = []
        """learner_steps at each validation batch of a fit."""
        self.sanity_batches = 0
        self.inference: set[bool] = set()
        """Whether matches were scored in inference mode, in stages of their own."""

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        assert isinstance(pl_module, DuelingDoubleDQN)
        gradients = torch.cat([p.grad.flatten().float() for p in pl_module.online.parameters() if p.grad is not None])
        self.batches.append(
            Seen(
                trainer.global_step,
                trainer.optimizers[0].param_groups[0]["lr"],
                float(gradients.norm()),
                float(gradients.abs().max()),
                torch.is_anomaly_enabled(),
                torch.are_deterministic_algorithms_enabled(),
                torch.backends.cudnn.benchmark,
                pl_module.online.get_parameter("value.weight").dtype,
            )
        )
        trainer.should_stop |= 0 < self.stop <= len(self.batches)

    def on_validation_batch_end(self, trainer: Trainer, *_: Any, **__: Any) -> None:
        if trainer.sanity_checking:
            self.sanity_batches += 1
        elif trainer.state.fn == "fit":
            self.validated.append(trainer.global_step)

    def on_test_batch_end(self, trainer: Trainer, *_: Any, **__: Any) -> None:
        self.inference.add(torch.is_inference_mode_enabled())


class Played(LightningDataModule):
    """Random transitions to learn from, and matches that were played already to score."""

    def train_dataloader(self) -> Batches:
        assert self.trainer is not None
        first = self.trainer.global_step
        steps = [32 * (first + k + 1) for k in range(BATCHES)]
        return Batches([random_batch(k, size=1, env_steps=step, run=320) for k, step in enumerate(steps)])

    def val_dataloader(self) -> Batches:
        played = [[record([1, 2], STATE, seed=k)] for k in range(VALIDATION_BATCHES)]
        return Batches([EpisodeBatch(records, {"original": [STATE]}, 0.0) for records in played])

    test_dataloader = predict_dataloader = val_dataloader


def new_module(**options: Any) -> DuelingDoubleDQN:
    torch.manual_seed(0)
    defaults: dict[str, Any] = {"num_actions": ACTIONS, "network": narrow(8), "learning_rate": 1e-2}
    return DuelingDoubleDQN(**defaults | options)


class Fit(NamedTuple):
    trainer: Trainer
    module: DuelingDoubleDQN
    probe: Probe

    @property
    def weights(self) -> torch.Tensor:
        return torch.cat([p.detach().flatten().float() for p in self.module.online.parameters()])


def new_trainer(folder: Path, *callbacks: Callback, **options: Any) -> Trainer:
    """One that does nothing but what it is told to."""
    quiet: dict[str, Any] = {
        "accelerator": "cpu", "max_epochs": 1, "default_root_dir": folder, "logger": False, "num_sanity_val_steps": 0,
        "enable_checkpointing": False, "enable_progress_bar": False, "enable_model_summary": False,
    }  # fmt: skip
    return Trainer(**quiet | options, callbacks=list(callbacks))


@cache
def baseline() -> torch.Tensor:
    """The weights after a fit with nothing but defaults."""
    with TemporaryDirectory() as folder:
        return fit(Path(folder)).weights


def fit(
    folder: Path, *callbacks: Callback, module: DuelingDoubleDQN | None = None, stop: int = 0, **options: Any
) -> Fit:
    """An epoch of five learner_steps and a validation of three matches, unless options of the Trainer say otherwise."""
    probe, module = Probe(stop), module or new_module()
    trainer = new_trainer(folder, *callbacks, probe, **options)
    trainer.fit(module, Played())
    return Fit(trainer, module, probe)
