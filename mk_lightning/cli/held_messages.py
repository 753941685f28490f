"""Messages of a command that is being set up: shown once it can work, for a mistake is one line."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator
from logging.handlers import MemoryHandler

MOST = 10_000
"""Messages that can be held back."""


@contextlib.contextmanager
def held_messages() -> Iterator[None]:
    """Hold back what the package logs; it is dropped where that ends in an error."""
    package, held = logging.getLogger("mk_lightning"), MemoryHandler(MOST, flushLevel=logging.CRITICAL + 1)
    package.addHandler(held)
    package.propagate = False
    try:
        yield
    except BaseException:
        held.buffer.clear()
        raise
    finally:
        package.propagate = True
        package.removeHandler(held)
        for record in held.buffer:
            package.handle(record)
