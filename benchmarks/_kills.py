"""Kills of a run: at which moment, and of which of its ranks."""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Callable
from pathlib import Path

from _processes import PARENT, SESSION, processes

WORKERS_END_WITHIN, RANKS_END_WITHIN = 10.0, 60.0
"""Seconds in which what is left must end by itself. Another rank notices when it next exchanges something: after the
matches that it is playing."""


def moment(run: Path, number: int, seconds: float, rng: random.Random) -> tuple[str, Callable[[], bool]]:
    """Choose what to wait for before a kill.

    Args:
        run: directory of the run.
        number: of the kill; they take turns.
        seconds: that a run takes.
        rng: chooses how long.

    Returns:
        Its name, and whether it has come.
    """
    last = run / "checkpoints" / "last.ckpt"
    when = time.monotonic() + rng.uniform(0.3, 1.0) * seconds
    count = rng.randrange(1, 12)
    seen: set[int] = set()

    def writing(folder: Path) -> Callable[[], bool]:
        def reached() -> bool:
            for part in folder.glob("*.part"):
                try:
                    seen.add(part.stat().st_ino)
                except FileNotFoundError:
                    continue
                if len(seen) >= count:
                    return True
            return False

        return reached

    def evaluating() -> bool:
        """While matches are played nothing is saved for a while, which between two learner_steps is never so long."""
        if last.exists():
            seen.add(last.stat().st_mtime_ns)
        return len(seen) > count and time.time_ns() - max(seen) > 300_000_000

    moments: list[tuple[str, Callable[[], bool]]] = [
        ("at random after", lambda: time.monotonic() >= when),
        ("writing a checkpoint after", writing(last.parent)),
        ("playing matches after", evaluating),
        ("writing rows after", writing(run / "replay")),
    ]
    return moments[number % len(moments)]


def kill(launcher: int, ranks: int, number: int) -> str:
    """Kill one rank or all; of a single one its process alone, for its workers must notice by themselves.

    Args:
        launcher: process that was started: rank 0, which has started the others.
        ranks: of the run.
        number: of the kill; launcher, another rank and all of them take turns.

    Returns:
        What was killed; nothing where there is no choice.
    """
    others = [pid for pid in processes(PARENT, launcher) if b"--run_dir" in _command(pid)]
    victims = {"the launcher": [launcher], "another rank": others, "all ranks": [launcher, *others]}
    name = [*victims][number % len(victims)] if others else "the launcher"  # before it has started another
    for pid in victims[name]:
        os.kill(pid, signal.SIGKILL)
    return f" ({name})" if ranks > 1 else ""


def left(session: int, ranks: int) -> int:
    """Count the processes of a session that do not end by themselves; they are ended then."""
    deadline = time.monotonic() + (RANKS_END_WITHIN if ranks > 1 else WORKERS_END_WITHIN)
    while (alive := processes(SESSION, session)) and time.monotonic() < deadline:
        time.sleep(0.1)
    for process in alive:
        os.kill(process, signal.SIGKILL)
    return len(alive)


def _command(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:  # it has ended
        return b""
