"""The parent's handles on the worker processes."""

from __future__ import annotations

import contextlib
import os
import select
import signal
from collections.abc import Callable
from typing import Any

from mk_lightning.envs.workers.channel import (
    BEGAN,
    CALL,
    DONE,
    ERROR,
    RESULT,
    STEP,
    read_message,
    ready,
    write_message,
)
from mk_lightning.utils.errors import WorkerError

__all__ = ["DeadWorkerError", "WorkerProcess", "exit_code", "failure"]

HANG_SECONDS = 10.0
"""How long a worker may leave the parent without an answer before it counts as hung. The longest answer, a reset,
takes some 10 ms; a thousand times that is still an overloaded machine, not an emulator that will ever return."""

SECONDS_TO_END = 5.0
"""How long a process that was killed or told to end may take to be gone."""


class DeadWorkerError(WorkerError):
    """A worker has ended, or hung and was killed; another can take its place."""


class WorkerProcess:
    """A worker: its two pipes, and what is asked through them.

    That it has died shows when its answer is waited for, wherever it did.
    """

    def __init__(self, exit_code_of: Callable[[int], int], pid: int, command_fd: int, reply_fd: int) -> None:
        """Take the parent's ends of the pipes.

        ``exit_code_of`` waits for the end of the process of an id and returns how it ended; it raises EOFError if
        nobody knows, and TimeoutError if it does not end.

        ``STEP`` may be written to the one, its answer's kind read from the other, by whoever is fast. Neither blocks:
        a worker that is stopped must not stop the parent.
        """
        self._exit_code_of = exit_code_of
        self.pid = pid
        """Process id."""
        self.command_fd = command_fd
        self.reply_fd = reply_fd
        for fd in (command_fd, reply_fd):
            os.set_blocking(fd, False)
        self._poll = select.poll()
        self._poll.register(reply_fd, select.POLLIN)
        self._death = ""

    def step(self) -> None:
        """Tell the worker to play the action in shared memory."""
        with contextlib.suppress(BrokenPipeError):
            os.write(self.command_fd, STEP)

    def call(self, method: str, *args: Any) -> None:
        """Tell the worker to call one of its methods."""
        try:
            write_message(self.command_fd, CALL, (method, args), HANG_SECONDS)
        except BrokenPipeError:
            pass
        except TimeoutError:
            self._death = self._end()

    def kind(self) -> bytes:
        """Wait for an answer and return its kind, empty if none came; :meth:`payload` takes what follows."""
        return os.read(self.reply_fd, 1) if ready(self._poll, HANG_SECONDS) else b""

    def payload(self, kind: bytes) -> Any:
        """Return what follows an answer's kind: a method's result, or the random generator's state of a match begun.

        Args:
            kind: as read; empty if none came.

        Raises:
            DeadWorkerError: nothing does, for the worker died or hung; it is gone now.
            WorkerError: the worker raised.
        """
        try:
            if kind == ERROR:
                raise failure(self.reply_fd)
            if kind in (RESULT, BEGAN):
                return read_message(self.reply_fd, HANG_SECONDS)
            if kind == DONE:
                return None
        except (EOFError, TimeoutError):
            pass
        self._death = self._death or self._end()
        raise DeadWorkerError(self._death)

    def answer(self) -> Any:
        """Wait for an answer and return its :meth:`payload`."""
        return self.payload(self.kind())

    def close(self) -> None:
        """Close the pipes; end it if it still runs, though its fork server should have."""
        self.kill()
        os.close(self.command_fd)
        os.close(self.reply_fd)

    def kill(self) -> None:
        """Kill it, even if it is stopped, unless it has ended; no answer is left to be read."""
        if self._runs():
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)
        while ready(self._poll, SECONDS_TO_END) and os.read(self.reply_fd, 1 << 16):
            pass

    def _runs(self) -> bool:
        """Whether it holds its end of the pipe: who asks the process table may meet another of the same id."""
        return not any(events & select.POLLHUP for _, events in self._poll.poll(0))

    def _end(self) -> str:
        """Make sure that it has ended, and return how."""
        hung = self._runs()
        self.kill()
        try:
            code = self._exit_code_of(self.pid)
        except EOFError:
            how = "died with the process that it was forked from"
        except TimeoutError:
            how = "closed its pipe but does not end"
        else:
            how = f"died with {exit_code(code)}"
        return f"did not answer for {HANG_SECONDS:g} s and was killed" if hung else how


def failure(fd: int) -> WorkerError:
    """Return the exception that a message of kind ``ERROR`` tells of."""
    summary, trace = read_message(fd, HANG_SECONDS)
    error = WorkerError(f"failed: {summary}")
    error.__cause__ = RuntimeError(f"in the worker:\n{trace}")
    return error


def exit_code(code: int) -> str:
    """Return an exit code for people, with the signal's name if it was one."""
    return f"exit code {code}{f' ({signal.Signals(-code).name})' if code < 0 else ''}"
