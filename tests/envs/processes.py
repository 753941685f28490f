"""What tests ask of processes, and how they kill them."""

import os
import signal
import time
from pathlib import Path

from mk_lightning.envs.vector_env import RetroVectorEnv


def alive(pid: int) -> bool:
    """Whether the process runs (a zombie does not)."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):  # gone before it was opened, or while it was read
        return False


def parent_of(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[1])


def left_over(pids: list[int], seconds: float = 10.0) -> list[int]:
    """Those that still run after so long; returns as soon as none does."""
    deadline = time.monotonic() + seconds
    while any(alive(pid) for pid in pids) and time.monotonic() < deadline:
        time.sleep(0.05)
    return [pid for pid in pids if alive(pid)]


class Killer:
    """Kills workers of an environment and keeps their ids."""

    def __init__(self, envs: RetroVectorEnv) -> None:
        self.envs = envs
        self.pids: list[int] = []

    def kill(self, index: int) -> None:
        """Kill a worker, unless this has been done and not been noticed yet."""
        pid = self.envs._pool.pids[index]
        if pid not in self.pids:
            os.kill(pid, signal.SIGKILL)
            self.pids.append(pid)
