"""How a run's checkpoints are written and read: whole or not at all, with what they name beside them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pytorch_lightning.plugins.io import CheckpointIO

from mk_lightning.errors import UserError
from mk_lightning.experience.datamodule import REPLAY, ExperienceDataModule
from mk_lightning.experience.resume import check_segments
from mk_lightning.experience.segments import read_segment, remove_unnamed
from mk_lightning.learning.checkpoint import read_checkpoint
from mk_lightning.runs.progress import mend_progress
from mk_lightning.tensor_files import write_tensors

CHECKPOINTS = "checkpoints"
"""Folder of the checkpoints, in a run's directory."""

METRICS_ROWS = "metrics_rows"
"""Key of a checkpoint: rows of `metrics.csv` that it has seen."""

Named = list[dict[str, Any]]
"""Segments that hold a checkpoint's replay."""


class CheckpointFiles(CheckpointIO):
    """Writes checkpoints so that a crash at any moment leaves the ones before it whole.

    After each, replay segments that no checkpoint of the run names any more are removed.

    Args:
        run: the run's directory.
    """

    def __init__(self, run: Path) -> None:
        self.run = run
        self._named: dict[tuple[int, int], Named] = {}
        """By inode and time of a checkpoint file."""

    def save_checkpoint(self, checkpoint: dict[str, Any], path: str | Path, storage_options: Any = None) -> None:
        """Write a checkpoint, to the disk.

        Raises:
            OSError: it cannot be written; the one that was there is still whole.
        """
        path = Path(path)
        if self.run.is_dir():  # else it was deleted, which is to be noticed
            path.parent.mkdir(parents=True, exist_ok=True)
        write_tensors(checkpoint, path)
        self._named[_identity(path)] = named_segments(checkpoint)
        self._prune()

    def load_checkpoint(
        self, path: str | Path, map_location: Any = None, weights_only: bool | None = None
    ) -> dict[str, Any]:
        """Read a checkpoint, tensors and plain Python only, to host memory.

        Raises:
            UserError: it is missing or damaged.
        """
        checkpoint = read_checkpoint(path)
        mend_progress(checkpoint)
        return checkpoint

    def remove_checkpoint(self, path: str | Path) -> None:
        """Remove a checkpoint, and what only it named."""
        Path(path).unlink(missing_ok=True)
        self._prune()

    def _prune(self) -> None:
        there = {_identity(path): path for path in (self.run / CHECKPOINTS).glob("*.ckpt")}
        self._named = {  # those of an earlier process are read, once
            identity: self._named[identity] if identity in self._named else _named_by(path)
            for identity, path in there.items()
        }
        remove_unnamed(self.run / REPLAY, [segment for named in self._named.values() for segment in named])


def named_segments(checkpoint: dict[str, Any]) -> Named:
    """The replay segments that a checkpoint needs; none for one of weights only."""
    data = checkpoint.get(ExperienceDataModule.__qualname__) or {}
    return data.get("segments") or []


def _named_by(path: Path) -> Named:
    try:
        return named_segments(read_checkpoint(path))
    except UserError:  # damaged: nothing can go on from it
        return []


def check_whole(path: Path) -> dict[str, Any]:
    """Read a checkpoint and see that all it needs is there.

    Raises:
        UserError: it, or a segment of its replay, is missing or damaged.
    """
    checkpoint = read_checkpoint(path)
    named = named_segments(checkpoint)
    check_segments(named)
    for segment in named:
        read_segment(path.parent.parent / REPLAY, segment)
    return checkpoint


def _identity(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_ino, status.st_mtime_ns
