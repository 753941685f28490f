"""The parent's handles on the worker processes and on the one that they are forked from."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from mk_lightning.envs.workers.channel import (
    BEGAN,
    CALL,
    DONE,
    ENDED,
    ERROR,
    FORK,
    RESULT,
    STEP,
    read_kind,
    read_message,
    ready,
    write_message,
)
from mk_lightning.envs.workers.worker import WorkerSetup
from mk_lightning.utils.errors import WorkerError

__all__ = ["DeadWorkerError", "ForkServer", "WorkerProcess"]

ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
"""A worker computes nothing that gains by threads, and their start costs time."""

HANG_SECONDS = 10.0
"""How long a worker may leave the parent without an answer before it counts as hung. The longest answer, a reset,
takes some 10 ms; a thousand times that is still an overloaded machine, not an emulator that will ever return."""

FOR_THE_PARENT = (
    signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2
)  # fmt: skip
"""What a terminal or a scheduler sends to a whole process group, and is the parent's to answer."""

SECONDS_TO_END = 5.0
"""How long a process that was killed or told to end may take to be gone."""


class DeadWorkerError(WorkerError):
    """A worker has ended, or hung and was killed; another can take its place."""


class ForkServer:
    """The process that the workers are forked from.

    A plain subprocess rather than a multiprocessing one: forking is unsafe beside torch's threads, and spawn
    and forkserver import the parent's ``__main__`` (and so torch) again.
    """

    def __init__(self, setup: WorkerSetup) -> None:
        """Start the process, which inherits the shared memory.

        Args:
            setup: of worker 0; the others' differ in their index.
        """
        self._control, theirs = socket.socketpair()
        boot = f"from mk_lightning.envs.workers.fork_server import main; main({theirs.fileno()}, {os.getpid()})"
        path = os.pathsep.join(entry or str(Path.cwd()) for entry in sys.path)
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, FOR_THE_PARENT)  # inherited, and by its workers from it
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-c", boot],  # -P: the working directory holds no modules of ours
                stdin=subprocess.DEVNULL,
                env={**os.environ, **ONE_THREAD, "PYTHONPATH": path},
                pass_fds=(theirs.fileno(), setup.memory_fd),
            )
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
            theirs.close()
        self._poll = select.poll()
        self._poll.register(self._control, select.POLLIN)
        self._exit_codes: dict[int, int] = {}
        with contextlib.suppress(ConnectionError):  # :meth:`begin` says how it died
            write_message(self._control.fileno(), b"", setup)

    @property
    def pid(self) -> int:
        """Process id."""
        return self._process.pid

    def begin(self) -> None:
        """Wait until it can fork.

        Raises:
            DeadWorkerError: it has ended.
            WorkerError: the emulator could not be started.
        """
        kind = read_kind(self._control.fileno())
        if kind == ERROR:
            raise failure(self._control.fileno())
        if kind != RESULT:
            raise DeadWorkerError(f"died with {exit_code(self._process.wait())}")
        read_message(self._control.fileno())

    def fork(self, index: int) -> WorkerProcess:
        """Start a worker.

        Raises:
            EOFError: this process has ended itself.
            TimeoutError: it hangs.
        """
        command_read, command_fd = os.pipe()
        reply_fd, reply_write = os.pipe()
        try:
            try:
                socket.send_fds(self._control, [FORK.pack(index)], [command_read, reply_write])
            except ConnectionError:
                raise EOFError from None
            finally:
                os.close(command_read)
                os.close(reply_write)
            pid = None
            while pid is None:
                pid = self._next_report(HANG_SECONDS)
        except BaseException:
            os.close(command_fd)
            os.close(reply_fd)
            raise
        return WorkerProcess(self, pid, command_fd, reply_fd)

    def exit_code(self, pid: int) -> int:
        """Wait for a worker's end and return its exit code.

        Raises:
            EOFError: this process has ended itself, and nobody knows.
            TimeoutError: the worker does not end.
        """
        deadline = time.monotonic() + SECONDS_TO_END
        while pid not in self._exit_codes:
            self._next_report(max(0.0, deadline - time.monotonic()))
        return self._exit_codes.pop(pid)

    def kill(self) -> None:
        """End this process, which does not answer any more; its workers notice within a second."""
        self._process.kill()

    def close(self) -> None:
        """End the workers and this process. Closing twice is fine."""
        self._control.close()
        try:
            self._process.wait(SECONDS_TO_END)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _next_report(self, seconds: float) -> int | None:
        """Take one report: note a worker's end and return None, or return the id of one just started."""
        fd = self._control.fileno()
        if fd < 0:
            raise EOFError
        if not ready(self._poll, seconds):
            raise TimeoutError
        kind = read_kind(fd)
        if not kind:
            raise EOFError
        report = read_message(fd, HANG_SECONDS)
        if kind == ENDED:
            pid, code = report
            self._exit_codes[pid] = code
            return None
        return int(report)


class WorkerProcess:
    """A worker: its two pipes, and what is asked through them.

    That it has died shows when its answer is waited for, wherever it did.
    """

    def __init__(self, fork_server: ForkServer, pid: int, command_fd: int, reply_fd: int) -> None:
        """Take the parent's ends of the pipes.

        ``STEP`` may be written to the one, its answer's kind read from the other, by whoever is fast. Neither blocks:
        a worker that is stopped must not stop the parent.
        """
        self._fork_server = fork_server
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
            code = self._fork_server.exit_code(self.pid)
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
