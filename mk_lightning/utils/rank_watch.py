"""Notices a rank that is silent, for which gloo and NCCL would wait until their time-out, half an hour."""

from __future__ import annotations

import os
import socket
import sys
import time
from contextlib import suppress
from functools import cache
from multiprocessing.connection import wait
from threading import Thread

from mk_lightning.utils.errors import RankLost
from mk_lightning.utils.ranks import Ranks

BEAT, LIMIT = 3.0, 30.0
"""Seconds between two signs of life of a rank, and without one until it is taken for gone."""


@cache
def watch_ranks(ranks: Ranks) -> None:
    """Start, once in a process, a thread that ends it with a line when another rank has been silent for long.

    The connections of a process that ends are closed, which gloo and NCCL notice at once. Those of a machine that loses
    its power or its network are not, nor those of a process that is stopped. So every rank sends rank 0 a byte now and
    then, and rank 0 them; when it ends, the others notice. What waits in gloo ends with its process only.

    Args:
        ranks: of a Trainer; all call this at the same moment, once its strategy has set up their processes.

    Raises:
        OSError: rank 0 cannot be reached from another.
        RankLost: another rank is gone.
    """
    if ranks.count > 1:
        Thread(target=_watch, args=(ranks.rank, _connect(ranks)), name="rank-watch", daemon=True).start()


def _watch(rank: int, others: list[socket.socket]) -> None:
    heard = dict.fromkeys(others, time.monotonic())
    while heard:
        began = time.monotonic()
        heard = {other: then for other, then in heard.items() if _sent(other)}
        _listen(heard, began + BEAT)
        now = time.monotonic()
        if now - began > LIMIT / 2:  # it was this process that did not run
            heard = dict.fromkeys(heard, now)
        if any(now - then > LIMIT for then in heard.values()):
            sys.stderr.write(f"mk-lightning: stopped: {f'rank {rank}: ' if rank else ''}{RankLost()}\n")
            sys.stderr.flush()
            os._exit(RankLost.exit_code)


def _connect(ranks: Ranks) -> list[socket.socket]:
    """Return rank 0's connections with all others, or another's with rank 0."""
    if ranks.rank:
        port = ranks.gather(0)[0]
        return [socket.create_connection((os.environ["MASTER_ADDR"], port), LIMIT)]  # where Lightning found rank 0
    dual = socket.has_dualstack_ipv6()
    family = socket.AF_INET6 if dual else socket.AF_INET
    with socket.create_server(("", 0), family=family, dualstack_ipv6=dual) as server:
        server.listen(ranks.count)
        server.settimeout(LIMIT)
        ranks.gather(server.getsockname()[1])
        return [server.accept()[0] for _ in range(ranks.count - 1)]


def _listen(heard: dict[socket.socket, float], until: float) -> None:
    """Note when each was heard last, and leave out whose process has ended."""
    while heard:
        for other in wait(list(heard), max(0.0, until - time.monotonic())):
            assert isinstance(other, socket.socket)
            if _received(other):
                heard[other] = time.monotonic()
            else:
                del heard[other]
        if time.monotonic() >= until:
            break


def _sent(other: socket.socket) -> bool:
    with suppress(OSError):
        return other.send(b".") > 0
    return False


def _received(other: socket.socket) -> bool:
    with suppress(OSError):
        return other.recv(64) != b""
    return False
