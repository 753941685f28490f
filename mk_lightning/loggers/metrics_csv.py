"""A CSV logger whose file survives a resume."""

from __future__ import annotations

import csv
from argparse import Namespace
from pathlib import Path
from typing import Any

from pytorch_lightning.callbacks import Checkpoint
from pytorch_lightning.loggers.logger import Logger
from pytorch_lightning.utilities import rank_zero_only


class MetricsCSV(Logger):
    """Writes every logged row to `metrics.csv`; the columns are all names seen so far.

    Lightning's CSVLogger deletes the file when a run is resumed. This one keeps the rows that the checkpoint has seen
    and drops those after it, so a resumed run's file equals an uninterrupted one's.

    Args:
        save_dir: the run directory.
        resume_step: learner_steps of the checkpoint that is resumed; None starts a new file.
    """

    def __init__(self, save_dir: Path, resume_step: int | None = None) -> None:
        super().__init__()
        self.path = Path(save_dir) / "metrics.csv"
        self._columns = ["step"]
        self._rows: list[dict[str, str]] = []
        self._written = (0, 0)
        """Columns and rows in the file."""
        if resume_step is not None and self.path.is_file():
            with self.path.open(newline="") as file:
                reader = csv.DictReader(file)
                kept = (row for row in reader if int(row["step"]) < resume_step)
                self._rows = [{name: value for name, value in row.items() if value} for row in kept]
                self._columns = list(reader.fieldnames or ["step"])
            # Columns that only later rows filled must not be there yet.
            self._columns = [c for c in self._columns if c == "step" or any(c in row for row in self._rows)]

    @property
    def name(self) -> str:
        """No sub-directory."""
        return ""

    @property
    def version(self) -> str:
        """No sub-directory."""
        return ""

    @property
    def save_dir(self) -> str:
        """The run directory."""
        return str(self.path.parent)

    @rank_zero_only
    def log_metrics(self, metrics: dict[str, float], step: int | None = None) -> None:
        """Keep a row; `step` is in learner_steps."""
        row = {name: repr(float(value)) for name, value in metrics.items() if name != "epoch"}
        self._columns += [name for name in sorted(row) if name not in self._columns]
        self._rows.append({"step": str(step or 0), **row})

    @rank_zero_only
    def log_hyperparams(self, params: dict[str, Any] | Namespace, *args: Any, **kwargs: Any) -> None:
        """Nothing: the run directory holds the whole config."""

    @rank_zero_only
    def save(self) -> None:
        """Append the new rows, or write the file anew (whole, and at once) when there are new columns."""
        if not self._rows:
            return
        header = self._columns
        if self._written == (len(header), len(self._rows)):
            return
        self.path.parent.mkdir(parents=True, exist_ok=True)
        columns, rows = self._written
        if columns == len(header):
            with self.path.open("a", newline="") as file:
                csv.DictWriter(file, header, restval="").writerows(self._rows[rows:])
        else:
            part = self.path.with_suffix(".csv.part")
            with part.open("w", newline="") as file:
                writer = csv.DictWriter(file, header, restval="")
                writer.writeheader()
                writer.writerows(self._rows)
            part.replace(self.path)
        self._written = (len(header), len(self._rows))

    def after_save_checkpoint(self, checkpoint_callback: Checkpoint) -> None:
        """What a checkpoint has seen is on disk once the checkpoint is."""
        self.save()

    @rank_zero_only
    def finalize(self, status: str) -> None:
        """Write the file."""
        self.save()
