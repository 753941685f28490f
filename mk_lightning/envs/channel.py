"""Messages between the parent and one worker: a byte for a step, a pickle for anything rarer."""

from __future__ import annotations

import os
import pickle
import struct
from typing import Any

__all__ = ["CALL", "DONE", "ERROR", "RESULT", "STEP", "read_message", "write_message"]

STEP = b"s"
"""Parent: play the action in the shared array."""
CALL = b"c"
"""Parent: call a method; a message ``(name, args)`` follows."""
DONE = b"."
"""Worker: stepped; the result is in the shared arrays."""
RESULT = b"="
"""Worker: called; a message with what the method returned follows."""
ERROR = b"!"
"""Worker: an exception; a message ``(summary, traceback)`` follows."""

_LENGTH = struct.Struct("<Q")


def write_message(fd: int, kind: bytes, payload: Any) -> None:
    """Write ``kind`` and the pickled payload."""
    body = pickle.dumps(payload, pickle.HIGHEST_PROTOCOL)
    message = memoryview(kind + _LENGTH.pack(len(body)) + body)
    while message:
        message = message[os.write(fd, message) :]


def read_message(fd: int) -> Any:
    """Read the payload that follows a kind.

    Raises:
        EOFError: the other side is gone.
    """
    (length,) = _LENGTH.unpack(_read_exactly(fd, _LENGTH.size))
    return pickle.loads(_read_exactly(fd, length))


def _read_exactly(fd: int, length: int) -> bytes:
    parts = []
    while length:
        part = os.read(fd, length)
        if not part:
            raise EOFError
        parts.append(part)
        length -= len(part)
    return b"".join(parts)
