from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from mk_lightning.errors import UserError
from mk_lightning.runs.directory import RunDirectory
from mk_lightning.runs.lock import RunLock


def test_a_second_run_in_a_directory_is_refused_until_the_first_has_ended(tmp_path: Path) -> None:
    lock = RunLock(tmp_path)
    with pytest.raises(UserError, match=rf"is being written by process {os.getpid()};"):
        RunLock(tmp_path)
    lock.release()
    RunLock(tmp_path).release()


def test_a_killed_run_leaves_no_lock(tmp_path: Path) -> None:
    code = "import sys, os; from pathlib import Path; from mk_lightning.runs.lock import RunLock\n"
    code += "lock = RunLock(Path(sys.argv[1])); os.kill(os.getpid(), 9)"
    assert subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=False).returncode == -9
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


def test_of_two_that_want_the_same_fresh_directory_one_is_refused(tmp_path: Path) -> None:
    one, other = (RunDirectory.choose("fit", tmp_path / "run", None) for _ in range(2))
    with (
        one.taken(),
        pytest.raises(UserError, match=r"another run has just taken .*run; start this one again"),
        other.taken(),
    ):
        pass


def test_what_a_killed_process_was_writing_is_cleared_away(tmp_path: Path) -> None:
    run = RunDirectory(tmp_path, None, None, exists=True)
    (tmp_path / "checkpoints").mkdir()
    parts = [tmp_path / "metrics.csv.part", tmp_path / "checkpoints" / "last.ckpt.part"]
    for part in parts:
        part.write_text("half")
    with run.taken():
        assert not any(part.exists() for part in parts)
