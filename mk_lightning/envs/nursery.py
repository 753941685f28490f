"""The process that workers are forked from: one interpreter and one emulator are loaded for all of them.

What is loaded before the fork (code, the emulator's tables, Python's objects) is in memory once. So workers start in
milliseconds, and where several share a core they find each other's tables in its caches, which is seen in the
env_steps/s. Forking is safe here, as this process has no other thread.

It imports numpy, cv2, gymnasium and stable_retro and never the user's ``__main__`` or torch. It stays to wait for its
workers, for only their parent can learn how they ended, and ends after the last of them, or with its own parent.
"""

from __future__ import annotations

import contextlib
import gc
import os
import signal
import threading
import time
import traceback
from dataclasses import replace

import cv2

from mk_lightning.envs.channel import ERROR, RESULT, read_message, write_message
from mk_lightning.envs.fighting_env import FightingEnv
from mk_lightning.envs.worker import WorkerSetup, serve

__all__ = ["main"]


def main(control_fd: int, report_fd: int) -> None:
    """Fork the workers, and report how each ends.

    Args:
        control_fd: where the parent's one message arrives: the :class:`WorkerSetup` of worker 0, and each worker's ends
            of its two pipes.
        report_fd: where the workers' process ids go, or the exception that kept them from starting; then, for each
            worker that ends, its process id and exit code.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to handle; it closes the pipes
    cv2.setNumThreads(0)
    parent = os.getppid()
    with contextlib.suppress(EOFError, BrokenPipeError):  # the parent has gone in the middle of a message
        setup, pipes = read_message(control_fd)
        os.close(control_fd)
        try:
            env = FightingEnv(setup.game, setup.weights, **setup.env_options)
        except Exception as error:
            write_message(report_fd, ERROR, (f"{type(error).__name__}: {error}", traceback.format_exc()))
            return
        gc.freeze()  # what is alive now stays; no collector need touch its pages
        pids = [_fork(env, replace(setup, index=index), pipes, report_fd) for index in range(len(pipes))]
        for pipe in pipes:
            for fd in pipe:
                os.close(fd)
        write_message(report_fd, RESULT, pids)
        threading.Thread(target=end_with, args=(parent,), daemon=True).start()
        for _ in pids:
            pid, status = os.wait()
            write_message(report_fd, RESULT, (pid, os.waitstatus_to_exitcode(status)))


def _fork(env: FightingEnv, setup: WorkerSetup, pipes: list[tuple[int, int]], report_fd: int) -> int:
    """Start a worker and return its process id."""
    nursery = os.getpid()
    if pid := os.fork():
        return pid
    try:
        os.close(report_fd)
        for index, pipe in enumerate(pipes):
            if index != setup.index:  # or the others' pipes would not end with them
                for fd in pipe:
                    os.close(fd)
        if hasattr(os, "SCHED_BATCH"):  # who wakes waits for one in the middle of a step: fewer cold caches
            os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
        threading.Thread(target=end_with, args=(nursery,), daemon=True).start()
        serve(env, setup, *pipes[setup.index])
    finally:
        os._exit(0)


def end_with(parent: int) -> None:
    """End this process when its parent has."""
    while os.getppid() == parent:
        time.sleep(1.0)
    os._exit(0)
