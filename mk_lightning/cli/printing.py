"""What a command prints when it has ended; everything is written by then, for stdout may be a program that has, too."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from lightning_utilities.core.rank_zero import rank_zero_only
from pytorch_lightning import Trainer
from rich.table import Table

from mk_lightning.callbacks.evaluation.before_after import BeforeAfter
from mk_lightning.callbacks.evaluation.films import FilmWriter
from mk_lightning.callbacks.evaluation.writer import EvaluationWriter
from mk_lightning.evaluation.answers import cut_off, repeated, show_answers
from mk_lightning.evaluation.before_after import score_table
from mk_lightning.evaluation.evaluation import Evaluation
from mk_lightning.evaluation.next_round import lost_states, next_commands, told
from mk_lightning.evaluation.tables import evaluation_table
from mk_lightning.learning.early_stopping import say_why_it_ended
from mk_lightning.utils.tables import text_console
from mk_lightning.workflows.run_parts import part


@rank_zero_only
def show(what: str | Table, style: str | None = None) -> None:
    """Print a line or a table on stdout."""
    console = text_console(soft_wrap=isinstance(what, str))
    console.print(what, style=style, markup=False)  # a path is none


@rank_zero_only
def show_fit(trainer: Trainer, run: Path) -> None:
    """What the fit was worth, where it is, and what to do next."""
    measured = part(trainer, BeforeAfter)
    if line := say_why_it_ended(trainer):
        show(line)
    show(measured.table())
    show_answers(measured.comparison)
    show(f"run: {run} (report.html; before and after as .json and .csv; evaluations.csv, metrics.csv, tensorboard/)")
    for line in next_steps(run, measured.comparison.after, measured.checkpoint):
        show(line)


def next_steps(run: Path, after: Evaluation, checkpoint: Path | None) -> list[str]:
    """What can be done with a fit's result, with commands that work from here.

    Args:
        run: its directory.
        after: of the policy that it hands over.
        checkpoint: that policy's, if it is a file.
    """
    commands = dict(next_commands(run, after, checkpoint))
    steps = [f"next: open {run}/report.html"]
    if "more matches" in commands:
        steps.append(f"more matches: {commands['more matches']}")
    if lost := lost_states(after):
        steps.append(f"still lost: {told(after, lost)}")
        if another := commands.get("another round"):
            steps.append(f"another round, from this one's result: {another}")
    return steps


def show_validation(trainer: Trainer, run: Path) -> None:
    """The win rate of each state."""
    data: Any = trainer.datamodule  # type: ignore[attr-defined]
    module: Any = trainer.lightning_module
    title = "win rate per state in the validation matches (Wilson 95 % interval)"
    show(score_table(data.state_groups, module.val_scores[0].per_state(), title))
    show(f"run: {run} (metrics.csv)")


def show_test(trainer: Trainer, run: Path) -> None:
    """A table for each exploration rate."""
    for evaluation in part(trainer, EvaluationWriter).evaluations:
        show(evaluation_table(evaluation))
        for said in filter(None, (cut_off(evaluation), repeated(evaluation))):
            show(said, style="yellow")
    show(f"run: {run} (metrics.csv; evaluation_epsilon_*.json, and as .csv a row per match)")


def show_prediction(trainer: Trainer, run: Path) -> None:
    """Where matches and films are."""
    films = "; films/ with a film and a JSONL trace of each match filmed, movies/ with it as BK2"
    show(f"run: {run} (matches.csv{films if part(trainer, FilmWriter).films else ''})")


SHOW = {"fit": show_fit, "validate": show_validation, "test": show_test, "predict": show_prediction}
"""What each command prints when it has ended."""
