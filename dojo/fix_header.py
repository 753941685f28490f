"""Pad the linked program to whole blocks of 32 KiB and fill in the cartridge header's length and checksum.

The SHA-1 that stable-retro knows the ROM by is written beside it.
"""

import hashlib
import struct
import sys
from pathlib import Path

BLOCK = 0x8000
"""Bytes."""


def cartridge(program: bytes) -> bytes:
    """The program as a cartridge image."""
    size = -(-len(program) // BLOCK) * BLOCK
    image = bytearray(program.ljust(size, b"\xff"))
    image[0x1A4:0x1A8] = struct.pack(">I", size - 1)
    words = struct.unpack(f">{(size - 0x200) // 2}H", image[0x200:])
    image[0x18E:0x190] = struct.pack(">H", sum(words) & 0xFFFF)
    return bytes(image)


if __name__ == "__main__":
    source, target = map(Path, sys.argv[1:])
    image = cartridge(source.read_bytes())
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(image)
    target.with_suffix(".sha").write_text(hashlib.sha1(image).hexdigest() + "\n")
