"""The loop of a process that is there to be forked: it forks when told to, and tells how its children end."""

from __future__ import annotations

import os
import select
import signal
import socket
import traceback
from collections.abc import Callable

from mk_lightning.envs.workers.channel import ENDED, FORK, RESULT, write_message

__all__ = ["serve_forks"]


def serve_forks(control: socket.socket, parent: int, child: Callable[..., None]) -> set[int]:
    """Serve until the parent closes its end or, should a fork of it hold that open, ends itself.

    Args:
        control: the parent sends ``FORK`` for each child, which is answered with its process id. ``ENDED`` reports come
            in between.
        parent: process id of the parent.
        child: what a child does: it is called with the index and the descriptors that came with the request, and the
            process id of this process.

    Returns:
        Process ids of the children that have not ended.
    """
    return _ForkLoop(control, child).run(parent)


class _ForkLoop:
    def __init__(self, control: socket.socket, child: Callable[..., None]) -> None:
        self._control = control
        self._child = child
        self._pids: set[int] = set()
        self._woken_fd, self._wake_fd = os.pipe()  # the signal that a child has ended wakes the poll through it
        for fd in (self._woken_fd, self._wake_fd):
            os.set_blocking(fd, False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(self._wake_fd)

    def run(self, parent: int) -> set[int]:
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
        except (EOFError, ConnectionError):
            pass  # the parent has gone
        return self._pids

    def _serve_request(self) -> None:
        request, fds, _, _ = socket.recv_fds(self._control, FORK.size, 2)
        if not request:
            raise EOFError
        (index,) = FORK.unpack(request)
        pid = self._fork(index, fds)
        for fd in fds:  # or what is theirs would not end with them
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

    def _fork(self, index: int, fds: list[int]) -> int:
        """Start a child and return its process id."""
        forker = os.getpid()
        if pid := os.fork():
            return pid
        code = 1
        try:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            self._control.close()
            os.close(self._woken_fd)
            os.close(self._wake_fd)
            self._child(index, fds, forker)
            code = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(code)
