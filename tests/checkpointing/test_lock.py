from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from mk_lightning.checkpointing.lock import RunLock
from mk_lightning.checkpointing.run_directory import RunDirectory
from mk_lightning.utils.errors import UserError
from tests.commands import elsewhere


def test_a_second_run_in_a_directory_is_refused_until_the_first_has_ended(tmp_path: Path) -> None:
    lock = RunLock(tmp_path)
    with pytest.raises(UserError, match=rf"is being written by process {os.getpid()};"):
        RunLock(tmp_path)
    lock.release()
    RunLock(tmp_path).release()


def lock_and_die(folder: Path) -> None:
    lock = RunLock(folder)
    os.kill(os.getpid(), signal.SIGKILL)
    lock.release()


def test_a_killed_run_leaves_no_lock(tmp_path: Path) -> None:
    assert elsewhere(lock_and_die, tmp_path) == -signal.SIGKILL
    assert (tmp_path / ".lock").is_file(), "it was locked"
    RunLock(tmp_path).release()


def test_a_child_does_not_inherit_it(tmp_path: Path) -> None:
    """Or a worker that outlives a killed run would keep its directory."""
    lock = RunLock(tmp_path)
    code = "print('here', flush=True); input()"
    child = subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, close_fds=False
    )
    assert child.stdout is not None
    assert child.stdout.readline() == b"here\n"
    lock.release()
    RunLock(tmp_path).release()
    child.communicate(b"\n")


def test_of_two_that_want_the_same_fresh_directory_each_gets_its_own(tmp_path: Path) -> None:
    one, other = (RunDirectory.choose("fit", tmp_path / "runs" / "run", None) for _ in range(2))
    assert one == other
    (one, first), (other, second) = one.acquire(), other.acquire()
    assert (one.path.name, other.path.name) == ("run", "run-2")
    first.release()
    second.rollback()
    assert [path.name for path in (tmp_path / "runs").iterdir()] == ["run"]


def test_a_mistake_leaves_nothing_behind(tmp_path: Path) -> None:
    run, lease = RunDirectory.choose("fit", tmp_path / "runs" / "mine" / "run", None).acquire()
    assert run.path.is_dir()
    lease.rollback()
    assert list(tmp_path.iterdir()) == []


def test_a_run_is_not_resumed_while_it_goes_on(tmp_path: Path) -> None:
    run = RunDirectory(tmp_path, None, None)
    _, lease = run.acquire()
    with pytest.raises(UserError, match=rf"is being written by process {os.getpid()}; wait for it to end"):
        run.acquire()
    lease.release()


def test_what_a_killed_process_was_writing_is_cleared_away(tmp_path: Path) -> None:
    (tmp_path / "checkpoints").mkdir()
    parts = [tmp_path / "metrics.csv.part", tmp_path / "checkpoints" / "last.ckpt.part"]
    for part in parts:
        part.write_text("half")
    RunDirectory(tmp_path, None, None).acquire()[1].release()
    assert not any(part.exists() for part in parts)
