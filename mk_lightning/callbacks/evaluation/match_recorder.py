"""The matches of a test or a prediction, kept for those who write about them."""

from __future__ import annotations

from typing import Any

from pytorch_lightning import LightningModule, Trainer
from pytorch_lightning.callbacks import Callback

from mk_lightning.experience.episodes import EpisodeBatch, EpisodeRecord


class MatchRecorder(Callback):
    """Keeps every match of the last test or prediction.

    Attributes:
        records: the matches in the order of their specs, a list for each loader; a test has one for each exploration
            rate.
    """

    def __init__(self) -> None:
        self.records: list[list[EpisodeRecord]] = []

    def on_test_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Forget the matches of before."""
        self.records = []

    def on_test_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: EpisodeBatch,
        batch_idx: int, dataloader_idx: int = 0,
    ) -> None:  # fmt: skip
        """Keep a batch."""
        while len(self.records) <= dataloader_idx:
            self.records.append([])
        self.records[dataloader_idx].extend(batch.records)

    on_predict_start = on_test_start
    on_predict_batch_end = on_test_batch_end
