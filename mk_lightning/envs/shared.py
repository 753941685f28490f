"""Arrays that the workers write and the parent reads, in a block of memory without a name."""

from __future__ import annotations

import mmap
import os
import tempfile
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["SharedArrays", "vector_layout"]

Layout = Mapping[str, tuple[tuple[int, ...], str]]
"""Shape and dtype by array name."""

ALIGNMENT = 64
"""Bytes; a cache line, so that no two arrays share one."""


def vector_layout(n_envs: int, n_variables: int, frame_shape: tuple[int, int]) -> Layout:
    """Return what ``n_envs`` workers share with their parent; row ``i`` of each array is worker ``i``'s."""
    return {
        "actions": ((n_envs,), "int32"),
        "observations": ((n_envs, *frame_shape), "uint8"),
        "rewards": ((n_envs,), "float32"),
        "terminated": ((n_envs,), "bool"),
        "truncated": ((n_envs,), "bool"),
        "variables": ((n_envs, n_variables), "int64"),
        "states": ((n_envs,), "int32"),
        "episode_won": ((n_envs,), "bool"),
        "episode_returns": ((n_envs,), "float64"),
        "episode_env_steps": ((n_envs,), "int64"),
    }


class SharedArrays:
    """Named numpy arrays in one block of shared memory.

    The block is an unlinked file (in memory where the system offers that), inherited by descriptor: it has no
    name to clash or to leak, and the kernel frees it when the last process using it ends, however it ends.
    """

    def __init__(self, layout: Layout, fd: int | None = None) -> None:
        """Create the block, or map the one behind ``fd`` (of the same layout)."""
        offsets, size = {}, 0
        for name, (shape, dtype) in layout.items():
            offsets[name] = size
            size += -(-int(np.prod(shape)) * np.dtype(dtype).itemsize // ALIGNMENT) * ALIGNMENT
        self.fd = _anonymous_file(size) if fd is None else fd
        self._memory = mmap.mmap(self.fd, size)
        self._arrays: dict[str, NDArray[Any]] = {
            name: np.ndarray(shape, dtype, self._memory, offsets[name]) for name, (shape, dtype) in layout.items()
        }

    def __getitem__(self, name: str) -> NDArray[Any]:
        """Return the array ``name``, a view of the shared memory."""
        return self._arrays[name]

    def close_fd(self) -> None:
        """Close the descriptor; the mapping stays."""
        os.close(self.fd)


def _anonymous_file(size: int) -> int:
    if hasattr(os, "memfd_create"):
        fd = os.memfd_create("mk_lightning")
    else:
        with tempfile.TemporaryFile() as file:
            fd = os.dup(file.fileno())
    os.ftruncate(fd, size)
    return fd
