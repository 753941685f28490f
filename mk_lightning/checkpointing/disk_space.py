"""How much of the disk a run may take, said and checked before it begins."""

from __future__ import annotations

import contextlib
import os
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path

from mk_lightning.data.datamodule import ExperienceDataModule
from mk_lightning.learning.module import DuelingDoubleDQN
from mk_lightning.utils.errors import UserError
from mk_lightning.utils.run_files import CHECKPOINTS, REPLAY

TRANSITION_BYTES = 7_100
"""Of a transition on disk, at most: a frame that does not compress, and what belongs to it."""
COPIES = 9
"""Of the network's weights, in float32: the Q-network, its target and two moments in `last.ckpt` and `previous.ckpt`
each, and the Q-network in `best.ckpt`."""


@contextlib.contextmanager
def quiet_threads() -> Iterator[None]:
    """Let a thread that cannot write, TensorBoard's, end in silence: what it writes for fails with the reason."""
    before = threading.excepthook

    def hook(args: threading.ExceptHookArgs) -> None:
        if not isinstance(args.exc_value, OSError):
            before(args)

    threading.excepthook = hook
    try:
        yield
    finally:
        threading.excepthook = before


def bytes_on_disk(module: DuelingDoubleDQN, data: ExperienceDataModule) -> int:
    """The most that a run's replay and checkpoints take, bytes.

    A checkpoint names the rows of its ring; the one before it began up to an epoch earlier, and up to an epoch of rows
    has come since.
    """
    weights = sum(parameter.nbytes for parameter in module.online.parameters())
    rows = min(data.replay.capacity * data.ranks.count + 2 * data.length.every, data.length.end)
    return COPIES * weights + (rows * TRANSITION_BYTES if data.replay.on_disk else 0)


def _held(run: Path) -> int:
    """Bytes of what a run makes in a directory, in which other files may lie and come and go."""
    folders = (run / CHECKPOINTS, run / REPLAY, *run.glob(f"{REPLAY}-[0-9]*"))
    held = 0
    for place, _, names in (walked for folder in folders for walked in os.walk(folder)):
        for name in names:
            with contextlib.suppress(FileNotFoundError):
                held += (Path(place) / name).stat().st_size
    return held


def check_disk(run: Path, module: DuelingDoubleDQN, data: ExperienceDataModule) -> str:
    """Check that the disk has room for a run, and return a line that says how much it may take.

    Args:
        run: the run's directory, which need not be there yet.
        module: what is trained.
        data: how.

    Raises:
        UserError: it has not.
    """
    needed = bytes_on_disk(module, data)
    there = next(folder for folder in (run.absolute(), *run.absolute().parents) if folder.exists())
    free = shutil.disk_usage(there).free
    if free + _held(run) < needed:
        raise UserError(
            f"the run may take {needed / 1e9:.2f} GB in {run}, where {free / 1e9:.2f} GB are free; make room, lower "
            f"ReplaySettings.capacity ({data.replay.capacity}), or set ReplaySettings.on_disk to false"
        )
    return f"{run} will take at most {needed / 1e9:.2f} GB of disk, {free / 1e9:.1f} GB are free"
