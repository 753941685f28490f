"""One training run a process: how the parent starts it, lets it take turns and stops it.

Each contender gets a fresh interpreter, so that the environment variables, torch threads and memory of one do not
touch the other. This module imports neither torch nor a learner for the same reason: they are imported in the
contender's own process.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import sys
import time
from collections.abc import Mapping, Sequence
from importlib import import_module
from multiprocessing.connection import Connection
from typing import Any

__all__ = ["Contender", "SkillWatch", "Turns"]

LEAD_IN_TICKS = 10
"""Learner_steps after a pause that are not timed: what went on in the background must be under way again."""


class Contender:
    """A process that runs a function with one end of a pipe.

    Args:
        function: ``module.function``; called with a connection and the settings.
        settings: keyword arguments for it.
    """

    def __init__(self, function: str, settings: Mapping[str, Any]) -> None:
        spawn = multiprocessing.get_context("spawn")
        self._connection, theirs = spawn.Pipe()
        self._process = spawn.Process(target=_run, args=(function, theirs, dict(settings)))
        self._process.start()
        theirs.close()

    def receive(self) -> Any:
        """Wait for the next message.

        Raises:
            RuntimeError: the process ended instead.
        """
        try:
            return self._connection.recv()
        except EOFError:
            self._process.join()
            raise RuntimeError(f"a contender ended with exit code {self._process.exitcode}") from None

    def begin(self, turn: Any) -> None:
        """Let it work, for so many seconds or as it understands; `receive` returns env_steps/s, or what it measures."""
        self._connection.send(turn)

    def turn(self, turn: Any) -> Any:
        """Let it work, and wait for what it measures."""
        self.begin(turn)
        return self.receive()

    def close(self) -> None:
        """Let it end; one that is in the middle of something ends after it."""
        self._connection.close()
        self._process.join()


class Turns:
    """The contender's side of `Contender.turn`: blocks training between its turns."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._seconds = 0.0
        self._ticks = 0
        self._began = (0.0, 0)

    def go_on(self, env_steps: int) -> bool:
        """Call once a learner_step; returns whether to go on. The time between turns is spent in here."""
        now = time.perf_counter()
        if self._seconds and self._ticks > LEAD_IN_TICKS and now - self._began[0] >= self._seconds:
            self._connection.send((env_steps - self._began[1]) / (now - self._began[0]))
            self._seconds = 0.0
        if not self._seconds:
            try:
                self._seconds = self._connection.recv()
            except EOFError:
                return False
            self._ticks = 0
        self._ticks += 1
        if self._ticks == LEAD_IN_TICKS:
            self._began = (time.perf_counter(), env_steps)
        return True


class SkillWatch:
    """Watches a training run until enough of the last matches were won, or its cap.

    Args:
        connection: to the parent, which gets `{seconds, env_steps, reached}` in the end; should the parent close it,
            the run stops.
        name: of the run, for the lines it prints.
        win_rate: share of the last `matches` to be won.
        matches: matches looked back at; fewer than these are never enough.
        max_env_steps: cap.
        every: seconds between lines.
    """

    def __init__(
        self,
        connection: Connection,
        name: str,
        *,
        win_rate: float,
        matches: int,
        max_env_steps: int,
        every: float = 15.0,
    ) -> None:
        self.matches = matches
        self._connection = connection
        self._name = name
        self._win_rate = win_rate
        self._max_env_steps = max_env_steps
        self._every = every
        self._began = self._printed = 0.0

    def start(self) -> None:
        """Start the clock: environments and networks are there, no env_step has been made."""
        self._began = self._printed = time.perf_counter()

    def go_on(self, env_steps: int, won: Sequence[bool]) -> bool:
        """Whether to train on, given the outcomes of the matches so far (older ones may be missing)."""
        now = time.perf_counter()
        seconds, last = now - self._began, list(won)[-self.matches :]
        reached = len(last) == self.matches and sum(last) >= self._win_rate * self.matches
        over = reached or env_steps >= self._max_env_steps
        if over or now - self._printed >= self._every:
            rate = f"{sum(last) / len(last):.0%} of the last {len(last)} matches won" if last else "no match over yet"
            sys.stderr.write(f"{self._name}: {seconds:.0f} s, {env_steps:,} env_steps, {rate}\n")
            self._printed = now
            over = over or self._connection.poll()  # nothing is ever sent to us: it was closed
        if over:
            with contextlib.suppress(BrokenPipeError):
                self._connection.send({"seconds": seconds, "env_steps": env_steps, "reached": reached})
        return not over


def _run(function: str, connection: Connection, settings: dict[str, Any]) -> None:
    module, name = function.rsplit(".", 1)
    getattr(import_module(module), name)(connection, **settings)
