"""What ranks exchange, by its size: a program for torchrun, whose rank 0 writes the milliseconds down.

torchrun --nproc-per-node 2 benchmarks/_exchange.py FILE TIMES BYTES [BYTES ...]
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import torch
import torch.distributed as dist

from mk_lightning.utils.ranks import Ranks

GATHER = "gather"
"""Key of what an exchange of Python objects takes."""


def main(file: Path, times: int, sizes: list[int]) -> None:
    """Exchange and write `{bytes of an all-reduce, or "gather": milliseconds}`, medians."""
    torch.set_num_threads(1)
    dist.init_process_group("gloo")
    ranks = Ranks(dist.get_rank(), dist.get_world_size())
    costs = {GATHER: _milliseconds(lambda: ranks.gather((("won", 1.0), 0)), times)}
    for size in sizes:
        tensor = torch.zeros(size // 4)
        costs[str(size)] = _milliseconds(lambda values=tensor: dist.all_reduce(values), times)  # type: ignore[misc]
    if ranks.rank == 0:
        file.write_text(json.dumps(costs))
    dist.destroy_process_group()


def _milliseconds(do: Callable[[], object], times: int) -> float:
    seconds = []
    for _ in range(times):
        dist.barrier()
        began = time.perf_counter()
        do()
        seconds.append(time.perf_counter() - began)
    return 1e3 * median(seconds)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), [int(size) for size in sys.argv[3:]])
