"""The parent's handle on one worker process."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

from mk_lightning.envs.channel import CALL, ERROR, RESULT, read_message, write_message
from mk_lightning.envs.worker import WorkerSetup

__all__ = ["WorkerError", "WorkerProcess"]

ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
"""A worker computes nothing that gains by threads, and their start costs time."""

SECONDS_TO_END = 5.0
"""How long a worker may take to end after its pipe closed, before it is killed."""


class WorkerError(RuntimeError):
    """A worker died or raised; the message names it and says how."""


class WorkerProcess:
    """A worker: a fresh interpreter with two pipes.

    A plain subprocess rather than a multiprocessing one: forking is unsafe beside torch's threads, and spawn
    and forkserver import the parent's ``__main__`` (and so torch) again in every worker.
    """

    def __init__(self, memory_fd: int) -> None:
        """Start the process, which inherits ``memory_fd``; :meth:`set_up` comes next."""
        command_read, self.command_fd = os.pipe()
        self.reply_fd, reply_write = os.pipe()
        """Ends of the pipes: ``STEP`` may be written to the one, its answer read from the other, by whoever is fast."""
        boot = f"from mk_lightning.envs.worker import main; main({command_read}, {reply_write})"
        path = os.pathsep.join(entry or str(Path.cwd()) for entry in sys.path)
        # The worker inherits a mask in which SIGINT is blocked, for Ctrl-C while it is still importing.
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-c", boot],  # -P: the working directory holds no modules of ours
                stdin=subprocess.DEVNULL,
                env={**os.environ, **ONE_THREAD, "PYTHONPATH": path},
                pass_fds=(command_read, reply_write, memory_fd),
            )
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
            os.close(command_read)
            os.close(reply_write)

    @property
    def pid(self) -> int:
        """Process id."""
        return self._process.pid

    def set_up(self, setup: WorkerSetup) -> None:
        """Tell the worker what to run; :meth:`result` then waits until its emulator does."""
        try:
            write_message(self.command_fd, b"", setup)
        except BrokenPipeError:
            raise self.death() from None

    def call(self, method: str, *args: Any) -> None:
        """Tell the worker to call one of its methods."""
        try:
            write_message(self.command_fd, CALL, (method, args))
        except BrokenPipeError:
            raise self.death() from None

    def result(self) -> Any:
        """Wait for what the method returned.

        Raises:
            WorkerError: it died or raised.
        """
        kind = os.read(self.reply_fd, 1)
        if kind != RESULT:
            raise self.failure(kind)
        try:
            return read_message(self.reply_fd)
        except EOFError:
            raise self.death() from None

    def hang_up(self) -> None:
        """Close the pipes, which ends the worker; :meth:`wait` then waits for its end."""
        for fd in (self.command_fd, self.reply_fd):
            os.close(fd)

    def wait(self) -> None:
        """Wait until the process has ended; kill it when it takes too long."""
        try:
            self._process.wait(SECONDS_TO_END)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def failure(self, kind: bytes) -> WorkerError:
        """Return what went wrong, ``kind`` being what was read in place of the expected answer."""
        if kind != ERROR:
            return self.death()
        try:
            summary, trace = read_message(self.reply_fd)
        except EOFError:
            return self.death()
        error = WorkerError(f"failed: {summary}")
        error.__cause__ = RuntimeError(f"in the worker:\n{trace}")
        return error

    def death(self) -> WorkerError:
        """Return how the process ended, its pipe having closed."""
        try:
            code = self._process.wait(SECONDS_TO_END)
        except subprocess.TimeoutExpired:
            return WorkerError("closed its pipe but did not end")
        name = f" ({signal.Signals(-code).name})" if code < 0 else ""
        return WorkerError(f"died with exit code {code}{name}")
