"""Frame stacks of running matches, by the rule by which the replay rebuilds them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mk_lightning.envs.observation import FRAME_SHAPE, STACK


class FrameStacks:
    """The last frames of N running matches; before a match's first frame that frame repeats.

    Attributes:
        frames: (N, stack, 84, 84) uint8, newest last.
    """

    def __init__(self, num_envs: int, stack: int = STACK, frame_shape: tuple[int, int] = FRAME_SHAPE) -> None:
        self.frames = np.zeros((num_envs, stack, *frame_shape), np.uint8)

    def start(self, envs: NDArray[np.int64], frames: NDArray[np.uint8]) -> None:
        """A match begins in each of `envs` (K,) with `frames` (K, 84, 84)."""
        self.frames[envs] = frames[:, None]

    def push(self, envs: NDArray[np.int64], frames: NDArray[np.uint8]) -> None:
        """Each of `envs` (K,) shows its next frame, `frames` (K, 84, 84)."""
        self.frames[envs, :-1] = self.frames[envs, 1:]
        self.frames[envs, -1] = frames
