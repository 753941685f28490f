"""What this machine has, asked before something too large for it is tried."""

from __future__ import annotations

import os

from mk_lightning.errors import UserError


def memory() -> int:
    """Bytes of physical memory."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def check_memory(name: str, count: int, each: int) -> None:
    """See that something fits into this machine's memory, before it is asked for.

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
            f"{name} {count:,} would need {_readable(count * each)} of memory, this machine has {_readable(there)}; "
            f"at most {there // each:,}"
        )


def _readable(count: int) -> str:
    """Bytes in the largest unit of which there is at least one."""
    for power, unit in ((6, "EB"), (5, "PB"), (4, "TB"), (3, "GB"), (2, "MB")):
        if count >= 1000**power:
            return f"{count // (1000 ** (power - 1)) / 1000:,.1f} {unit}"
    return f"{count:,} bytes"
