"""What a test found, match by match, as files and for run loggers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pytorch_lightning import Trainer
from pytorch_lightning.loggers import Logger

from mk_lightning.callbacks.evaluation.match_recorder import MatchRecorder
from mk_lightning.data.fit_folder import run_folder
from mk_lightning.evaluation.evaluation import Evaluation
from mk_lightning.loggers.base import RunLogger
from mk_lightning.utils.files import as_named
from mk_lightning.utils.ranks import Ranks


class EvaluationWriter(MatchRecorder):
    """Writes an evaluation for each exploration rate of a test into the run's directory.

    `evaluation_epsilon_<rate>.json`, and as `.csv` a row per match; `mk-lightning compare` and `weak` read them. Every
    `RunLogger` is given them, too.

    Example:
        >>> from pytorch_lightning import Trainer
        >>> trainer = Trainer(callbacks=[EvaluationWriter()])

    Attributes:
        evaluations: of the last test, one for each exploration rate.
    """

    def __init__(self) -> None:
        super().__init__()
        self.evaluations: list[Evaluation] = []

    def on_test_end(self, trainer: Trainer, pl_module: Any) -> None:
        """Write the files, on rank 0."""
        data: Any = trainer.datamodule  # type: ignore[attr-defined]
        policy = as_named(trainer.ckpt_path or pl_module.origin)
        self.evaluations = [
            Evaluation.of(
                records,
                data.game,
                policy=policy,
                epsilon=epsilon,
                env=data.env.episode_options,
                groups=data.state_groups,
            )
            for epsilon, records in zip(data.test_epsilons, self.records, strict=True)
        ]
        folder = run_folder(trainer)
        Ranks.of(trainer).first(lambda: self._write(folder, trainer.loggers))

    def _write(self, folder: Path, loggers: Sequence[Logger]) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        for evaluation in self.evaluations:
            path = folder / f"evaluation_epsilon_{evaluation.epsilon:g}.json"
            evaluation.write(path)
            for logger in loggers:
                if isinstance(logger, RunLogger):
                    logger.log_evaluation(evaluation, [path, path.with_suffix(".csv")])
