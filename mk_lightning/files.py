"""Find configs and checkpoints: where the user stands first, then those that ship with the package."""

from __future__ import annotations

import os
from pathlib import Path

from mk_lightning.errors import UserError

SHIPPED = Path(__file__).parent / "shipped"
"""In a checkout this holds links to the repository's `configs/` and `checkpoints/`, in a wheel their files."""


def find_file(path: str | Path) -> Path:
    """`path` if it exists, else the shipped file of that name if there is one, else `path` unchanged."""
    given = Path(path)
    shipped = SHIPPED / given
    return shipped if not given.exists() and not given.is_absolute() and shipped.is_file() else given


def shipped_configs() -> list[str]:
    """Names of the shipped configs, as they are given to `-c`."""
    return sorted(str(path.relative_to(SHIPPED)) for path in SHIPPED.glob("configs/**/*.yaml"))


def check_directory(name: str, path: str | Path) -> None:
    """See that a directory can be made, or is there.

    Raises:
        UserError: it cannot; the message calls it `name`.
    """
    if not Path(path).name or "\0" in str(path):
        raise UserError(f"{name} must name a directory, such as runs/mine, got {str(path)!r}")
    try:
        there = next(parent for parent in Path(path).absolute().parents if parent.exists())
    except OSError as error:  # too long
        raise UserError(f"{name} {str(path)!r} is no directory: {error}") from None
    if len(os.fsencode(Path(path).name)) > 200:
        raise UserError(f"{name}: the last part of {str(path)!r} is too long for a directory's name")
    if not there.is_dir() or not os.access(there, os.W_OK):
        reason = "cannot be written to" if there.is_dir() else "is a file"
        raise UserError(f"{name} {path} cannot be made: {there} {reason}")
