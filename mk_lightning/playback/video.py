"""Write films."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any, Literal

import imageio.v2 as imageio

from mk_lightning.playback.rerun import Screen

FilmFormat = Literal["mp4", "gif"]
CONSOLE_RATE = 60
"""Frames per second that the console shows."""


def write_film(path: Path, frames: Iterable[Screen], *, every: int = 2) -> None:
    """Write frames of the console as a film at its speed.

    Args:
        path: `.mp4` (H.264, which every browser plays) or `.gif`.
        frames: (H, W, 3) uint8 RGB, H and W even, 60 to the second.
        every: of so many frames one is shown; more makes a smaller film. At least 3 for a GIF: what is to be shown for
            less than 20 ms, browsers show for 100.
    """
    options: dict[str, Any]
    writer: Any
    if path.suffix == ".gif":
        every = max(every, 3)
        options = {"duration": 1000 * every / CONSOLE_RATE, "loop": 0}
    else:
        options = {
            "fps": CONSOLE_RATE / every,
            "codec": "libx264",
            "macro_block_size": 2,
            "ffmpeg_log_level": "error",
            # One thread: what several make differs with their number.
            "output_params": ["-crf", "26", "-preset", "veryfast", "-movflags", "+faststart", "-threads", "1"],
        }
    with imageio.get_writer(path, **options) as writer:
        for number, frame in enumerate(frames):
            if number % every == 0:
                writer.append_data(frame)
