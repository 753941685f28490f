"""A directory per run."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from mk_lightning.errors import UserError
from mk_lightning.files import find_file
from mk_lightning.learning.checkpoint import read_checkpoint


@dataclass(frozen=True)
class RunDirectory:
    """Where a run writes, and the checkpoint it starts from.

    Attributes:
        path: the run's directory.
        checkpoint: file to load, or None.
        resume_step: learner_steps of the fit that is resumed, or None when nothing is resumed.
    """

    path: Path
    checkpoint: Path | None
    resume_step: int | None

    @staticmethod
    def choose(subcommand: str, wanted: Path, ckpt_path: str | None) -> RunDirectory:
        """Choose the directory of a run.

        A resumed fit continues in the directory of its checkpoint. Everything else gets a fresh one: `wanted`, or
        `wanted-2`, `wanted-3`, ... when that exists; for other subcommands than fit `wanted-<subcommand>`.

        Args:
            subcommand: fit, validate, test or predict.
            wanted: `run_dir` of the config.
            ckpt_path: None, a file, or `last` or `best` for that of the newest run at `wanted`.

        Raises:
            UserError: no such checkpoint.
            UserError: a fit cannot be resumed from it.
        """
        if ckpt_path in {"last", "best"}:
            runs = [run for run in _numbered(wanted) if (run / "checkpoints" / f"{ckpt_path}.ckpt").is_file()]
            if not runs:
                raise UserError(f"no {ckpt_path}.ckpt in {wanted}/checkpoints; name the file or the run_dir")
            checkpoint: Path | None = runs[-1] / "checkpoints" / f"{ckpt_path}.ckpt"
        else:
            checkpoint = find_file(ckpt_path) if ckpt_path else None
        if checkpoint is not None:
            content = read_checkpoint(checkpoint)
            if subcommand == "fit":
                if "optimizer_states" not in content:
                    raise UserError(
                        f"{checkpoint} holds weights only, a fit cannot be resumed from it; "
                        f"start one with --model.init_from {checkpoint}"
                    )
                return RunDirectory(checkpoint.parent.parent, checkpoint, content["global_step"])
        base = wanted if subcommand == "fit" else wanted.with_name(f"{wanted.name}-{subcommand}")
        return RunDirectory(_fresh(base), checkpoint, None)


def _numbered(base: Path) -> list[Path]:
    """`base`, `base-2`, `base-3`, ... as far as they exist, oldest first."""
    numbers = {1: base}
    for path in base.parent.glob(f"{base.name}-*"):
        if match := re.fullmatch(r"-(\d+)", path.name.removeprefix(base.name)):
            numbers[int(match[1])] = path
    return [numbers[n] for n in sorted(numbers) if numbers[n].exists()]


def _fresh(base: Path) -> Path:
    taken = _numbered(base)
    if not taken:
        return base
    last = re.search(r"-(\d+)$", taken[-1].name.removeprefix(base.name))
    return base.with_name(f"{base.name}-{int(last[1]) + 1 if last else 2}")
