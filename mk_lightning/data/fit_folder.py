"""Where a fit keeps what it needs to go on: its replay and its recording, apart from those of every other fit."""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from secrets import token_hex
from typing import Any

from pytorch_lightning import Trainer

from mk_lightning.data.rank_states import segments_of
from mk_lightning.utils.errors import UserError, on_every_rank
from mk_lightning.utils.files import PART
from mk_lightning.utils.ranks import Ranks
from mk_lightning.utils.run_files import BEST, CHECKPOINTS, LAST, RECORDING, REPLAY

ANOTHER_FOLDER = "give the Trainer another default_root_dir, or its logger another directory"
"""What to do where a fit would write over another's files."""
FILES = ("metrics.csv", "before.json", f"{CHECKPOINTS}/{LAST}", f"{CHECKPOINTS}/{BEST}")
"""Those that every fit calls so."""


def run_folder(trainer: Trainer) -> Path:
    """The directory of a Trainer's run: its first logger's, else `default_root_dir`."""
    return Path(trainer.log_dir or trainer.default_root_dir)


LEVELS = 5
"""Directories above a checkpoint that are searched for its run: a metric in a file name makes some of its own."""

NO_LOCKS = (errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL)
"""What a file system without locks answers; numbers keep two fits apart there, but for those started at one moment."""


