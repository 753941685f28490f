"""The process that all pools of a process are forked from, as Android and Chromium have one: nothing but loaded code.

An interpreter that imports NumPy, OpenCV, Gymnasium and stable-retro takes half a second of processor time. The first
pool pays it; a fit has two, and a notebook that evaluates again and again has many. It never imports the user's
``__main__`` or torch, and holds no emulator, so that each pool may play another game.

It ends with the process that started it; what was forked from it notices, and ends, too. Signals that are meant for
that process, such as Ctrl-C, do not reach any of them: they are started with these blocked.
"""

from __future__ import annotations

import gc
import socket

import cv2

from mk_lightning.envs.workers import fork_server
from mk_lightning.envs.workers.fork_loop import serve_forks

__all__ = ["main"]


def main(control_fd: int, parent: int) -> None:
    """Fork a fork server for each pool, when told to, and report how each ends.

    Args:
        control_fd: a socket to the parent, see :func:`serve_forks`.
        parent: process id of the parent.
    """
    cv2.setNumThreads(0)
    gc.freeze()  # what is alive now stays; no collector need touch its pages
    serve_forks(socket.socket(fileno=control_fd), parent, fork_server.main)
