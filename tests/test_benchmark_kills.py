"""`benchmarks/crash.py` kills the ranks that it says, and counts what does not end by itself."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest

OTHER = "import time; time.sleep(99)"
LAUNCHER = f"""
import subprocess, sys, time
subprocess.Popen([sys.executable, "-c", {OTHER!r}])
subprocess.Popen([sys.executable, "-c", {OTHER!r}, "--run_dir"])
time.sleep(99)
"""
"""Starts a process that is no rank, and one that is."""


@pytest.fixture(scope="module")
def kills() -> Iterator[ModuleType]:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(Path(__file__).parents[1] / "benchmarks"))
        module = import_module("_kills")
        patch.setattr(module, "RANKS_END_WITHIN", 0.0)
        yield module


@pytest.mark.parametrize(
    ("number", "name", "code", "remain"),
    [
        (0, "the launcher", -signal.SIGKILL, 2),
        (1, "another rank", None, 2),
        (2, "all ranks", -signal.SIGKILL, 1),
    ],
)
def test_the_ranks_of_a_run_are_killed_in_turn(
    kills: ModuleType, number: int, name: str, code: int | None, remain: int
) -> None:
    launcher = subprocess.Popen([sys.executable, "-c", LAUNCHER], start_new_session=True)
    until = time.monotonic() + 30
    while len(kills.processes(kills.SESSION, launcher.pid)) < 3:
        assert time.monotonic() < until
        time.sleep(0.05)
    assert kills.kill(launcher.pid, 2, number) == f" ({name})"
    if code is not None:
        assert launcher.wait(10) == code
    time.sleep(0.1)
    assert kills.left(launcher.pid, 2) == remain
    launcher.wait(10)
    time.sleep(0.1)
    assert kills.left(launcher.pid, 2) == 0
