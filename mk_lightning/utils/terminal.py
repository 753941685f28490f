"""Terminals whose lines can be rewritten. Only the standard library is imported: the program starts with this."""

from __future__ import annotations

import os
from typing import TextIO

CLEAR = "\r\x1b[2K"
"""Empties the line that a terminal's cursor is on, and goes to its beginning."""


def is_rewritable(stream: TextIO) -> bool:
    """Whether a stream is a terminal that knows control sequences; one that `TERM` calls dumb shows them as text."""
    return stream.isatty() and os.environ.get("TERM", "") not in {"", "dumb", "unknown"}


def clearing(stream: TextIO) -> str:
    """What to write before a line, so that it is not glued to a status line that the stream may show."""
    return CLEAR if is_rewritable(stream) else ""
