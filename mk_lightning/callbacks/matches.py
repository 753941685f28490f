"""A row for every match that is predicted."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

from pytorch_lightning import LightningModule, Trainer
from pytorch_lightning.callbacks import BasePredictionWriter

from mk_lightning.experience.episodes import EpisodeRecord

COLUMNS = ("episode", "state", "seed", "reward", "won", "truncated", "rounds_won", "enemy_rounds_won", "env_steps")


class MatchesCSV(BasePredictionWriter):
    """Writes `matches.csv`: a row per match in the order played; `reward` is the match's return in game units.

    Args:
        path: file to write; an existing one is replaced.
    """

    def __init__(self, path: Path) -> None:
        super().__init__("batch")
        self.path = path
        self._rows = 0

    def write_on_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, prediction: list[EpisodeRecord], *_: Any
    ) -> None:
        """Append a batch."""
        first = self._rows == 0
        with self.path.open("w" if first else "a", newline="") as file:
            writer = csv.writer(file)
            if first:
                writer.writerow(COLUMNS)
            for record in prediction:
                self._rows += 1
                r = record.result
                writer.writerow(
                    (
                        self._rows,
                        r.state,
                        record.spec.seed,
                        round(r.episode_return, 3),
                        int(r.won),
                        int(r.truncated),
                        r.rounds_won,
                        r.enemy_rounds_won,
                        r.env_steps,
                    )
                )
