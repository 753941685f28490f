"""ROM files: what one may be, the SHA-1 it is known by, and those that a Python package brings."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from pathlib import Path

import numpy as np

from mk_lightning.games.names import GameError

__all__ = ["PACKAGED_ROMS", "check_rom", "content_sha1", "read_rom", "rom_sha1"]

ROM_BYTES = (512, 32 * 2**20)
"""A ROM has at least a header, and stable-retro takes no more."""
NES_HEADER = 16
"""Bytes before a ``.nes`` file's ROM, of which its SHA-1 knows nothing."""
SMD_HEADER, SMD_BLOCK = 512, 0x4000
"""Bytes before a Super Magic Drive's dump, and of each of its blocks."""

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


def read_rom(path: Path) -> bytes:
    """Return a ROM, one of a Super Magic Drive (``.smd``) in the order in which the Genesis reads it.

    Each block of such a dump has the odd bytes first, then the even ones; "SEGA" at 0x100 shows it. Stable-retro's
    ``groom_rom`` is meant to do this, but compares an int with bytes, and so leaves every dump as it is.
    """
    content = path.read_bytes()
    if len(content) % SMD_BLOCK != SMD_HEADER or content[SMD_HEADER + 0x80 : SMD_HEADER + 0x82] != b"EA":
        return content
    blocks = np.frombuffer(content, np.uint8, offset=SMD_HEADER).reshape(-1, 2, SMD_BLOCK // 2)
    return blocks[:, ::-1].transpose(0, 2, 1).tobytes()


def content_sha1(content: bytes, extension: str) -> str:
    """Return the SHA-1 that stable-retro knows a ROM by, in hexadecimal.

    Args:
        content: of the file.
        extension: of its name, such as ``.nes``.
    """
    if extension.lower() == ".nes":
        content = content[NES_HEADER:]
    return hashlib.sha1(content, usedforsecurity=False).hexdigest()


@lru_cache(maxsize=16)
def rom_sha1(path: Path) -> str:
    """Return the SHA-1 that stable-retro knows the ROM in a file by; the file is read once."""
    return content_sha1(path.read_bytes(), path.suffix)
