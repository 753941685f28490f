"""Fits of a few learner_steps on the shipped game, for the callbacks that choose the states to train on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from pytorch_lightning import Callback, Trainer
from pytorch_lightning.callbacks import ModelCheckpoint

from mk_lightning.data.datamodule import ExperienceDataModule
from mk_lightning.data.settings import EvaluationSettings, ReplaySettings
from mk_lightning.envs.config import EnvConfig
from mk_lightning.envs.episode import EpisodeResult
from mk_lightning.learning.module import DuelingDoubleDQN
from tests.networks.narrow import narrow

A, B, C = "VeryEasy.Bramble-01", "Hard.Kestrel-05", "Hard.Heron-06"
MATCH = 9
"""Length of the matches, env_steps; they are cut off, so none is won."""
PER_BATCH, NUM_ENVS = 8, 2


def new_data(**options: Any) -> ExperienceDataModule:
    """One original state, two challenging ones; a batch every 8 env_steps."""
    small: dict[str, Any] = {
        "game": "dojo",
        "original_states": [A],
        "challenging_states": [B, C],
        "max_env_steps": 240,
        "warmup_env_steps": 40,
        "env_steps_per_learner_step": PER_BATCH,
        "env": EnvConfig(num_envs=NUM_ENVS, frame_skip=2, max_noops=4, max_env_steps=MATCH),
        "replay": ReplaySettings(capacity=300, batch_size=4),
        "evaluation": EvaluationSettings(every=120, matches=1, test_matches=1),
    }
    return ExperienceDataModule(**small | options)


def result(state: str, won: bool = False, total: float = 0.0, env_steps: int = MATCH) -> EpisodeResult:
    """A match."""
    rounds = (2, 0) if won else (0, 2)
    return EpisodeResult(0, state, won, False, total, env_steps, *rounds)


class Tape(Callback):
    """For every batch: env_steps, the states of the matches that ended, and what a callback's state is after it."""

    def __init__(self, watched: Callback) -> None:
        self.watched = watched
        self.batches: list[tuple[int, list[str], dict[str, Any]]] = []

    def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx):
        self.batches.append((batch.env_steps, [r.state for r in batch.finished], self.watched.state_dict()))


def fit(folder: Path, callback: Callback, ckpt_path: Path | None = None, **options: Any) -> tuple[Any, ...]:
    """Train for 30 learner_steps in two epochs, without validations, with a checkpoint after every sixth.

    Returns:
        What the tape saw, the weights, and the figures that were logged last.
    """
    torch.manual_seed(0)
    module, tape = DuelingDoubleDQN(num_actions=26, network=narrow(8), learning_rate=1e-3), Tape(callback)
    saver = ModelCheckpoint(folder, "{step}", every_n_train_steps=6, save_top_k=-1, enable_version_counter=False)
    trainer = Trainer(
        accelerator="cpu", max_epochs=2, default_root_dir=folder, callbacks=[callback, tape, saver], logger=False,
        enable_progress_bar=False, enable_model_summary=False, limit_val_batches=0, log_every_n_steps=5,
    )  # fmt: skip
    trainer.fit(module, new_data(**options), ckpt_path=ckpt_path, weights_only=True)
    figures = {name: float(value) for name, value in trainer.logged_metrics.items()}
    return tape.batches, [p.detach().clone() for p in module.parameters()], figures


def assert_resumed_equals_uninterrupted(folder: Path, new_callback: Any, step: int, **options: Any) -> list[Any]:
    """As if the first run had been killed after that learner_step's checkpoint; returns the first run's tape."""
    batches, weights, figures = fit(folder, new_callback(), **options)
    resumed, resumed_weights, resumed_figures = fit(folder, new_callback(), folder / f"step={step}.ckpt", **options)
    assert resumed == batches[step:]
    assert resumed_figures == figures
    assert all(torch.equal(one, other) for one, other in zip(weights, resumed_weights, strict=True))
    return batches
