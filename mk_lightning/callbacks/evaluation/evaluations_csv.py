"""Every evaluation of a fit as a tidy table."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from typing import Any

from pytorch_lightning import Callback, Trainer
from pytorch_lightning.trainer.states import TrainerFn

from mk_lightning.callbacks.evaluation.before_after import BeforeAfter
from mk_lightning.data.fit_folder import ANOTHER_FOLDER, run_folder
from mk_lightning.metrics.state_score import StateScore
from mk_lightning.utils.errors import UserError
from mk_lightning.utils.files import has_trained, write_text

FILE = "evaluations.csv"
COLUMNS = (
    "env_steps", "when", "state", "group", "matches", "wins", "win_rate", "low", "high", "mean_return",
    "mean_env_steps",
)  # fmt: skip


class EvaluationsCSV(Callback):
    """Writes `evaluations.csv`: a row per evaluation and state, in the order in which they were played.

    `when` is `validation`, or `before` and `after` for the test matches of `BeforeAfter`, which stands before this
    callback; `env_steps` are those of the policy that played, `low` and `high` the ends of Wilson's 95 % interval. A
    resumed fit's table equals an uninterrupted one's: it goes on from the rows in the checkpoint.

    Example:
        >>> from pytorch_lightning import Trainer
        >>> trainer = Trainer(callbacks=[BeforeAfter(), EvaluationsCSV()])
    """

    def __init__(self) -> None:
        self._rows: list[str] = []

    def on_fit_start(self, trainer: Trainer, pl_module: Any) -> None:
        """Begin anew, unless the fit goes on.

        Raises:
            UserError: the file has the rows of another fit.
        """
        if trainer.ckpt_path is not None or trainer.global_step > 0:
            return
        path = run_folder(trainer) / FILE
        if has_trained(path, "env_steps"):
            raise UserError(f"EvaluationsCSV: {path} has the rows of another fit; {ANOTHER_FOLDER}")
        self._rows = []

    def on_train_start(self, trainer: Trainer, pl_module: Any) -> None:
        """Write what was played before the training, or what the checkpoint has seen."""
        if not self._rows:
            if pl_module.base_scores is not None:
                self._add(trainer, 0, "validation", pl_module.base_scores.per_state())
            if (measured := _measured(trainer)) is not None and measured.before is not None:
                self._add(trainer, 0, "before", measured.before.scores())
        self._write(trainer, self._rows)

    def on_validation_end(self, trainer: Trainer, pl_module: Any) -> None:
        """Add a validation."""
        if trainer.state.fn == TrainerFn.FITTING and not trainer.sanity_checking:
            for scores in pl_module.val_scores:
                self._add(trainer, pl_module.env_steps, "validation", scores.per_state())
            self._write(trainer, self._rows)

    def on_fit_end(self, trainer: Trainer, pl_module: Any) -> None:
        """Add the result, which no checkpoint has seen: a fit that is extended has another."""
        if (measured := _measured(trainer)) is not None and measured.after is not None:
            rows = _lines(trainer, measured.env_steps, "after", measured.after.scores())
            self._write(trainer, [*self._rows, *rows])

    def state_dict(self) -> dict[str, Any]:
        """The rows."""
        return {"rows": list(self._rows)}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take the rows."""
        self._rows = list(state_dict["rows"])

    def _add(self, trainer: Trainer, env_steps: int, when: str, scores: Mapping[str, StateScore]) -> None:
        self._rows += _lines(trainer, env_steps, when, scores)

    def _write(self, trainer: Trainer, rows: list[str]) -> None:
        path = run_folder(trainer) / FILE  # which Lightning broadcasts: every rank asks
        if trainer.is_global_zero:
            path.parent.mkdir(parents=True, exist_ok=True)
            write_text(path, "".join([_line(COLUMNS), *rows]))


def _measured(trainer: Trainer) -> BeforeAfter | None:
    callbacks: list[Callback] = trainer.callbacks  # type: ignore[attr-defined]
    return next((callback for callback in callbacks if isinstance(callback, BeforeAfter)), None)


def _lines(trainer: Trainer, env_steps: int, when: str, scores: Mapping[str, StateScore]) -> list[str]:
    groups = trainer.datamodule.state_groups  # type: ignore[attr-defined]
    lines = []
    for group, states in groups.items():
        for state in states:
            if (score := scores.get(state)) is not None:
                rates = [round(rate, 4) for rate in (score.win_rate, *score.interval)]
                means = [round(score.mean_return, 4), round(score.mean_env_steps, 4)]
                lines.append(_line((env_steps, when, state, group, score.matches, score.wins, *rates, *means)))
    return lines


def _line(values: tuple[object, ...]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow(values)
    return text.getvalue()
