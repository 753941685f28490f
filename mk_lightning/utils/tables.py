"""Tables that can be read where the terminal is narrow, and are whole in a pipe."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from typing import Any, TextIO

from rich import box
from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderResult
from rich.table import Column, Table
from rich.text import Text

TEXT_WIDTH = 110
"""Columns of what is not shown on a terminal: a file's tables, a pipe's."""
INTERVAL = r"\[[-+]?\d[^\]]*\]"
WHOLE, PHRASE, WORD = (re.compile(pattern) for pattern in (r".+", rf"{INTERVAL}|± \S+|\S+", r"\S+"))
"""What of a cell stays in a line."""
BEFORE_SPREAD = re.compile(rf" (?={INTERVAL}|± )")


def text_console(file: TextIO | None = None, **options: Any) -> Console:
    """Return a console as wide as the terminal, and elsewhere wide enough for the tables.

    Args:
        file: to print to; None takes stdout.
        options: of the `Console`.
    """
    file = file or sys.stdout
    width = Console(file=file).width
    return Console(file=file, width=width if file.isatty() else max(TEXT_WIDTH, width), emoji=False, **options)


class WholeTable(Table):
    """A table of text that cuts nothing: where there is no room, its frame goes and cells wrap between words.

    The first column, of names, is the last to be wrapped, an interval or a deviation the last within the others; within
    words only where they alone are too wide.
    """

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """The table itself where there is room for its longest cells, else a narrow one of the same."""
        whole = [_longest(column, WHOLE) for column in self.columns]
        if sum(whole) + 3 * len(whole) + 1 <= options.max_width:
            for column in self.columns:
                column.no_wrap = True
            return super().__rich_console__(console, options)
        return self._narrow(options.max_width, whole).__rich_console__(console, options)

    def _narrow(self, room: int, whole: Sequence[int]) -> Table:
        """The same without a frame, in columns of the widths that the room allows."""
        room -= len(whole) - 1
        for piece in (PHRASE, WORD):
            widths = [whole[0], *(_longest(column, piece) for column in self.columns[1:])]
            if sum(widths) <= room:
                break
        left = room - sum(widths)
        for number, most in enumerate(whole):
            widths[number] += (more := max(0, min(left, most - widths[number])))
            left -= more
        table = Table(
            title=self.title, caption=self.caption, box=box.HORIZONTALS, show_edge=False, pad_edge=False, padding=0
        )
        broken = [width < most for width, most in zip(widths, whole, strict=True)]
        for column, width in zip(self.columns, widths, strict=True):
            table.add_column(column.header, justify=column.justify, width=width, overflow="fold")
        for row, cells in zip(self.rows, zip(*(column.cells for column in self.columns), strict=True), strict=True):
            texts = (BEFORE_SPREAD.sub("\n", str(c)) if b else c for c, b in zip(cells, broken, strict=True))
            table.add_row(*texts, style=row.style, end_section=row.end_section)
        return table


def _longest(column: Column, piece: re.Pattern[str]) -> int:
    """Columns of the terminal that the longest piece of a cell takes."""
    cells = [Text.from_markup(str(cell)).plain for cell in (column.header, *column.cells)]
    return max(cell_len(found) for cell in cells for found in piece.findall(cell) or [""])
