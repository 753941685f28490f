"""`mk-lightning compare BEFORE.json AFTER.json ...`: what a fine-tuning was worth."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.text import Text

from mk_lightning.cli.commands.parser import ToolParser
from mk_lightning.evaluation.answers import answers
from mk_lightning.evaluation.before_after import TEXT_WIDTH
from mk_lightning.evaluation.clips import film_pairs
from mk_lightning.evaluation.compare import Comparison
from mk_lightning.evaluation.evaluation import Evaluation
from mk_lightning.utils.errors import UserError
from mk_lightning.utils.files import check_file

LOST = 1
"""Exit code when more was lost than allowed; 2 is for what cannot be compared."""


def run(words: Sequence[str]) -> int:
    """Compare evaluations with the first of them, print what changed, and return the exit code.

    Args:
        words: files that `test` and `fit` wrote, at least two, `--html PAGE` and `--fail-if-worse POINTS`.

    Raises:
        UserError: an option or a file cannot be used, or the matches are not the same.
    """
    parser = ToolParser("compare", "What changed between policies that played the same matches.")
    parser.add_argument(
        "files", nargs="+", type=Path, metavar="FILE", help="written by fit and test; the first is before"
    )
    parser.add_argument(
        "--fail-if-worse",
        type=float,
        metavar="POINTS",
        help=f"exit with {LOST} if the original states' mean, or surely any state, lost more points than this",
    )
    parser.add_argument("--html", type=Path, metavar="PAGE", help="also write a page, of the last file given")
    options = parser.parse_args(list(words))
    if len(options.files) < 2:
        raise UserError(f"compare takes at least two evaluations, got {options.files[0]}")
    twice = [path for i, path in enumerate(options.files) if path.resolve() in [p.resolve() for p in options.files[:i]]]
    if twice:
        raise UserError(f"compare: {twice[0]} is given twice")
    if options.fail_if_worse is not None and not 0 <= options.fail_if_worse <= 100:
        raise UserError(f"compare: --fail-if-worse must be 0 to 100 points, got {options.fail_if_worse:g}")
    if options.html:
        check_file("compare: --html", options.html, keep=options.files)
    before, *others = (Evaluation.read(path) for path in options.files)
    comparisons = [Comparison(before, after) for after in others]
    if options.html:
        from mk_lightning.evaluation.report import write_report  # matplotlib takes half a second to load

        try:
            write_report(options.html, comparisons[-1], film_pairs(comparisons[-1]))
        except OSError as error:
            raise UserError(f"compare: cannot write {options.html}: {error.strerror}") from None
    console = Console(width=max(TEXT_WIDTH, Console().width), emoji=False)
    lost: list[str] = []
    for comparison in comparisons:
        console.print(comparison)
        for answer in answers(comparison):
            console.print(Text.assemble((answer.question, "bold"), f" {answer.text}"))
        console.print()
        if options.fail_if_worse is not None:
            lost += comparison.lost(options.fail_if_worse)
    if options.html:
        console.print(f"page: {options.html}", soft_wrap=True, markup=False)
    for what in lost:
        line = f"lost more than {options.fail_if_worse:g} points: {what}"
        console.print(line, style="red", highlight=False, markup=False)
    return LOST if lost else 0
