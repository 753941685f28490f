"""The parent's handles on the processes that others are forked from: the zygote, and each pool's fork server."""

from __future__ import annotations

import contextlib
import os
import pickle
import select
import signal
import socket
import subprocess
import sys
import threading
import time
import weakref
from collections.abc import Sequence
from pathlib import Path

from mk_lightning.envs.workers import handles
from mk_lightning.envs.workers.channel import ENDED, ERROR, FORK, RESULT, read_kind, read_message, ready, write_message
from mk_lightning.envs.workers.fork_server import PoolSetup
from mk_lightning.envs.workers.handles import DeadWorkerError, WorkerProcess, exit_code, failure
from mk_lightning.envs.workers.worker import WorkerSetup

__all__ = ["FOR_THE_PARENT", "ForkServer"]

ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
"""A worker computes nothing that gains by threads, and their start costs time."""

FOR_THE_PARENT = (
    signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2
)  # fmt: skip
"""What a terminal or a scheduler sends to a whole process group, and is the parent's to answer."""

SECONDS_TO_BEGIN = 120.0
"""How long the first process may take to load its code: half a second of processor time, which is long on a machine
that is overloaded or reads Python from a network."""
SECONDS_TO_END = 5.0
"""How long a process that was killed or told to end may take to be gone."""


class _Forker:
    """What is asked of a process that serves forks, from any thread."""

    def __init__(self, control: socket.socket, *, began: bool) -> None:
        self.control = control
        self._began = began
        self._poll = select.poll()
        self._poll.register(control, select.POLLIN)
        self._exit_codes: dict[int, int] = {}
        self._lock = threading.Lock()

    def fork(self, index: int, fds: Sequence[int]) -> int:
        """Start a child, hand it the descriptors, and return its process id.

        Raises:
            EOFError: the process has ended itself.
            TimeoutError: it hangs.
        """
        with self._lock:
            try:
                socket.send_fds(self.control, [FORK.pack(index)], fds)
                pid = None
                while pid is None:
                    pid = self._next_report(self.patience)
                self._began = True
                return pid
            except OSError as error:
                if isinstance(error, TimeoutError):
                    raise
                raise EOFError from None
            except KeyboardInterrupt:  # the answer must not be taken for another's
                self.control.close()
                raise

    @property
    def patience(self) -> float:
        """Seconds that it may leave a fork without an answer before it counts as hung."""
        return handles.HANG_SECONDS if self._began else SECONDS_TO_BEGIN

    def exit_code(self, pid: int) -> int:
        """Wait for a child's end and return its exit code.

        Raises:
            EOFError: the process has ended itself, and nobody knows.
            TimeoutError: the child does not end.
        """
        deadline = time.monotonic() + SECONDS_TO_END
        with self._lock:
            while pid not in self._exit_codes:
                self._next_report(max(0.0, deadline - time.monotonic()))
            return self._exit_codes.pop(pid)

    def _next_report(self, seconds: float) -> int | None:
        """Take one report: note a child's end and return None, or return the id of one just started."""
        fd = self.control.fileno()
        if fd < 0:
            raise EOFError
        if not ready(self._poll, seconds):
            raise TimeoutError
        kind = read_kind(fd)
        if not kind:
            raise EOFError
        report = read_message(fd, handles.HANG_SECONDS)
        if kind == ENDED:
            pid, code = report
            self._exit_codes[pid] = code
            return None
        return int(report)


class _Zygote(_Forker):
    """The process that fork servers are forked from; one for all pools of this process.

    A plain subprocess rather than a multiprocessing one: forking is unsafe beside torch's threads, and spawn
    and forkserver import the parent's ``__main__`` (and so torch) again.
    """

    _starting = threading.Lock()
    _running: _Zygote | None = None

    def __init__(self) -> None:
        control, theirs = socket.socketpair()
        super().__init__(control, began=False)
        self.owner = os.getpid()
        boot = f"from mk_lightning.envs.workers.zygote import main; main({theirs.fileno()}, {self.owner})"
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, FOR_THE_PARENT)  # inherited, and by its children from it
        try:
            self.process = subprocess.Popen(
                [sys.executable, "-P", "-c", boot],  # -P: the working directory holds no modules of ours
                stdin=subprocess.DEVNULL,
                env={**os.environ, **ONE_THREAD, "PYTHONPATH": os.pathsep.join(_path())},
                pass_fds=(theirs.fileno(),),
            )
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
            theirs.close()
        weakref.finalize(self, _end, self.process, control, self.owner)

    @classmethod
    def running(cls) -> _Zygote:
        """The one of this process, started if there is none or it has died."""
        with cls._starting:
            zygote = cls._running
            lives = zygote is not None and zygote.control.fileno() >= 0 and zygote.owner == os.getpid()
            if zygote is None or not lives or zygote.process.poll() is not None:
                zygote = cls._running = cls()
            return zygote


