"""Trainer and callbacks of a run with a config: what would be another run than that says is refused.

What no Trainer can use here is in `utils/trainer_checks.py`.
"""

from __future__ import annotations

import contextlib
import math
import os
import re
from collections.abc import Iterator, Sequence
from typing import Any

import torch
from lightning_fabric.plugins.environments.cluster_environment import ClusterEnvironment
from lightning_fabric.utilities.exceptions import MisconfigurationException
from pytorch_lightning import Callback, Trainer
from pytorch_lightning.callbacks import ModelCheckpoint, OnExceptionCheckpoint, ProgressBar
from pytorch_lightning.plugins import CheckpointIO

from mk_lightning.checkpointing.run_directory import DirectoryLease
from mk_lightning.utils.errors import UserError, check_at_least, check_between, one_line, shortened
from mk_lightning.utils.lightning_private import ends_within_epochs
from mk_lightning.utils.ranks import Ranks
from mk_lightning.utils.trainer_checks import check_callbacks

MAX_THREADS = 256
"""Of torch; each is a thread of the system."""
LENGTH = "data.max_env_steps says how long to train"
MATCHES = "data.evaluation.test_matches says how many matches of a state are played"
STOPPING = "`timeout -s INT 3h mk-lightning fit ...` stops a run after 3 hours so that --ckpt_path last continues it"

INSTEAD: dict[str, tuple[tuple[Any, ...], str]] = {
    "fast_dev_run": ((None, False, 0), "for a trial, lower data.max_env_steps and data.evaluation"),
    "max_steps": ((None, -1), LENGTH),
    "max_time": ((None,), f"the epoch would end before its time, and the run could not be resumed; {STOPPING}"),
    "limit_train_batches": ((None, 1.0), LENGTH),
    "overfit_batches": ((None, 0, 0.0), f"a batch that is drawn from the replay does not come again; {LENGTH}"),
    "limit_val_batches": ((None, 1.0), "data.evaluation.matches says how many matches of a state a validation plays"),
    "limit_test_batches": ((None, 1.0), MATCHES),
    "limit_predict_batches": ((None, 1.0), MATCHES),
    "val_check_interval": ((None, 1.0), "data.evaluation.every says how often to validate"),
    "check_val_every_n_epoch": ((None, 1), "data.evaluation.every says how often to validate"),
    "reload_dataloaders_every_n_epochs": ((0,), "training would begin again with an empty replay"),
    "enable_checkpointing": ((None, True), "a run is measured by its best checkpoint and resumed from its last"),
    "barebones": ((False,), "a run logs and has checkpoints"),
    "default_root_dir": ((None,), "run_dir names the directory of a run"),
    "model_registry": ((None,), "the checkpoints of a run are in its directory; WandbRun uploads them"),
}
"""Options of the Trainer that a config has a better word for: the values that change nothing, and that word."""


class RunTrainer(Trainer):
    """Lightning's, with types by which the parser tells 1 batch from 1.0, all of them.

    It takes `Optional[Union[int, float]]` for whichever order of the two was first written in this process.
    """

    def __init__(
        self,
        *,
        limit_train_batches: int | float | None = None,
        limit_val_batches: int | float | None = None,
        limit_test_batches: int | float | None = None,
        limit_predict_batches: int | float | None = None,
        overfit_batches: int | float = 0.0,
        **options: Any,
    ) -> None:
        super().__init__(
            limit_train_batches=limit_train_batches,
            limit_val_batches=limit_val_batches,
            limit_test_batches=limit_test_batches,
            limit_predict_batches=limit_predict_batches,
            overfit_batches=overfit_batches,
            **options,
        )


RUN_CHECKPOINTS = ("best", "last", "previous")
"""Names of the checkpoints that a run keeps itself."""


def check_trainer(options: Any) -> None:
    """Check that the Trainer's options are in their ranges, and none says what another option of a config is there for.

    Args:
        options: of the Trainer, by name, as the parser returns them.

    Raises:
        UserError: it is otherwise.
    """
    clip = options.gradient_clip_val
    if clip is not None and not 0 <= clip < math.inf:
        raise UserError(f"trainer.gradient_clip_val must be 0 or more and finite, or null, got {clip}")
    if options.log_every_n_steps is not None:
        check_at_least("trainer.log_every_n_steps", options.log_every_n_steps, 0, "learner_steps")
    check_at_least("trainer.accumulate_grad_batches", options.accumulate_grad_batches, 1, "batch")
    check_at_least("trainer.num_nodes", options.num_nodes, 1)
    several = (count := devices_of(options) * options.num_nodes) > 1
    if options.strategy != (strategy := "ddp" if several else "auto"):
        raise UserError(
            f"trainer.strategy must be {strategy} for {count} rank{'s' * several} (trainer.devices times "
            f"trainer.num_nodes), got {shortened(options.strategy)}"
        )
    cuda, mps = torch.cuda.is_available(), torch.backends.mps.is_available()
    there = {"gpu": cuda or mps, "cuda": cuda, "mps": mps, "tpu": False}
    if not there.get(str(options.accelerator), True):
        raise UserError(
            f"trainer.accelerator cannot be used, got {options.accelerator}: there is none here; cpu works, and auto "
            "takes a GPU where there is one"
        )
    if options.profiler == "xla":
        raise UserError("trainer.profiler cannot be used, got xla: a run has no TPU; simple, advanced and pytorch work")
    for name, (unchanged, instead) in INSTEAD.items():
        value = options[name]
        if not any(value == other and type(value) is type(other) for other in unchanged):  # 1 == 1.0 == True
            raise UserError(f"trainer.{name} cannot be used, got {value}: {instead}")


