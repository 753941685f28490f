"""When a run is saved, so that it can go on exactly as if it had never stopped."""

from __future__ import annotations

import errno
import logging
import os
import signal
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from pytorch_lightning import LightningModule, Trainer
from pytorch_lightning.callbacks import Checkpoint, ModelCheckpoint
from pytorch_lightning.loggers import TensorBoardLogger
from pytorch_lightning.trainer.states import TrainerFn

from mk_lightning.callbacks.checkpoints.signals import Interruption
from mk_lightning.checkpointing.disk_space import check_disk
from mk_lightning.checkpointing.io import METRICS_ROWS, CheckpointFiles
from mk_lightning.data.datamodule import ExperienceDataModule
from mk_lightning.data.fit_folder import ANOTHER_FOLDER, run_folder
from mk_lightning.experience.transition import Batch, Progress
from mk_lightning.loggers.metrics_csv import MetricsCSV
from mk_lightning.loggers.tensor_board import TensorBoard
from mk_lightning.utils.errors import Interrupted, UserError, check_positive, on_every_rank
from mk_lightning.utils.files import PART
from mk_lightning.utils.lengths import Length, check_length
from mk_lightning.utils.ranks import highest
from mk_lightning.utils.run_files import CHECKPOINTS, LAST, PREVIOUS

log = logging.getLogger(__name__)

GO_ON, SAVE, STOP = range(3)
"""What a rank wants after a learner_step; all do what the one that wants most does."""

NO_LINKS = (errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EACCES)
"""What disks without hard links say; and a folder closed to writing, of which the checkpoint itself tells next."""


