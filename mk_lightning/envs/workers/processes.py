"""The processes of a pool: its workers and the fork server that they come from."""

from __future__ import annotations

import os

from mk_lightning.envs.workers.forkers import ForkServer
from mk_lightning.envs.workers.handles import DeadWorkerError, WorkerProcess
from mk_lightning.envs.workers.worker import WorkerSetup

__all__ = ["WorkerProcesses"]


class WorkerProcesses:
    """Processes that can be replaced, each and all, while others work."""

    def __init__(self, setup: WorkerSetup) -> None:
        """Take what they will be told.

        Args:
            setup: of worker 0; the others' differ in their index. Its shared memory is closed with them.
        """
        self._setup = setup
        self._fork_server = ForkServer(setup)
        self.workers: list[WorkerProcess] = []
        """By index; none before :meth:`begin`."""

    def begin(self) -> None:
        """Start the fork server and the workers.

        Raises:
            WorkerError: the emulator could not be started.
        """
        self._fork_server.begin()
        for index in range(self._setup.num_envs):
            self.workers.append(self._fork(index))

    def replace(self, index: int) -> WorkerProcess:
        """Start a worker in place of one that has died; if the fork server has, too, start one first.

        Raises:
            DeadWorkerError: another fork server died before it could help.
        """
        try:
            worker = self._fork_server.fork(index)
        except (EOFError, TimeoutError):
            self._fork_server.kill()
            self._fork_server.close()
            self._fork_server = ForkServer(self._setup)
            self._fork_server.begin()
            worker = self._fork(index)
        dead, self.workers[index] = self.workers[index], worker
        dead.close()
        return worker

    def pid(self, index: int) -> int:
        """Process id of a worker, or of what it would be forked from if it has none yet."""
        return self.workers[index].pid if self.workers else self._fork_server.pid

    def close(self) -> None:
        """End all processes, whatever they are doing; pipes and memory are closed."""
        self._fork_server.close()
        for worker in self.workers:
            worker.close()
        os.close(self._setup.memory_fd)

    def _fork(self, index: int) -> WorkerProcess:
        try:
            return self._fork_server.fork(index)
        except (EOFError, TimeoutError):
            raise DeadWorkerError("died with the process that it is forked from") from None