def devices_of(options: Any) -> int:
    """How many devices of a machine the Trainer's options ask for.

    Raises:
        UserError: they do not say.
    """
    devices = options.devices
    if isinstance(devices, list):
        return len(devices)
    if str(devices) in {"0", "-1", "auto"}:
        raise UserError(f"trainer.devices must be a number from 1 on, got {devices}")
    if re.fullmatch(r"\d+", str(devices)):
        return int(devices)
    return str(devices).count(",") + 1


def check_ranks(trainer: Trainer, ranks: Ranks) -> None:
    """Check that a Trainer is the rank that this process was taken for.

    Raises:
        UserError: it is another, or one of another number.
    """
    if Ranks.of(trainer) != ranks:
        raise UserError(
            f"trainer.devices and trainer.num_nodes come to rank {trainer.global_rank} of {trainer.world_size}, "
            f"and this process is rank {ranks.rank} of {ranks.count}; say how many devices there are to be"
        )


def plugins_of(options: Any) -> list[Any]:
    """The plugins among the Trainer's options, which may also name one or none."""
    return [*filter(None, options.plugins if isinstance(options.plugins, list) else [options.plugins])]


def check_run_parts(callbacks: Sequence[Callback], options: Any) -> None:
    """Check that every callback and plugin of a config can do its work in a run.

    Args:
        callbacks: of the config.
        options: of the Trainer.

    Raises:
        UserError: one cannot.
    """
    check_callbacks(callbacks, options.accumulate_grad_batches)
    for plugin in plugins_of(options):
        if isinstance(plugin, ClusterEnvironment):
            raise UserError(
                f"trainer.plugins: {type(plugin).__name__} is for several ranks of one run; leave it out: "
                "trainer.devices and trainer.num_nodes say how many there are, and SIGUSR1 or SIGTERM saves a run"
            )
        if isinstance(plugin, CheckpointIO):
            raise UserError(
                f"trainer.plugins: {type(plugin).__name__} cannot be used: a run writes and reads its checkpoints by "
                "itself, with the replay beside them"
            )
    keys = [callback.state_key for callback in callbacks if _has_state(callback)]
    if twice := [key for key in keys if keys.count(key) > 1]:
        raise UserError(
            f"trainer.callbacks: two are alike ({shortened(twice[0])}), and a checkpoint could not tell their states "
            "apart; leave one out, or let them save at other times or by other figures"
        )
    for callback in callbacks:
        name = type(callback).__name__
        if isinstance(callback, ModelCheckpoint) and callback.filename in RUN_CHECKPOINTS and not callback.dirpath:
            raise UserError(
                f"trainer.callbacks: {name} must have another filename, got {callback.filename}: the run keeps its own "
                f"{callback.filename}.ckpt there; {{step}}, say"
            )
        if isinstance(callback, OnExceptionCheckpoint):
            raise UserError(
                f"trainer.callbacks: {name} cannot be used: a run that an exception ends is resumed from last.ckpt; "
                "checkpoint.every_minutes says how often that is written"
            )
        if ends_within_epochs(callback):
            raise UserError(
                f"trainer.callbacks: {name} must have interval epoch, got step: the epoch would end before its time, "
                f"and the run could not be resumed; or {STOPPING}"
            )
        if isinstance(callback, ProgressBar) and not options.enable_progress_bar:
            raise UserError(f"trainer.callbacks: {name} needs trainer.enable_progress_bar: true")


def set_threads(threads: int, ranks: int = 1) -> None:
    """Set the threads of torch, which are part of what makes two runs equal; of several ranks also for Lightning.

    Raises:
        UserError: there cannot be so many.
    """
    check_between("torch_threads", threads, 1, MAX_THREADS)
    torch.set_num_threads(threads)
    if ranks > 1:
        os.environ["OMP_NUM_THREADS"] = str(threads)  # or it shares the machine's cores among them


@contextlib.contextmanager
def undone_by_mistakes(lease: DirectoryLease) -> Iterator[None]:
    """While a Trainer is made of a config's options: a mistake in them is one line and leaves no directory.

    Raises:
        UserError: there is one.
    """
    try:
        yield
    except (MisconfigurationException, TypeError, ValueError, RuntimeError, ImportError) as error:
        lease.rollback()
        raise error if isinstance(error, UserError) else UserError(f"trainer: {one_line(error)}") from None
    except BaseException:
        lease.rollback()
        raise


def _has_state(callback: Callback) -> bool:
    return bool(callback.state_dict()) or isinstance(callback, ModelCheckpoint)
