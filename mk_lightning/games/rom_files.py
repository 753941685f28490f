"""ROM files: what one may be, the SHA-1 it is known by, and those that a Python package brings."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from pathlib import Path

from mk_lightning.games.names import GameError

__all__ = ["PACKAGED_ROMS", "check_rom", "rom_sha1"]

ROM_BYTES = (512, 32 * 2**20)
"""A ROM has at least a header, and stable-retro takes no more."""
NES_HEADER = 16
"""Bytes before a ``.nes`` file's ROM, of which its SHA-1 knows nothing."""

PACKAGED_ROMS = {"Boxing-Atari2600-v0": ("ale_py", "roms/boxing.bin")}
"""By game id: the package that has its ROM, and the file in it. It comes with ``pip install "mk-lightning[games]"``."""


def check_rom(path: Path) -> None:
    """Check that a file has a ROM's size, before all of it is read.

    Raises:
        GameError: it has not.
    """
    least, most = ROM_BYTES
    if not least <= (size := path.stat().st_size) <= most:
        raise GameError(f"{path} is no ROM: it has {size:,} bytes, one has {least:,} to {most:,}")


@lru_cache(maxsize=16)
def rom_sha1(path: Path) -> str:
    """Return the SHA-1 that stable-retro knows a ROM by, in hexadecimal."""
    content = path.read_bytes()
    if path.suffix.lower() == ".nes":
        content = content[NES_HEADER:]
    return hashlib.sha1(content, usedforsecurity=False).hexdigest()
