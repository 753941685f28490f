"""`mk-lightning runs [DIR]`: what was trained here, and what became of it."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from shlex import quote

from rich.console import Console
from rich.table import Table

from mk_lightning.cli.commands.parser import ToolParser
from mk_lightning.evaluation.run_summary import STOPPED, RunSummary, find_runs
from mk_lightning.utils.errors import UserError
from mk_lightning.utils.program import program
from mk_lightning.utils.tables import text_console


def arguments() -> ToolParser:
    """Return the parser of its words."""
    parser = ToolParser("runs", "The runs below a folder, and what became of them.")
    parser.add_argument("folder", nargs="?", type=Path, default=Path("runs"), metavar="DIR", help="default: runs")
    parser.add_argument("--clean", action="store_true", help="remove what finished runs do not need, after asking")
    parser.add_argument("--yes", action="store_true", help="with --clean: do not ask")
    return parser


def run(words: Sequence[str]) -> int:
    """Print the runs below a folder, a row each; clean them if asked to; return the exit code.

    Args:
        words: the folder, `--clean` and `--yes`.

    Raises:
        UserError: there is no such folder, or nobody can be asked whether to remove.
    """
    options = arguments().parse_args(list(words))
    if not options.folder.is_dir():
        raise UserError(f"runs: no directory {options.folder}")
    found = list(find_runs(options.folder))
    console = text_console(highlight=False, markup=False)
    if not found:
        console.print(f"no run in {options.folder}", soft_wrap=True)
        return 0
    console.print(_table(found, options.folder))
    for one in found:
        if one.state == STOPPED:
            config, last = (quote(str(one.path / name)) for name in ("config.yaml", "checkpoints/last.ckpt"))
            console.print(f"{one.path} goes on by: {program()} fit -c {config} --ckpt_path {last}", soft_wrap=True)
    needless = {path: size for one in found for path, size in one.needless.items()}
    if options.clean:
        _clean(needless, console, ask=not options.yes)
    elif needless:
        removes = f"{program()} runs {quote(str(options.folder))} --clean"
        console.print(f"{_size(sum(needless.values()))} are needed by no finished run: {removes}", soft_wrap=True)
    return 0


def _table(runs: Sequence[RunSummary], folder: Path) -> Table:
    table = Table(title=f"runs in {folder}", title_justify="left")
    for name in ("run", "game", "from", "env_steps", "state", "original", "challenging", "size"):
        table.add_column(name, justify="right" if name in {"env_steps", "size"} else "left", no_wrap=True)
    for one in runs:
        table.add_row(
            str(one.path.relative_to(folder)), one.game, _origin(one, runs, folder), f"{one.env_steps:,}", one.state,
            one.change("original"), one.change("challenging") or one.change("all"), _size(one.size),
        )  # fmt: skip
    return table


def _origin(run: RunSummary, runs: Sequence[RunSummary], folder: Path) -> str:
    """The run that a run's first checkpoint is of, else the checkpoint's name."""
    given = Path(run.init_from)
    parents = [other for other in runs if run.init_from and other.path.resolve() in given.resolve().parents]
    return str(parents[0].path.relative_to(folder)) if parents else given.name


def _clean(needless: dict[Path, int], console: Console, *, ask: bool) -> None:
    """Remove what finished runs do not need.

    Raises:
        UserError: nobody is there to be asked.
    """
    if not needless:
        console.print("nothing to remove: no finished run has a replay, a recording or a whole checkpoint left")
        return
    for path, size in needless.items():
        console.print(f"{_size(size):>10}  {path}", soft_wrap=True)
    console.print(
        f"{_size(sum(needless.values())):>10}  in all; a run without these cannot be extended", soft_wrap=True
    )
    if ask:
        if not sys.stdin.isatty():
            raise UserError("runs: --clean asks first, and nobody is there to answer; --yes does without")
        if input("remove them? [y/N] ").strip().lower() not in {"y", "yes"}:
            console.print("nothing removed")
            return
    for path in needless:
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()
    console.print("removed")


def _size(size: int) -> str:
    return f"{size / 1e9:,.2f} GB" if size >= 1e8 else f"{size / 1e6:,.1f} MB"
