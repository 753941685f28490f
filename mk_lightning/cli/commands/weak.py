"""`mk-lightning weak EVALUATION.json`: the states to fine-tune on, as an overlay."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from shlex import quote

import yaml
from rich.console import Console

from mk_lightning.cli.commands.parser import ToolParser
from mk_lightning.evaluation.evaluation import Evaluation
from mk_lightning.evaluation.next_round import LOST_BELOW, evaluated_checkpoint, lost_states
from mk_lightning.experience.match_seeds import unused_test_seed
from mk_lightning.utils.errors import UserError, one_line
from mk_lightning.utils.files import check_file


def arguments() -> ToolParser:
    """Return the parser of its words."""
    parser = ToolParser("weak", "The states that an evaluation found weak.")
    parser.add_argument("file", type=Path, metavar="EVALUATION", help="written by test (evaluation_*.json) or fit")
    parser.add_argument(
        "--below", type=float, default=LOST_BELOW, metavar="RATE", help="win rate below which a state is weak"
    )
    parser.add_argument("--out", type=Path, default=Path("weak.yaml"), metavar="FILE", help="overlay to write")
    return parser


def run(words: Sequence[str]) -> int:
    """Print the states that an evaluation found weak, write an overlay that fine-tunes on them, return the exit code.

    In the overlay the weak states are the challenging ones and the others the original ones, and the fit begins with
    the checkpoint that was evaluated: another would have other weaknesses. Its test matches are
    others than the evaluation's: states chosen because these were lost would do better in others by chance alone, and a
    fit would be given the credit. It leaves the game to the configs it is laid over: an evaluation knows a game's id,
    by which one of the user's own is not found.

    Args:
        words: a file that `test` or `fit` wrote, `--below RATE` and `--out FILE`.

    Raises:
        UserError: an option or the file cannot be used, no state is weak, or the checkpoint is gone.
    """
    options = arguments().parse_args(list(words))
    if not 0 < options.below <= 1:
        raise UserError(f"weak: --below must be above 0 and at most 1, got {options.below:g}")
    check_file("weak: --out", options.out, keep=[options.file])
    evaluation = Evaluation.read(options.file)
    scores = evaluation.scores()
    found = lost_states(evaluation, options.below)
    if not found:
        weakest = min(scores, key=lambda state: scores[state].win_rate)
        raise UserError(
            f"weak: no state is won less than {options.below:.0%}; the weakest is {weakest} with "
            f"{scores[weakest].win_rate:.0%}"
        )
    checkpoint = evaluated_checkpoint(evaluation, options.file)
    console = Console(highlight=False, markup=False, emoji=False)
    for state in found:
        score, (low, high) = scores[state], scores[state].interval
        console.print(
            f"{state}  {score.win_rate:.0%} [{low:.0%}, {high:.0%}] of {score.matches} matches", soft_wrap=True
        )
    data = {
        "original_states": [state for state in evaluation.states if state not in found],
        "challenging_states": found,
        "evaluation": {"test_seed": unused_test_seed(match.seed for match in evaluation.matches)},
    }
    file = quote(one_line(options.file))
    text = (
        f"# Written by `mk-lightning weak {file} --below {options.below:g}`: what is won less often is\n"
        f"# challenging, the rest original; states of {evaluation.game}. Other test matches than those that chose.\n"
        + yaml.safe_dump(({"model": {"init_from": checkpoint}} if checkpoint else {}) | {"data": data}, sort_keys=False)
    )
    try:
        options.out.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UserError(f"weak: cannot write {options.out}: {error.strerror}") from None
    begins = (
        f", which begins with {checkpoint}" if checkpoint else f"; {evaluation.policy} is no checkpoint to begin with"
    )
    console.print(f"{options.out}: a further -c file for mk-lightning fit{begins}", soft_wrap=True)
    return 0
