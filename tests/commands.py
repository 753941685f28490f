"""The command line, and functions, in processes of their own, forked from one that has loaded torch and Lightning.

A fresh interpreter loads them for seconds, which every test that kills a run would pay several times.
"""

from __future__ import annotations

import atexit
import multiprocessing
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from mk_lightning.cli.main import main

CONTEXT = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload(["tests.preloaded", "tests.commands"])
PROGRAM = Path(__file__).parents[1] / "cli.py"
OUTPUTS = ("stdout", "stderr")


class Command:
    """A process that runs `mk-lightning`, in a session of its own; like a `subprocess.Popen` that keeps what it says.

    Attributes:
        pid: of the process, and its session.
        said: what it has written to stdout, once it was waited for.
    """

    def __init__(self, words: Sequence[str], **variables: str) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="mk-lightning-"))
        self._process = CONTEXT.Process(target=_run, args=(list(words), self._folder, variables))
        self._process.start()
        self.pid = self._process.pid or 0
        self.said = ""

    @property
    def returncode(self) -> int | None:
        """Exit code; minus the number of the signal that ended it; None while it runs."""
        return self._process.exitcode

    def send_signal(self, signum: int) -> None:
        os.kill(self.pid, signum)

    def kill_group(self, signum: int) -> None:
        """Send a signal to it and all that it has started, as a terminal does."""
        os.killpg(self.pid, signum)

    def wait(self, seconds: float = 120.0) -> str:
        """Wait for its end and return what it has written to stderr."""
        self._process.join(seconds)
        self.said, errors = ((self._folder / name).read_text() for name in OUTPUTS)
        assert self.returncode is not None, f"still runs after {seconds} s:\n{errors}"
        shutil.rmtree(self._folder)
        return errors


def run(words: Sequence[str], **variables: str) -> str:
    """Run a command to its end, which must be a good one, and return what it has written to stderr."""
    command = Command(words, **variables)
    errors = command.wait()
    assert command.returncode == 0, errors
    return errors


def elsewhere(function: Callable[..., object], *arguments: object) -> int:
    """Call a test module's function in a process of its own to its end, and return its exit code, as `Command` has."""
    process = CONTEXT.Process(target=function, args=arguments)
    process.start()
    process.join()
    assert process.exitcode is not None
    return process.exitcode


def _run(words: list[str], folder: Path, variables: Mapping[str, str]) -> None:
    os.setsid()
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a server of forks ignores it
    os.environ.update(variables)
    sys.argv = [str(PROGRAM), *words]  # by which Lightning starts the other ranks of a run
    for descriptor, name in enumerate(OUTPUTS, 1):
        os.dup2(os.open(folder / name, os.O_WRONLY | os.O_CREAT), descriptor)
    try:
        main(words)
    finally:
        atexit._run_exitfuncs()  # as a process does that was not forked
