"""The command line at a terminal, or with its output in a pipe: what it writes, and the screen that comes of it."""

from __future__ import annotations

import atexit
import fcntl
import os
import select
import signal
import struct
import sys
import tempfile
import termios
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import pyte

from mk_lightning.cli.main import main
from tests.commands import CONTEXT, PROGRAM

ROWS = 400
"""Of the screen, which no session fills: nothing scrolls away."""
WIDE = 2000
"""Columns that no line fills."""
SHELL_SETTINGS = ("COLUMNS", "LINES", "NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE")
"""Environment variables by which rich would not believe the terminal."""


class Session(NamedTuple):
    """What a command has come to.

    Attributes:
        raw: all that it has written.
        code: its exit code.
        columns: of the terminal; None of a pipe.
    """

    raw: str
    code: int | None
    columns: int | None

    @property
    def screen(self) -> list[str]:
        """Rows of the terminal at the end."""
        return _shown(self.raw, self.columns or WIDE)

    @property
    def lines(self) -> list[str]:
        """The same on a terminal on which no line has to be continued in the next row."""
        return _shown(self.raw, WIDE)


def at_terminal(words: Sequence[str], columns: int, kind: str = "xterm-256color", seconds: float = 120.0) -> Session:
    """Run a command at a terminal.

    Args:
        words: the command line after the program's name.
        columns: of the terminal.
        kind: what TERM says.
        seconds: it must end within.
    """
    ours, theirs = os.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, columns, 0, 0))
    try:
        return Session(*_session(words, ours, os.ttyname(theirs), {"TERM": kind}, seconds), columns)
    finally:
        os.close(theirs)
        os.close(ours)


def in_pipe(words: Sequence[str], seconds: float = 120.0) -> Session:
    """Run a command whose stdout and stderr are the same pipe."""
    with tempfile.TemporaryDirectory() as folder:
        os.mkfifo(path := f"{folder}/pipe")
        ours = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        try:
            return Session(*_session(words, ours, path, {"TERM": "xterm-256color"}, seconds), None)
        finally:
            os.close(ours)


def _shown(raw: str, columns: int) -> list[str]:
    screen = pyte.Screen(columns, ROWS)
    screen.set_mode(pyte.modes.LNM)  # as a terminal's driver has it: a new line begins at the left
    pyte.Stream(screen).feed(raw)
    rows = [row.rstrip() for row in screen.display]
    while rows and not rows[-1]:
        rows.pop()
    return rows


def _session(
    words: Sequence[str], ours: int, path: str, variables: Mapping[str, str], seconds: float
) -> tuple[str, int | None]:
    process = CONTEXT.Process(target=_run, args=(list(words), Path.cwd(), path, variables))
    process.start()
    written, ends = b"", time.monotonic() + seconds
    while (running := process.is_alive()) or select.select([ours], [], [], 0)[0]:
        if select.select([ours], [], [], 0.1)[0]:
            try:
                read = os.read(ours, 65536)
            except OSError:  # of a terminal that nobody has open
                read = b""
            written += read
            if not (read or running):
                break
        if time.monotonic() > ends:
            os.killpg(process.pid or 0, signal.SIGKILL)
            raise AssertionError(f"still runs after {seconds} s:\n{written.decode()}")
    process.join()
    return written.decode(), process.exitcode


def _run(words: list[str], folder: Path, path: str, variables: Mapping[str, str]) -> None:
    os.chdir(folder)
    os.setsid()
    stream = os.open(path, os.O_RDWR)  # the first terminal that a session opens is its own
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for name in SHELL_SETTINGS:
        os.environ.pop(name, None)
    os.environ.update(variables)
    sys.argv = [str(PROGRAM), *words]
    for descriptor in range(3):
        os.dup2(stream, descriptor)
    for descriptor, name in enumerate(("stdout", "stderr"), 1):  # buffered as those of a program that starts there
        buffering = 1 if os.isatty(descriptor) or name == "stderr" else -1
        setattr(sys, name, open(descriptor, "w", buffering, closefd=False))  # noqa: SIM115 - for good
        setattr(sys, f"__{name}__", getattr(sys, name))
    try:
        main(words)
    finally:
        sys.stdout.flush()
        atexit._run_exitfuncs()
