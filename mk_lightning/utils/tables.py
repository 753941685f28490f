"""Tables that can be read where the terminal is narrow, or is a pipe of 80 columns."""

from __future__ import annotations

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderResult
from rich.table import Column, Table
from rich.text import Text


class WholeTable(Table):
    """A table of text that cuts nothing: where there is no room, its frame goes and cells wrap between words.

    The first column, of names, is the last to be wrapped; within words only where they alone are too wide.
    """

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Give the columns the widths that the room allows."""
        natural = [_longest(column, words=False) for column in self.columns]
        narrow = sum(natural) + 3 * len(natural) + 1 > options.max_width
        widths: list[int | None] = [None] * len(natural)
        if narrow:
            least = [natural[0], *(_longest(column, words=True) for column in self.columns[1:])]
            left = options.max_width - sum(least) - 2 * (len(least) - 1)
            for number, (low, high) in enumerate(zip(least, natural, strict=True)):
                widths[number] = low + (more := max(0, min(left, high - low)))
                left -= more
        self.show_edge, self.pad_edge, self.collapse_padding = not narrow, not narrow, narrow
        for column, width in zip(self.columns, widths, strict=True):
            column.width, column.no_wrap, column.overflow = width, not narrow, "fold"
        return super().__rich_console__(console, options)


def _longest(column: Column, *, words: bool) -> int:
    """Columns of the terminal that the longest cell takes, or its longest word."""
    cells = [Text.from_markup(str(cell)).plain for cell in (column.header, *column.cells)]
    return max(cell_len(piece) for cell in cells for piece in (cell.split() if words else [cell]) or [""])
