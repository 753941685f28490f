"""What Lightning's EarlyStopping (2.6) forgets when a fit is resumed: its options, and that it has stopped the fit."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from pytorch_lightning import Callback, Trainer
from pytorch_lightning.callbacks import EarlyStopping

from mk_lightning.utils.errors import UserError


def check_resumed_stopping(callbacks: Iterable[Callback], checkpoint: Mapping[str, Any]) -> None:
    """Check that a resumed fit has the patience it had: Lightning takes the checkpoint's and does not say so.

    Args:
        callbacks: of the fit.
        checkpoint: that it goes on from.

    Raises:
        UserError: it has another.
    """
    for callback in callbacks:
        if isinstance(callback, EarlyStopping):
            had = _states(checkpoint).get(callback.state_key, {}).get("patience", callback.patience)
            if had != callback.patience:
                raise UserError(
                    f"EarlyStopping: patience was {had} in the fit that is resumed, now it is {callback.patience}; "
                    "give it what it was, or leave the callback out"
                )


def ended_early(checkpoint: Mapping[str, Any]) -> str | None:
    """Why an EarlyStopping ended a fit, by the fit's checkpoint; None where none did."""
    for key, state in _states(checkpoint).items():
        if key.startswith(EarlyStopping.__qualname__) and state.get("stopping_reason_message"):
            return _reason(state["stopping_reason_message"])
    return None


def say_why_it_ended(trainer: Trainer) -> str | None:
    """A line for the user where an EarlyStopping has ended a Trainer's fit."""
    for callback in _stoppers(trainer):
        return (
            f"EarlyStopping ended the fit after epoch {trainer.current_epoch} of {trainer.max_epochs}: "
            f"{_reason(str(callback.stopping_reason_message))}"
        )
    return None


def stay_stopped(trainer: Trainer) -> None:
    """Train no further when a fit is resumed that an EarlyStopping had ended; Lightning trains another epoch."""
    if trainer.ckpt_path is not None and _stoppers(trainer):
        trainer.should_stop = True


def _stoppers(trainer: Trainer) -> list[EarlyStopping]:
    callbacks: list[Callback] = trainer.callbacks  # type: ignore[attr-defined]
    stopping = [callback for callback in callbacks if isinstance(callback, EarlyStopping)]
    return [callback for callback in stopping if callback.stopping_reason_message]


def _states(checkpoint: Mapping[str, Any]) -> Mapping[str, Any]:
    return checkpoint.get("callbacks") or {}


def _reason(message: str) -> str:
    return message.replace(" Signaling Trainer to stop.", "")
