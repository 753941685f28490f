"""All the workers of a vector environment: who is stepping, who has died and is replaced, and their end."""

from __future__ import annotations

import logging
import os
import weakref
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any, NoReturn

import numpy as np
from gymnasium.error import ClosedEnvironmentError
from numpy.typing import NDArray

from mk_lightning.envs.workers.channel import DONE, STEP
from mk_lightning.envs.workers.handles import DeadWorkerError, WorkerProcess
from mk_lightning.envs.workers.processes import WorkerProcesses
from mk_lightning.envs.workers.restart_point import RestartPoint
from mk_lightning.envs.workers.worker import WorkerSetup
from mk_lightning.utils.errors import WorkerError

__all__ = ["WorkerPool"]

log = logging.getLogger(__name__)

DEATHS_AT_ONE_POINT = 3
"""A worker that dies as often in the same env_step or call dies of it, and would for ever."""

DEATHS_IN_A_ROW = 20
"""So often at any points, with nothing new done in between, is no accident either."""


class WorkerPool:
    """Worker processes by index.

    Methods that take ``indices`` wake all those workers before waiting for any. In place of a worker that dies or hangs
    another plays its match again up to the same point, so that the run does not change. One that raises, or dies again
    and again, closes the whole pool, as the others' results would be of no use; the error names it.
    """

    def __init__(self, setup: WorkerSetup, actions: NDArray[np.int32], playing: Callable[[int], str]) -> None:
        """Start the workers and wait until every emulator runs.

        Args:
            setup: of worker 0; the others' differ in their index.
            actions: (num_envs,) where the workers read their actions.
            playing: returns the name of the state that a worker is playing, for messages.
        """
        self._actions = actions
        self._playing = playing
        self.restarts = 0
        """How often a worker has been replaced."""
        self._stepping = [False] * setup.num_envs
        self._points = [RestartPoint(setup.weights) for _ in self._stepping]
        self._processes = WorkerProcesses(setup)
        # Runs when the pool is collected and, at the latest, when the interpreter exits.
        self._end = weakref.finalize(self, _end_workers, self._processes, os.getpid())
        try:
            self._processes.begin()
        except WorkerError as error:
            self._fail(0, error)
        # Steps use these themselves: what the parent does between two steps, all workers wait for.
        self._tapes = [point.actions for point in self._points]
        self._command_fds = [worker.command_fd for worker in self._processes.workers]
        self._reply_fds = [worker.reply_fd for worker in self._processes.workers]
        for index, point in enumerate(self._points):
            for method, args in point.calls:
                self.call([index], method, [args])

    @property
    def pids(self) -> list[int]:
        """Process id of each worker."""
        return [worker.pid for worker in self._processes.workers]

    def begin_step(self, indices: Sequence[int], actions: NDArray[np.integer[Any]]) -> None:
        """Let workers play, without waiting for them.

        Args:
            indices: the workers.
            actions: (len(indices),) what they play.
        """
        self.require_idle(indices)
        self._actions[indices] = actions
        write, fds, tapes, stepping = os.write, self._command_fds, self._tapes, self._stepping
        for index, action in zip(indices, actions.tolist(), strict=True):
            stepping[index] = True
            tapes[index].append(action)
            try:  # noqa: SIM105 - contextlib.suppress costs something
                write(fds[index], STEP)
            except BrokenPipeError:
                pass  # that it has died shows when the answer is waited for

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
            try:
                kind = read(fds[index], 1)
            except BlockingIOError:
                kind = None
            if kind is None:  # now this process has time
                kind = self._processes.workers[index].kind()
            if kind != DONE:
                self._end_otherwise(index, kind)
            stepping[index] = False

    def call(self, indices: Sequence[int], method: str, arguments: Iterable[tuple[Any, ...]]) -> list[Any]:
        """Call a method of each worker, with its own arguments, and return what they returned."""
        self.require_idle(indices)
        calls = list(zip(indices, arguments, strict=True))
        results: list[Any] = []
        try:
            for index, args in calls:
                self._tell(index, method, args)
            for index, args in calls:
                again = partial(self._tell, index, method, args)
                result = self._answer(index, self._processes.workers[index].answer, again)
                self._points[index].called(method, args, result)
                results.append(result)
        except KeyboardInterrupt:  # an answer that is not taken now must not be taken for a later one
            for index, _ in calls[len(results) :]:
                self._processes.workers[index].kill()
            raise
        return results

    def require_idle(self, indices: Sequence[int]) -> None:
        """Check that workers can be told something.

        Raises:
            ClosedEnvironmentError: the pool is closed.
            RuntimeError: one of the workers is stepping.
        """
        if not self._end.alive:
            raise ClosedEnvironmentError("this vector environment is closed; make a new one")
        for index in indices:
            if self._stepping[index]:
                raise RuntimeError(f"environment {index} is still stepping: call recv() first")

    def close(self) -> None:
        """End the workers, whatever they are doing. Closing twice is fine."""
        self._stepping = [False] * len(self._stepping)
        self._end()

    def _end_otherwise(self, index: int, kind: bytes) -> None:
        """End a step with which a match began, or in which the worker was lost."""
        point = self._points[index]
        take = partial(self._processes.workers[index].payload, kind)
        random = self._answer(index, take, partial(self._play, index, point.actions[-1]))
        if random is not None:
            point.began(random)

    def _play(self, index: int, action: int) -> None:
        self._actions[index] = action
        self._processes.workers[index].step()

    def _tell(self, index: int, method: str, args: tuple[Any, ...]) -> None:
        self._processes.workers[index].call(method, *args)

    def _answer(self, index: int, take: Callable[[], Any], again: Callable[[], None]) -> Any:
        """Take a worker's answer; if it died, that of one in its place.

        Args:
            index: which worker.
            take: takes the answer.
            again: gives the command once more.
        """
        try:
            return take()
        except DeadWorkerError as death:
            return self._restart_worker(index, again, str(death))
        except WorkerError as error:
            self._fail(index, error)

    def _restart_worker(self, index: int, again: Callable[[], None], death: str) -> Any:
        """Restart a worker and replay its match up to where it died, at most up to the retry limit."""
        point = self._points[index]
        actions = point.actions[:-1] if self._stepping[index] else point.actions  # the last one is under way
        commands = [
            *(partial(self._tell, index, method, args) for method, args in point.calls),
            *(partial(self._play, index, action) for action in actions),
            partial(self._tell, index, "set_states", (point.weights,)),
        ]
        done = len(commands)
        deaths: Counter[int] = Counter()
        """By how many of the commands had been done."""
        while True:
            deaths[done] += 1
            if deaths[done] == DEATHS_AT_ONE_POINT or deaths.total() == DEATHS_IN_A_ROW:
                self._fail(index, DeadWorkerError(f"{death}, {deaths.total()} times in a row"))
            who, done = self._name(index), 0
            try:
                worker = self._replace(index)
                log.warning("%s %s; pid %d plays %d env_steps again", who, death, worker.pid, len(actions))
                for command in commands:
                    command()
                    worker.answer()
                    done += 1
                again()
                return worker.answer()
            except DeadWorkerError as error:
                death = str(error)
            except WorkerError as error:
                self._fail(index, error)
            except KeyboardInterrupt:  # what stands anywhere must not be taken for what it replaces
                self._processes.workers[index].kill()
                raise

    def _replace(self, index: int) -> WorkerProcess:
        worker = self._processes.replace(index)
        self._command_fds[index], self._reply_fds[index] = worker.command_fd, worker.reply_fd
        self.restarts += 1
        return worker

    def _name(self, index: int) -> str:
        state = self._playing(index) or "none yet"
        return f"worker {index} of {len(self._stepping)} (state {state}, pid {self._processes.pid(index)})"

    def _fail(self, index: int, error: WorkerError) -> NoReturn:
        name = self._name(index)
        self.close()
        raise WorkerError(f"{name} {error}") from error.__cause__


def _end_workers(processes: WorkerProcesses, owner: int) -> None:
    """End the workers, unless this is a fork of the process that started them."""
    if os.getpid() == owner:
        processes.close()
