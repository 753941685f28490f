"""`mk-lightning compare BEFORE.json AFTER.json ...`: what a fine-tuning was worth."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from mk_lightning.cli.commands.parser import ToolParser
from mk_lightning.evaluation.answers import answers
from mk_lightning.evaluation.before_after import TEXT_WIDTH, how_many
from mk_lightning.evaluation.clips import film_pairs
from mk_lightning.evaluation.compare import Change, Comparison, in_points
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
        console.print(comparison_table(comparison))
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


def comparison_table(comparison: Comparison) -> Table:
    """Win rates per state and group, with the interval of the change and the verdict."""
    before, after = comparison.before, comparison.after
    played = how_many(score.matches for score in before.scores().values())
    table = Table(title=f"{escape(after.policy)} beside {escape(before.policy)}: {played}, change [95 % interval]")
    for name in ("state", "group", "before", "after", "change, points", "verdict"):
        table.add_column(name, justify="left" if name in {"state", "group", "verdict"} else "right", no_wrap=True)
    for group, states in before.groups.items():
        for state in states:
            table.add_row(state, group, *_cells(comparison.state(state)))
        table.add_row(f"mean of {len(states)}", group, *_cells(comparison.over(states)), style="bold", end_section=True)
    table.add_row("mean of all", "", *_cells(comparison.over(before.states)), style="bold")
    return table


def _cells(change: Change) -> tuple[str, ...]:
    low, high = change.interval
    changed = f"{in_points(change.change)} [{in_points(low)}, {in_points(high)}]"
    return f"{change.before:.0%}", f"{change.after:.0%}", changed, change.verdict
