"""Standard streams that a run can rely on: there from the start, and there when nobody reads them any more.

Only the standard library is imported, for this comes before all else.
"""

from __future__ import annotations

import errno
import io
import os
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

GONE = (errno.EPIPE, errno.EIO)
"""What writing says once the reader of a pipe has ended (`| head`), or the terminal has been closed."""


def mend_streams() -> None:
    """Check that files 0, 1 and 2 are open and that nothing printed can stop the program.

    A descriptor that was closed (`2>&-`) is opened on /dev/null, or the next file that is opened would be written to by
    whoever prints. Once a reader has gone, what is printed goes nowhere; a character that the stream's encoding has not
    is written as its escape. Streams that somebody else has put in their place, a notebook or a test, are left alone.
    """
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            # It gets this number, the lowest that is free. Child processes are to find it open, too.
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)
    if sys.stdin is None:
        sys.stdin = open(0, closefd=False)  # noqa: SIM115 - for as long as the program runs
    for name, descriptor in (("stdout", 1), ("stderr", 2)):
        stream = getattr(sys, name)
        if stream is getattr(sys, f"__{name}__"):
            setattr(sys, name, _lasting(stream, descriptor))


def _lasting(stream: io.TextIOWrapper | None, descriptor: int) -> io.TextIOWrapper:
    if stream is None:
        return io.TextIOWrapper(io.BufferedWriter(_Lasting(descriptor)), "utf-8", "backslashreplace")
    stream.flush()
    return io.TextIOWrapper(
        io.BufferedWriter(_Lasting(descriptor)),
        stream.encoding,
        "backslashreplace",
        line_buffering=stream.line_buffering,
        write_through=stream.write_through,
    )


class _Lasting(io.FileIO):
    """A descriptor that is /dev/null from when nobody reads it on.

    Args:
        descriptor: of the stream; it stays open when this is closed.
    """

    def __init__(self, descriptor: int) -> None:
        super().__init__(descriptor, "wb", closefd=False)

    def write(self, data: ReadableBuffer, /) -> int:
        """Write bytes; those that nobody reads count as written."""
        try:
            return super().write(data)
        except OSError as error:
            if error.errno not in GONE:
                raise
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, self.fileno())
        os.close(nowhere)
        return memoryview(data).nbytes
