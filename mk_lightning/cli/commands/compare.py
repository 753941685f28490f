"""`mk-lightning compare BEFORE.json AFTER.json` or `compare RUN RUN ...`: what fine-tunings were worth."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from mk_lightning.cli.commands.parser import ToolParser
from mk_lightning.evaluation.answers import show_answers
from mk_lightning.evaluation.arm_runs import compare
from mk_lightning.evaluation.arms import Arms
from mk_lightning.evaluation.clips import film_pairs
from mk_lightning.evaluation.compare import Comparison
from mk_lightning.utils.errors import UserError
from mk_lightning.utils.files import check_file, exists
from mk_lightning.utils.tables import text_console

LOST = 1
"""Exit code when more was lost than allowed; 2 is for what cannot be compared."""


def arguments() -> ToolParser:
    """Return the parser of its words."""
    parser = ToolParser("compare", "What changed between policies that played the same matches.")
    parser.add_argument(
        "given",
        nargs="+",
        metavar="FILE",
        help="evaluations that fit and test wrote, the first of them before; or directories of runs, those that differ "
        "in their seed alone being one arm; NAME=FILE,FILE makes an arm of several",
    )
    parser.add_argument(
        "--fail-if-worse",
        type=float,
        metavar="POINTS",
        help=f"exit with {LOST} if the original states' mean, or surely any state, lost more points than this",
    )
    parser.add_argument("--out", type=Path, metavar="PAGE", help="also write a page")
    return parser


def run(words: Sequence[str]) -> int:
    """Compare evaluations or runs, print what changed, and return the exit code.

    Args:
        words: files that `test` and `fit` wrote, directories of finished fits, or `NAME=FILE,FILE` of either;
            `--out PAGE` and `--fail-if-worse POINTS`.

    Raises:
        UserError: an option or a file cannot be used, or the matches are not the same.
    """
    options = arguments().parse_args(list(words))
    if options.fail_if_worse is not None and not 0 <= options.fail_if_worse <= 100:
        raise UserError(f"compare: --fail-if-worse must be 0 to 100 points, got {options.fail_if_worse:g}")
    given, arms = _sorted(options.given)
    if options.out:
        check_file(
            "compare: --out", options.out, keep=_read_from([*given, *(p for some in arms.values() for p in some)])
        )
    found = compare(*given, **arms)
    if options.out:
        _write(options.out, found)
    console = text_console()
    console.print(found)
    if isinstance(found, Comparison):
        show_answers(found)
    if options.out:
        console.print(f"page: {options.out}", soft_wrap=True, markup=False)
    lost = [] if options.fail_if_worse is None else found.lost(options.fail_if_worse)
    for what in lost:
        line = f"lost more than {options.fail_if_worse:g} points: {what}"
        console.print(line, style="red", highlight=False, markup=False, soft_wrap=True)
    return LOST if lost else 0


def _sorted(words: Sequence[str]) -> tuple[list[Path], dict[str, list[Path]]]:
    """What is given by itself, and what is given as the arm of a name.

    Raises:
        UserError: an arm is named twice, or has an empty name or path.
    """
    given: list[Path] = []
    arms: dict[str, list[Path]] = {}
    for word in words:
        name, equals, several = word.partition("=")
        if not equals or exists(word):
            given.append(Path(word))
            continue
        paths = several.split(",")
        if not name.isprintable() or not name.strip() or not all(paths):
            raise UserError(f"compare: an arm is given as NAME=DIR,DIR, got {word!r}")
        if name in arms:
            raise UserError(f"compare: arm {name} is given twice; give all of its runs at once, {name}=DIR,DIR")
        arms[name] = [Path(path) for path in paths]
    return given, arms


def _read_from(paths: Sequence[Path]) -> list[Path]:
    """The files that are read."""
    names = ("before.json", "after.json", "config.yaml")
    return [file for path in paths for file in ([path / name for name in names] if path.is_dir() else [path])]


def _write(page: Path, found: Comparison | Arms) -> None:
    """Write a page.

    Raises:
        UserError: it cannot be written.
    """
    from mk_lightning.evaluation.report import write_arms_page, write_report  # matplotlib takes half a second to load

    try:
        if isinstance(found, Comparison):
            write_report(page, found, film_pairs(found))
        else:
            write_arms_page(page, found)
    except OSError as error:
        raise UserError(f"compare: cannot write {page}: {error.strerror}") from None
