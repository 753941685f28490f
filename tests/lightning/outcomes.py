"""The tables of `docs/lightning.md`."""

from __future__ import annotations

import re
from pathlib import Path

DOCS = Path(__file__).parents[2] / "docs" / "lightning.md"


def documented(heading: str) -> dict[str, tuple[str, str]]:
    """What the table below a heading says: by name, the outcome at the command line and under a plain Trainer."""
    section = DOCS.read_text().partition(f"## {heading}\n")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| `(\w+)` \| (\w+) \| (\w+) \|", section, re.M)
    assert len(rows) == len({name for name, *_ in rows}), "a row stands there twice"
    return {name: (command_line, plain) for name, command_line, plain in rows}
