"""Whether the checkpoint of `--ckpt_path` fits the run, asked before anything is started or written."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pytorch_lightning import Callback

from mk_lightning.callbacks.method import Method
from mk_lightning.errors import UserError
from mk_lightning.experience.resume import check_resumable
from mk_lightning.learning.averaging import check_resumed_averaging
from mk_lightning.learning.checkpoint import compare_weights, read_checkpoint
from mk_lightning.learning.optimizer import check_resumed_optimizer, only_optimizer

if TYPE_CHECKING:
    from mk_lightning.experience import ExperienceDataModule
    from mk_lightning.learning.module import DuelingDoubleDQN


def check_checkpoint(
    path: Path, model: DuelingDoubleDQN, data: ExperienceDataModule, callbacks: Sequence[Callback], *, resumed: bool
) -> None:
    """See that a checkpoint fits the network and, if a fit is to be resumed, the data and the methods.

    Args:
        path: of the checkpoint.
        model: of this run.
        data: of this run.
        callbacks: of this run.
        resumed: a fit goes on from it; otherwise only its weights are used.

    Raises:
        UserError: it does not; the message says where.
    """
    checkpoint = read_checkpoint(path)
    if resumed:
        check_resumable(data, checkpoint.get(type(data).__qualname__))
        check_resumed_optimizer(only_optimizer(model.configure_optimizers(), type(model).__name__), checkpoint)
        check_resumed_averaging(callbacks, checkpoint)
        for callback in callbacks:
            if isinstance(callback, Method):
                callback.check_resumed(checkpoint)
    model.on_load_checkpoint(checkpoint)
    report = compare_weights(model.state_dict(), checkpoint["state_dict"])
    if not report.complete:
        raise UserError(f"{path} does not fit the network ({report})")
