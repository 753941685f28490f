"""A line that says what a run is doing, on a terminal, in a notebook, or in a log."""

from __future__ import annotations

import sys
import time
from typing import TextIO

from rich.console import Console, RenderableType
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from mk_lightning.utils.tables import TEXT_WIDTH, text_console
from mk_lightning.utils.terminal import clearing, is_rewritable

LIVE_SECONDS, LOG_SECONDS = 0.5, 15.0
"""Between two lines where they replace each other, and where they do not."""
BAR = 24
"""Characters of the bar."""


class StatusLine:
    """A line on stderr with the phase, a bar and the figures.

    On a terminal and in a notebook it is rewritten in place, and gone when the phase is done; elsewhere (a log file, a
    dumb terminal) it is printed anew, when a phase begins and every 15 s. It has no thread and hides no cursor:
    whatever ends the process leaves the terminal whole.

    Args:
        file: to write to; None takes stderr.
    """

    def __init__(self, file: TextIO | None = None) -> None:
        self._file = file or sys.stderr
        self._notebook = Console(file=self._file).is_jupyter
        self._terminal = is_rewritable(self._file) and not self._notebook
        self._shown = -float("inf")
        self._phase = ""
        self._length = 0
        """Of a notebook's line, which the next one has to cover."""

    def due(self, phase: str, done: int, total: int) -> bool:
        """Whether it is time for another line; arguments as for `show`."""
        live = self._terminal or self._notebook
        seconds = LIVE_SECONDS if live else LOG_SECONDS
        return phase != self._phase or time.monotonic() - self._shown >= seconds or (live and done >= total)

    def show(self, phase: str, done: int, total: int, figures: str) -> None:
        """Show how far a phase has come.

        Args:
            phase: e.g. `training`.
            done: of `total`.
            total: at its end.
            figures: what else there is to say, the most important first, between ` | `.
        """
        self._shown, self._phase = time.monotonic(), phase
        share = f"{min(done / max(total, 1), 1):4.0%}"
        if done >= total and (self._terminal or self._notebook):
            self._write(self._cleared())
        elif self._terminal:
            width = Console(file=self._file).width
            grid = Table.grid(padding=(0, 1))
            bar = [ProgressBar(total, done, width=BAR)] if width >= TEXT_WIDTH else []
            room = width - len(f"{phase} {share} ") - (BAR + 1) * len(bar) - 1
            grid.add_row(Text(phase, "bold"), *bar, share, Text(_fitting(figures, room)))
            self._write(f"{self._cleared()}{self._rendered(grid)}")
        elif self._notebook:
            filled = round(BAR * min(done / max(total, 1), 1))
            line = f"{phase} {'━' * filled}{'─' * (BAR - filled)} {share} {figures}"
            self._write(f"\r{line:{self._length}}")
            self._length = len(line)
        else:
            self._write(f"{phase} {share.strip()}: {figures}\n")

    def say(self, line: str) -> None:
        """Print a line that stays."""
        self._write(f"{self._cleared()}{line}\n")

    def show_table(self, table: Table) -> None:
        """Print a table, which stays."""
        self._write(self._cleared())
        text_console(self._file).print(table)

    def _cleared(self) -> str:
        return f"\r{'':{self._length}}\r" if self._notebook else clearing(self._file)

    def _write(self, text: str) -> None:
        self._file.write(text)
        self._file.flush()

    def _rendered(self, what: RenderableType) -> str:
        """One line as the terminal takes it, with its colours, and no wider than it is."""
        console = Console(file=self._file, emoji=False, highlight=False)
        with console.capture() as capture:
            console.print(what, width=console.width - 1, no_wrap=True, overflow="ellipsis")
        return capture.get().splitlines()[0]


def _fitting(figures: str, room: int) -> str:
    """As many figures, from the first on, as there is room for; one at least."""
    first, *others = figures.split(" | ")
    for figure in others:
        if len(f"{first} | {figure}") > room:
            break
        first += f" | {figure}"
    return first
