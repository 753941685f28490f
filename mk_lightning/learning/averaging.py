"""Where Lightning's averages of weights would part what is validated from what is kept, tested or resumed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from pytorch_lightning import Callback, LightningModule, Trainer
from pytorch_lightning.callbacks import WeightAveraging
from pytorch_lightning.trainer.states import TrainerFn

from mk_lightning.utils.errors import UserError
from mk_lightning.utils.lightning_private import forget_average

NOT_AVERAGED = "current_model_state"
"""Key of a whole checkpoint under which `WeightAveraging` keeps the weights that learn; `state_dict` is the average."""
AVERAGING = "averaging_state"


def put_average(trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]) -> None:
    """Let a checkpoint of weights hold the average, which is what a validation measures.

    Lightning (2.6) asks callbacks for nothing when weights alone are saved, so they would be those that learn.
    """
    if trainer.state.fn == TrainerFn.FITTING:
        for callback in averaging(trainer.callbacks):  # type: ignore[attr-defined]
            callback.on_save_checkpoint(trainer, pl_module, checkpoint)
    for key in (NOT_AVERAGED, AVERAGING):
        checkpoint.pop(key, None)


def end_averaging(callbacks: Iterable[Callback]) -> None:
    """Forget the average of a fit that is over; the module's weights have been that since it ended."""
    for callback in averaging(callbacks):
        forget_average(callback)


def check_resumed_averaging(callbacks: Iterable[Callback], checkpoint: Mapping[str, Any]) -> None:
    """Check that a fit that averaged its weights still does: the average would learn on in the place of the weights.

    Raises:
        UserError: it does not.
    """
    if NOT_AVERAGED in checkpoint and not averaging(callbacks):
        raise UserError(
            "the checkpoint's run averages its weights, this one does not: resume with the WeightAveraging callback "
            "that it had, or start a run from the average with DuelingDoubleDQN.init_from"
        )


def averaging(callbacks: Iterable[Callback]) -> list[WeightAveraging]:
    """The callbacks that average weights."""
    return [callback for callback in callbacks if isinstance(callback, WeightAveraging)]
