"""Processes that a run has started, by what /proc says of them."""

from __future__ import annotations

from pathlib import Path

PARENT, SESSION = 1, 3
"""Fields of /proc/<pid>/stat behind the name."""


def processes(field: int, value: int) -> list[int]:
    """Process ids, those that have ended left out, of which a field of their status has this value; lowest first."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            if int(fields[field]) == value and fields[0] != "Z":
                found.append(int(entry.name))
    return sorted(found)
