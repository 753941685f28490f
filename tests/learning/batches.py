"""Batches of random transitions, for a learner without environments."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from pytorch_lightning import Trainer

from mk_lightning.experience.episodes import EpisodeBatch
from mk_lightning.experience.transition import Batch, Progress, Transition

torch.set_num_threads(1)

ACTIONS = 5


class Told:
    """A source that keeps what it is told."""

    indices: NDArray[np.int64]
    td_errors: NDArray[np.float32]

    def update_priorities(self, indices: NDArray[np.int64], td_errors: NDArray[np.float32]) -> None:
        self.indices, self.td_errors = indices, td_errors


def random_batch(seed: int, size: int = 4, env_steps: int = 0, warmup: int = 0, run: int = 1000) -> Batch:
    rng = torch.Generator().manual_seed(seed)
    frames = [torch.randint(0, 256, (size, 4, 84, 84), generator=rng, dtype=torch.uint8) for _ in range(2)]
    transition = Transition(
        frames[0],
        torch.randint(0, ACTIONS, (size,), generator=rng),
        3 * torch.randn(size, generator=rng),
        torch.tensor([0.0, 0.9, 0.81, 0.729])[torch.randint(0, 4, (size,), generator=rng)],
        frames[1],
    )
    weights = torch.rand(size, generator=rng)
    source, progress = Told(), Progress(env_steps, warmup, run)
    return Batch(transition, weights, np.arange(size), source, progress, {"epsilon": 0.5}, ())


class Batches:
    """A loader of given batches; Lightning takes a list for several loaders."""

    def __init__(self, batches: Sequence[Batch | EpisodeBatch]) -> None:
        self.batches = batches

    def __len__(self) -> int:
        return len(self.batches)

    def __iter__(self) -> Iterator[Batch | EpisodeBatch]:
        return iter(self.batches)


def random_batches(count: int, env_steps: int = 32, warmup: int = 0, run: int = 1000) -> Batches:
    """`count` batches, `env_steps` apart, of a run of `run` env_steps after a warm-up."""
    steps = [warmup + (k + 1) * env_steps for k in range(count)]
    return Batches([random_batch(k, env_steps=step, warmup=warmup, run=run) for k, step in enumerate(steps)])


def new_trainer(folder, *callbacks, epochs: int = 1, **options) -> Trainer:
    return Trainer(
        accelerator="cpu",
        max_epochs=epochs,
        default_root_dir=folder,
        callbacks=list(callbacks),
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        **options,
    )
