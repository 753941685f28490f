"""What the module does with matches: it scores them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from pytorch_lightning import LightningModule
from pytorch_lightning.trainer.states import TrainerFn

from mk_lightning.experience.episodes import EpisodeBatch, EpisodeRecord
from mk_lightning.metrics.match_scores import MatchScores

METRICS = "callback_metrics"
"""In the checkpoint of a whole run: what callbacks were told last, until the next validation tells them anew."""


class MatchScoring(LightningModule):
    """The evaluation loops' part of the module: win rates, returns and lengths of the matches that they are given.

    Attributes:
        env_steps: collected when the newest batch was drawn; a checkpoint brings its own.
        base_scores: of the validation before the present fit's training, if a callback has asked for one.
        val_scores: of the last validation, a list of one; empty where no match was played.
        test_scores: of each exploration rate, filled by the last test.
    """

    def __init__(self) -> None:
        super().__init__()
        self.env_steps = 0
        self.base_scores: MatchScores | None = None
        self.val_scores: list[MatchScores] = []
        self.test_scores: dict[float, MatchScores] = {}
        self._told: Mapping[str, torch.Tensor] = {}
        """What a checkpoint's callbacks were told, until the training goes on."""

    def setup(self, stage: str) -> None:
        """Forget the scores of the fit before."""
        self.base_scores, self._told = None, {}

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Note the last metrics in the checkpoint of a whole run."""
        if "optimizer_states" in checkpoint:
            checkpoint[METRICS] = {
                name: torch.as_tensor(value).detach().cpu() for name, value in self.trainer.callback_metrics.items()
            }

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Take them, if a fit goes on from it."""
        if self._trainer is not None and self.trainer.state.fn == TrainerFn.FITTING:
            self._told = checkpoint.get(METRICS, {})

    def on_train_start(self) -> None:
        """Let callbacks see them, as in a run that was not stopped: Lightning (2.6) forgets them."""
        self.trainer.callback_metrics.update(self._told)
        self._told = {}

    def on_validation_epoch_start(self) -> None:
        """Start the scores anew."""
        self.val_scores = []

    def validation_step(self, batch: EpisodeBatch, batch_idx: int) -> None:
        """Score matches."""
        if not self.val_scores:
            self.val_scores = [self._new_scores(batch)]
        self.val_scores[0].update(record.result for record in batch.records)

    def on_validation_epoch_end(self) -> None:
        """Log win rates, returns and lengths under `val/`."""
        for scores in self.val_scores:
            self._log_scores("val", scores)

    def on_test_epoch_start(self) -> None:
        """Start the scores anew."""
        self.test_scores = {}

    def test_step(self, batch: EpisodeBatch, batch_idx: int, dataloader_idx: int = 0) -> None:
        """Score matches."""
        if batch.epsilon not in self.test_scores:
            self.test_scores[batch.epsilon] = self._new_scores(batch)
        self.test_scores[batch.epsilon].update(record.result for record in batch.records)

    def on_test_epoch_end(self) -> None:
        """Log win rates, returns and lengths under `test/epsilon_<rate>/`."""
        for epsilon, scores in self.test_scores.items():
            self._log_scores(f"test/epsilon_{epsilon:g}", scores)

    def predict_step(self, batch: EpisodeBatch, batch_idx: int) -> list[EpisodeRecord]:
        """Hand the matches on."""
        return batch.records

    def _new_scores(self, batch: EpisodeBatch) -> MatchScores:
        return MatchScores(batch.groups).to(self.device)

    def _log_scores(self, prefix: str, scores: MatchScores) -> None:
        metrics = {"env_steps": float(self.env_steps), **scores.metrics(prefix)}
        self.log_dict(metrics, sync_dist=True, rank_zero_only=True)  # equal on all ranks: nothing is reduced, or warned
