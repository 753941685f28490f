"""The parent's handles on the worker processes and on the one that they are forked from."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from mk_lightning.envs.channel import CALL, ERROR, RESULT, read_message, write_message
from mk_lightning.envs.worker import WorkerSetup

__all__ = ["Nursery", "WorkerError", "WorkerProcess"]

ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
"""A worker computes nothing that gains by threads, and their start costs time."""

SECONDS_TO_END = 5.0
"""How long a worker may take to end after its pipe closed, before it is killed."""


class WorkerError(RuntimeError):
    """A worker died or raised; the message names it and says how."""


class Nursery:
    """The process that the workers are forked from.

    A plain subprocess rather than a multiprocessing one: forking is unsafe beside torch's threads, and spawn
    and forkserver import the parent's ``__main__`` (and so torch) again.
    """

    def __init__(self, setup: WorkerSetup) -> None:
        """Start the process, which inherits the shared memory, and from it ``setup.num_envs`` workers.

        Args:
            setup: of worker 0; the others' differ in their index.
        """
        pipes = [(*os.pipe(), *os.pipe()) for _ in range(setup.num_envs)]
        theirs = [(command_read, reply_write) for command_read, _, _, reply_write in pipes]
        control_read, control_fd = os.pipe()
        self._report_fd, report_write = os.pipe()
        boot = f"from mk_lightning.envs.nursery import main; main({control_read}, {report_write})"
        path = os.pathsep.join(entry or str(Path.cwd()) for entry in sys.path)
        handed = [control_read, report_write, *(fd for pair in theirs for fd in pair)]
        # The process inherits a mask in which SIGINT is blocked, for Ctrl-C while it is still importing.
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-c", boot],  # -P: the working directory holds no modules of ours
                stdin=subprocess.DEVNULL,
                env={**os.environ, **ONE_THREAD, "PYTHONPATH": path},
                pass_fds=(*handed, setup.memory_fd),
            )
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
            for fd in handed:
                os.close(fd)
        self._exit_codes: dict[int, int] = {}
        self.workers = [WorkerProcess(self, command_fd, reply_fd) for _, command_fd, reply_fd, _ in pipes]
        """Its workers; their ``pid`` is this process's own until :meth:`begin` has returned."""
        with contextlib.suppress(BrokenPipeError):  # :meth:`begin` says how it died
            write_message(control_fd, b"", (setup, theirs))
        os.close(control_fd)

    @property
    def pid(self) -> int:
        """Process id."""
        return self._process.pid

    def begin(self) -> None:
        """Wait until every worker runs.

        Raises:
            WorkerError: the emulator could not be started.
        """
        kind = os.read(self._report_fd, 1)
        if kind == ERROR:
            raise failure(self._report_fd)
        if kind != RESULT:
            raise WorkerError(f"died with {exit_code(self._process.wait())}")
        for worker, pid in zip(self.workers, read_message(self._report_fd), strict=True):
            worker.pid = pid

    def wait_for(self, pid: int, seconds: float) -> int | None:
        """Return the exit code of a worker, or None if it has not ended after so long.

        Raises:
            EOFError: this process has ended itself, and nobody knows.
        """
        deadline = time.monotonic() + seconds
        poll = select.poll()  # select() knows no descriptor above 1,023
        poll.register(self._report_fd, select.POLLIN)
        while pid not in self._exit_codes:
            if not poll.poll(max(0.0, 1000 * (deadline - time.monotonic()))):
                return None
            if not os.read(self._report_fd, 1):
                raise EOFError
            ended, code = read_message(self._report_fd)
            self._exit_codes[ended] = code
        return self._exit_codes[pid]

    def close(self) -> None:
        """End the workers and this process; all pipes are closed."""
        for worker in self.workers:
            worker.hang_up()
        for worker in self.workers:
            worker.wait()
        os.close(self._report_fd)
        try:
            self._process.wait(SECONDS_TO_END)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


class WorkerProcess:
    """A worker: its two pipes, and what is asked through them."""

    def __init__(self, nursery: Nursery, command_fd: int, reply_fd: int) -> None:
        """Take the ends of the pipes.

        ``STEP`` may be written to the one, its answer read from the other, by whoever is fast.
        """
        self._nursery = nursery
        self.pid = nursery.pid
        """Process id."""
        self.command_fd = command_fd
        self.reply_fd = reply_fd

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
        if self.pid == self._nursery.pid:
            return  # it was never born
        with contextlib.suppress(EOFError, ProcessLookupError):
            if self._nursery.wait_for(self.pid, SECONDS_TO_END) is None:
                os.kill(self.pid, signal.SIGKILL)
                self._nursery.wait_for(self.pid, SECONDS_TO_END)

    def failure(self, kind: bytes) -> WorkerError:
        """Return what went wrong, ``kind`` being what was read in place of the expected answer."""
        if kind != ERROR:
            return self.death()
        try:
            return failure(self.reply_fd)
        except EOFError:
            return self.death()

    def death(self) -> WorkerError:
        """Return how the process ended, its pipe having closed."""
        try:
            code = self._nursery.wait_for(self.pid, SECONDS_TO_END)
        except EOFError:
            return WorkerError("died with the process that it was forked from")
        return WorkerError("closed its pipe but did not end" if code is None else f"died with {exit_code(code)}")


def failure(fd: int) -> WorkerError:
    """Return the exception that a message of kind ``ERROR`` tells of."""
    summary, trace = read_message(fd)
    error = WorkerError(f"failed: {summary}")
    error.__cause__ = RuntimeError(f"in the worker:\n{trace}")
    return error


def exit_code(code: int) -> str:
    """Return an exit code for people, with the signal's name if it was one."""
    return f"exit code {code}{f' ({signal.Signals(-code).name})' if code < 0 else ''}"
