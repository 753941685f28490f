"""Signals: the first asks a run to stop where it can go on, the second stops it at once."""

from __future__ import annotations

import signal
import sys
from types import FrameType, TracebackType
from typing import Any

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Interruption:
    """Within its context, the first Ctrl-C or SIGTERM is only noted; what runs looks at `signum` and ends by itself."""

    def __init__(self) -> None:
        self.signum: int | None = None
        """The signal that asks to stop, if one has."""
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Interruption:
        """Begin to listen."""
        self._before = {signum: signal.getsignal(signum) for signum in SIGNALS}
        self.listen()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Listen no more."""
        for signum, handler in self._before.items():
            signal.signal(signum, handler)

    def listen(self) -> None:
        """Take the signals from whoever took them meanwhile, as Lightning does when a stage begins."""
        for signum in SIGNALS:
            signal.signal(signum, self._note)

    def _note(self, signum: int, frame: FrameType | None) -> None:
        if self.signum is not None:
            raise KeyboardInterrupt
        self.signum = signum
        sys.stderr.write(f"\n{signal.Signals(signum).name}: stopping where the run can go on; again to stop at once\n")
