"""What this machine has, asked before something too large for it is tried."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from mk_lightning.utils.errors import UserError


def memory(root: Path = Path("/")) -> int:
    """Bytes of memory that this process may use: the machine's, or the limit of its container or job if that is lower.

    Args:
        root: where `proc` and `sys` are mounted.
    """
    return min([os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"), *_cgroup_limits(root)])


def _cgroup_limits(root: Path) -> Iterator[int]:
    """Limits of the control groups that this process is in, of versions 1 and 2 (Linux, Documentation/admin-guide)."""
    groups = root / "proc/self/cgroup"
    for line in groups.read_text().splitlines() if groups.is_file() else []:
        _, controllers, path = line.split(":", 2)
        if controllers and "memory" not in controllers.split(","):
            continue
        place, name = ("memory", "memory.limit_in_bytes") if controllers else ("", "memory.max")
        mount = root / "sys/fs/cgroup" / place
        inner = mount / path.lstrip("/")
        for folder in (inner, *inner.parents):
            limit = folder / name
            if limit.is_file() and (text := limit.read_text().strip()).isdecimal():  # "max": none
                yield int(text)
            if folder == mount:
                break


def check_memory(name: str, count: int, each: int) -> None:
    """Check that something fits into this machine's memory, before it is asked for.

    Args:
        name: of the option.
        count: its value: how many of something.
        each: bytes that one of them needs.

    Raises:
        UserError: it does not; the message says what it would need, what is there, and the most that fits.
    """
    there = memory()
    if count * each > there:
        raise UserError(
            f"{name} {count:,} would need {_readable(count * each)} of memory, this machine or container has "
            f"{_readable(there)}; at most {there // each:,}"
        )


def _readable(count: int) -> str:
    """Bytes in the largest unit of which there is at least one."""
    for power, unit in ((6, "EB"), (5, "PB"), (4, "TB"), (3, "GB"), (2, "MB")):
        if count >= 1000**power:
            return f"{count // (1000 ** (power - 1)) / 1000:,.1f} {unit}"
    return f"{count:,} bytes"
