"""Options of a run that Lightning does not check itself."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Any

from lightning_fabric.plugins.environments.cluster_environment import ClusterEnvironment
from pytorch_lightning import Callback

from mk_lightning.callbacks import ForgettingGuard
from mk_lightning.callbacks.guard import KEPT
from mk_lightning.errors import UserError, check_at_least
from mk_lightning.experience import ExperienceDataModule
from mk_lightning.games.names import suggestion


def check_trainer(options: Any) -> None:
    """See that the Trainer's numbers are in their ranges.

    Args:
        options: of the Trainer, by name, as the parser returns them.

    Raises:
        UserError: one is not.
    """
    clip = options.gradient_clip_val
    if clip is not None and not 0 <= clip < math.inf:
        raise UserError(f"trainer.gradient_clip_val must be 0 or more and finite, or null, got {clip}")
    if options.log_every_n_steps is not None:
        check_at_least("trainer.log_every_n_steps", options.log_every_n_steps, 0, "learner_steps")
    if options.check_val_every_n_epoch not in (None, 1):
        raise UserError(
            f"trainer.check_val_every_n_epoch must be 1, got {options.check_val_every_n_epoch}: "
            "data.evaluation.every says how often to validate"
        )
    for name, off, instead in (
        ("max_steps", (None, -1), "data.max_env_steps says how long to train"),
        ("fast_dev_run", (None, False), "for a trial, lower data.max_env_steps and data.evaluation"),
    ):
        if (value := getattr(options, name)) not in off:
            raise UserError(f"trainer.{name} cannot be used, got {value}: {instead}")
    if options.limit_val_batches == 0:
        raise UserError("trainer.limit_val_batches must be above 0: a validation chooses the best checkpoint")
    devices = str(options.devices)
    if options.num_nodes != 1 or (re.fullmatch(r"[0-9]+", devices) and int(devices) != 1) or devices == "-1":
        raise UserError(
            f"trainer.devices and trainer.num_nodes must be 1, got {devices} and {options.num_nodes}: a run is one "
            "process with one device, for its experience, files and checkpoints are one process's; more runs go side "
            "by side, each in a directory of its own"
        )
    check_at_least("trainer.accumulate_grad_batches", options.accumulate_grad_batches, 1, "batch")


def check_plugins(plugins: Sequence[Any]) -> None:
    """See that no plugin takes the run for one of several ranks.

    Args:
        plugins: of the Trainer, made.

    Raises:
        UserError: one does.
    """
    for plugin in plugins:
        if isinstance(plugin, ClusterEnvironment):
            raise UserError(
                f"trainer.plugins: {type(plugin).__name__} is for several ranks of one run; leave it out: a run is one "
                "process with one device, whatever has launched it, and SIGUSR1 or SIGTERM saves it"
            )


def check_monitor(monitor: str, data: ExperienceDataModule, callbacks: Sequence[Callback]) -> None:
    """See that a fit measures the figure by which the best checkpoint is chosen.

    Raises:
        UserError: it does not.
    """
    names = [
        f"val/{figure}/{name}"
        for figure in ("win_rate", "win_rate_low", "return")
        for name in ("all", *data.state_groups, *data.evaluation_states)
    ]
    if any(isinstance(callback, ForgettingGuard) for callback in callbacks):
        names.append(KEPT)
    if monitor not in names:
        raise UserError(f"monitor {monitor!r} is not a figure of this run{suggestion(monitor, names)}")
