"""Find configs and checkpoints: where the user stands first, then those that ship with the package."""

from __future__ import annotations

from pathlib import Path

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
