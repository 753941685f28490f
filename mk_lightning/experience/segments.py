"""Replay rows on disk: append-only segment files beside the checkpoints.

A checkpoint names the segments that hold its replay and costs only the rows that are new since the one before it.
"""

from __future__ import annotations

import zlib
from pathlib import Path
from typing import Any

import numpy as np

from mk_lightning.errors import UserError
from mk_lightning.experience.replay import COLUMNS, Replay

ROWS_PER_SEGMENT = 2048
"""Bounds the memory a write needs: 8 environments x 2,048 rows are 116 MB before compression."""


class Segments:
    """Writes a replay's new rows to `folder` and reads them back.

    Args:
        folder: where the segment files lie; made when first needed.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._named: list[dict[str, Any]] = []

    def save(self, replay: Replay) -> list[dict[str, Any]]:
        """Write the rows added since the last save and name every segment that the replay's ring needs.

        Returns:
            One `{file, start, stop, crc}` per segment, oldest first; row numbers as in `Replay.added`.
        """
        oldest = max(0, replay.added - replay.rows)
        written = self._named[-1]["stop"] if self._named else 0
        start = max(oldest, written)
        while start < replay.added:
            stop = min(start + ROWS_PER_SEGMENT, replay.added)
            self._named.append(self._write(replay, start, stop))
            start = stop
        self._named = [segment for segment in self._named if segment["stop"] > oldest]
        return [dict(segment) for segment in self._named]

    def load(self, replay: Replay, named: list[dict[str, Any]]) -> None:
        """Read the rows of the segments `named` by a checkpoint back into the ring.

        Raises:
            UserError: a segment is missing or is not what was written.
        """
        self._named = [dict(segment) for segment in named]
        for segment in named:
            path = self.folder / segment["file"]
            if not path.is_file():
                raise UserError(f"the checkpoint's replay needs {path}, which is missing")
            data = path.read_bytes()
            if zlib.crc32(data) != segment["crc"]:
                raise UserError(f"{path} is damaged: its checksum is not the one the checkpoint names")
            raw = memoryview(zlib.decompress(data))
            # Rows of the oldest segment that have left the ring are overwritten by the newest segment's.
            places, offset = np.arange(segment["start"], segment["stop"]) % replay.rows, 0
            for name in COLUMNS:
                column = getattr(replay, name)
                count = len(places) * int(np.prod(column.shape[1:]))
                values = np.frombuffer(raw, column.dtype, count, offset).reshape(len(places), *column.shape[1:])
                column[places] = values
                offset += values.nbytes

    def _write(self, replay: Replay, start: int, stop: int) -> dict[str, Any]:
        places = np.arange(start, stop) % replay.rows
        packer = zlib.compressobj(level=1)
        data = b"".join(packer.compress(getattr(replay, name)[places].tobytes()) for name in COLUMNS)
        data += packer.flush()
        self.folder.mkdir(parents=True, exist_ok=True)
        name = f"{start:010d}-{stop:010d}.rows"
        part = self.folder / f"{name}.part"
        part.write_bytes(data)
        part.replace(self.folder / name)
        return {"file": name, "start": start, "stop": stop, "crc": zlib.crc32(data)}
