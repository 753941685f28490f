"""Processes that watch each other, with short times; tests/ranks has runs."""

from __future__ import annotations

import os
import signal
import socket
import sys
import time
from pathlib import Path

import pytest
import torch.distributed as dist

from mk_lightning.utils import rank_watch
from mk_lightning.utils.rank_watch import RankWatch
from mk_lightning.utils.ranks import Ranks
from tests.commands import CONTEXT

LONG = 4.0
"""Seconds that a rank lives, unless it is ended: more than all times here."""


def stopped(watch: RankWatch) -> None:
    os.kill(os.getpid(), signal.SIGSTOP)


def gone(watch: RankWatch) -> None:
    os._exit(0)


def failed(watch: RankWatch) -> None:
    watch.close(goodbye=False)


def left(watch: RankWatch) -> None:
    watch.close(goodbye=True)


def without_stderr(watch: RankWatch) -> None:
    """The others have none to write to, either."""
    stopped(watch)


WHAT = {function.__name__: function for function in (stopped, gone, failed, left, without_stderr)}


def live(rank: int, count: int, what: str, folder: Path, host: str) -> None:
    """Be a rank, the last of which does something."""
    rank_watch.BEAT, rank_watch.LIMIT, rank_watch.GRACE, rank_watch.CONNECTS = 0.2, 1.5, 0.5, 1.0
    os.environ["MASTER_ADDR"] = host
    os.dup2(os.open(folder / f"{rank}.txt" if what != "without_stderr" else "/dev/full", os.O_WRONLY | os.O_CREAT), 2)
    dist.init_process_group("gloo", init_method=f"file://{folder}/store", rank=rank, world_size=count)
    watch = RankWatch(Ranks(rank, count))
    if rank == count - 1 and what in WHAT:
        WHAT[what](watch)
    time.sleep(LONG)
    watch.close(goodbye=True)
    sys.stderr.write("lived\n")
    sys.stderr.flush()
    os._exit(0)


def lives(count: int, what: str, folder: Path, host: str = "127.0.0.1") -> list[int | None]:
    """Let ranks live; return the exit codes of all but the last."""
    arguments = [(rank, count, what, folder, host) for rank in range(count)]
    ranks = [CONTEXT.Process(target=live, args=own) for own in arguments]
    for rank in ranks:
        rank.start()
    for rank in ranks[:-1]:
        rank.join(60)
    ranks[-1].kill()
    ranks[-1].join()
    return [rank.exitcode for rank in ranks[:-1]]


@pytest.mark.parametrize("what", ["stopped", "gone", "failed"])
def test_when_one_is_lost_all_end_with_a_line(what: str, tmp_path: Path) -> None:
    assert lives(3, what, tmp_path) == [1, 1]
    lines = [(tmp_path / f"{rank}.txt").read_text().splitlines()[-1] for rank in range(2)]
    assert lines == [
        f"mk-lightning: stopped: {rank}another rank of the run has ended, or cannot be reached"
        for rank in ("", "rank 1: ")
    ]


def test_a_line_that_cannot_be_written_keeps_none_alive(tmp_path: Path) -> None:
    assert lives(2, "without_stderr", tmp_path) == [1]


@pytest.mark.parametrize("what", ["left", "nothing"])
def test_one_that_has_said_goodbye_is_no_loss(what: str, tmp_path: Path) -> None:
    assert lives(3, what, tmp_path) == [0, 0]


def test_ranks_that_cannot_connect_are_not_watched(tmp_path: Path) -> None:
    """The address is one of those that lead nowhere (RFC 5737)."""
    assert lives(2, "gone", tmp_path, host="192.0.2.1") == [0]
    said = (tmp_path / "0.txt").read_text()
    assert "the ranks cannot watch each other (rank " in said
    assert said.splitlines()[-1] == "lived"


def test_strangers_are_not_taken_for_ranks() -> None:
    token, others = b"t" * rank_watch.TOKEN, list[socket.socket]()
    with socket.create_server(("127.0.0.1", 0)) as server:
        silent, wrong, right = (socket.create_connection(server.getsockname()) for _ in range(3))
        wrong.sendall(b"w" * rank_watch.TOKEN)
        right.sendall(token)
        rank_watch._accept(server, token, 1, others)
        assert [other.getpeername() for other in others] == [right.getsockname()]
    for used in (silent, wrong, right, *others):
        used.close()
