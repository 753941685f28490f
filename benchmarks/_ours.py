"""This package's contender: `Trainer.fit` of the real module and DataModule, put together as the CLI does it."""

from __future__ import annotations

import logging
import tempfile
import time
import warnings
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import mk_lightning.cli.main  # noqa: F401 - first: it tells OpenMP how to wait, which torch reads when it loads

# isort: split
import pytorch_lightning
import torch
from _contenders import SkillWatch, Turns
from pytorch_lightning import LightningModule, Trainer
from pytorch_lightning.callbacks import Callback
from pytorch_lightning.loggers import TensorBoardLogger

from mk_lightning.callbacks.methods.curriculum import Curriculum, Phase
from mk_lightning.callbacks.methods.distillation import Cloning, Kickstarting
from mk_lightning.callbacks.methods.ewc import ElasticWeightConsolidation
from mk_lightning.callbacks.methods.freeze import FreezeLayers
from mk_lightning.callbacks.methods.weakness import WeaknessTargeting
from mk_lightning.callbacks.methods.weight_decay import WeightDecay
from mk_lightning.checkpointing.io import CheckpointFiles
from mk_lightning.data.datamodule import ExperienceDataModule
from mk_lightning.data.loaders import ExperienceLoader
from mk_lightning.data.settings import EvaluationSettings, RecordingSettings, ReplaySettings
from mk_lightning.envs.config import EnvConfig
from mk_lightning.learning.module import DuelingDoubleDQN
from mk_lightning.loggers.metrics_csv import MetricsCSV
from mk_lightning.schedules import Linear, Schedule
from mk_lightning.utils.run_files import REPLAY

__all__ = ["EPOCH", "fit", "loader_of", "save_full_replays", "take_turns", "train_until_skilled"]

EPOCH = 32_000
"""env_steps; an epoch does nothing here but end."""

METHODS: dict[str, Callable[[], list[Callback]]] = {
    "none": list,
    "decoupled_decay": lambda: [WeightDecay(1.6e-2)],
    "l2": lambda: [WeightDecay(1e-2, "l2")],
    "l2_sp": lambda: [WeightDecay(1e-2, "l2_sp")],
    "ewc": lambda: [ElasticWeightConsolidation(samples=64)],
    "rehearsal": list,
    "cloning": lambda: [Cloning()],
    "kickstarting": lambda: [Kickstarting()],
    "freeze": lambda: [FreezeLayers(["convolutions"])],
    "unfreeze": lambda: [FreezeLayers(unfreeze_at={"convolutions": EPOCH})],
    "curriculum": lambda: [Curriculum([Phase(["original"], env_steps=EPOCH), Phase(["original"])])],
    "weakness": lambda: [WeaknessTargeting(every=1_000)],
}
"""What `method_overhead.py` measures: what costs time is as in the overlays of configs/dojo/."""


def take_turns(
    connection: Connection, *, game: str, states: list[str], num_envs: int, warmup: int, per_learner_step: int,
    epsilon: float, capacity: int, torch_threads: int, method: str = "none", on_disk: bool = True,
    batch_size: int = 32, device: str = "cpu", actor_on_device: bool = False,
) -> None:  # fmt: skip
    """Train for as long as the parent gives turns, with a method of `METHODS`; the first message says what was used."""
    torch.set_num_threads(torch_threads)
    data = ExperienceDataModule(
        game=game,
        original_states=states,
        max_env_steps=EPOCH,
        warmup_env_steps=warmup,
        env_steps_per_learner_step=per_learner_step,
        epsilon=epsilon,
        actor_on_device=actor_on_device,
        env=EnvConfig(num_envs=num_envs),
        replay=ReplaySettings(capacity=capacity, on_disk=on_disk, batch_size=batch_size),
        rehearsal_ratio=0.25 if method == "rehearsal" else 0.0,
        recording=RecordingSettings(env_steps=2_000),
        evaluation=EvaluationSettings(every=EPOCH),
    )
    callbacks = [*METHODS[method](), _TakeTurns(connection)]
    fit(DuelingDoubleDQN(num_actions=len(data.game.actions)), data, callbacks, device)


def save_full_replays(connection: Connection, *, capacity: int, every: int, times: int, on_disk: bool) -> None:
    """Fill a replay, and save the run so many times, every so many env_steps; sends what each checkpoint cost."""
    torch.set_num_threads(1)
    data = ExperienceDataModule(
        original_states=["VeryEasy.*"],
        max_env_steps=EPOCH,
        warmup_env_steps=capacity,
        epsilon=1.0,
        replay=ReplaySettings(capacity=capacity, on_disk=on_disk),
        evaluation=EvaluationSettings(every=EPOCH),
    )
    fit(DuelingDoubleDQN(num_actions=len(data.game.actions)), data, [_Save(connection, every, times)])


