"""Reading and writing files of tensors, from wherever they come."""

from __future__ import annotations

import io
import re
import warnings
import zipfile
from pathlib import Path
from typing import IO, Any, BinaryIO, cast

import torch

from mk_lightning.utils.errors import UserError, shortened
from mk_lightning.utils.files import replacing


def read_tensors(path: Path, what: str) -> Any:
    """Load tensors and plain Python, to host memory; nothing in the file can run code.

    The one place of the package that loads such a file. `torch.save` writes an archive that is not compressed and has
    checksums, so what is damaged or would unpack to more than it is is found before torch reads it.

    Args:
        path: of a file that `torch.save` wrote.
        what: it is meant to be, for the message.

    Raises:
        UserError: there is no such file, or it is something else or damaged.
    """
    if path.is_dir():
        raise UserError(f"{path} is a directory, not {'an' if what[0] in 'aeiou' else 'a'} {what}")
    try:
        with path.open("rb") as file:
            return _load(file, path.stat().st_size)
    except Exception as error:  # damaged bytes raise whatever they happen to lead to
        raise UserError(f"{path} is not a readable {what}: {_reason(error)}") from None


def parse_tensors(content: bytes, path: Path, what: str) -> Any:
    """Load what `read_tensors` does from the bytes of such a file.

    Args:
        content: of the file.
        path: where they come from, for the message.
        what: it is meant to be, for the message.

    Raises:
        UserError: it is something else or damaged.
    """
    try:
        return _load(io.BytesIO(content), len(content))
    except Exception as error:  # see there
        raise UserError(f"{path} is not a readable {what}: {_reason(error)}") from None


def write_tensors(content: Any, path: Path) -> None:
    """Write what `read_tensors` reads, whole or not at all.

    Args:
        content: tensors and plain Python.
        path: its folder must be there.

    Raises:
        OSError: it cannot be written.
    """
    with replacing(path) as file:
        noting = _Noting(file)
        try:
            torch.save(content, cast(IO[bytes], noting))
        except RuntimeError:  # torch's own words for a write that failed, which say nothing of the disk
            if noting.error is not None:
                raise noting.error from None
            raise


class _Noting(io.RawIOBase):
    """A file to write to that remembers why a write failed."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.error: OSError | None = None

    def write(self, data: Any) -> int:
        try:
            return self._file.write(data)
        except OSError as error:
            self.error = error
            raise


def _load(file: BinaryIO, size: int) -> Any:
    _check_archive(file, size)
    file.seek(0)
    with warnings.catch_warnings(action="ignore"):  # what torch has to say of a file, an error says better
        return torch.load(file, map_location="cpu", weights_only=True)


def _check_archive(file: BinaryIO, size: int) -> None:
    if not size:
        raise ValueError("it is empty")
    if not zipfile.is_zipfile(file):
        raise ValueError("it is cut short, or was never written by torch.save")
    with zipfile.ZipFile(file) as archive:
        parts = archive.infolist()
        if any(part.compress_type != zipfile.ZIP_STORED for part in parts) or sum(p.file_size for p in parts) > size:
            raise ValueError("it holds compressed parts, which torch.save never writes")
        if (damaged := archive.testzip()) is not None:
            raise ValueError(f"its part {damaged} is damaged")


def _reason(error: Exception) -> str:
    """Why, in a few words: torch's own would have the user load the file with nothing to protect them."""
    text = str(error)
    if named := re.search(r"(?:GLOBAL|Unsupported class|function) ([\w.]+)", text):
        return f"it names {named[1]}, which is neither a tensor nor plain Python; nothing of it was run"
    if "Weights only load failed" in text or "weights_only" in text:
        return "it holds something that is neither a tensor nor plain Python; nothing of it was run"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return shortened(next(iter(text.splitlines()), "it ends too early"), 120)
