"""Whether a run can be what it was asked to be, found out before anything is played or written."""

from __future__ import annotations

from collections.abc import Sequence

from pytorch_lightning import Callback

from mk_lightning.callbacks.checkpoints.checkpoint_checks import check_checkpoint, find_base
from mk_lightning.callbacks.checkpoints.monitor import check_monitor
from mk_lightning.callbacks.evaluation.before_after import BeforeAfter
from mk_lightning.callbacks.methods.base import check_methods
from mk_lightning.checkpointing.disk_space import check_disk
from mk_lightning.checkpointing.run_directory import RunDirectory
from mk_lightning.data.base_play import check_recording
from mk_lightning.data.datamodule import ExperienceDataModule
from mk_lightning.data.settings_checks import check_shares
from mk_lightning.learning.module import DuelingDoubleDQN
from mk_lightning.networks.checkpoint import read_checkpoint


def check_fit(
    model: DuelingDoubleDQN,
    data: ExperienceDataModule,
    callbacks: Sequence[Callback],
    run: RunDirectory,
    monitor: str,
    init_from: str | None,
) -> None:
    """Check all that a fit will check when it begins, and what a resumed one needs of the run's files.

    Args:
        model: to fit.
        data: of the fit.
        callbacks: of the fit, without those that every run has.
        run: its directory, chosen and not taken yet.
        monitor: metric by which the best checkpoint is chosen.
        init_from: checkpoint that the run begins, or began, with.

    Raises:
        UserError: the fit could not be what it was asked to be.
    """
    check_shares(data)
    check_monitor(monitor, data, callbacks)
    check_methods(callbacks, model, data)
    if run.checkpoint is None:
        check_recording(data, model.online)
    else:
        resumed = run.resume_step is not None
        check_checkpoint(run.checkpoint, model, data, callbacks, resumed=resumed)
        if resumed:
            content = read_checkpoint(run.checkpoint)
            find_base(run.checkpoint, model, data, content[type(data).__qualname__], init_from)
            BeforeAfter().check_resumed(run.path, content, data)
    check_disk(run.path, model, data)


def check_evaluation(
    model: DuelingDoubleDQN, data: ExperienceDataModule, callbacks: Sequence[Callback], run: RunDirectory
) -> None:
    """Check that a checkpoint can be validated, tested or watched.

    Raises:
        UserError: it cannot.
    """
    check_methods(callbacks, model, data)
    if run.checkpoint is not None:
        check_checkpoint(run.checkpoint, model, data, callbacks, resumed=False)