def train_until_skilled(
    connection: Connection, *, game: str, state: str, seed: int, watch: dict[str, Any], num_envs: int, warmup: int,
    per_learner_step: int, learning_rate: float, target_every: int, gamma: float, n_step: int, capacity: int,
    reward_scale: float, epsilon: list[float], torch_threads: int,
) -> None:  # fmt: skip
    """Train from scratch until skilled, as `SkillWatch` has it."""
    torch.set_num_threads(torch_threads)
    pytorch_lightning.seed_everything(seed, verbose=False)
    start, end, env_steps = epsilon
    exploration: Schedule = Linear(start, end, int(env_steps))
    data = ExperienceDataModule(
        game=game,
        original_states=[state],
        max_env_steps=EPOCH,
        warmup_env_steps=warmup,
        env_steps_per_learner_step=per_learner_step,
        epsilon=exploration,
        reward_scale=reward_scale,
        seed=seed,
        env=EnvConfig(num_envs=num_envs),
        replay=ReplaySettings(capacity=capacity, n_step=n_step, gamma=gamma),
        evaluation=EvaluationSettings(every=EPOCH),
    )
    module = DuelingDoubleDQN(
        num_actions=len(data.game.actions), learning_rate=learning_rate, target_every=target_every
    )
    fit(module, data, [_UntilSkilled(SkillWatch(connection, f"mk_lightning, seed {seed}", **watch))])


def fit(module: DuelingDoubleDQN, data: ExperienceDataModule, callbacks: list[Callback], device: str = "cpu") -> None:
    """Fit without validation, with a run's usual loggers, until a callback stops it."""
    logging.getLogger("pytorch_lightning").setLevel(logging.ERROR)
    warnings.filterwarnings("ignore", module="pytorch_lightning")
    with tempfile.TemporaryDirectory() as folder:
        trainer = Trainer(
            accelerator=device,
            devices=1,
            max_epochs=-1,
            limit_val_batches=0,
            gradient_clip_val=10.0,
            log_every_n_steps=100,
            logger=[MetricsCSV(Path(folder)), TensorBoardLogger(folder, name="tensorboard", version="")],
            callbacks=callbacks,
            default_root_dir=folder,
            plugins=[_Growing(Path(folder))],
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
        )
        trainer.fit(module, datamodule=data)


def loader_of(trainer: Trainer) -> ExperienceLoader:
    loader = trainer.train_dataloader
    assert isinstance(loader, ExperienceLoader)
    return loader


class _Growing(CheckpointFiles):
    """Removes no segments, so that what has been written can be counted."""

    def _prune(self) -> None:
        pass


class _TakeTurns(Callback):
    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._turns = Turns(connection)

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        if trainer.global_step == 1:  # past the warm-up
            replay = loader_of(trainer).replay
            size = replay.nbytes / (replay.rows * replay.num_envs)
            self._connection.send({"bytes_per_transition": size, "torch_threads": torch.get_num_threads()})
        trainer.should_stop = not self._turns.go_on(batch.env_steps)


class _Save(Callback):
    def __init__(self, connection: Connection, every: int, times: int) -> None:
        self._connection = connection
        self._every = every
        self._left = times
        self._written = 0
        self._saved = 0

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        first = not self._saved  # costs whatever the warm-up left
        if not first and batch.env_steps - self._saved < self._every:
            return
        folder, loader = Path(trainer.default_root_dir), loader_of(trainer)
        loader.synchronize()  # the collection under way is no pause: it is needed anyway
        began = time.perf_counter()
        trainer.save_checkpoint(folder / "checkpoints" / "last.ckpt")
        seconds = time.perf_counter() - began
        written = sum(path.stat().st_size for path in (folder / REPLAY).glob("*"))
        if not first:
            rows = batch.env_steps - self._saved
            raw = rows * loader.replay.nbytes / len(loader.replay)
            self._connection.send({"seconds": seconds, "new_bytes": raw, "written_bytes": written - self._written})
            self._left -= 1
        self._written, self._saved = written, batch.env_steps
        trainer.should_stop = not self._left


class _UntilSkilled(Callback):
    def __init__(self, watch: SkillWatch) -> None:
        self._watch = watch

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._watch.start()

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        # The collector goes on in its thread meanwhile; list() copies the deque in one go.
        recent = list(loader_of(trainer).collector.recent)
        trainer.should_stop = not self._watch.go_on(batch.env_steps, [won for won, _ in recent])
