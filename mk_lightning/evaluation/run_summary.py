"""What a run's directory says of itself, without loading a checkpoint."""

from __future__ import annotations

import contextlib
import fcntl
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

from mk_lightning.evaluation.report.metrics import read_series
from mk_lightning.utils.documents import read_json, read_yaml
from mk_lightning.utils.errors import UserError
from mk_lightning.utils.run_files import CHECKPOINTS, LAST, LOCK, PREVIOUS, RECORDING, REPLAY

FINISHED, STOPPED, RUNNING, NEVER_SAVED = "finished", "stopped", "running", "never saved"
OF_MATCHES = re.compile(r"-(validate|test|predict)(-\d+)?$")
"""End of the names of directories in which matches were played, and nothing trained."""
NEEDLESS = (REPLAY, RECORDING, f"{CHECKPOINTS}/{LAST}", f"{CHECKPOINTS}/{PREVIOUS}")
"""What a finished run needs for nothing but to be extended."""


@dataclass(frozen=True)
class RunSummary:
    """A fit.

    Attributes:
        path: its directory.
        game: as its config names it.
        init_from: the checkpoint that it began with; empty where it began with none.
        env_steps: trained for.
        max_env_steps: to be trained for, the warm-up not counted.
        state: `finished`, `stopped`, `running` or `never saved`.
        rates: win rates (before, after) by group; empty before its end.
        size: bytes of all its files.
        needless: what it does not need any more, with the bytes of each; nothing before its end.
    """

    path: Path
    game: str
    init_from: str
    env_steps: int
    max_env_steps: int
    state: str
    rates: dict[str, tuple[float, float]]
    size: int
    needless: dict[Path, int]

    @classmethod
    def read(cls, run: Path) -> RunSummary:
        """Read a run's directory.

        Raises:
            UserError: its config cannot be read, or is none of a fit.
        """
        config: Any = read_yaml(run / "config.yaml", "config")
        try:
            game, max_env_steps = str(config["data"]["game"]), int(config["data"]["max_env_steps"])
            init_from = str(config["model"]["init_from"] or "")
        except (KeyError, TypeError, ValueError) as error:
            raise UserError(f"{run / 'config.yaml'} is not the config of a fit: {error!r}") from None
        rates, state = _rates(run), _state(run)
        needless = [run / name for name in NEEDLESS if state == FINISHED and (run / name).exists()]
        return cls(
            path=run,
            game=game,
            init_from=init_from,
            env_steps=_env_steps(run / "metrics.csv"),
            max_env_steps=max_env_steps,
            state=state,
            rates=rates,
            size=size_of(run),
            needless={path: size_of(path) for path in needless},
        )

    def change(self, group: str) -> str:
        """Mean win rate of a group's states before and after, for people; empty where there is none."""
        return "{:.0%} -> {:.0%}".format(*self.rates[group]) if group in self.rates else ""


def find_runs(folder: Path) -> Iterator[RunSummary]:
    """The runs below a folder, by name; what cannot be read is left out.

    Args:
        folder: where to look.
    """
    for config in sorted(folder.rglob("config.yaml")):
        if OF_MATCHES.search(config.parent.name) and not (config.parent / CHECKPOINTS).is_dir():
            continue
        with contextlib.suppress(UserError):
            yield RunSummary.read(config.parent)


def size_of(path: Path) -> int:
    """Bytes of a file, or of all files of a directory."""
    files = path.rglob("*") if path.is_dir() else [path]
    return sum(file.stat().st_size for file in files if file.is_file())


def _state(run: Path) -> str:
    if _is_locked(run / LOCK):
        return RUNNING
    if (run / "before_after.json").is_file():
        return FINISHED
    return STOPPED if (run / CHECKPOINTS / LAST).is_file() else NEVER_SAVED


def _is_locked(lock: Path) -> bool:
    try:
        with lock.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:  # there is none, or a file system without locks
        return False
    return False


def _rates(run: Path) -> dict[str, tuple[float, float]]:
    """Mean win rates before and after, by group."""
    try:
        rows = read_json(run / "before_after.json", "result")["states"]
        return {
            group: (_mean(rows, group, "before"), _mean(rows, group, "after"))
            for group in dict.fromkeys(row["group"] for row in rows)
        }
    except (UserError, KeyError, TypeError, ZeroDivisionError):
        return {}


def _mean(rows: list[dict[str, Any]], group: str, when: str) -> float:
    return fmean(row[when]["wins"] / row[when]["matches"] for row in rows if row["group"] == group)


def _env_steps(metrics: Path) -> int:
    try:
        points = read_series(metrics, {"env_steps": "env_steps"}).get("env_steps", [])
    except (OSError, ValueError):
        return 0
    return round(max((steps for steps, _ in points), default=0))
