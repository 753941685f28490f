"""Find configs and checkpoints, those of the user before those that ship with the package; write files whole."""

from __future__ import annotations

import contextlib
import csv
import errno
import hashlib
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

import yaml

from mk_lightning.utils.errors import UserError, shortened
from mk_lightning.utils.run_files import BEST, CHECKPOINTS, LAST

SHIPPED = Path(__file__).parents[1] / "shipped"
"""In a checkout this holds links to the repository's `configs/` and `checkpoints/`, in a wheel their files."""

PART = ".part"
"""Ending of a file that is being written; one that is left over belongs to a process that was killed."""

NO_FOLDER_SYNC = (errno.EINVAL, errno.EOPNOTSUPP, errno.ENOSYS, errno.EBADF)
"""What file systems answer that cannot bring a folder to the disk, some network shares among them."""


def exists(path: str | Path) -> bool:
    """Whether there is such a file or directory, also where the name can be none's."""
    with contextlib.suppress(OSError):  # too long
        return Path(path).exists()
    return False


def find_file(path: str | Path) -> Path:
    """`path` if it exists, else the shipped file of that name if there is one, else `path` unchanged."""
    given = Path(path)
    shipped = SHIPPED / given
    return shipped if not exists(given) and not given.is_absolute() and exists(shipped) and shipped.is_file() else given


def as_named(path: str | Path) -> str:
    """How people name a file: a shipped one as it is given to an option, any other by its path."""
    return str(Path(path).relative_to(SHIPPED)) if Path(path).is_relative_to(SHIPPED) else str(path)


def sha256(path: str | Path) -> str:
    """SHA-256 of a file's bytes, in hexadecimal digits; empty where there is no such file."""
    try:
        with Path(path).open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return ""


def has_trained(table: Path, column: str) -> bool:
    """Whether a CSV has rows of a fit's training; what it measured before, another start measures again.

    Args:
        table: the file, which may be missing.
        column: of learner_steps or env_steps, 0 before the training.
    """
    if not table.is_file():
        return False
    with table.open(encoding="utf-8", errors="replace", newline="") as file:
        return any(row.get(column) not in {"0", None, ""} for row in csv.DictReader(file))


def shipped_configs() -> list[str]:
    """Names of the shipped configs, as they are given to `-c`."""
    return sorted(str(path.relative_to(SHIPPED)) for path in SHIPPED.glob("configs/**/*.yaml"))


def made_by(checkpoint: Path) -> str:
    """The end of a message that says which shipped config makes a checkpoint that is missing, or nothing.

    Args:
        checkpoint: of any run; only `best.ckpt` and `last.ckpt` of a shipped config's are known to be made.
    """
    if checkpoint.name not in {BEST, LAST}:
        return ""
    for name in shipped_configs():
        run = yaml.safe_load((SHIPPED / name).read_text()).get("run_dir")
        # A run directory that is there already is left alone by the next fit, which takes another.
        if run and not Path(run).exists() and Path(run, CHECKPOINTS).absolute() == checkpoint.absolute().parent:
            return f"; `mk-lightning fit -c {name}` makes it"
    return ""


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """Write a file whole or not at all, whatever happens meanwhile: into another, to the disk, renamed at the end.

    Args:
        path: the file; its folder must be there.

    Raises:
        OSError: it cannot be written. What was there before is still there.
    """
    part = path.with_name(path.name + PART)
    try:
        with part.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except BaseException as error:
        with contextlib.suppress(OSError):
            part.unlink()
        if isinstance(error, OSError) and error.filename is None:  # of a write, which does not know its file
            raise OSError(error.errno, error.strerror, str(path)) from error
        raise
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Make a folder's new names last through a loss of power, where the file system can."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in NO_FOLDER_SYNC:
            raise
    finally:
        os.close(descriptor)


def write_text(path: Path, text: str) -> None:
    """Write a text file whole or not at all.

    Raises:
        OSError: it cannot be written.
    """
    with replacing(path) as file:
        file.write(text.encode())


def check_file(name: str, path: Path, keep: Sequence[Path] = ()) -> None:
    """Check that a file can be made, or is there and may be replaced.

    Args:
        name: of the option that names it.
        path: the file.
        keep: files that are to stay as they are.

    Raises:
        UserError: it cannot; the message calls it `name`.
    """
    try:
        if not path.name or path.is_dir():
            raise UserError(f"{name} must name a file, got {str(path)!r}, a directory")
        if path.resolve() in [kept.resolve() for kept in keep]:
            raise UserError(f"{name} {path} would replace what is read from there; name another file")
        if not os.access(path.parent, os.W_OK | os.X_OK) or not path.parent.is_dir():
            raise UserError(f"{name} {path} cannot be made: {path.parent} is no directory that can be written to")
    except OSError as error:  # too long
        raise UserError(f"{name} {shortened(path)!r} is no file: {error.strerror}") from None


def check_directory(name: str, path: str | Path) -> None:
    """Check that a directory can be made, or is there.

    Raises:
        UserError: it cannot; the message calls it `name`.
    """
    if not Path(path).name or any(c < " " or "\ud800" <= c <= "\udfff" for c in str(path)):  # or bytes that are no text
        raise UserError(f"{name} must name a directory, such as runs/mine, got {str(path)!r}")
    try:
        there = next(parent for parent in Path(path).absolute().parents if parent.exists())
    except OSError as error:  # too long
        raise UserError(f"{name} {str(path)!r} is no directory: {error}") from None
    if len(os.fsencode(Path(path).name)) > 200:
        raise UserError(f"{name}: the last part of {str(path)!r} is too long for a directory's name")
    if not there.is_dir() or not os.access(there, os.W_OK):
        reason = "cannot be written to" if there.is_dir() else "is a file"
        raise UserError(f"{name} {path} cannot be made: {there} {reason}")
