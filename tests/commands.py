"""The command line in processes of its own, forked from one that has loaded torch and Lightning.

A fresh interpreter loads them for seconds, which every test that kills a run would pay several times.
"""

from __future__ import annotations

import atexit
import multiprocessing
import os
import signal
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from mk_lightning.cli.main import main

CONTEXT = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload(["mk_lightning.cli.program", "mk_lightning.evaluation.report", "tests.commands"])


class Command:
    """A process that runs `mk-lightning`, in a session of its own; like a `subprocess.Popen` that keeps stderr."""

    def __init__(self, words: Sequence[str], **variables: str) -> None:
        descriptor, name = tempfile.mkstemp(prefix="mk-lightning-")
        os.close(descriptor)
        self._errors = Path(name)
        self._process = CONTEXT.Process(target=_run, args=(list(words), name, variables))
        self._process.start()
        self.pid = self._process.pid or 0

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
        errors = self._errors.read_text()
        assert self.returncode is not None, f"still runs after {seconds} s:\n{errors}"
        self._errors.unlink()
        return errors


def run(words: Sequence[str], **variables: str) -> str:
    """Run a command to its end, which must be a good one, and return what it has written to stderr."""
    command = Command(words, **variables)
    errors = command.wait()
    assert command.returncode == 0, errors
    return errors


def _run(words: list[str], errors: str, variables: Mapping[str, str]) -> None:
    os.setsid()
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a server of forks ignores it
    os.environ.update(variables)
    for descriptor, name in ((1, os.devnull), (2, errors)):
        os.dup2(os.open(name, os.O_WRONLY), descriptor)
    try:
        main(words)
    finally:
        atexit._run_exitfuncs()  # as a process does that was not forked
