"""What a fit goes on from: a checkpoint, the fit before it with the same objects, or nothing."""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING, Any

from mk_lightning.experience.replay import Replay
from mk_lightning.utils.errors import UserError

if TYPE_CHECKING:
    from pytorch_lightning import LightningModule, Trainer


class Continuation:
    """Keeps the state that the next fit of a DataModule starts with.

    Attributes:
        state: of collector, emulators and replay, as `ExperienceDataModule.state_dict` returns it.
        replay: of the fit before, where it is not on disk and so not in `state`.
    """

    def __init__(self) -> None:
        self.state: dict[str, Any] | None = None
        self.replay: Replay | None = None
        self._fitted: tuple[weakref.ref[Trainer], weakref.ref[LightningModule], int] | None = None
        """Who made the fit before, and how many learner_steps it had then; None where a checkpoint was loaded."""

    def from_checkpoint(self, state: dict[str, Any]) -> None:
        """Go on from a checkpoint."""
        self.state, self.replay, self._fitted = state, None, None

    def from_fit(self, trainer: Trainer, state: dict[str, Any], replay: Replay | None) -> None:
        """Go on, with the same Trainer and module, from the fit that has just ended."""
        self.state, self.replay = state, replay
        self._fitted = (weakref.ref(trainer), weakref.ref(trainer.lightning_module), trainer.global_step)

    def clear(self) -> None:
        """Begin anew."""
        self.state = self.replay = self._fitted = None

    def take(self, trainer: Trainer) -> tuple[dict[str, Any] | None, Replay | None]:
        """What a fit that starts now goes on from, once: state and replay, None where it begins.

        Raises:
            UserError: its module has been fitted by another Trainer, which knows how far it came.
        """
        state, replay = self.state, self.replay
        if self._fitted is not None:
            before, module, learner_steps = self._fitted
            if module() is not trainer.lightning_module:
                state = replay = None  # another module begins, with the same settings
            elif before() is not trainer or learner_steps != trainer.global_step:
                raise UserError(
                    f"this module was fitted for {learner_steps:,} learner_steps by another Trainer; continue with "
                    "that Trainer and a higher max_epochs, or from a checkpoint with fit(ckpt_path=...), or start a "
                    "fit with a new ExperienceDataModule"
                )
        self.clear()
        return state, replay
