from __future__ import annotations

import os
from pathlib import Path

import pytest

from mk_lightning.utils.memory import memory

PHYSICAL = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
GB = 2**30


def write(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


@pytest.mark.parametrize(
    ("files", "limit"),
    [
        ({}, PHYSICAL),
        ({"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/memory.max": f"{GB}\n"}, GB),
        ({"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/memory.max": "max\n"}, PHYSICAL),
        ({"proc/self/cgroup": "0::/a/b\n", "sys/fs/cgroup/a/memory.max": f"{GB}\n"}, GB),
        ({"proc/self/cgroup": "0::/host/path\n", "sys/fs/cgroup/memory.max": f"{GB}\n"}, GB),
        ({"proc/self/cgroup": "4:memory:/x\n", "sys/fs/cgroup/memory/x/memory.limit_in_bytes": f"{GB}\n"}, GB),
        ({"proc/self/cgroup": "3:cpu:/x\n", "sys/fs/cgroup/memory/x/memory.limit_in_bytes": f"{GB}\n"}, PHYSICAL),
    ],
    ids=[
        "no cgroups",
        "v2",
        "v2 without a limit",
        "v2 of a parent",
        "v2 in a container",
        "v1",
        "v1 another controller",
    ],
)
def test_memory_is_what_the_container_allows(files: dict[str, str], limit: int, tmp_path: Path) -> None:
    assert memory(write(tmp_path, files)) == limit
