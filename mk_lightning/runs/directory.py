"""A directory per run."""

from __future__ import annotations

import contextlib
import logging
import os
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from glob import escape
from pathlib import Path
from shlex import quote
from typing import Any

from lightning_utilities.core.rank_zero import rank_zero_only

from mk_lightning.errors import UserError
from mk_lightning.experience.datamodule import REPLAY
from mk_lightning.files import PART, find_file
from mk_lightning.learning.checkpoint import read_checkpoint
from mk_lightning.runs.checkpoint_files import CHECKPOINTS, METRICS_ROWS, check_whole
from mk_lightning.runs.lock import FILE as LOCK
from mk_lightning.runs.lock import RunLock

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class RunDirectory:
    """Where a run writes, and the checkpoint it starts from.

    Attributes:
        path: the run's directory.
        checkpoint: file to load, or None.
        resume_step: learner_steps of the fit that is resumed, or None when nothing is resumed.
        rows: rows of metrics it had written, or None.
        base: the name that numbers are added to for a fresh directory; None where a run is to go on in one.
    """

    path: Path
    checkpoint: Path | None
    resume_step: int | None
    rows: int | None = None
    base: Path | None = None

    @staticmethod
    def choose(subcommand: str, wanted: Path, ckpt_path: str | None) -> RunDirectory:
        """Choose the directory of a run.

        A resumed fit continues in the directory of its checkpoint. A fit that is to be resumed from `last` and was
        stopped before it was first saved begins anew in its directory. Everything else gets a fresh one: `wanted`, or
        `wanted-2`, `wanted-3`, ... when that exists; for other subcommands than fit `wanted-<subcommand>`.

        Args:
            subcommand: fit, validate, test or predict.
            wanted: `run_dir` of the config.
            ckpt_path: None, a file, or `last` or `best` for that of the newest run at `wanted`.

        Raises:
            UserError: no such checkpoint, or it is damaged; the newest whole one beside it is named.
            UserError: a fit cannot be resumed from it.
        """
        if ckpt_path in {"last", "best"}:
            runs = [run for run in _numbered(wanted) if (run / "checkpoints" / f"{ckpt_path}.ckpt").is_file()]
            if not runs and ckpt_path == "last" and subcommand == "fit" and (begun := _begun(wanted)):
                log.info(f"{begun[-1]} was stopped before it was first saved; it begins anew")
                return RunDirectory(begun[-1], None, None)
            if not runs:
                raise UserError(f"no {ckpt_path}.ckpt in {wanted}/checkpoints; name the file or the run_dir")
            checkpoint: Path | None = runs[-1] / "checkpoints" / f"{ckpt_path}.ckpt"
        else:
            checkpoint = find_file(ckpt_path) if ckpt_path else None
        if checkpoint is not None:
            content = _read(checkpoint, check_whole if subcommand == "fit" else read_checkpoint)
            if subcommand == "fit":
                if "optimizer_states" not in content:
                    raise UserError(
                        f"{checkpoint} holds weights only, a fit cannot be resumed from it; "
                        f"start one with --model.init_from {quote(str(checkpoint))}"
                    )
                run, step, rows = checkpoint.parent.parent, content["global_step"], content.get(METRICS_ROWS)
                return RunDirectory(run, checkpoint, step, rows)
        base = wanted if subcommand == "fit" else wanted.with_name(f"{wanted.name}-{subcommand}")
        return RunDirectory(_fresh(base), checkpoint, None, base=base)

    def take(self) -> tuple[RunDirectory, Taken]:
        """Make the directory, if it is to be a fresh one, and keep other runs out of it.

        Returns:
            Itself, or with the next number if another run took the directory meanwhile; and the hold on it.

        Raises:
            UserError: another run is going on in the directory.
        """
        if getattr(rank_zero_only, "rank", 0):  # the first rank has taken it for all
            return self, Taken(self.path, [], lock=None)
        if self.base is None:
            taken = Taken(self.path, [], RunLock(self.path))
            for folder in (self.path, self.path / CHECKPOINTS, self.path / REPLAY):
                for part in folder.glob(f"*{PART}"):  # of a process that was killed while it wrote
                    part.unlink()
            return self, taken
        made = [folder for folder in (self.path, *self.path.parents) if not folder.exists()]
        try:
            self.path.mkdir(parents=True)
        except FileExistsError:
            return replace(self, path=_fresh(self.base)).take()
        return self, Taken(self.path, made, RunLock(self.path))


@dataclass
class Taken:
    """A hold on a run's directory.

    Attributes:
        path: the directory.
        made: folders that were made for it, the innermost first.
        lock: keeps others out; None for a rank that is not the first.
    """

    path: Path
    made: list[Path]
    lock: RunLock | None

    def release(self) -> None:
        """Let others have the directory."""
        if self.lock is not None:
            self.lock.release()

    def undo(self) -> None:
        """Leave nothing behind: a mistake was found before the run began."""
        self.release()
        if self.made:
            (self.path / LOCK).unlink()
        with contextlib.suppress(OSError):  # another run may have made one beside it by now
            for folder in self.made:
                folder.rmdir()


def _begun(base: Path) -> list[Path]:
    """The runs at `base` that have begun, oldest first."""
    return [run for run in _numbered(base) if (run / LOCK).is_file()]


def _read(checkpoint: Path, read: Callable[[Path], dict[str, Any]]) -> dict[str, Any]:
    """Read a checkpoint; where it is damaged, name the newest beside it that is not."""
    try:
        return read(checkpoint)
    except UserError as error:
        others = set(checkpoint.parent.glob("*.ckpt")) - {checkpoint} if checkpoint.is_file() else set()
        for path in sorted(others, key=lambda other: other.stat().st_mtime, reverse=True):
            if _is_like(path, checkpoint, read):
                raise UserError(f"{error}; the newest whole one is {path}: --ckpt_path {quote(str(path))}") from None
        raise


def _is_like(path: Path, checkpoint: Path, read: Callable[[Path], dict[str, Any]]) -> bool:
    """Whether a checkpoint is whole and can stand in for another: `best.ckpt` cannot be resumed from."""
    try:
        return "optimizer_states" in read(path) or checkpoint.name == "best.ckpt"
    except UserError:
        return False


def _numbered(base: Path) -> list[Path]:
    """`base`, `base-2`, `base-3`, ... as far as they exist, oldest first."""
    numbers = {1: base}
    for path in base.parent.glob(f"{escape(base.name)}-*"):
        if match := re.fullmatch(r"-(\d+)", path.name.removeprefix(base.name)):
            numbers[int(match[1])] = path
    return [numbers[n] for n in sorted(numbers) if os.path.lexists(numbers[n])]  # a dangling link is one, too


def _fresh(base: Path) -> Path:
    taken = _numbered(base)
    if not taken:
        return base
    last = re.search(r"-(\d+)$", taken[-1].name.removeprefix(base.name))
    return base.with_name(f"{base.name}-{int(last[1]) + 1 if last else 2}")
