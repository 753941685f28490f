"""What the module does with matches: it scores them."""

from __future__ import annotations

from typing import Any

from pytorch_lightning import LightningModule

from mk_lightning.experience.episodes import EpisodeRecord
from mk_lightning.metrics.match_scores import MatchScores


class MatchScoring(LightningModule):
    """The evaluation loops' part of the module: win rates, returns and lengths of the matches that they are given.

    Attributes:
        env_steps: collected when the newest batch was drawn; a checkpoint brings its own.
        base_scores: of the validation before the present fit's training, if a callback has asked for one.
        val_scores: one for each validation loader, filled by the last validation.
        test_scores: one for each exploration rate tested, filled by the last test.
    """

    __jit_unused_properties__ = [*LightningModule.__jit_unused_properties__, "_data"]  # noqa: RUF012

    def __init__(self) -> None:
        super().__init__()
        self.env_steps = 0
        self.base_scores: MatchScores | None = None
        self.val_scores: list[MatchScores] = []
        self.test_scores: list[MatchScores] = []

    def setup(self, stage: str) -> None:
        """Forget the scores of the fit before."""
        self.base_scores = None

    def on_validation_epoch_start(self) -> None:
        """Start the scores anew."""
        self.val_scores = [self._new_scores()]

    def validation_step(self, batch: list[EpisodeRecord], batch_idx: int) -> None:
        """Score matches."""
        self.val_scores[0].update(record.result for record in batch)

    def on_validation_epoch_end(self) -> None:
        """Log win rates, returns and lengths under `val/`."""
        self._log_scores("val", self.val_scores[0])

    def on_test_epoch_start(self) -> None:
        """Start the scores anew."""
        self.test_scores = [self._new_scores() for _ in self._data.test_epsilons]

    def test_step(self, batch: list[EpisodeRecord], batch_idx: int, dataloader_idx: int = 0) -> None:
        """Score matches."""
        self.test_scores[dataloader_idx].update(record.result for record in batch)

    def on_test_epoch_end(self) -> None:
        """Log win rates, returns and lengths under `test/epsilon_<rate>/`."""
        for epsilon, scores in zip(self._data.test_epsilons, self.test_scores, strict=True):
            self._log_scores(f"test/epsilon_{epsilon:g}", scores)

    def predict_step(self, batch: list[EpisodeRecord], batch_idx: int) -> list[EpisodeRecord]:
        """Hand the matches on."""
        return batch

    @property
    def _data(self) -> Any:
        """The ExperienceDataModule: it knows the states and how they are to be evaluated."""
        return self.trainer.datamodule  # type: ignore[attr-defined]

    def _new_scores(self) -> MatchScores:
        return MatchScores(self._data.evaluation_states).to(self.device)

    def _log_scores(self, prefix: str, scores: MatchScores) -> None:
        groups = {"all": self._data.evaluation_states, **self._data.state_groups}
        figures = {"env_steps": float(self.env_steps), **scores.figures(prefix, groups)}
        self.log_dict(figures, rank_zero_only=True)
