"""What a run, or a measurement, was made on."""

from __future__ import annotations

import os
import platform
from pathlib import Path


def machine() -> str:
    """Return the kind of processor, its cores (hardware threads where cores have two), and Python's version."""
    name, kind = platform.processor() or platform.machine(), "cores"
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.is_file():
        lines = (line.partition(":") for line in cpuinfo.read_text().splitlines())
        facts = {key.strip(): value.strip() for key, _, value in lines}
        name = facts.get("model name", name)
        kind = "cores" if facts.get("siblings") == facts.get("cpu cores") else "hardware threads"
    return f"{name}, {len(os.sched_getaffinity(0))} {kind}, Python {platform.python_version()}"
