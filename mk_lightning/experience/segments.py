"""Replay rows on disk: append-only segment files beside the checkpoints.

Rows are written as they come, a segment whenever enough are new. So a checkpoint, which names the segments that hold
its replay, has little left to write, and costs no more than what is new since the one before it.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mk_lightning.experience.replay import COLUMNS, Replay
from mk_lightning.utils.errors import UserError, shortened
from mk_lightning.utils.files import replacing

ROWS_PER_SEGMENT = 128
"""8 environments x 128 rows are 7 MB before compression: written in a moment, and some hundred files at most."""
SUFFIX = ".rows"


class Segments:
    """Writes a replay's new rows to `folder` and reads them back.

    Args:
        folder: where the segment files lie; made when first needed, the folder that it is in must be there.
        rank: whose replay it is, of several that have theirs in one folder.
    """

    def __init__(self, folder: Path, rank: int = 0) -> None:
        self.folder = folder
        self.rank = rank
        self._held: list[dict[str, Any]] = []
        """Segments of what is in the ring."""
        self._named: set[str] = set()
        """Files that `save` has named, so that they are no longer this object's to remove."""

    def spill(self, replay: Replay) -> None:
        """Write the new rows as far as they fill whole segments; what has left the ring and no checkpoint names goes.

        Raises:
            OSError: they cannot be written.
        """
        while replay.added - self._start(replay) >= ROWS_PER_SEGMENT:
            self._append(replay, ROWS_PER_SEGMENT)
            for segment in self._forget(replay):
                if segment["file"] not in self._named:
                    (self.folder / segment["file"]).unlink(missing_ok=True)

    def save(self, replay: Replay) -> list[dict[str, Any]]:
        """Write the rest of the new rows and name every segment that the replay's ring needs.

        Returns:
            One `{file, start, stop, crc}` per segment, oldest first; row numbers as in `Replay.added`.

        Raises:
            OSError: they cannot be written.
        """
        while (missing := replay.added - self._start(replay)) > 0:
            self._append(replay, min(missing, ROWS_PER_SEGMENT))
        self._forget(replay)
        self._named |= {segment["file"] for segment in self._held}
        return [dict(segment) for segment in self._held]

    def load(self, replay: Replay, named: list[dict[str, Any]]) -> None:
        """Read the rows of the segments `named` by a checkpoint back into the ring.

        Raises:
            UserError: a segment is missing or is not what was written.
        """
        self._held = [dict(segment) for segment in named]
        self._named = {segment["file"] for segment in named}
        row_bytes = sum(getattr(replay, name)[0].nbytes for name in COLUMNS)
        for segment in named:
            count = segment["stop"] - segment["start"]
            data = read_segment(self.folder, segment)
            raw = memoryview(zlib.decompressobj().decompress(data, max(1, count * row_bytes + 1)))
            if not 0 < count <= replay.rows or len(raw) != count * row_bytes:
                raise UserError(f"{self.folder / segment['file']} does not hold the {count} rows that it is named for")
            # Rows of the oldest segment that have left the ring are overwritten by the newest segment's.
            places, offset = np.arange(segment["start"], segment["stop"]) % replay.rows, 0
            for name in COLUMNS:
                column = getattr(replay, name)
                values = np.frombuffer(raw, column.dtype, count * column[0].size, offset)
                column[places] = _from_disk(name, values.reshape(count, *column.shape[1:]))
                offset += values.nbytes

    def _start(self, replay: Replay) -> int:
        """Number of the first row that is in the ring and in no segment."""
        written = self._held[-1]["stop"] if self._held else 0
        return max(0, replay.added - replay.rows, written)

    def _forget(self, replay: Replay) -> list[dict[str, Any]]:
        """Drop, and return, the segments of which nothing is in the ring."""
        oldest = replay.added - replay.rows
        gone = [segment for segment in self._held if segment["stop"] <= oldest]
        self._held = [segment for segment in self._held if segment["stop"] > oldest]
        return gone

    def _append(self, replay: Replay, rows: int) -> None:
        start = self._start(replay)
        stop = start + rows
        places = np.arange(start, stop) % replay.rows
        packer = zlib.compressobj(level=1, strategy=zlib.Z_RLE)
        columns = (getattr(replay, name)[places] for name in COLUMNS)
        data = b"".join(packer.compress(_to_disk(name, rows)) for name, rows in zip(COLUMNS, columns, strict=True))
        data += packer.flush()
        self.folder.mkdir(exist_ok=True)
        crc = zlib.crc32(data)
        # Named by its content: a fit that goes on from an early checkpoint overwrites nothing that a later one needs.
        whose = f"-rank-{self.rank}" if self.rank else ""
        name = f"{start:010d}-{stop:010d}-{crc:08x}{whose}{SUFFIX}"
        with replacing(self.folder / name) as file:
            file.write(data)
        self._held.append({"file": name, "start": start, "stop": stop, "crc": crc})


def _to_disk(name: str, rows: NDArray[Any]) -> bytes:
    """A column's rows; frames as what changes from one to the next, which is packed three times as fast and small."""
    return (np.concatenate([rows[:1], rows[1:] ^ rows[:-1]]) if name == "frames" else rows).tobytes()


def _from_disk(name: str, rows: NDArray[Any]) -> NDArray[Any]:
    return np.bitwise_xor.accumulate(rows, axis=0) if name == "frames" else rows


def read_segment(folder: Path, segment: dict[str, Any]) -> bytes:
    """What a segment file holds, compressed as it is.

    Raises:
        UserError: it is missing, or is not what was written.
    """
    path = folder / Path(segment["file"]).name
    if not path.is_file():
        raise UserError(f"the checkpoint's replay needs {path}, which is missing")
    data = path.read_bytes()
    if zlib.crc32(data) != segment["crc"]:
        raise UserError(f"{path} is damaged: its checksum is not the one the checkpoint names")
    return data


def remove_unnamed(folder: Path, named: Iterable[dict[str, Any]]) -> None:
    """Remove the segment files that no checkpoint names, but for those newer than all that are named.

    Args:
        folder: where the segments lie.
        named: segments of every checkpoint there is.
    """
    segments = list(named)
    kept = {segment["file"] for segment in segments}
    newest = max((segment["stop"] for segment in segments), default=0)
    for path in folder.glob(f"*{SUFFIX}"):
        if path.name not in kept and int(path.stem.partition("-")[0]) < newest:
            path.unlink()


def check_segments(named: object) -> None:
    """Check that what a file names as its replay's segments are files beside each other, and not elsewhere.

    Args:
        named: the segments; None says that the replay was not kept.

    Raises:
        UserError: they are not.
    """
    if named is None:
        return
    if not isinstance(named, list) or not all(isinstance(segment, Mapping) for segment in named):
        raise UserError("the replay's segments are no list of files")
    for segment in named:
        file, rows = segment.get("file"), [segment.get("start"), segment.get("stop")]
        if not isinstance(file, str) or not re.fullmatch(r"[\w-][\w.-]*", file):
            raise UserError(f"a segment of the replay is named {shortened(file)!r}, which is no file beside the others")
        if not all(type(row) is int for row in rows) or not 0 <= rows[0] < rows[1]:
            raise UserError(f"the rows of the replay's segment {file} are {shortened(rows)}")
