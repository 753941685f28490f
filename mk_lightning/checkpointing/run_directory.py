"""A directory per run."""

from __future__ import annotations

import contextlib
import logging
import os
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from glob import escape
from pathlib import Path
from shlex import quote
from typing import Any

from lightning_utilities.core.rank_zero import rank_zero_only

from mk_lightning.checkpointing.io import (
    LostReplayError,
    check_whole,
    directory_of,
)
from mk_lightning.checkpointing.lock import RunLock
from mk_lightning.data.datamodule import ExperienceDataModule
from mk_lightning.learning.early_stopping import ended_early
from mk_lightning.networks.checkpoint import MissingCheckpointError, log_about, read_checkpoint
from mk_lightning.utils.errors import UserError
from mk_lightning.utils.files import PART, find_file, has_trained, made_by
from mk_lightning.utils.run_files import BEST, CHECKPOINTS, LAST, LOCK, PREVIOUS, REPLAY

log = logging.getLogger(__name__)

AUTO = "auto"
"""`--ckpt_path auto`: go on with the newest run if there is one, else begin; for jobs that are started again."""

BEFORE_TRAINING = {
    LOCK, "config.yaml", "metrics.csv", "evaluations.csv",
    "before.json", "before.csv", "before.mp4", "tensorboard", "wandb", CHECKPOINTS,
}  # fmt: skip
"""What a run has in its directory before it is first saved: nothing that another start would not make again."""


@dataclass(frozen=True)
class RunDirectory:
    """Where a run writes, and the checkpoint it starts from.

    Attributes:
        path: the run's directory.
        checkpoint: file to load, or None.
        resume_step: learner_steps of the fit that is resumed, or None when nothing is resumed.
        env_steps: it had made, with those of its warm-up.
        trained: env_steps it had trained for, in whole epochs and without its warm-up.
        epoch: env_steps of each of its epochs, or None.
        ended: why it ended before its last epoch, by EarlyStopping; or None.
        base: the name that numbers are added to for a fresh directory; None where a run is to go on in one.
    """

    path: Path
    checkpoint: Path | None
    resume_step: int | None
    env_steps: int = 0
    trained: int = 0
    epoch: int | None = None
    ended: str | None = None
    base: Path | None = None

    @staticmethod
    def choose(subcommand: str, wanted: Path, ckpt_path: str | None, *, replay: bool = True) -> RunDirectory:
        """Choose the directory of a run.

        A resumed fit continues in the directory of its checkpoint. A fit that is to be resumed from `last` or `auto`
        and was stopped before it was first saved begins anew in its directory. Everything else gets a fresh one:
        `wanted`, or `wanted-2`, `wanted-3`, ... when that exists; for other subcommands than fit
        `wanted-<subcommand>`. So no run writes over what another has left.

        Args:
            subcommand: fit, validate, test or predict.
            wanted: `run_dir` of the config.
            ckpt_path: None, a file, or `last` or `best` for that of the newest run at `wanted`; or `auto`, which for a
                fit is `last` where there is a run that was saved, and nothing where not.
            replay: whether a fit can only go on with its replay.

        Raises:
            UserError: no such checkpoint, or it is damaged; the newest whole one beside it is named.
            UserError: a fit cannot be resumed from it.
        """
        fit = subcommand == "fit"
        if ckpt_path == AUTO and not fit:
            raise UserError(f"--ckpt_path {AUTO} is for fit; {subcommand} takes best, last or a file")
        checkpoint = find_file(ckpt_path) if ckpt_path else None
        if ckpt_path in {"last", AUTO} and fit:
            checkpoint = _newest(wanted)
            if checkpoint is None and (anew := _anew(wanted)) is not None:
                return anew
            if checkpoint is None and ckpt_path == "last":
                raise _missing(wanted, LAST)
        elif ckpt_path in {"last", "best"}:
            there = [run / CHECKPOINTS / f"{ckpt_path}.ckpt" for run in _runs(wanted)]
            if not (found := [path for path in there if path.is_file()]):
                raise _missing(wanted, f"{ckpt_path}.ckpt")
            checkpoint = found[-1]
        if checkpoint is not None and fit:
            return _resumed(checkpoint, replay=replay, fall_back=ckpt_path == AUTO)
        if checkpoint is not None:
            log_about(_read(checkpoint, read_checkpoint))
        base = wanted if fit else wanted.with_name(f"{wanted.name}-{subcommand}")
        return RunDirectory(_fresh(base), checkpoint, None, base=base)

    def is_finished(self, run_env_steps: int, *, may_end_early: bool = False) -> bool:
        """Whether nothing is left to do of the fit that is to be resumed: it is trained, measured and reported.

        Args:
            run_env_steps: to train for, without the warm-up.
            may_end_early: whether EarlyStopping still watches it.
        """
        trained = self.trained >= run_env_steps or (may_end_early and self.ended is not None)
        left = [self.path / name for name in ("after.json", "before_after.json", "report.html")]
        return self.resume_step is not None and trained and all(path.is_file() for path in left)

    def acquire(self) -> tuple[RunDirectory, DirectoryLease]:
        """Make the directory, if it is to be a fresh one, and keep other runs out of it.

        Returns:
            Itself, or with the next number if another run took the directory meanwhile; and the hold on it.

        Raises:
            UserError: another run is going on in the directory.
        """
        if getattr(rank_zero_only, "rank", 0):  # the first rank has taken it for all
            return self, DirectoryLease(self.path, [], lock=None)
        if self.base is None:
            if self.resume_step is not None and self.checkpoint is not None:
                log.info(f"resuming {self.path} from {self.checkpoint.name}, at env_step {self.env_steps:,}")
            lease = DirectoryLease(self.path, [], RunLock(self.path))
            for folder in (self.path, self.path / CHECKPOINTS, *self.path.glob(f"{REPLAY}*")):
                for part in folder.glob(f"*{PART}"):  # of a process that was killed while it wrote
                    part.unlink()
            return self, lease
        made = [folder for folder in (self.path, *self.path.parents) if not folder.exists()]
        try:
            self.path.mkdir(parents=True)
        except FileExistsError:
            return replace(self, path=_fresh(self.base)).acquire()
        return self, DirectoryLease(self.path, made, RunLock(self.path))


