"""The process that a pool's workers are forked from: one emulator is loaded for all of them.

What is loaded before the fork (code, the emulator's tables, Python's objects) is in memory once. So workers start in
milliseconds, and where several share a core they find each other's tables in its caches, which is seen in the
env_steps/s. Forking is safe here, as this process has no other thread.

It is forked itself, from the :mod:`zygote <mk_lightning.envs.workers.zygote>`, and imports no more than the module of a
reward of the user's own. It stays to fork workers in place of dead ones, and to wait for its workers, for only their
parent can learn how they ended. It ends with the pool's process, and its workers with it.
"""

from __future__ import annotations

import contextlib
import gc
import os
import pickle
import signal
import socket
import sys
import threading
import time
from dataclasses import dataclass, replace
from functools import partial

from mk_lightning.envs.fighting_env import FightingEnv
from mk_lightning.envs.workers.channel import RESULT, read_message, write_error, write_message
from mk_lightning.envs.workers.fork_loop import serve_forks
from mk_lightning.envs.workers.worker import WorkerSetup, serve
from mk_lightning.utils.errors import UserError, one_line

__all__ = ["PoolSetup", "main"]


@dataclass(frozen=True)
class PoolSetup:
    """What a fork server is told: how the process of its pool finds modules and files, and what the workers are."""

    environment: dict[str, str]
    path: list[str]
    """``sys.path``."""
    folder: str
    """Working directory."""
    workers: bytes
    """A pickled :class:`WorkerSetup`, of worker 0; its reward may be of a module that is only found by the path."""


def main(_: int, fds: list[int], parent: int) -> None:
    """Start an emulator, fork workers when told to, and report how each ends.

    Args:
        fds: a socket, and the shared memory. The pool's process sends a :class:`PoolSetup` and, once that has been
            answered, what :func:`serve_forks` serves.
        parent: process id of the zygote.
    """
    control_fd, memory_fd = fds
    with contextlib.suppress(EOFError, ConnectionError):  # the pool's process has gone in the middle of a message
        try:
            setup = replace(_read_setup(control_fd), memory_fd=memory_fd)
            env = FightingEnv(setup.game, setup.weights, setup.config, render_mode=setup.render_mode)
        except (EOFError, ConnectionError):
            raise
        except Exception as error:
            write_error(control_fd, error)
            return
        gc.freeze()  # what is alive now stays; no collector need touch its pages
        write_message(control_fd, RESULT, None)
        workers = serve_forks(socket.socket(fileno=control_fd), parent, partial(_work, env, setup))
        for pid in workers:  # they would end by themselves, but for one that is stopped
            os.kill(pid, signal.SIGKILL)
        for pid in workers:
            os.waitpid(pid, 0)


def _read_setup(control_fd: int) -> WorkerSetup:
    """Take what the workers are told; the class of a user's own reward is imported for it.

    Raises:
        UserError: it cannot be.
    """
    pool: PoolSetup = read_message(control_fd)
    os.environ.clear()
    os.environ.update(pool.environment)
    sys.path[:] = pool.path
    with contextlib.suppress(OSError):  # one that is gone
        os.chdir(pool.folder)
    try:
        setup: WorkerSetup = pickle.loads(pool.workers)
    except Exception as error:  # whatever the user's module makes of it
        raise UserError(
            f"the class of EnvConfig.reward cannot be imported in the worker processes ({type(error).__name__}: "
            f"{one_line(error)}); put it into a module that a fresh interpreter can import"
        ) from error
    return setup


def _work(env: FightingEnv, setup: WorkerSetup, index: int, fds: list[int], fork_server: int) -> None:
    """Be a worker; the descriptors are its pipe's."""
    if hasattr(os, "SCHED_BATCH"):  # who wakes waits for one in the middle of a step: fewer cold caches
        with contextlib.suppress(OSError):  # a sandbox or an idle scheduling class may refuse
            os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
    threading.Thread(target=_end_with, args=(fork_server,), daemon=True).start()
    serve(env, replace(setup, index=index), *fds)


def _end_with(fork_server: int) -> None:
    """End this worker when the fork server has."""
    while os.getppid() == fork_server:
        time.sleep(1.0)
    os._exit(0)
