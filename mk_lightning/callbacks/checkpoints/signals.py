"""Signals that ask a run to stop: at once where nothing would be lost, else when the learner_step is done."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time
from types import FrameType, TracebackType
from typing import Any

from lightning_utilities.core.rank_zero import rank_zero_only

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1)
"""Ctrl-C; a scheduler or `timeout`; a terminal that is closed; what SLURM is told to send before a job's time is up."""

SAME_REQUEST = 1.0
"""Seconds within which a further signal asks for the same: `timeout` and wrappers of a terminal send theirs twice."""


class Interruption:
    """Within its context, a signal stops what runs by KeyboardInterrupt, which Lightning makes a SystemExit.

    While `waits` is set the first one is only noted: what runs looks at `signum` and ends by itself. A second one stops
    it at once. Outside of the main thread, where Python allows no handlers, nothing is done.

    Args:
        doing: what the run is doing, for the message.
    """

    def __init__(self, doing: str = "starting") -> None:
        self.doing = doing
        self.waits = False
        """Whether a signal is to wait until `signum` is looked at."""
        self.signum: int | None = None
        """The signal that asks to stop, if one has."""
        self._noted = 0.0
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Interruption:
        """Begin to listen; SIGHUP stays ignored if it is, as below `nohup`, and so do the others but Ctrl-C."""
        if threading.current_thread() is threading.main_thread():
            handlers = {signum: signal.getsignal(signum) for signum in SIGNALS}
            self._before = {
                signum: handler
                for signum, handler in handlers.items()
                if handler not in (None, signal.SIG_IGN) or signum == signal.SIGINT
            }
        self.listen()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Listen no more."""
        for signum, handler in self._before.items():
            signal.signal(signum, handler)
        self._before = {}

    def listen(self) -> None:
        """Take the signals from whoever took them meanwhile, as Lightning does when a stage begins."""
        for signum in self._before:
            signal.signal(signum, self._note)

    def at_once(self, doing: str) -> None:
        """From here on a signal stops the run at once.

        Args:
            doing: what the run is doing, for the message.

        Raises:
            KeyboardInterrupt: one has been waiting.
        """
        self.listen()
        self.doing, self.waits = doing, False
        if self.signum is not None:
            raise KeyboardInterrupt

    def _note(self, signum: int, frame: FrameType | None) -> None:
        now = time.monotonic()
        if self.signum is None:
            self.signum, self._noted = signum, now
            if self.waits:
                self._tell(signal.Signals(signum).name)
                return
        elif now - self._noted < SAME_REQUEST:
            return
        raise KeyboardInterrupt

    @rank_zero_only
    def _tell(self, name: str) -> None:
        with contextlib.suppress(OSError):  # sys.stderr may be in use, and cannot be entered twice
            os.write(2, f"\n{name}: stopping when the learner_step is done; again to stop at once\n".encode())
