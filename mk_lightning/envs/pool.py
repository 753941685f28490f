"""All the workers of a vector environment: who is stepping, who has died, and their end."""

from __future__ import annotations

import os
import weakref
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NoReturn

from mk_lightning.envs.channel import DONE, STEP
from mk_lightning.envs.process import Nursery, WorkerError
from mk_lightning.envs.worker import WorkerSetup

__all__ = ["WorkerPool"]


class WorkerPool:
    """Worker processes by index.

    Methods that take ``indices`` wake all those workers before waiting for any. A worker that dies or raises closes
    the whole pool, as the others' results would be of no use; the error names it.
    """

    def __init__(self, setup: WorkerSetup, playing: Callable[[int], str]) -> None:
        """Start the workers and wait until every emulator runs.

        Args:
            setup: of worker 0; the others' differ in their index.
            playing: returns the name of the state that a worker is playing, for error messages.
        """
        self._playing = playing
        nursery = Nursery(setup)
        self._workers = nursery.workers
        # Runs when the pool is collected and, at the latest, when the interpreter exits.
        self._end = weakref.finalize(self, _end_workers, nursery, os.getpid())
        self._stepping = [False] * setup.num_envs
        # Steps write and read these themselves: what the parent does between two steps, all workers wait for.
        self._command_fds = [worker.command_fd for worker in self._workers]
        self._reply_fds = [worker.reply_fd for worker in self._workers]
        try:
            nursery.begin()
        except WorkerError as error:
            self._fail(0, error)

    @property
    def pids(self) -> list[int]:
        """Process id of each worker."""
        return [worker.pid for worker in self._workers]

    def begin_step(self, indices: Sequence[int]) -> None:
        """Let workers play the actions in shared memory, without waiting for them."""
        write, fds, stepping = os.write, self._command_fds, self._stepping
        for index in indices:
            stepping[index] = True
            try:
                write(fds[index], STEP)
            except BrokenPipeError:
                self._fail(index, self._workers[index].death())

    def end_step(self, indices: Sequence[int]) -> None:
        """Wait until workers have played.

        Raises:
            RuntimeError: one was not told to.
        """
        for index in indices:
            if not self._stepping[index]:
                self.require_idle(())
                raise RuntimeError(f"environment {index} was not sent an action: call send() before recv()")
        # Last first: it is likely to end last, so that this process sleeps and wakes once, not for each.
        read, fds, stepping = os.read, self._reply_fds, self._stepping
        for index in reversed(indices):
            kind = read(fds[index], 1)
            if kind != DONE:
                self._fail(index, self._workers[index].failure(kind))
            stepping[index] = False

    def call(self, indices: Sequence[int], method: str, arguments: Iterable[tuple[Any, ...]]) -> list[Any]:
        """Call a method of each worker, with its own arguments, and return what they returned."""
        self.require_idle(indices)
        for index, args in zip(indices, arguments, strict=True):
            try:
                self._workers[index].call(method, *args)
            except WorkerError as error:
                self._fail(index, error)
        return [self._result(index) for index in indices]

    def require_idle(self, indices: Sequence[int]) -> None:
        """Raise RuntimeError when the pool is closed or one of the workers is stepping."""
        if not self._end.alive:
            raise RuntimeError("this vector environment is closed")
        for index in indices:
            if self._stepping[index]:
                raise RuntimeError(f"environment {index} is still stepping: call recv() first")

    def close(self) -> None:
        """End the workers, whatever they are doing. Closing twice is fine."""
        self._stepping = [False] * len(self._stepping)
        self._end()

    def _result(self, index: int) -> Any:
        try:
            return self._workers[index].result()
        except WorkerError as error:
            self._fail(index, error)

    def _fail(self, index: int, error: WorkerError) -> NoReturn:
        name = f"worker {index} of {len(self._workers)}"
        state = self._playing(index) or "none yet"
        pid = self._workers[index].pid
        self.close()
        raise WorkerError(f"{name} (state {state}, pid {pid}) {error}") from error.__cause__


def _end_workers(nursery: Nursery, owner: int) -> None:
    """End the workers, unless this is a fork of the process that started them."""
    if os.getpid() == owner:
        nursery.close()
