"""A CSV logger whose file survives a resume."""

from __future__ import annotations

import csv
import io
import logging
import os
from argparse import Namespace
from itertools import islice, takewhile
from pathlib import Path
from typing import Any

from pytorch_lightning.loggers.logger import Logger
from pytorch_lightning.utilities import rank_zero_only

from mk_lightning.utils.errors import UserError
from mk_lightning.utils.files import has_trained, write_text

log = logging.getLogger(__name__)
OF_TRAINING = "loss"
"""A figure of every row of training, and of no other."""


class MetricsCSV(Logger):
    """Writes every logged row to `metrics.csv`, at once; the columns are all names seen so far.

    Lightning's CSVLogger deletes the file when a run is resumed. This one keeps the rows that the checkpoint has seen
    and drops those after it, so a resumed run's file equals an uninterrupted one's, also of a run that was killed. It
    writes over no other fit's rows.

    Args:
        save_dir: the run directory.

    Raises:
        UserError: when a fit begins, the file has another's rows.
    """

    def __init__(self, save_dir: str | Path) -> None:
        super().__init__()
        self.path = Path(save_dir) / "metrics.csv"
        self._columns = ["step"]
        self._rows: list[dict[str, str]] = []
        self._written = (0, 0)
        """Columns and rows in the file."""
        self._resumed = False

    def resume(self, seen: int) -> None:
        """Go on after the rows that a checkpoint has seen, see `rows_at`; to be called before anything is logged."""
        text = self.path.read_text(encoding="utf-8", errors="replace") if self.path.is_file() else ""
        whole = text[: text.rfind("\n") + 1]  # a kill may have cut the last row
        reader = csv.DictReader(whole.splitlines())
        self._rows = [{name: value for name, value in row.items() if value} for row in islice(reader, seen)]
        self._columns = list(reader.fieldnames or ["step"])
        if len(self._rows) < seen:
            log.warning(f"{self.path} has {len(self._rows)} of the {seen} rows that were written; the rest is lost")
        # Columns that only later rows filled must not be there yet.
        self._columns = [c for c in self._columns if c == "step" or any(c in row for row in self._rows)]
        self._written = (0, 0)
        self._resumed = True

    def rows_at(self, learner_step: int, every: int) -> int:
        """How many rows a checkpoint has seen that is taken now.

        Args:
            learner_step: the one that has just been done.
            every: learner_steps between rows of training. If this one has such a row and it is not written yet, as in
                Lightning's `on_train_batch_end`, it is one of them; callbacks may have rows of theirs before it.
        """
        due = learner_step > 0 and every > 0 and learner_step % every == 0
        newest = takewhile(lambda row: int(row["step"]) >= learner_step - 1, reversed(self._rows))
        return len(self._rows) + (due and not any(OF_TRAINING in row for row in newest))

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
    def log_graph(self, model: Any, input_array: Any = None) -> None:
        """Draw nothing; but this is the first method that Lightning calls, before the training plays anything.

        Raises:
            UserError: rows would write over those of another fit.
        """
        self._check_own()

    @rank_zero_only
    def log_metrics(self, metrics: dict[str, float], step: int | None = None) -> None:
        """Write a row; `step` is in learner_steps.

        Raises:
            OSError: it cannot be written.
            UserError: it would be written over rows of another fit.
        """
        row = {name: repr(float(value)) for name, value in metrics.items() if name != "epoch"}
        self._columns += [name for name in sorted(row) if name not in self._columns]
        self._rows.append({"step": str(step or 0), **row})
        self._write()

    @rank_zero_only
    def log_hyperparams(self, params: dict[str, Any] | Namespace, *args: Any, **kwargs: Any) -> None:
        """Nothing: the run directory holds the whole config."""

    @rank_zero_only
    def save(self) -> None:
        """Check that what was written outlasts a loss of power."""
        if self.path.is_file():
            with self.path.open("rb") as file:
                os.fsync(file.fileno())

    @rank_zero_only
    def finalize(self, status: str) -> None:
        """Drop what a resumed run has not seen, though it has added nothing."""
        if status == "success" and self._rows and self._written == (0, 0):
            self._write()

    def _check_own(self) -> None:
        if self._written == (0, 0) and not self._resumed and has_trained(self.path, "step"):
            raise UserError(
                f"MetricsCSV: {self.path} has the rows of another fit; give MetricsCSV another directory, or go on "
                "from a checkpoint of that fit with ResumableCheckpoint among the callbacks"
            )

    def _write(self) -> None:
        """Append the new rows, or write the file anew when there are new columns."""
        header = self._columns
        columns, rows = self._written
        if columns == len(header):
            with self.path.open("a", newline="", encoding="utf-8") as file:
                csv.DictWriter(file, header, restval="").writerows(self._rows[rows:])
        else:
            self._check_own()
            self.path.parent.mkdir(parents=True, exist_ok=True)
            table = io.StringIO(newline="")
            writer = csv.DictWriter(table, header, restval="")
            writer.writeheader()
            writer.writerows(self._rows)
            write_text(self.path, table.getvalue())
        self._written = (len(header), len(self._rows))
