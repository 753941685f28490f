"""Messages between two processes: a byte for a step, a pickle for anything rarer.

Either end may be killed or stopped at any byte. Who could be left waiting says for how long it will.
"""

from __future__ import annotations

import os
import pickle
import select
import struct
import traceback
from typing import Any

from mk_lightning.utils.errors import UserError

__all__ = [
    "BEGAN",
    "CALL",
    "DONE",
    "ENDED",
    "ERROR",
    "FORK",
    "RESULT",
    "STEP",
    "read_kind",
    "read_message",
    "ready",
    "write_error",
    "write_message",
]

STEP = b"s"
"""Parent to worker: play the action in the shared array."""
CALL = b"c"
"""Parent to worker: call a method; a message ``(name, args)`` follows."""
DONE = b"."
"""Worker: stepped; the result is in the shared arrays."""
BEGAN = b"|"
"""Worker: the step began a match; a message with its random generator's state follows."""
RESULT = b"="
"""Done as told; a message with what came of it follows."""
ENDED = b"x"
"""Forking process: a child has ended; a message ``(pid, exit code)`` follows."""
ERROR = b"!"
"""An exception; a message ``(summary, traceback)`` follows."""

FORK = struct.Struct("<I")
"""Parent to a process that serves forks, with two descriptors for the child: start one of this index. Sent in one
piece, so that nobody waits for the rest of what a killed parent began."""

_LENGTH = struct.Struct("<Q")


def write_message(fd: int, kind: bytes, payload: Any, seconds: float | None = None) -> None:
    """Write ``kind`` and the pickled payload.

    Args:
        fd: a pipe or socket; one that does not block if ``seconds`` are given.
        kind: a byte, or nothing when it has been written already.
        payload: anything that can be pickled.
        seconds: how long the other side may take to make room; None waits for ever.

    Raises:
        ConnectionError: the other side is gone.
        TimeoutError: it took longer.
    """
    body = pickle.dumps(payload, pickle.HIGHEST_PROTOCOL)
    message = memoryview(kind + _LENGTH.pack(len(body)) + body)
    poll = _poll(fd, select.POLLOUT)
    while message:
        _wait(poll, seconds)
        message = message[os.write(fd, message) :]


def write_error(fd: int, error: Exception) -> None:
    """Tell of an exception; what the user gave is said as it is, anything else with its kind.

    Raises:
        ConnectionError: the other side is gone.
    """
    summary = str(error) if isinstance(error, UserError) else f"{type(error).__name__}: {error}"
    write_message(fd, ERROR, (summary, "".join(traceback.format_exception(error))))


def read_kind(fd: int) -> bytes:
    """Read one byte; empty if the other side is gone."""
    try:
        return os.read(fd, 1)
    except ConnectionError:  # a socket's way to say that it went before it had read all
        return b""


def read_message(fd: int, seconds: float | None = None) -> Any:
    """Read the payload that follows a kind.

    Args:
        fd: a pipe or socket.
        seconds: how long the other side may take for any part of it; None waits for ever.

    Raises:
        EOFError: the other side is gone.
        TimeoutError: it took longer.
    """
    poll = _poll(fd, select.POLLIN)
    (length,) = _LENGTH.unpack(_read_exactly(fd, _LENGTH.size, poll, seconds))
    return pickle.loads(_read_exactly(fd, length, poll, seconds))


def ready(poll: select.poll, seconds: float) -> bool:
    """Wait until something can be read or written, or is gone; False after so many seconds in which nothing was.

    It waits twice half as long: if this process was stopped (Ctrl-Z) like the one that it waits for, the first half is
    over when both go on.
    """
    half = 500 * seconds
    return bool(poll.poll(half) or poll.poll(half))


def _poll(fd: int, event: int) -> select.poll:
    poll = select.poll()  # select() knows no descriptor above 1,023
    poll.register(fd, event)
    return poll


def _wait(poll: select.poll, seconds: float | None) -> None:
    if seconds is not None and not ready(poll, seconds):
        raise TimeoutError


def _read_exactly(fd: int, length: int, poll: select.poll, seconds: float | None) -> bytes:
    parts = []
    while length:
        _wait(poll, seconds)
        try:
            part = os.read(fd, length)
        except ConnectionError:
            part = b""
        if not part:
            raise EOFError
        parts.append(part)
        length -= len(part)
    return b"".join(parts)