class ResumableCheckpoint(Checkpoint):
    """Keeps `last.ckpt`, from which a run is resumed exactly, and the one before it as `previous.ckpt`.

    It saves when training begins, on the last learner_step but one before a validation, after each validation, as often
    as it is told to between them, and when a signal asks to stop: then the learner_step is finished and the fit ends
    with `Interrupted`. A signal during the warm-up or matches abandons them; the run is resumed from before.

    If it can wait a learner_step, no checkpoint is taken on one whose row of metrics is still to be written, so that no
    crash can part the two; and none is while gradients are being accumulated. Checkpoints are written whole or not at
    all, whoever saves them, and parts of the replay that none names any more are removed (`CheckpointFiles`).
    `MetricsCSV` is resumed with the checkpoint.

    Example:
        >>> from pytorch_lightning import Trainer
        >>> trainer = Trainer(callbacks=[ResumableCheckpoint(every_minutes=5)])

    Args:
        every_minutes: minutes of training between two checkpoints; null does without.
        every_env_steps: length between two checkpoints, env_steps or a fraction of the run; null does without.
        folder: of the checkpoints; None takes `checkpoints` in the run's directory.
        interruption: listens to signals; None listens while the training lasts.

    Raises:
        UserError: an interval is out of range.
    """

    def __init__(
        self,
        every_minutes: float | None = 10.0,
        every_env_steps: Length | None = None,
        folder: str | Path | None = None,
        interruption: Interruption | None = None,
    ) -> None:
        if every_minutes is not None:
            check_positive("ResumableCheckpoint.every_minutes", every_minutes)
        if every_env_steps is not None:
            check_length("ResumableCheckpoint.every_env_steps", every_env_steps)
        self.every_minutes = every_minutes
        self.every_env_steps = every_env_steps
        self.folder = Path(folder or "")
        self._default_folder = folder is None
        self._best: ModelCheckpoint | None = None
        self.interruption = interruption or Interruption()
        self._listens = interruption is None
        self._own = ExitStack()
        """Of an interruption of its own: within Lightning's handlers, which are there from before to after it."""
        self._saved = (0.0, 0, 0)
        """Time, s, env_steps and learner_steps of the last checkpoint."""
        self._step = 0
        """learner_steps at the end of the last batch."""
        self._stops = False
        """The run is saved, and ends once Lightning has written the row of metrics of its last learner_step."""

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Check that there is room for them, and see to the files of checkpoints.

        Raises:
            UserError: the disk has no room for the fit.
        """
        run, data = run_folder(trainer), trainer.datamodule  # type: ignore[attr-defined]
        self.folder = run / CHECKPOINTS if self._default_folder else trainer.strategy.broadcast(self.folder)
        callbacks = trainer.callbacks  # type: ignore[attr-defined]
        self._best = next((c for c in callbacks if isinstance(c, ModelCheckpoint) and c.monitor), None)
        if stage == TrainerFn.FITTING and isinstance(data, ExperienceDataModule):
            log.info(check_disk(run, pl_module, data))  # type: ignore[arg-type]
        if not isinstance(trainer.strategy.checkpoint_io, CheckpointFiles):
            trainer.strategy.checkpoint_io = CheckpointFiles(run)
        self._stops = False
        if self._listens:  # what stopped a fit does not stop the next
            self.interruption = Interruption()
        self.interruption.doing = "measuring the policy"

    @property
    def best_model_path(self) -> str:
        """Of the first `ModelCheckpoint` with a monitor: Lightning's `ckpt_path="best"` asks the first `Checkpoint`."""
        return self._best.best_model_path if self._best is not None else ""

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Check that a fit which begins writes over no other's checkpoints.

        Raises:
            UserError: it would.
        """
        if trainer.ckpt_path is None and trainer.global_step == 0 and (self.folder / LAST).is_file():
            raise UserError(
                f"ResumableCheckpoint: {self.folder} has the checkpoints of another fit; go on from it with "
                f"fit(ckpt_path={str(self.folder / LAST)!r}), or {ANOTHER_FOLDER}"
            )

    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        """Listen no more."""
        self._own.close()

    def on_load_checkpoint(self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]) -> None:
        """Let metrics go on after what the checkpoint has seen."""
        for logger in trainer.loggers if trainer.state.fn == TrainerFn.FITTING else ():
            if isinstance(logger, MetricsCSV) and METRICS_ROWS in checkpoint:
                logger.resume(checkpoint[METRICS_ROWS])
            elif isinstance(logger, TensorBoard):
                logger.resume(checkpoint["env_steps"])

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Listen to signals; save a run that begins."""
        if self._listens:
            self.interruption = self._own.enter_context(Interruption())
        self.interruption.listen()
        self._wait()
        self._step = trainer.global_step
        self._saved = (time.monotonic(), pl_module.env_steps, trainer.global_step)  # type: ignore[assignment]
        if trainer.global_step == 0:
            self._save(trainer, 0)
        self.interruption.at_once("playing the warm-up")

    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, batch: Batch, batch_idx: int) -> None:
        """Let signals wait for the end of the learner_step.

        Raises:
            Interrupted: a signal asked to stop, and the run is saved.
        """
        self._stop()
        self._wait()

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Batch, batch_idx: int
    ) -> None:
        """Save when it is time or a signal asks to stop, which comes with Lightning's next hook."""
        accumulating, self._step = trainer.global_step == self._step, trainer.global_step
        every: int = trainer.log_every_n_steps  # type: ignore[attr-defined]
        last_chance = self._is_last_chance(trainer, batch_idx)
        if accumulating or (every > 1 and trainer.global_step % every == 0 and not last_chance):
            return
        wanted = STOP if self.interruption.signum is not None else SAVE if self._is_time(batch.progress) else GO_ON
        wanted = highest(trainer, wanted)  # whichever rank the signal reached, or whose clock is ahead
        last_but_one = batch_idx + 2 == trainer.num_training_batches
        if wanted >= SAVE or last_chance or last_but_one:
            self._save(trainer, batch.env_steps)
        self._stops = wanted == STOP

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Save after a validation.

        Raises:
            Interrupted: a signal asked to stop, and the run is saved.
        """
        self._stop()
        self._save(trainer, pl_module.env_steps)  # type: ignore[arg-type]

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Let signals stop the run at once: it is saved."""
        self.interruption.at_once("measuring the result")
        self._own.close()

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Let signals stop the run at once.

        Raises:
            Interrupted: a signal asked to stop, and the run is saved.
        """
        self._stop()
        self.interruption.at_once("validating")

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Let signals wait again until the run is saved."""
        if trainer.state.fn == TrainerFn.FITTING:
            self._wait()

    def on_test_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Let signals stop the run at once."""
        self.interruption.at_once("playing test matches")

    def on_save_checkpoint(self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]) -> None:
        """Note, in whoever's checkpoint, how far the metrics were."""
        every: int = trainer.log_every_n_steps  # type: ignore[attr-defined]
        for logger in trainer.loggers:
            if isinstance(logger, MetricsCSV):
                checkpoint[METRICS_ROWS] = logger.rows_at(trainer.global_step, every)

    def _is_last_chance(self, trainer: Trainer, batch_idx: int) -> bool:
        """Whether a validation comes next, and the run was not saved on the learner_step before this one."""
        return batch_idx + 1 == trainer.num_training_batches and self._saved[2] < trainer.global_step - 1

    def _is_time(self, progress: Progress) -> bool:
        when, steps, _ = self._saved
        minutes, interval = self.every_minutes, self.every_env_steps
        passed = minutes is not None and time.monotonic() - when >= 60 * minutes
        played = interval is not None and progress.env_steps - steps >= progress.in_env_steps(interval)
        return passed or played

    def _stop(self) -> None:
        if self._stops:
            stopped = Interrupted(self.interruption.signum or signal.SIGTERM, "training")
            stopped.add_note(
                f"saved up to env_step {self._saved[1]:,}; it goes on with ckpt_path={str(self.folder / LAST)!r}"
            )
            raise on_every_rank(stopped)

    def _wait(self) -> None:
        self.interruption.doing, self.interruption.waits = "training", True

    def _save(self, trainer: Trainer, env_steps: int) -> None:
        for logger in trainer.loggers:  # what a checkpoint has seen is on disk before it is
            logger.save()
            if isinstance(logger, TensorBoardLogger):
                logger.experiment.flush()
        last = self.folder / LAST
        if trainer.is_global_zero and last.is_file():
            _link(last, self.folder / PREVIOUS)
        trainer.save_checkpoint(last)
        self._saved = (time.monotonic(), env_steps, trainer.global_step)


def _link(path: Path, name: Path) -> None:
    """Give a file a second name, at once; a disk that knows no links does without."""
    part = name.with_name(name.name + PART)
    try:
        part.unlink(missing_ok=True)
        os.link(path, part)
    except OSError as error:
        if error.errno not in NO_LINKS:
            raise
    else:
        part.replace(name)
