"""What has to be settled before torch and Lightning are imported; only the standard library is imported here."""

from __future__ import annotations

import contextlib
import gc
import os
import signal
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

from mk_lightning.cli.streams import mend_streams
from mk_lightning.workflows.launcher import whole_run

USAGE_ERROR = 2
"""Exit code where something that was given cannot be used."""
SETTINGS = {
    # Threads of a finished parallel region must sleep, not spin: the emulators need the cores. Read when torch loads.
    "OMP_WAIT_POLICY": "PASSIVE",
    "KMP_BLOCKTIME": "0",
    # Warnings of PyTorch's C++, which nobody can mend and which go past Python's filters: sockets that are tried again,
    # or that DDP finds nothing of what it was told to look for. Read when torch loads.
    "TORCH_CPP_LOG_LEVEL": "ERROR",
    # Lightning's own calls into jsonargparse, nothing a user could mend.
    "JSONARGPARSE_DEPRECATION_WARNINGS": "off",
}
"""Environment variables, unless they are set."""


@contextlib.contextmanager
def loading() -> Iterator[None]:
    """The seconds in which the libraries of the command line are imported.

    Raises:
        SystemExit: they cannot be, for the working directory has been deleted; a line on stderr says so.
    """
    mend_streams()
    try:
        Path.cwd()
    except FileNotFoundError:  # where torch cannot be loaded
        sys.stderr.write("mk-lightning: error: the working directory has been deleted; go to one that is there\n")
        raise SystemExit(USAGE_ERROR) from None
    for name, value in SETTINGS.items():
        os.environ.setdefault(name, value)
    gc.disable()  # the imports make a million objects that stay: looking for garbage among them costs a second or more
    with whole_run(), _silent_ctrl_c():
        yield
    gc.enable()
    gc.freeze()


@contextlib.contextmanager
def _silent_ctrl_c() -> Iterator[None]:
    """Let Ctrl-C end the program without a traceback, unless somebody else handles it."""
    handler = signal.getsignal(signal.SIGINT)
    ours = handler is signal.default_int_handler and threading.current_thread() is threading.main_thread()
    if ours:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    try:
        yield
    finally:
        if ours:
            signal.signal(signal.SIGINT, handler)
