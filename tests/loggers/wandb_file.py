"""Read a run's own `.wandb` file: W&B 0.31 ships no reader any more.

It is a LevelDB log (github.com/google/leveldb, doc/log_format.md) behind a header of its own: blocks of 32 KiB filled
with fragments, each of checksum (4 bytes), length (2), kind (1: whole record, 2: its first part, 3: middle, 4: last)
and data; what is left of a block when no fragment's head fits is padding. Each record is a `Record` message.
"""

from __future__ import annotations

import json
import struct
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from wandb.proto.wandb_internal_pb2 import Record  # type: ignore[attr-defined]  # its names are made at run time

BLOCK = 32 * 1024
HEADER = struct.Struct("<4sHB")
FRAGMENT = struct.Struct("<IHB")


def records(path: Path) -> Iterator[Any]:
    """Every record of a file, as far as it was written."""
    data = path.read_bytes()
    mark, magic, _ = HEADER.unpack_from(data)
    assert (mark, magic) == (b":W&B", 0xBEE1), "not a .wandb file"
    place, parts = HEADER.size, b""
    while place + FRAGMENT.size <= len(data):
        left = BLOCK - place % BLOCK
        if left < FRAGMENT.size:
            place += left
            continue
        _, length, kind = FRAGMENT.unpack_from(data, place)
        if place + FRAGMENT.size + length > len(data):
            return
        parts += data[place + FRAGMENT.size : place + FRAGMENT.size + length]
        place += FRAGMENT.size + length
        if kind in {1, 4}:
            yield Record.FromString(parts)
            parts = b""


def finished(path: Path) -> list[Any]:
    """The records of a finished run; W&B's process may still be writing the last of them."""
    for _ in range(100):
        found = list(records(path))
        if of_kind(found, "exit"):
            return found
        time.sleep(0.1)
    raise AssertionError(f"{path} has no end")


def one(folder: Path) -> list[Any]:
    """The records of the only W&B run in a run directory."""
    (path,) = folder.glob("wandb/offline-run-*/*.wandb")
    return finished(path)


def history(found: list[Any]) -> list[dict[str, Any]]:
    """The logged rows."""
    return [_nested(message.item) for message in of_kind(found, "history")]


def summary(found: list[Any]) -> dict[str, Any]:
    """The summary, all updates together."""
    return _nested(item for message in of_kind(found, "summary") for item in message.update)


def config(found: list[Any]) -> dict[str, Any]:
    """The config, all updates together."""
    values: dict[str, Any] = {}
    for record in found:
        kind = record.WhichOneof("record_type")
        update = record.run.config.update if kind == "run" else record.config.update if kind == "config" else []
        values |= {item.key: json.loads(item.value_json) for item in update if item.key}
    return values


def of_kind(found: list[Any], kind: str) -> list[Any]:
    """The messages of one kind: `run`, `artifact`, `metric`, ..."""
    return [getattr(record, kind) for record in found if record.WhichOneof("record_type") == kind]


def _nested(items: Iterable[Any]) -> dict[str, Any]:
    """Items by key; what belongs to a file (a table, a page) comes as one item for each of its properties."""
    values: dict[str, Any] = {}
    for item in items:
        inner = values
        *outer, last = item.nested_key or [item.key]
        for name in outer:
            inner = inner.setdefault(name, {})
        inner[last] = json.loads(item.value_json)
    return values
