"""What a run that is stopped from outside says: why, and how it goes on."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from shlex import quote

from lightning_utilities.core.rank_zero import rank_zero_only

from mk_lightning.callbacks.checkpoints.signals import Interruption
from mk_lightning.checkpointing.disk_space import quiet_threads
from mk_lightning.networks.checkpoint import read_checkpoint
from mk_lightning.utils.errors import Interrupted, RunStopped, WorkerError
from mk_lightning.utils.program import program
from mk_lightning.utils.ranks import Ranks
from mk_lightning.utils.run_files import CHECKPOINTS, LAST


@contextlib.contextmanager
def answering(command: str, run: Path, ranks: Ranks, interruption: Interruption) -> Iterator[None]:
    """While a command runs: say why it was stopped, and how a fit goes on.

    Args:
        command: fit, validate, test or predict.
        run: its directory.
        ranks: that run it.
        interruption: listens to signals.

    Raises:
        RunStopped: a signal, a full disk, dead workers, diverged learning or the end of another rank has stopped it.
    """
    try:
        with interruption, quiet_threads(), ranks.noticing_loss():
            yield
    except (RunStopped, WorkerError, OSError) as error:
        if command != "fit":
            raise
        reason = error if isinstance(error, RunStopped) else _signal(interruption) or error
        raise stopped(reason, run) from error
    except (SystemExit, KeyboardInterrupt):  # Lightning makes the one of the other
        if (signal := _signal(interruption)) is None:
            raise
        raise (stopped(signal, run) if command == "fit" else signal) from None


def _signal(interruption: Interruption) -> Interrupted | None:
    """The signal that stops what runs, whatever it makes of that."""
    return None if interruption.signum is None else Interrupted(interruption.signum, interruption.doing)


def stopped(error: Exception, run: Path) -> RunStopped:
    """The reason and the command that goes on, as one line; a rank that is not the first gives only its reason.

    Args:
        error: what stopped the run.
        run: its directory.
    """
    rank = getattr(rank_zero_only, "rank", 0)
    told = RunStopped(f"rank {rank}: {_reason(error)}" if rank else f"{_reason(error)}; {_how_to_go_on(run)}")
    told.exit_code = getattr(error, "exit_code", told.exit_code)
    told.everywhere = getattr(error, "everywhere", told.everywhere)
    return told


def finished(run: Path, trained: int, ended: str | None = None) -> str:
    """What to say of a run that is to be resumed and has nothing left to do.

    Args:
        run: its directory.
        trained: env_steps it was trained for, without its warm-up.
        ended: why it ended early, if it did.
    """
    table = run / "before_after.txt"
    result = f"{table.read_text()}\n" if table.is_file() else ""
    early = f" (EarlyStopping: {ended})" if ended else ""
    extends = (
        "without EarlyStopping in trainer.callbacks it is trained on"
        if ended
        else "a higher data.max_env_steps, with epochs as long as they were, extends it"
    )
    return (
        f"{result}{run} is finished after {trained:,} env_steps{early}, nothing is played: its report is "
        f"{run}/report.html; {extends}, --run_dir begins another"
    )


def _reason(error: Exception) -> str:
    if isinstance(error, OSError) and error.filename is not None:
        return f"{os.fsdecode(error.filename)}: {error.strerror}"
    return str(error)


def _how_to_go_on(run: Path) -> str:
    last = run / CHECKPOINTS / LAST
    if not last.is_file():
        return "nothing was saved yet, start it again"
    return (
        f"saved up to env_step {read_checkpoint(last)['env_steps']:,}: "
        f"{program()} fit -c {quote(f'{run}/config.yaml')} --ckpt_path {quote(str(last))} goes on from there"
    )
