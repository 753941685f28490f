"""What a logger may want to know of a run beyond its metrics."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pytorch_lightning.loggers.logger import Logger

from mk_lightning.evaluation.clips import Films
from mk_lightning.evaluation.compare import Comparison
from mk_lightning.evaluation.evaluation import Evaluation


class RunLogger(Logger):
    """A Lightning logger with hooks for a run's course; each does nothing unless it is overridden.

    Lightning's own part (`name`, `version`, `log_metrics`, `log_hyperparams`) is as for any `Logger`.
    """

    def check(self) -> None:
        """Check the arguments, before anything is played; a parser hides what `__init__` raises.

        Raises:
            UserError: one cannot be used.
        """

    def begin(self, folder: Path, command: str, config: Mapping[str, Any], *, resumed: bool = False) -> None:
        """Start, before anything is played.

        Args:
            folder: the run's directory.
            command: fit, validate, test or predict.
            config: of the run.
            resumed: whether a fit continues.
        """

    def use_checkpoint(self, path: Path) -> None:
        """Note the checkpoint that a run starts from or plays."""

    def log_evaluation(self, evaluation: Evaluation, files: Sequence[Path]) -> None:
        """Log what a test found, and the files it was written to."""

    def log_outcome(self, comparison: Comparison, checkpoint: Path | None, films: Films) -> None:
        """Log what a fit was worth.

        Args:
            comparison: the evaluations before and after; their files and `report.html` lie in the run's directory.
            checkpoint: what the second of them played, if it is a file.
            films: of their matches.
        """

    def end(self) -> str | None:
        """Finish, and return a line for the user, or nothing."""
        return ""
