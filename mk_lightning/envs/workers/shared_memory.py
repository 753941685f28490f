"""What the workers write and the parent reads, in a block of memory without a name."""

from __future__ import annotations

import mmap
import os
import tempfile
from collections.abc import Callable
from functools import partial
from struct import Struct
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mk_lightning.envs.observation import FRAME_SHAPE

__all__ = ["SharedArrays"]

CACHE_LINE = 64
"""Bytes; no two workers write to the same line."""

FIELDS = {
    "episode_returns": "d",
    "episode_env_steps": "q",
    "rewards": "f",
    "states": "i",
    "terminated": "?",
    "truncated": "?",
    "episode_won": "?",
}
"""What a worker reports besides its variables: struct codes, widest first, so that all are aligned."""


class SharedArrays:
    """Arrays of ``num_envs`` rows in one block of shared memory; row ``i`` is worker ``i``'s.

    ``actions`` (num_envs,) int32 is the parent's to write. The workers write ``observations`` (num_envs, 84, 84)
    uint8 and, each by one ``struct.pack_into``, a record of the rest: ``variables`` (num_envs, n_variables) int64
    and one number per name in ``FIELDS``. Between two steps of one worker the others run on its core, so all it
    touches is cold in the caches; one call in place of ten assignments to arrays is seen in the env_steps/s.

    The block is an unlinked file (in memory where the system offers that), inherited by descriptor: it has no
    name to clash or to leak, and the kernel frees it when the last process using it ends, however it ends.
    """

    def __init__(self, num_envs: int, n_variables: int, fd: int | None = None) -> None:
        """Create the block, or map the one behind ``fd`` (of the same sizes)."""
        self._record = Struct(f"={n_variables}q{''.join(FIELDS.values())}")
        stride = _rounded(self._record.size)
        frames = _rounded(4 * num_envs)
        self._records = frames + _rounded(num_envs * int(np.prod(FRAME_SHAPE)))
        size = self._records + num_envs * stride
        self.fd = _anonymous_file(size) if fd is None else fd
        self._memory = mmap.mmap(self.fd, size)
        offsets = [8 * n_variables + Struct("=" + "".join(FIELDS.values())[:i]).size for i in range(len(FIELDS))]
        layout: Any = {
            "names": ["variables", *FIELDS],
            "formats": [("i8", (n_variables,)), *FIELDS.values()],
            "offsets": [0, *offsets],
            "itemsize": stride,
        }
        self._rows = np.ndarray((num_envs,), np.dtype(layout), self._memory, self._records)
        self._arrays: dict[str, NDArray[Any]] = {
            "actions": np.ndarray((num_envs,), np.int32, self._memory, 0),
            "observations": np.ndarray((num_envs, *FRAME_SHAPE), np.uint8, self._memory, frames),
            **{name: self._rows[name] for name in ("variables", *FIELDS)},
        }

    def __getitem__(self, name: str) -> NDArray[Any]:
        """Return the array ``name``, a view of the shared memory."""
        return self._arrays[name]

    def recorder(self, index: int) -> Callable[..., None]:
        """Return a function that writes worker ``index``'s record: its variables, then its ``FIELDS``, in order."""
        return partial(self._record.pack_into, self._memory, self._records + index * self._rows.itemsize)


def _rounded(size: int) -> int:
    return -(-size // CACHE_LINE) * CACHE_LINE


def _anonymous_file(size: int) -> int:
    if hasattr(os, "memfd_create"):
        fd = os.memfd_create("mk_lightning")
    else:
        with tempfile.TemporaryFile() as file:
            fd = os.dup(file.fileno())
    os.ftruncate(fd, size)
    return fd
