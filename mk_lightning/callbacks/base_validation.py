"""The validation of the policy that a fit starts from: the first point of its curves, and what the guard compares with.

Lightning's own validation needs a stage of its own; this one is played within a fit, before its training starts.
"""

from __future__ import annotations

from typing import Any

import torch
from pytorch_lightning import Trainer

from mk_lightning.callbacks.progress import BASE, counted, show_rates
from mk_lightning.metrics.match_scores import MatchScores


def base_validation(trainer: Trainer, pl_module: Any) -> MatchScores:
    """Play the validation matches with the policy that a fit starts from, and log their metrics; once for each fit.

    Args:
        trainer: in a fit that has not trained yet.
        pl_module: a `DuelingDoubleDQN`, which keeps the scores for whoever asks next.
    """
    if pl_module.base_scores is None:
        data: Any = trainer.datamodule  # type: ignore[attr-defined]
        scores = MatchScores(data.state_groups)
        for batch in counted(trainer, BASE, data.val_dataloader()):
            scores.update(record.result for record in batch.records)
        pl_module.base_scores = scores
        show_rates(trainer, log_scores(trainer, "val", scores))
    base: MatchScores = pl_module.base_scores
    return base


def log_scores(trainer: Trainer, prefix: str, scores: MatchScores) -> dict[str, float]:
    """Give every logger a row of metrics, as Lightning does after a stage of evaluation, and return it.

    Args:
        trainer: whose loggers, and whose number of learner_steps.
        prefix: of the metrics' names.
        scores: of the matches.
    """
    metrics = scores.metrics(prefix)
    env_steps: Any = trainer.lightning_module.env_steps
    row = {name: torch.tensor(value).item() for name, value in {"env_steps": float(env_steps), **metrics}.items()}
    for logger in trainer.loggers:
        logger.log_metrics(row, step=trainer.global_step)
    return row
