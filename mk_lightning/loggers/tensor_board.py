"""TensorBoard with env_steps along its axis, few groups of charts, and a run's options beside what came of it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lightning_utilities.core.rank_zero import rank_zero_only
from pytorch_lightning.loggers import TensorBoardLogger

from mk_lightning.evaluation.clips import Films
from mk_lightning.evaluation.compare import Comparison
from mk_lightning.loggers.base import RunLogger

LEARNER = "learner"
"""Group of the figures that have none in their name; each would be a group of its own."""
LEFT_OUT = ("_low", "_high")
"""Ends of the names of intervals, which are no curves to look at; `metrics.csv` has them."""


class TensorBoard(TensorBoardLogger, RunLogger):
    """Writes a run's curves for TensorBoard, into `tensorboard/` of its directory.

    The axis is env_steps, and so runs with other learning ratios compare. With `ResumableCheckpoint` a resumed run
    hides what was written after its checkpoint. Under `hparams` stand the options of the config, as soon as a run that
    `BeforeAfter` measures has ended, beside the win rates it came to.

    Args:
        save_dir: the run's directory.
    """

    def __init__(self, save_dir: str | Path) -> None:
        super().__init__(save_dir, name="tensorboard", version="", default_hp_metric=False)
        self._env_steps = 0
        self._config: dict[str, Any] = {}

    def begin(self, folder: Path, command: str, config: Mapping[str, Any], *, resumed: bool = False) -> None:
        """Keep the options; what a start that saved nothing has written is hidden."""
        self._config = dict(config)
        if not resumed:
            self._kwargs["purge_step"] = 0

    def resume(self, env_steps: int) -> None:
        """Go on from a checkpoint at so many env_steps; to be called before anything is logged."""
        self._env_steps = env_steps
        self._kwargs["purge_step"] = env_steps + 1
        if self._experiment is not None:  # Lightning has asked for it, and it hides only what is told when it is made
            self._experiment.close()
            self._experiment = None

    @rank_zero_only
    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Write a row of figures at its `env_steps`, or at those of the row before."""
        self._env_steps = round(metrics.get("env_steps", self._env_steps))
        shown = {
            name if "/" in name else f"{LEARNER}/{name}": value
            for name, value in metrics.items()
            if name not in {"epoch", "env_steps"} and not any(f"{end}/" in name for end in LEFT_OUT)
        }
        super().log_metrics(shown, self._env_steps)

    @rank_zero_only
    def log_outcome(self, comparison: Comparison, checkpoint: Path | None, films: Films) -> None:
        """Write the options beside the win rates after the run, by group."""
        groups = comparison.after.groups.items()
        rates = {f"after/win_rate/{group}": comparison.over(states).after for group, states in groups}
        self.log_hyperparams(self._config, rates, self._env_steps)