class ForkServer:
    """The process that a pool's workers are forked from."""

    def __init__(self, setup: WorkerSetup) -> None:
        """Take what it will be told.

        Args:
            setup: of worker 0; the others' differ in their index.
        """
        self._setup = setup
        self.pid = 0
        """Process id; the zygote's until it has been forked from it, 0 before :meth:`begin`."""

    def begin(self) -> None:
        """Start it and wait until it can fork.

        Raises:
            DeadWorkerError: it has ended.
            WorkerError: the emulator could not be started.
        """
        control, theirs = socket.socketpair()
        self._forker, self._zygote = _Forker(control, began=True), _Zygote.running()
        self.pid = self._zygote.process.pid
        try:
            self.pid = self._zygote.fork(0, [theirs.fileno(), self._setup.memory_fd])
        except (EOFError, TimeoutError) as error:
            self._zygote.process.kill()
            how = f"died with {exit_code(self._zygote.process.wait())}"
            if isinstance(error, TimeoutError):
                how = f"did not answer for {self._zygote.patience:g} s and was killed"
            raise DeadWorkerError(how) from None
        finally:
            theirs.close()
        environment = {**os.environ, **ONE_THREAD}
        told = PoolSetup(environment, _path(), _folder(), pickle.dumps(self._setup, pickle.HIGHEST_PROTOCOL))
        with contextlib.suppress(ConnectionError):
            write_message(control.fileno(), b"", told)
        kind = read_kind(control.fileno())
        if kind == ERROR:
            raise failure(control.fileno())
        if kind != RESULT:
            raise DeadWorkerError(f"died with {exit_code(self._zygote.exit_code(self.pid))}")
        read_message(control.fileno())

    def fork(self, index: int) -> WorkerProcess:
        """Start a worker.

        Raises:
            EOFError: this process has ended itself.
            TimeoutError: it hangs.
        """
        command_read, command_fd = os.pipe()
        reply_fd, reply_write = os.pipe()
        try:
            pid = self._forker.fork(index, [command_read, reply_write])
        except BaseException:
            os.close(command_fd)
            os.close(reply_fd)
            raise
        finally:
            os.close(command_read)
            os.close(reply_write)
        return WorkerProcess(self._forker.exit_code, pid, command_fd, reply_fd)

    def kill(self) -> None:
        """End this process, which does not answer any more; its workers notice within a second."""
        ended = select.poll()
        ended.register(self._forker.control, 0)
        if not ended.poll(0):  # who asks the process table may meet another of the same id
            os.kill(self.pid, signal.SIGKILL)

    def close(self) -> None:
        """End the workers and this process, if it was started. Closing twice is fine."""
        if not self.pid or self._forker.control.fileno() < 0:
            return
        self._forker.control.close()
        with contextlib.suppress(EOFError):  # with the zygote it ends, too
            try:
                self._zygote.exit_code(self.pid)
            except TimeoutError:
                os.kill(self.pid, signal.SIGKILL)
                self._zygote.exit_code(self.pid)


def _path() -> list[str]:
    """``sys.path``, with the working directory by its name."""
    return [entry or _folder() for entry in sys.path]


def _folder() -> str:
    """The working directory; where it is gone, the root."""
    try:
        return str(Path.cwd())
    except FileNotFoundError:
        return os.sep


def _end(process: subprocess.Popen[bytes], control: socket.socket, owner: int) -> None:
    """End the zygote, unless this is a fork of the process that started it."""
    control.close()
    if os.getpid() != owner:
        return
    try:
        process.wait(SECONDS_TO_END)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