@dataclass
class FitFolder:
    """The files of one fit in a directory which other fits may use too.

    The first fit in a directory has `replay` and `recording`, the second `replay-2` and `recording-2`, and so on, as
    Lightning's loggers number their versions. A fit holds a lock on its number until it ends.

    Attributes:
        root: the directory.
        number: of the fit in it, from 1.
    """

    root: Path
    number: int = 1
    _lock: int | None = None
    """Descriptor of the lock file."""

    @classmethod
    def claim(cls, root: Path) -> FitFolder:
        """Take the first number that no fit has used or is using.

        Args:
            root: the directory, which is made where it is missing.
        """
        root.mkdir(parents=True, exist_ok=True)
        for number in count(1):
            folder = cls(root, number)
            if folder.acquire():
                if not any(folder.path(name).exists() for name in (REPLAY, RECORDING)):
                    return folder
                folder.release()
        raise AssertionError("unreachable")

    @classmethod
    def resume(cls, root: Path, state: Mapping[str, Any], checkpoint: Path | None) -> FitFolder:
        """Go on with the files that a checkpoint needs: in place in the same directory, else with a copy of its own.

        Args:
            root: the directory of the fit that goes on.
            state: the DataModule's, as the checkpoint holds it.
            checkpoint: its path, if it is known.

        Raises:
            UserError: another fit is using them.
        """
        source = source_of(state, checkpoint, root)
        if source is None:
            own = cls(root, state["folder"]["number"])
            if not any(own.path(name).exists() for name in (REPLAY, RECORDING)):
                return cls.claim(root)  # nothing is needed, or reading it will say what is missing
            source = own
        if source.root.resolve() != root.resolve():
            folder = cls.claim(root)
            folder.adopt(source, segments_of(state))
            return folder
        if not source.acquire():
            raise UserError(
                f"{source.path(REPLAY)} is being written by another fit; wait for it to end, or go on in another "
                "directory (default_root_dir)"
            )
        return source

    def path(self, name: str) -> Path:
        """The fit's own file or folder of that name, e.g. `recording` or `recording-2`, `fisher-2.pt`."""
        plain = self.root / name
        return plain if self.number == 1 else plain.with_name(f"{plain.stem}-{self.number}{plain.suffix}")

    @property
    def lock_file(self) -> Path:
        """What is locked; it stays."""
        return self.path(f".{REPLAY}.lock")

    def acquire(self) -> bool:
        """Keep every other fit out, in this process and in others; False where one has it."""
        lock = os.open(self.lock_file, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
            return False
        except OSError as error:
            if error.errno not in NO_LOCKS:
                os.close(lock)
                raise
        self._lock = lock
        return True

    def release(self) -> None:
        """Let others have it."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def adopt(self, source: FitFolder, segments: Sequence[Mapping[str, Any]]) -> None:
        """Take over what another fit's checkpoint needs, so that this fit goes on from it and leaves that one whole.

        Args:
            source: of the other fit.
            segments: of its replay, those that the checkpoint names.
        """
        for segment in segments:
            _link(source.path(REPLAY) / segment["file"], self.path(REPLAY) / segment["file"])
        for path in source.path(RECORDING).glob("*"):
            if path.is_file():
                _link(path, self.path(RECORDING) / path.name)

    def as_dict(self) -> dict[str, Any]:
        """What a checkpoint notes of it."""
        return {"root": str(self.root.absolute()), "number": self.number}


def fit_folder(ranks: Ranks, trainer: Trainer, state: Mapping[str, Any] | None) -> FitFolder:
    """Take the folder of a fit that begins or goes on, for all of its ranks.

    Args:
        ranks: all of which call this; rank 0 holds the lock.
        trainer: of the fit.
        state: the DataModule's of a fit that goes on.

    Raises:
        UserError: another fit is using its files.
    """
    root, checkpoint = run_folder(trainer), Path(trainer.ckpt_path) if trainer.ckpt_path else None
    held: list[FitFolder] = []

    def acquire() -> tuple[Path, int]:
        held.append(FitFolder.claim(root) if state is None else FitFolder.resume(root, state, checkpoint))
        return held[0].root, held[0].number

    place = ranks.first(acquire)
    return held[0] if held else FitFolder(*place)


def check_shared_disk(ranks: Ranks, trainer: Trainer) -> None:
    """Check that every rank of a fit sees the directory that rank 0 writes.

    Args:
        ranks: all of which call this.
        trainer: of the fit.

    Raises:
        UserError: one does not.
    """
    if ranks.count == 1:
        return
    root = run_folder(trainer)

    def write() -> Path:
        root.mkdir(parents=True, exist_ok=True)
        (file := root / f"{token_hex(8)}{PART}").touch()  # removed by the next run in the directory if this is killed
        return file

    file = ranks.first(write)
    unseen = f"rank {ranks.rank} cannot see {root}, which rank 0 writes: the ranks of a run need a shared disk"
    told = ranks.first_is_told(None if file.is_file() else unseen)
    if ranks.rank == 0:
        file.unlink()
    if told is not None:
        raise on_every_rank(UserError(told))


def check_resumed_folder(ranks: Ranks, trainer: Trainer, state: Mapping[str, Any]) -> None:
    """Check that a fit which goes on in another directory than its checkpoint's writes over no other fit's files.

    Args:
        ranks: all of which call this; rank 0 looks.
        trainer: of the fit.
        state: the DataModule's, as the checkpoint holds it.

    Raises:
        UserError: it would.
    """
    root, checkpoint = run_folder(trainer), Path(str(trainer.ckpt_path))
    ranks.first(lambda: _check_resumed(root, state, checkpoint))


def _check_resumed(root: Path, state: Mapping[str, Any], checkpoint: Path) -> None:
    source = source_of(state, checkpoint)
    own = [*checkpoint.absolute().parents[:2], Path(state["folder"]["root"]), *([source.root] if source else [])]
    there = next((root / name for name in FILES if (root / name).is_file()), None)
    if there is not None and root.resolve() not in [folder.resolve() for folder in own]:
        raise UserError(f"{there} is of another fit than {checkpoint}; {ANOTHER_FOLDER}")


def source_of(state: Mapping[str, Any], checkpoint: Path | None, root: Path | None = None) -> FitFolder | None:
    """Where the files lie that a checkpoint needs: beside it, where they were when it was saved, or in `root`.

    Args:
        state: the DataModule's, as a checkpoint holds it.
        checkpoint: its path, if it is known.
        root: another directory to look in.

    Returns:
        The first place that has all of them, or None.

    Raises:
        UserError: the state does not say which files it means.
    """
    noted = state.get("folder")
    place, number = (noted.get("root"), noted.get("number")) if isinstance(noted, Mapping) else (None, None)
    if not isinstance(place, str) or type(number) is not int or number < 1:
        raise UserError("the checkpoint does not say where its replay lies; use DuelingDoubleDQN.init_from")
    # As it was named first, so that messages name the directory as the user does.
    named = () if checkpoint is None else (checkpoint, checkpoint.absolute())
    beside = [parent for path in named for parent in path.parents[:LEVELS]]
    needed = [segment["file"] for segment in segments_of(state)]
    for directory in (*beside, Path(place), *([root] if root is not None else [])):
        folder = FitFolder(directory, number)
        found = all((folder.path(REPLAY) / file).is_file() for file in needed)
        if found and (needed or folder.path(RECORDING).is_dir()):
            return folder
    return None


def _link(source: Path, target: Path) -> None:
    """Give a file a second name, or copy it where the disk cannot; it is never changed, only removed."""
    target.parent.mkdir(parents=True, exist_ok=True)
    if target.exists():
        return
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)
