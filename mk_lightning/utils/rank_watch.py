"""Notices a rank that is silent, for which gloo and NCCL would wait until their time-out, half an hour."""

from __future__ import annotations

import logging
import os
import secrets
import socket
import time
from contextlib import ExitStack, suppress
from multiprocessing.connection import wait
from threading import Event, Thread

from mk_lightning.utils.errors import RankLost
from mk_lightning.utils.ranks import Ranks

log = logging.getLogger(__name__)

BEAT, LIMIT = 3.0, 30.0
"""Seconds between two signs of life of a rank, and without one until it is taken for gone."""
GRACE = 10.0
"""Seconds that gloo has to say of a process that has ended, and this rank to end by that, with all it knows."""
CONNECTS = 10.0
"""Seconds for a rank to reach the first one."""
ALIVE, GOODBYE = b".", b"!"
TOKEN = 16
"""Bytes by which rank 0 knows a rank from a stranger."""


class RankWatch:
    """A thread that ends this process, with a line, when another rank is lost.

    The connections of a process that ends are closed, which whoever waits for it in gloo notices at once. Those of a
    machine that loses its power or its network are not, nor those of a process that is stopped. So every rank sends
    rank 0 a byte now and then, and rank 0 them. One from which nothing comes, and one whose connection ends without a
    goodbye, is lost. Rank 0 then ends, too, and with it all others. What waits in gloo ends with its process only.

    Where the ranks cannot connect, rank 0 says so, and none is watched.

    Args:
        ranks: all of a Trainer; every rank makes one at the same moment.

    Raises:
        RankLost: another rank is gone already.
    """

    def __init__(self, ranks: Ranks) -> None:
        self._rank = ranks.rank
        self._over = Event()
        self._others = _connected(ranks) if ranks.count > 1 else []
        self._thread = Thread(target=self._watch, name="rank-watch", daemon=True)
        for mark in ("pydev_do_not_trace", "is_pydev_daemon_thread"):  # debuggers stop the others at a breakpoint
            setattr(self._thread, mark, True)
        self._thread.start()

    def close(self, *, goodbye: bool) -> None:
        """Watch no longer.

        Args:
            goodbye: whether the others may go on without this rank; without it they end.
        """
        self._over.set()
        for other in self._others:
            with suppress(OSError):  # it has gone first
                if goodbye:
                    other.sendall(GOODBYE)
                other.shutdown(socket.SHUT_RDWR)  # which wakes the thread
        self._thread.join()
        for other in self._others:
            other.close()

    def _watch(self) -> None:
        heard = dict.fromkeys(self._others, time.monotonic())
        while heard and not self._over.is_set():
            began = time.monotonic()
            unsent = [other for other in heard if not _sent(other)]
            broken = _listen(heard, began + BEAT) or any(other in heard for other in unsent)  # after their goodbyes
            now = time.monotonic()
            if now - began > LIMIT / 2:  # it was this process that did not run
                heard = dict.fromkeys(heard, now)
            silent = any(now - then > LIMIT for then in heard.values())
            if silent or (broken and not self._over.wait(GRACE)):
                self._end()

    def _end(self) -> None:
        """End the process, whatever becomes of the line."""
        who = f"rank {self._rank}: " if self._rank else ""
        try:
            os.write(2, f"mk-lightning: stopped: {who}{RankLost()}\n".encode())
        finally:
            os._exit(RankLost.exit_code)


def _connected(ranks: Ranks) -> list[socket.socket]:
    """Return rank 0's connections with all others, or another's with rank 0; none where one cannot be made."""
    with ExitStack() as stack:
        server, mine = None, None
        if ranks.rank == 0:
            dual = socket.has_dualstack_ipv6()
            family = socket.AF_INET6 if dual else socket.AF_INET
            server = stack.enter_context(socket.create_server(("", 0), family=family, dualstack_ipv6=dual))
            host = os.environ.get("MASTER_ADDR", socket.gethostname())  # where Lightning found this rank
            mine = (host, int(server.getsockname()[1]), secrets.token_bytes(TOKEN))
        host, port, token = ranks.gather(mine)[0]  # type: ignore[misc]  # rank 0 has one
        others: list[socket.socket] = []
        failure = None
        try:
            if server is None:
                others.append(socket.create_connection((host, port), CONNECTS))
                others[0].sendall(token)
            else:
                _accept(server, token, ranks.count - 1, others)
        except OSError as error:
            failure = f"rank {ranks.rank}: {host}:{port}: {error}"
        if (said := ranks.first_is_told(failure)) is None:
            return others
    for other in others:
        other.close()
    if ranks.rank == 0:
        log.warning(
            f"the ranks cannot watch each other ({said}); a machine that goes is noticed after DDPStrategy's time-out"
        )
    return []


def _accept(server: socket.socket, token: bytes, count: int, others: list[socket.socket]) -> None:
    """Add so many connections to `others`, but those of strangers.

    Raises:
        TimeoutError: not all came.
    """
    until = time.monotonic() + CONNECTS
    while len(others) < count:
        server.settimeout(max(0.01, until - time.monotonic()))
        other, _ = server.accept()
        other.settimeout(1.0)
        with suppress(OSError):
            if other.recv(TOKEN, socket.MSG_WAITALL) == token:
                others.append(other)
                continue
        other.close()


def _listen(heard: dict[socket.socket, float], until: float) -> bool:
    """Note until a moment when each was heard last, leave out who says goodbye, return whether a connection broke."""
    while heard:
        for other in wait(list(heard), max(0.0, until - time.monotonic())):
            assert isinstance(other, socket.socket)
            said = _received(other)
            if not said:
                return True
            heard[other] = time.monotonic()
            if GOODBYE in said:
                del heard[other]
        if time.monotonic() >= until:
            break
    return False


def _sent(other: socket.socket) -> bool:
    with suppress(OSError):
        return other.send(ALIVE) > 0
    return False


def _received(other: socket.socket) -> bytes:
    with suppress(OSError):
        return other.recv(64)
    return b""