@dataclass
class DirectoryLease:
    """A hold on a run's directory.

    Attributes:
        path: the directory.
        made: folders that were made for it, the innermost first.
        lock: keeps others out; None for a rank that is not the first.
    """

    path: Path
    made: list[Path]
    lock: RunLock | None

    def release(self) -> None:
        """Let others have the directory."""
        if self.lock is not None:
            self.lock.release()

    def rollback(self) -> None:
        """Leave nothing behind: a mistake was found before the run began."""
        self.release()
        if self.made:
            (self.path / LOCK).unlink()
        with contextlib.suppress(OSError):  # another run may have made one beside it by now
            for folder in self.made:
                folder.rmdir()


def _missing(wanted: Path, name: str) -> MissingCheckpointError:
    folder = wanted / CHECKPOINTS
    return MissingCheckpointError(f"no {name} in {folder}; name the file or the run_dir{made_by(folder / name)}")


def _newest(wanted: Path) -> Path | None:
    """The checkpoint that the newest run at `wanted` goes on from; None where none was ever saved.

    Raises:
        UserError: the newest run has left something, but nothing to go on from.
    """
    for run in reversed(_runs(wanted)):
        last = run / CHECKPOINTS / LAST
        if last.is_file():
            return last
        left = sorted(run.glob(f"{CHECKPOINTS}/**/*.ckpt"), key=lambda path: path.stat().st_mtime, reverse=True)
        for path in left:
            if _stand_in(path, last, read_checkpoint) is not None:
                log.warning(f"{last} is missing; going on from {path}, the newest beside it")
                return path
        if left and (run / "before_after.json").is_file():
            raise UserError(
                f"{run} is finished and its {LAST} was removed, a fit cannot go on from it; {left[0]} is left: start "
                "another fit from its weights with --model.init_from, or a fresh one with --run_dir"
            )
        if left:
            raise UserError(
                f"{run} has lost {LAST} and {PREVIOUS}, a fit cannot go on as it was; {left[0]} is left: start "
                "another fit from its weights with --model.init_from, or name an older run's checkpoint"
            )
    return None


def _anew(wanted: Path) -> RunDirectory | None:
    """The newest run's directory if it was stopped before it was first saved; None where there is none."""
    begun = [run for run in _runs(wanted) if (run / LOCK).is_file()]
    if not begun:
        return None
    if _left_nothing(begun[-1]):
        log.info(f"{begun[-1]} was stopped before it was first saved; it begins anew")
        return RunDirectory(begun[-1], None, None)
    fresh = _fresh(wanted)
    log.info(f"{begun[-1]} has no checkpoint to go on from; the run begins anew in {fresh}")
    return RunDirectory(fresh, None, None, base=wanted)


def _left_nothing(run: Path) -> bool:
    """Whether a directory holds nothing that a run made by training."""
    if any(
        path.name not in BEFORE_TRAINING and path.suffix != PART for path in run.iterdir() if path.suffix != ".lock"
    ):
        return False
    return not has_trained(run / "metrics.csv", "step")


