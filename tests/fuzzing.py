"""Damaged copies of good files, for tests that whatever is in a file, its reader refuses it or takes it."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "150"))
"""More of them, by hand, look further: `FUZZ_EXAMPLES=20000 pytest -k fuzz`."""

fuzz = settings(
    max_examples=EXAMPLES,
    derandomize="FUZZ_EXAMPLES" not in os.environ,
    database=None,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)


def one_line(error: Exception, most: int = 1000) -> None:
    """Check that an error is a line that can be read."""
    assert "\n" not in str(error)
    assert len(str(error)) < most


@st.composite
def damaged(draw: st.DrawFn, good: bytes) -> bytes:
    """A file like `good` with one to four changes: a byte, a part cut out, put in or doubled, another start."""
    raw = bytearray(good)
    for _ in range(draw(st.integers(1, 4))):
        place = draw(st.integers(0, max(len(raw) - 1, 0)))
        length = draw(st.integers(1, 200))
        match draw(st.sampled_from(("flip", "cut", "end", "insert", "twice", "start"))):
            case "flip" if raw:
                raw[place] ^= draw(st.integers(1, 255))
            case "cut":
                del raw[place : place + length]
            case "end":
                del raw[place:]
            case "insert":
                raw[place:place] = draw(st.binary(min_size=1, max_size=40))
            case "twice":
                raw[place:place] = raw[place : place + length]
            case _:
                raw[: min(place, 64)] = draw(st.binary(max_size=64))
    return bytes(raw)
