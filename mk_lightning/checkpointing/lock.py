"""One run a directory."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from mk_lightning.data.fit_folder import NO_LOCKS
from mk_lightning.utils.errors import UserError
from mk_lightning.utils.run_files import LOCK


class RunLock:
    """Holds a run's directory until this process ends, however it ends.

    Args:
        run: the directory, which must be there.

    Raises:
        UserError: another process has it, or another user.
    """

    def __init__(self, run: Path) -> None:
        # A descriptor that children do not inherit; the kernel drops the lock with the last process that has it.
        try:
            self._descriptor = os.open(run / LOCK, os.O_RDWR | os.O_CREAT, 0o644)
        except PermissionError:
            raise UserError(f"{run} cannot be written, it is somebody else's: take another run directory") from None
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.read(self._descriptor, 32).decode(errors="replace").strip()
            os.close(self._descriptor)
            raise UserError(
                f"{run} is being written by process {holder}; wait for it to end, or take another run directory"
            ) from None
        except OSError as error:
            if error.errno not in NO_LOCKS:
                raise
        os.ftruncate(self._descriptor, 0)
        os.write(self._descriptor, f"{os.getpid()}\n".encode())

    def release(self) -> None:
        """Let others have the directory."""
        os.close(self._descriptor)
