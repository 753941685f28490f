"""From the console's screen to what the network sees."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

__all__ = ["FRAME_SHAPE", "STACK", "picture", "to_frame"]

FRAME_SHAPE = (84, 84)
"""Height and width of an observation, in pixels."""

STACK = 4
"""Frames that a network sees, the newest last."""


def picture(screen: NDArray[np.uint8], crop: tuple[int, int, int, int]) -> NDArray[np.uint8]:
    """Return the part of the screen buffer that a game draws on: some leave a border of it black.

    Args:
        screen: the buffer, (height, width, 3).
        crop: left, top, width, height in pixels; a size of 0, or one that leads out of it, is all of the rest.

    Returns:
        A view of it.

    Example:
        >>> picture(np.zeros((224, 320, 3), np.uint8), (0, 16, 256, 200)).shape
        (200, 256, 3)
    """
    left, top, width, height = crop
    return screen[top : top + height if height else None, left : left + width if width else None]


def to_frame(screen: NDArray[np.uint8], frame: NDArray[np.uint8] | None = None) -> NDArray[np.uint8]:
    """Return a screen, (height, width, 3) RGB uint8, as an (84, 84) grey uint8 frame (area interpolation).

    Args:
        screen: what the emulator shows.
        frame: where to write the frame, to save a copy; a new array when None.
    """
    grey = cv2.cvtColor(screen, cv2.COLOR_RGB2GRAY)
    return cv2.resize(grey, FRAME_SHAPE[::-1], dst=frame, interpolation=cv2.INTER_AREA)  # type: ignore[return-value]