def _resumed(checkpoint: Path, *, replay: bool, fall_back: bool) -> RunDirectory:
    """Go on from a checkpoint.

    Args:
        checkpoint: of the run.
        replay: whether its replay must be whole, too.
        fall_back: where it is damaged, take the newest whole one beside it instead of naming it.
    """
    # Of a run on several ranks the first reads every rank's; the others must where all are to fall back alike.
    replay = replay and (fall_back or not getattr(rank_zero_only, "rank", 0))
    checkpoint, content = _whole(checkpoint, lambda path: check_whole(path, replay=replay), fall_back=fall_back)
    if "optimizer_states" not in content:
        raise UserError(
            f"{checkpoint} holds weights only, a fit cannot be resumed from it; "
            f"start one with --model.init_from {quote(str(checkpoint))}"
        )
    run, step, env_steps = directory_of(checkpoint, content), content["global_step"], content.get("env_steps", 0)
    epochs, epoch = _epochs(content)
    return RunDirectory(run, checkpoint, step, env_steps, epochs * epoch, epoch or None, ended_early(content))


def _epochs(content: dict[str, Any]) -> tuple[int, int]:
    """How many epochs a checkpoint's fit had trained and validated, and env_steps of each; 0 where it does not say."""
    try:
        epochs = content["loops"]["fit_loop"]["epoch_progress"]["current"]["processed"]
        every = content[ExperienceDataModule.__qualname__]["common"]["data.evaluation.every"]
    except (KeyError, TypeError):
        return 0, 0
    return (epochs, every) if type(epochs) is type(every) is int else (0, 0)


Read = Callable[[Path], dict[str, Any]]


def _read(checkpoint: Path, read: Read) -> dict[str, Any]:
    """Read a checkpoint; where it is missing or damaged, name the newest beside it that is whole."""
    return _whole(checkpoint, read, fall_back=False)[1]


def _whole(checkpoint: Path, read: Read, *, fall_back: bool) -> tuple[Path, dict[str, Any]]:
    try:
        return checkpoint, read(checkpoint)
    except UserError as error:
        if checkpoint.is_dir():
            raise
        others = set(checkpoint.parent.glob("*.ckpt")) - {checkpoint}
        for path in sorted(others, key=lambda other: other.stat().st_mtime, reverse=True):
            if (content := _stand_in(path, checkpoint, read)) is None:
                continue
            if fall_back:
                log.warning(f"{error}; going on from {path}, the newest whole one")
                return path, content
            raise UserError(f"{error}; the newest whole one is {path}: --ckpt_path {quote(str(path))}") from None
        if isinstance(error, LostReplayError):
            raise UserError(
                f"{error}; --data.replay.on_disk false goes on without it, and is another run from there on"
            ) from None
        raise


def _stand_in(path: Path, checkpoint: Path, read: Read) -> dict[str, Any] | None:
    """What a checkpoint holds, if it is whole and can stand in for another: `best.ckpt` cannot be resumed from."""
    try:
        content = read(path)
    except UserError:
        return None
    return content if "optimizer_states" in content or checkpoint.name == BEST else None


def _numbered(base: Path) -> list[Path]:
    """`base`, `base-2`, `base-3`, ... as far as they exist, oldest first."""
    numbers = {1: base}
    for path in base.parent.glob(f"{escape(base.name)}-*"):
        if match := re.fullmatch(r"-(\d+)", path.name.removeprefix(base.name)):
            numbers[int(match[1])] = path
    return [numbers[n] for n in sorted(numbers) if os.path.lexists(numbers[n])]  # a dangling link is one, too


def _runs(base: Path) -> list[Path]:
    """Those of them that are runs at `base`, and not at a `run_dir` of the user's own that looks like one."""
    return [run for run in _numbered(base) if run == base or _run_dir(run) in {None, base.name}]


def _run_dir(run: Path) -> str | None:
    """Name of the `run_dir` in a run's config, if it has one."""
    config = run / "config.yaml"
    text = config.read_text(encoding="utf-8", errors="replace") if config.is_file() else ""
    found = re.search(r"^run_dir: *['\"]?(.+?)['\"]?$", text, re.M)
    return Path(found[1]).name if found else None


def _fresh(base: Path) -> Path:
    taken = _numbered(base)
    if not taken:
        return base
    last = re.search(r"-(\d+)$", taken[-1].name.removeprefix(base.name))
    return base.with_name(f"{base.name}-{int(last[1]) + 1 if last else 2}")
