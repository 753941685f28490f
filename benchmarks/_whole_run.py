"""All that a run leaves which another can be compared with: two runs are the same if all of it is."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import torch

from mk_lightning.data.rank_states import OTHERS
from mk_lightning.experience.replay import COLUMNS, Replay
from mk_lightning.experience.segments import Segments

NOT_COMPARED = (
    "/emulator",  # holds addresses of its process; what it plays is in the metrics and in the replay
    "/loops/test_loop",  # the matches before and after the fit, which a resumed run does not repeat
    "/loops/validate_loop",
    "/current_score",  # of the last validation; Lightning does not read it back
    "val_loop.batch_progress/total",  # see patch_loop_progress; begins anew with each epoch
    "/segments",  # where the replay's files are cut; their rows are compared
)
"""Parts of a checkpoint."""


def everything(run: Path) -> dict[str, Any]:
    """Read a finished run."""
    last = torch.load(run / "checkpoints" / "last.ckpt", weights_only=True)
    data = last["ExperienceDataModule"]
    return {
        "metrics": (run / "metrics.csv").read_text(),
        "evaluations": (run / "evaluations.csv").read_text(),
        "before_after": json.loads((run / "before_after.json").read_text()),
        "matches": [(run / f"{when}.csv").read_text() for when in ("before", "after")],
        "curves": re.findall(r"<svg.*?</svg>", (run / "report.html").read_text(), re.S),
        "checkpoint": _flat(last, str(run)),
        "replay": [column for part in (data, *data.get(OTHERS, ())) for column in _rows(run, part)],
    }


def differences(one: dict[str, Any], other: dict[str, Any]) -> list[str]:
    """What two runs do not have in common, in words; empty for the same."""
    parts = ("metrics", "evaluations", "before_after", "matches", "curves", "replay")
    found = [part for part in parts if one[part] != other[part]]
    a, b = one["checkpoint"], other["checkpoint"]
    names = [name for name in sorted(a.keys() | b.keys()) if not any(part in name for part in NOT_COMPARED)]
    return found + [f"{n}: {a.get(n)!r:.60} {b.get(n)!r:.60}" for n in names if a.get(n) != b.get(n)]


def _rows(run: Path, state: dict[str, Any]) -> list[bytes]:
    """The rows of a rank's replay, oldest first, column by column."""
    rows, num_envs = state["replay"]["shape"]
    replay = Replay(rows * num_envs, num_envs)
    Segments(run / "replay").load(replay, state["segments"])
    added = state["replay"]["added"]
    numbers = [number % rows for number in range(max(0, added - rows), added)]
    return [getattr(replay, name)[numbers].tobytes() for name in COLUMNS]


def _flat(value: Any, run: str, path: str = "") -> dict[str, object]:
    """Every leaf of a checkpoint by its path, tensors as bytes, the run's own directory left out of the names."""
    if isinstance(value, dict):
        items = list(value.items())
    elif isinstance(value, (list, tuple)):
        items = list(enumerate(value))
    else:
        leaf = value
        if isinstance(value, torch.Tensor):
            leaf = (tuple(value.shape), value.numpy().tobytes())
        elif isinstance(value, str):
            leaf = value.replace(run, "RUN")
        return {path: leaf}
    leaves: dict[str, object] = {}
    for key, child in items:
        leaves |= _flat(child, run, f"{path}/{str(key).replace(run, 'RUN')}")
    return leaves
