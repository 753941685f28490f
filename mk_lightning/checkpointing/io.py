"""How a run's checkpoints are written and read: whole or not at all, with what they name beside them."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path
from typing import Any

from pytorch_lightning.plugins.io import CheckpointIO

from mk_lightning.checkpointing.lightning_fixes import patch_loop_progress
from mk_lightning.data.datamodule import ExperienceDataModule
from mk_lightning.data.fit_folder import source_of
from mk_lightning.data.rank_states import segments_of
from mk_lightning.experience.segments import check_segments, read_segment, remove_unnamed
from mk_lightning.networks.checkpoint import read_checkpoint
from mk_lightning.utils.errors import UserError
from mk_lightning.utils.files import write_text
from mk_lightning.utils.run_files import CHECKPOINTS, REPLAY
from mk_lightning.utils.tensor_files import write_tensors

METRICS_ROWS = "metrics_rows"
"""Key of a checkpoint: rows of `metrics.csv` that it has seen."""

VERSION = "pytorch-lightning_version"
"""Key of a checkpoint, without which Lightning loads none."""

ELSEWHERE = ".checkpoints"
"""File in the folder of the checkpoints: paths of those that hold a whole run and lie outside the run's directory."""

Named = list[dict[str, Any]]
"""Segments that hold a checkpoint's replay."""


class LostReplayError(UserError):
    """A checkpoint's replay is missing or damaged."""


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
        named = named_segments(checkpoint)
        if named and not path.absolute().is_relative_to(self.run.absolute()):
            self._note_elsewhere(path.absolute())
        write_tensors(checkpoint, path)
        self._named[_identity(path)] = named
        self._prune()

    def load_checkpoint(
        self, path: str | Path, map_location: Any = None, weights_only: bool | None = None
    ) -> dict[str, Any]:
        """Read a checkpoint, tensors and plain Python only, to host memory.

        Raises:
            UserError: it is missing or damaged.
        """
        # An agent from elsewhere has no version.
        checkpoint = {VERSION: version("pytorch-lightning"), **read_checkpoint(path)}
        patch_loop_progress(checkpoint)
        return checkpoint

    def remove_checkpoint(self, path: str | Path) -> None:
        """Remove a checkpoint, and what only it named."""
        Path(path).unlink(missing_ok=True)
        self._prune()

    def _prune(self) -> None:
        paths = [path for path in (*self.run.rglob("*.ckpt"), *self._elsewhere()) if path.is_file()]
        there = {_identity(path): path for path in paths}
        self._named = {  # those of an earlier process are read, once
            identity: self._named[identity] if identity in self._named else _named_by(path)
            for identity, path in there.items()
        }
        named = [segment for segments in self._named.values() for segment in segments]
        for folder in self.run.glob(f"{REPLAY}*/"):
            remove_unnamed(folder, named)

    def _elsewhere(self) -> list[Path]:
        noted = self.run / CHECKPOINTS / ELSEWHERE
        return [Path(line) for line in noted.read_text().splitlines()] if noted.is_file() else []

    def _note_elsewhere(self, path: Path) -> None:
        """Remember a checkpoint outside the run's directory before it is written, or a crash between would lose it."""
        if path not in (noted := self._elsewhere()):
            (self.run / CHECKPOINTS).mkdir(exist_ok=True)
            kept = [*(other for other in noted if other.is_file()), path]
            write_text(self.run / CHECKPOINTS / ELSEWHERE, "".join(f"{other}\n" for other in kept))


def named_segments(checkpoint: dict[str, Any]) -> Named:
    """The replay segments that a checkpoint needs; none for one of weights only."""
    return segments_of(checkpoint.get(ExperienceDataModule.__qualname__) or {})


def _named_by(path: Path) -> Named:
    try:
        return named_segments(read_checkpoint(path))
    except UserError:  # damaged: nothing can go on from it
        return []


def check_whole(path: Path, *, replay: bool = True) -> dict[str, Any]:
    """Read a checkpoint and see that all it needs is there.

    Args:
        path: of the checkpoint.
        replay: whether a fit needs its replay to go on.

    Raises:
        UserError: it is missing or damaged.
        LostReplayError: it is whole, but a segment of its replay is missing or damaged.
    """
    checkpoint = read_checkpoint(path)
    named = named_segments(checkpoint)
    check_segments(named)
    if named and replay:
        source = source_of(checkpoint[ExperienceDataModule.__qualname__], path)
        folder = source.path(REPLAY) if source is not None else directory_of(path, checkpoint) / REPLAY
        try:
            for segment in named:
                read_segment(folder, segment)
        except UserError as error:
            raise LostReplayError(str(error)) from None
    return checkpoint


def directory_of(path: Path, checkpoint: dict[str, Any]) -> Path:
    """The directory of the run that a checkpoint is of: above its `checkpoints`, else where its replay lies.

    Args:
        path: of the checkpoint.
        checkpoint: what it holds.

    Raises:
        UserError: the checkpoint does not say where its replay lies.
    """
    for parent in (*path.parents, *path.resolve().parents):
        if parent.name == CHECKPOINTS:
            return parent.parent
    data = checkpoint.get(ExperienceDataModule.__qualname__)
    source = source_of(data, path) if data else None
    if source is not None:
        return source.root
    noted = Path(data["folder"]["root"]) if data else path.parent.parent
    return noted if noted.is_dir() else path.parent.parent


def _identity(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_ino, status.st_mtime_ns
