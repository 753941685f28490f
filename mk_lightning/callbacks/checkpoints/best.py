"""Which checkpoint a run hands over."""

from __future__ import annotations

import logging
import shutil
from pathlib import Path
from typing import Any

from pytorch_lightning import LightningModule, Trainer
from pytorch_lightning.callbacks import ModelCheckpoint
from pytorch_lightning.trainer.states import TrainerFn
from torch import Tensor

from mk_lightning.callbacks.checkpoints.monitor import check_monitor
from mk_lightning.data.datamodule import ExperienceDataModule
from mk_lightning.data.fit_folder import ANOTHER_FOLDER
from mk_lightning.networks.checkpoint import read_checkpoint
from mk_lightning.utils.errors import UserError
from mk_lightning.utils.ranks import Ranks
from mk_lightning.utils.run_files import BEST

log = logging.getLogger(__name__)


class BestCheckpoint(ModelCheckpoint):
    """Keeps the Q-network of the validation with the highest `monitor` as `best.ckpt`; of equals the later.

    Win rates of a few matches tie often. Of two that tie the later has trained for longer and at a lower learning rate;
    the early one is the more often there by luck.

    Args:
        folder: of the checkpoint; None: where Lightning puts the checkpoints of a run.
        monitor: name of the metric.
    """

    def __init__(self, folder: str | Path | None = None, monitor: str = "val/win_rate/all") -> None:
        self._folder = folder
        self._ranks = Ranks()
        # After a validation and at no other time: at the end of an epoch the figure may be of an earlier one.
        super().__init__(
            folder,
            "best",
            monitor=monitor,
            mode="max",
            save_weights_only=True,
            save_on_train_epoch_end=False,
            enable_version_counter=False,
        )
        self._given = self.dirpath
        """Where the folder is; Lightning puts the first run's there if none is given."""

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Begin a new fit without the best of the fit before, and in its own folder.

        Raises:
            UserError: the fit does not measure the monitor.
        """
        if stage == TrainerFn.FITTING and trainer.ckpt_path is None and trainer.global_step == 0:
            self.dirpath = self._given
            self.best_model_path = self.kth_best_model_path = ""
            self.best_model_score = self.current_score = None
            self.best_k_models = {}
            self._last_global_step_saved = 0
        data = trainer.datamodule  # type: ignore[attr-defined]
        ours = type(pl_module).__module__.startswith("mk_lightning.")  # a subclass may log what is monitored
        if stage == TrainerFn.FITTING and ours and isinstance(data, ExperienceDataModule):
            check_monitor(str(self.monitor), data, trainer.callbacks)  # type: ignore[attr-defined]
        self._ranks = Ranks.of(trainer)
        if self._folder is not None:  # rank 0 has taken it for all
            self._folder = self.dirpath = trainer.strategy.broadcast(str(self._folder))
        super().setup(trainer, pl_module, stage)

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Check that a fit which begins writes over no other's best checkpoint.

        Raises:
            UserError: it would.
        """
        if trainer.ckpt_path is None and trainer.global_step == 0 and self.path.is_file():
            raise UserError(
                f"BestCheckpoint: {self.path} is another fit's; {ANOTHER_FOLDER}, or give BestCheckpoint another folder"
            )

    @property
    def path(self) -> Path:
        """Of the checkpoint."""
        return Path(self._folder or str(self.dirpath)) / BEST

    def check_monitor_top_k(self, trainer: Trainer, current: Tensor | None = None) -> bool:
        """Whether a figure of a validation is as high as any before it."""
        ties = current is not None and self.best_model_score is not None and bool(current == self.best_model_score)
        return ties or super().check_monitor_top_k(trainer, current)

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on with the best figure, wherever the run's directory is now; without its file, look for a best anew."""
        folder = Path(str(self.dirpath))

        def here(path: str) -> str:
            return str(folder / Path(path).name) if path else ""

        saved = Path(state_dict["best_model_path"])
        best = here(state_dict["best_model_path"])

        def can_be_used() -> bool:
            if best and not Path(best).is_file() and saved.is_file():  # resumed in another directory
                folder.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(saved, best)
            try:
                if best:
                    read_checkpoint(best)
            except UserError as error:
                log.warning(f"{error}; the best checkpoint is chosen among the validations from here on")
                return False
            return True

        if not self._ranks.first(can_be_used):  # of what the others look at, rank 0 may be writing
            return
        super().load_state_dict(
            state_dict
            | {
                "dirpath": self.dirpath,
                "best_model_path": best,
                "kth_best_model_path": here(state_dict["kth_best_model_path"]),
                "best_k_models": {here(path): score for path, score in state_dict["best_k_models"].items()},
            }
        )
