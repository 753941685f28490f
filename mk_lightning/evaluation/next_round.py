"""From one round of fine-tuning to the next: what is still lost, and the checkpoint that loses it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from shlex import quote

from mk_lightning.evaluation.evaluation import Evaluation
from mk_lightning.utils.errors import UserError
from mk_lightning.utils.files import SHIPPED, as_named, find_file, sha256
from mk_lightning.utils.program import program
from mk_lightning.utils.run_files import CHECKPOINTS

LOST_BELOW = 0.6
"""Win rate below which a state counts as lost, unless another is asked for."""


def lost_states(evaluation: Evaluation, below: float = LOST_BELOW, states: Iterable[str] | None = None) -> list[str]:
    """The states that are won less often than `below`, the weakest first.

    Args:
        evaluation: of the policy.
        below: a win rate.
        states: those to choose among; None takes all.
    """
    scores = evaluation.scores()
    ranked = sorted(evaluation.states if states is None else states, key=lambda state: scores[state].win_rate)
    return [state for state in ranked if scores[state].win_rate < below]


def told(evaluation: Evaluation, states: Sequence[str]) -> str:
    """States with their win rates, in a line."""
    scores = evaluation.scores()
    return ", ".join(f"{state} {scores[state].win_rate:.0%} of {scores[state].matches}" for state in states)


def next_commands(run: Path, after: Evaluation, checkpoint: Path | None) -> list[tuple[str, str]]:
    """What can be done with a fit's result: in words, and the command, which works from where the fit did.

    Args:
        run: its directory.
        after: of the policy that it hands over.
        checkpoint: that policy's, if it is a file.
    """
    config, more = quote(str(run / "config.yaml")), max(50, 4 * len(after.matches) // len(after.states))
    commands = []
    if checkpoint is not None:
        test = f"{program()} test -c {config} --ckpt_path {quote(str(checkpoint))}"
        commands.append(("more matches", f"{test} --data.evaluation.test_matches {more}"))
    if 0 < len(lost_states(after)) < len(after.states):  # of nothing won there is nothing to keep
        evaluation, weak = quote(str(run / "after.json")), quote(str(run / "weak.yaml"))
        fit = f"{program()} fit -c {config} -c {weak}"
        commands.append(("another round", f"{program()} weak {evaluation} --out {weak} && {fit}"))
    return commands


def evaluated_checkpoint(evaluation: Evaluation, file: Path) -> str | None:
    """The checkpoint that was evaluated, by a path that works from anywhere; None where the policy came from none.

    It is where the evaluation says, seen from here or from where the evaluation lies, and has the same bytes.

    Args:
        evaluation: as it was read.
        file: where it was read from.

    Raises:
        UserError: it is gone, or has other bytes by now.
    """
    if not evaluation.sha256:
        return None
    given = Path(evaluation.policy)
    folders = file.resolve().parents
    found = [find_file(given), *(folder / given for folder in folders), folders[0] / CHECKPOINTS / given.name]
    for path in found:
        if sha256(path) == evaluation.sha256:
            return as_named(path) if path.is_relative_to(SHIPPED) else str(path.resolve())
    again = "test the checkpoint that the next round is to begin with, and give that evaluation"
    if changed := next((path for path in found if path.is_file()), None):
        raise UserError(f"{changed} has been written anew since {file} was made of it; {again}")
    raise UserError(f"{evaluation.policy}, which {file} is of, is gone; {again}")
