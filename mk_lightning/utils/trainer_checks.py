"""What of Lightning would make something else of a run than it says, and is refused in one line.

`docs/lightning.md` has the table of all options of a Trainer and all callbacks. What holds for every Trainer is here:
the module and the DataModule ask for it when a stage is set up, the command line before it plays a match.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Iterable

from lightning_utilities.core.imports import module_available
from pytorch_lightning import Callback, Trainer
from pytorch_lightning.callbacks import (
    BaseFinetuning,
    BatchSizeFinder,
    GradientAccumulationScheduler,
    LearningRateFinder,
    ModelPruning,
    SpikeDetection,
    StochasticWeightAveraging,
    WeightAveraging,
)
from pytorch_lightning.profilers import PyTorchProfiler
from pytorch_lightning.strategies import DDPStrategy

from mk_lightning.utils.errors import UserError
from mk_lightning.utils.lightning_private import model_registry, starts_programs

log = logging.getLogger(__name__)

REFUSED: dict[type[Callback], str] = {
    BaseFinetuning: "it would freeze again what it had unfrozen when a run is resumed; FreezeLayers with unfreeze_at "
    "freezes and unfreezes",
    BatchSizeFinder: "ReplaySettings.batch_size says how many transitions a batch has",
    LearningRateFinder: "DuelingDoubleDQN.learning_rate is a schedule over env_steps, which is set before every "
    "learner_step",
    ModelPruning: "it changes which parameters the Q-network has, and the target network and the actor copy them",
    SpikeDetection: "it notes batches to skip when a run is resumed, and a batch drawn from the replay does not come "
    "again; DuelingDoubleDQN.q_limit stops a run that diverges",
    StochasticWeightAveraging: "it sets a learning rate, which DuelingDoubleDQN.learning_rate overwrites; "
    "WeightAveraging and EMAWeightAveraging average at any rate",
}
"""Callbacks that cannot do here what they are for, and what to use instead. Their subclasses cannot, either."""


def check_callbacks(callbacks: Iterable[Callback], accumulate_grad_batches: int = 1) -> None:
    """Check that every callback can do what Lightning documents.

    Args:
        callbacks: of a Trainer.
        accumulate_grad_batches: of the Trainer.

    Raises:
        UserError: one cannot, or two cancel each other.
    """
    callbacks = list(callbacks)
    for callback in callbacks:
        for kind, reason in REFUSED.items():
            if isinstance(callback, kind):
                raise UserError(f"trainer.callbacks: {type(callback).__name__} cannot be used: {reason}")
    averaging = [type(callback).__name__ for callback in callbacks if isinstance(callback, WeightAveraging)]
    if len(averaging) > 1:
        raise UserError(
            f"trainer.callbacks: {' and '.join(averaging)} would each put an average in the place of the other's; "
            "leave one out"
        )
    if accumulation_schedules(callbacks) and accumulate_grad_batches != 1:
        raise UserError(
            f"trainer.accumulate_grad_batches must be 1 beside GradientAccumulationScheduler, got "
            f"{accumulate_grad_batches}: the callback says how many batches make a learner_step"
        )


def check_experience_trainer(trainer: Trainer) -> None:
    """Check that a Trainer leaves experience and matches what they are.

    Args:
        trainer: of an `ExperienceDataModule`.

    Raises:
        UserError: it would collect anew in every epoch, share the experience among processes, or pass over an option;
            or a callback cannot do what Lightning documents.
    """
    check_callbacks(trainer.callbacks, trainer.accumulate_grad_batches)  # type: ignore[attr-defined]
    strategy = trainer.strategy
    own_processes = starts_programs(strategy)
    if trainer.world_size > 1 and not (type(strategy) is DDPStrategy and own_processes):
        raise UserError(
            f"trainer.strategy must be ddp for {trainer.world_size} ranks, got {type(strategy).__name__}"
            f"{'' if own_processes else ' in processes that are spawned or forked'}: each rank holds the whole network "
            "and is a program of its own"
        )
    every: int = trainer.reload_dataloaders_every_n_epochs  # type: ignore[attr-defined]
    if every:
        raise UserError(
            f"trainer.reload_dataloaders_every_n_epochs must be 0, got {every}: training would begin again with an "
            "empty replay"
        )
    if (registry := model_registry(trainer)) and not module_available("litmodels"):
        raise UserError(
            f"trainer.model_registry cannot be used, got {registry}: Lightning would pass over it, for "
            "litmodels is not installed"
        )


def tell_length(trainer: Trainer, batches: int, env_steps: int, max_env_steps: int) -> None:
    """Say so where a fit will train for another length than schedules and methods go by.

    Args:
        trainer: whose fit begins.
        batches: in an epoch of the loader.
        env_steps: collected for a batch.
        max_env_steps: length of a run.
    """
    if (planned := env_steps * planned_batches(trainer, batches)) != max_env_steps:
        log.warning(
            f"this Trainer trains {planned:,.0f} env_steps, but ExperienceDataModule.max_env_steps, by which "
            f"schedules and methods go, is {max_env_steps:,}; "
            f"Trainer(max_epochs={max_env_steps // (batches * env_steps)}) without limits trains as many"
        )


def planned_batches(trainer: Trainer, batches: int) -> float:
    """How many batches a fit will train by a Trainer's numbers; not what its time or a callback will stop early.

    Args:
        trainer: whose fit begins.
        batches: in an epoch of the loader.
    """
    limit = trainer.limit_train_batches
    batches = min(batches, limit) if isinstance(limit, int) else int(batches * limit)
    epochs = math.inf if trainer.max_epochs in (None, -1) else trainer.max_epochs
    if trainer.max_steps == -1:
        return epochs * batches
    accumulated = trainer.accumulate_grad_batches
    steps = math.ceil(batches / accumulated)  # Lightning makes one of what is left at the end of an epoch, too
    whole, rest = divmod(trainer.max_steps, steps) if steps else (0, 0)
    return min(epochs * batches, whole * batches + rest * accumulated)


def log_is_due(trainer: Trainer) -> bool:
    """Whether Lightning writes a row of the coming learner_step's figures; once a fit is to stop, it writes all."""
    every: int = trainer.log_every_n_steps  # type: ignore[attr-defined]
    return every > 0 and ((trainer.global_step + 1) % every == 0 or trainer.should_stop)


def leave_trainer(trainer: Trainer) -> None:
    """Leave a Trainer, when a stage is torn down, as the next one must find it; Lightning (2.6) does not.

    In a stage of fewer than five batches it takes the schedule of PyTorch's profiler away: the next stage would record
    nothing; and where nothing was recorded, as when a run that is done is resumed, its report fails. And it refuses a
    `GradientAccumulationScheduler` whose last number is still set.
    """
    profiler = trainer.profiler  # type: ignore[attr-defined]
    if isinstance(profiler, PyTorchProfiler):
        profiler._schedule = profiler._profiler_kwargs.get("schedule")
        if getattr(profiler.profiler, "profiler", None) is None:
            profiler.profiler = None
    if accumulation_schedules(trainer.callbacks):  # type: ignore[attr-defined]
        trainer.accumulate_grad_batches = 1


def accumulation_schedules(callbacks: Iterable[Callback]) -> list[GradientAccumulationScheduler]:
    """The callbacks that say how many batches make a learner_step."""
    return [callback for callback in callbacks if isinstance(callback, GradientAccumulationScheduler)]
