"""What every fine-tuning method is: a callback that says, before anything is played, whether it can do its work."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import torch
from pytorch_lightning import Callback, LightningModule, Trainer
from pytorch_lightning.trainer.states import TrainerFn

from mk_lightning.data.datamodule import ExperienceDataModule
from mk_lightning.utils.errors import UserError
from mk_lightning.utils.network_copies import uncompiled

METHODS = "methods"
"""Key of a whole checkpoint: names of the methods of its run."""


class FineTuningMethod(Callback):
    """A fine-tuning method. Subclass it for one of your own, in a file of its own, and name it in a config.

    Attributes:
        unique: whether a second one in the same run would fight with the first, or count twice what one could count
            with a higher number.
    """

    unique: ClassVar[bool] = True
    _used = False

    @property
    def requires_initial_state(self) -> bool:
        """Whether its state is how the run began: then one that began without it cannot be resumed with it."""
        return False

    def check(self, pl_module: LightningModule, data: ExperienceDataModule, callbacks: Sequence[Callback]) -> None:
        """Check that the method fits the network, the states and the other methods.

        Asked by the command line and `finetune` before anything is played or written, and in every stage's `setup`.

        Args:
            pl_module: holds the Q-network, `online`.
            data: names states and env_steps.
            callbacks: all of the run's, this one among them.

        Raises:
            UserError: it does not; the message says why.
        """
        if self.unique and sum(type(callback) is type(self) for callback in callbacks) > 1:
            raise UserError(f"{self._name} is there twice; leave one out")

    def check_resumed(self, checkpoint: Mapping[str, Any]) -> None:
        """Check that the checkpoint that a fit goes on from has what the method holds on to.

        Asked by the command line and `finetune` before anything is played or written, and when it is loaded.

        Args:
            checkpoint: as Lightning saved it.

        Raises:
            UserError: it has not; the method would hold on to a fighter that is half fine-tuned.
        """
        states = checkpoint.get("callbacks")
        if self.requires_initial_state and not (isinstance(states, Mapping) and states.get(self.state_key)):
            raise UserError(
                f"{self._name} holds on to how a run began, and the checkpoint's began without it or with other "
                "options of it: resume with what there was, or start a run with DuelingDoubleDQN.init_from"
            )

    def on_save_checkpoint(self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]) -> None:
        """Note the method, which need not have a state; whoever overrides this calls it, too."""
        checkpoint.setdefault(METHODS, []).append(self._name)

    def on_load_checkpoint(self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]) -> None:
        """Check a fit that goes on, before the callbacks' states are loaded; to play matches needs none of them."""
        if trainer.state.fn == TrainerFn.FITTING:
            self.check_resumed(checkpoint)

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Check, unless the batches come from elsewhere.

        Raises:
            UserError: the method cannot do its work.
        """
        data = trainer.datamodule  # type: ignore[attr-defined]
        if isinstance(data, ExperienceDataModule):
            self.check(pl_module, data, trainer.callbacks)  # type: ignore[attr-defined]

    def begins_anew(self, trainer: Trainer) -> bool:
        """Whether a new fit begins with a callback whose state is that of an earlier one, as in a loop over seeds."""
        return self._used and trainer.global_step == 0 and trainer.ckpt_path is None

    def teardown(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Note that a fit has used the callback."""
        self._used |= stage == TrainerFn.FITTING

    @property
    def _name(self) -> str:
        return type(self).__name__


def check_methods(callbacks: Sequence[Callback], pl_module: LightningModule, data: ExperienceDataModule) -> None:
    """Check every method of a run.

    Raises:
        UserError: one cannot do its work, or they cancel each other.
    """
    for callback in callbacks:
        if isinstance(callback, FineTuningMethod):
            callback.check(pl_module, data, callbacks)


def lacking_methods(callbacks: Sequence[Callback], checkpoint: Mapping[str, Any]) -> list[str]:
    """Return the names of the methods that a checkpoint's run had and that are not among a run's callbacks."""
    names = {type(callback).__name__ for callback in callbacks}
    return [name for name in checkpoint.get(METHODS, ()) if name not in names]


def q_network(pl_module: LightningModule) -> torch.nn.Module:
    """The network that learns; the target network follows it and is nobody else's business."""
    return uncompiled(pl_module.online)  # type: ignore[arg-type]
