"""The process that workers are forked from: one interpreter and one emulator are loaded for all of them.

What is loaded before the fork (code, the emulator's tables, Python's objects) is in memory once. So workers start in
milliseconds, and where several share a core they find each other's tables in its caches, which is seen in the
env_steps/s. Forking is safe here, as this process has no other thread.

It imports numpy, cv2, gymnasium, stable_retro and the module of a reward of the user's own, and never the user's
``__main__`` or torch. It stays to fork workers in place of dead ones, and to wait for its workers, for only their
parent can learn how they ended. It ends with its own parent, and its workers with it. Signals that are meant for their
parent, such as Ctrl-C, do not reach them: they are started with these blocked.
"""

from __future__ import annotations

import contextlib
import gc
import os
import select
import signal
import socket
import threading
import time
from dataclasses import replace

import cv2

from mk_lightning.envs.fighting_env import FightingEnv
from mk_lightning.envs.workers.channel import ENDED, FORK, RESULT, read_message, write_error, write_message
from mk_lightning.envs.workers.worker import WorkerSetup, serve
from mk_lightning.utils.errors import UserError, one_line

__all__ = ["main"]


def main(control_fd: int, parent: int) -> None:
    """Fork workers when told to, and report how each ends.

    Args:
        control_fd: a socket. The parent sends the :class:`WorkerSetup` of worker 0 and, once that has been answered,
            ``FORK`` for each worker, which is answered with its process id. ``ENDED`` reports come in between.
        parent: process id of the parent.
    """
    cv2.setNumThreads(0)
    with contextlib.suppress(EOFError, ConnectionError):  # the parent has gone in the middle of a message
        try:
            setup = _read_setup(control_fd)
            env = FightingEnv(setup.game, setup.weights, setup.config, render_mode=setup.render_mode)
        except (EOFError, ConnectionError):
            raise
        except Exception as error:
            write_error(control_fd, error)
            return
        gc.freeze()  # what is alive now stays; no collector need touch its pages
        write_message(control_fd, RESULT, None)
        _ForkServer(env, setup, socket.socket(fileno=control_fd)).run(parent)


def _read_setup(control_fd: int) -> WorkerSetup:
    """Take what the workers are told; the class of a user's own reward is imported for it.

    Raises:
        UserError: it cannot be.
    """
    try:
        setup: WorkerSetup = read_message(control_fd)
    except (EOFError, ConnectionError):
        raise
    except Exception as error:  # whatever the user's module makes of it
        raise UserError(
            f"the class of EnvConfig.reward cannot be imported in the worker processes ({type(error).__name__}: "
            f"{one_line(error)}); put it into a module that a fresh interpreter can import"
        ) from error
    return setup


class _ForkServer:
    def __init__(self, env: FightingEnv, setup: WorkerSetup, control: socket.socket) -> None:
        self._env = env
        self._setup = setup
        self._control = control
        self._pids: set[int] = set()
        self._woken_fd, self._wake_fd = os.pipe()  # the signal that a worker has ended wakes the poll through it
        for fd in (self._woken_fd, self._wake_fd):
            os.set_blocking(fd, False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(self._wake_fd)

    def run(self, parent: int) -> None:
        """Serve until the parent closes its end or, should a fork of it hold that open, ends itself."""
        poll = select.poll()
        poll.register(self._control, select.POLLIN)
        poll.register(self._woken_fd, select.POLLIN)
        try:
            while os.getppid() == parent:
                for fd, _ in poll.poll(1000):
                    if fd == self._woken_fd:
                        os.read(fd, 4096)
                        self._report_ended()
                    else:
                        self._serve_request()
        finally:
            for pid in self._pids:  # they would end by themselves, but for one that is stopped
                os.kill(pid, signal.SIGKILL)
            for pid in self._pids:
                os.waitpid(pid, 0)

    def _serve_request(self) -> None:
        request, fds, _, _ = socket.recv_fds(self._control, FORK.size, 2)
        if not request:
            raise EOFError
        pid = self._fork(*FORK.unpack(request), *fds)
        for fd in fds:  # or the worker's pipes would not end with it
            os.close(fd)
        self._pids.add(pid)
        write_message(self._control.fileno(), RESULT, pid)

    def _report_ended(self) -> None:
        while self._pids:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if not pid:
                return
            self._pids.remove(pid)
            write_message(self._control.fileno(), ENDED, (pid, os.waitstatus_to_exitcode(status)))

    def _fork(self, index: int, command_fd: int, reply_fd: int) -> int:
        """Start a worker and return its process id."""
        fork_server = os.getpid()
        if pid := os.fork():
            return pid
        try:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            self._control.close()
            os.close(self._woken_fd)
            os.close(self._wake_fd)
            if hasattr(os, "SCHED_BATCH"):  # who wakes waits for one in the middle of a step: fewer cold caches
                with contextlib.suppress(OSError):  # a sandbox or an idle scheduling class may refuse
                    os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
            threading.Thread(target=_end_with, args=(fork_server,), daemon=True).start()
            serve(self._env, replace(self._setup, index=index), command_fd, reply_fd)
        finally:
            os._exit(0)


def _end_with(fork_server: int) -> None:
    """End this worker when the fork server has."""
    while os.getppid() == fork_server:
        time.sleep(1.0)
    os._exit(0)
