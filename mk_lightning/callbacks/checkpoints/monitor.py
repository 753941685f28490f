"""Whether a fit measures what its checkpoints are chosen by."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from pytorch_lightning import Callback
from pytorch_lightning.callbacks import EarlyStopping, ModelCheckpoint

from mk_lightning.callbacks.methods.guard import KEPT, ForgettingGuard
from mk_lightning.data.datamodule import ExperienceDataModule
from mk_lightning.games.names import suggestion
from mk_lightning.utils.errors import UserError


def check_monitor(monitor: str, data: ExperienceDataModule, callbacks: Sequence[Callback]) -> None:
    """Check that a fit measures the metrics by which its best checkpoint is chosen and its callbacks act.

    A callback that is neither the package's nor Lightning's may log what another one monitors.

    Raises:
        UserError: it does not.
    """
    if not all(type(callback).__module__.startswith(("pytorch_lightning.", "mk_lightning.")) for callback in callbacks):
        return
    names = _metrics(data, callbacks, ("win_rate", "win_rate_low", "return"))
    if monitor not in names:
        raise UserError(f"monitor {monitor!r} is not a metric of this run{suggestion(monitor, names)}")
    names = _metrics(data, callbacks, ("win_rate", "win_rate_low", "win_rate_high", "return", "env_steps"))
    for callback in callbacks:
        monitored = str(callback.monitor) if isinstance(callback, (EarlyStopping, ModelCheckpoint)) else ""
        if monitored.startswith("val/") and monitored not in names:
            raise UserError(
                f"{type(callback).__name__}: monitor {monitored!r} is not a metric of this run"
                f"{suggestion(monitored, names)}"
            )


def _metrics(data: ExperienceDataModule, callbacks: Iterable[Callback], kinds: Iterable[str]) -> list[str]:
    """Names of what a validation measures."""
    names = [f"val/{kind}/{name}" for kind in kinds for name in ("all", *data.state_groups, *data.evaluation_states)]
    return [*names, KEPT] if any(isinstance(callback, ForgettingGuard) for callback in callbacks) else names
