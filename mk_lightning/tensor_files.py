"""Reading and writing files of tensors, from wherever they come."""

from __future__ import annotations

import pickle
import zipfile
from pathlib import Path
from typing import Any

import torch

from mk_lightning.errors import UserError
from mk_lightning.files import replacing


def read_tensors(path: Path, what: str) -> Any:
    """Load tensors and plain Python, to host memory; nothing in the file can run code.

    The file is a zip archive whose members have checksums, which torch does not look at: they are checked first.

    Args:
        path: of a file that `torch.save` wrote.
        what: it is meant to be, for the message.

    Raises:
        UserError: there is no such file, or it is something else or damaged.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            if any(member.compress_type != zipfile.ZIP_STORED for member in archive.infolist()):
                raise UserError(f"{path} is not a readable {what}: its parts are compressed, which torch never does")
            if (damaged := archive.testzip()) is not None:
                raise UserError(f"{path} is damaged: the checksum of its part {damaged} is wrong")
        return torch.load(path, map_location="cpu", weights_only=True)
    except UserError:
        raise
    except (
        zipfile.BadZipFile, pickle.UnpicklingError, RuntimeError, EOFError, KeyError, ValueError, OSError,
    ) as error:  # fmt: skip
        reason = next(iter(str(error).splitlines()), "it ends too early")
        raise UserError(f"{path} is not a readable {what}: {reason}") from None


def write_tensors(content: Any, path: Path) -> None:
    """Write what `read_tensors` reads, whole or not at all.

    Args:
        content: tensors and plain Python.
        path: its folder must be there.

    Raises:
        OSError: it cannot be written.
    """
    with replacing(path) as file:
        torch.save(content, file)
