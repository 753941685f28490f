"""What the DataModule asks of a LightningModule."""

from __future__ import annotations

import logging
from typing import Protocol

from pytorch_lightning import LightningModule
from torch import nn

from mk_lightning.utils.errors import UserError
from mk_lightning.utils.network_copies import uncompiled

log = logging.getLogger(__name__)


class Learner(Protocol):
    """A module that learns Q-values from the DataModule's batches.

    Attributes:
        online: the Q-network, which maps (B, 4, 84, 84) uint8 to Q-values (B, actions).
        reward_scale: game units per learning unit of the play that it has learned from; None where that is not known.
    """

    online: nn.Module
    reward_scale: float | None


def learner_of(module: LightningModule) -> Learner:
    """Return a module as the learner that it is.

    Raises:
        UserError: it has no Q-network.
    """
    if not isinstance(getattr(module, "online", None), nn.Module):
        raise UserError(
            f"{type(module).__name__} has no Q-network, `online`, for the ExperienceDataModule to play with; use a "
            "DuelingDoubleDQN, or give your module one"
        )
    learner: Learner = module  # type: ignore[assignment]  # a protocol's attributes are not known of a LightningModule
    return learner


def q_network_of(module: LightningModule) -> nn.Module:
    """Return a module's Q-network, uncompiled: matches are played by any number at a time, each of which would compile.

    Raises:
        UserError: it has none.
    """
    return uncompiled(learner_of(module).online)


def note_reward_scale(module: LightningModule, reward_scale: float) -> None:
    """Tell a module what its learning unit is worth, and the user where it was worth something else.

    Args:
        module: that begins to learn.
        reward_scale: of the play that it is to learn from, game units per learning unit.
    """
    learner = learner_of(module)
    before = getattr(learner, "reward_scale", None)
    if before is not None and before != reward_scale:
        log.warning(
            f"the checkpoint learned with a reward_scale of {before:g}, this run has {reward_scale:g}: its Q-values "
            f"begin at {reward_scale / before:.3g} of what they should be; reward_scale {before:g} keeps them"
        )
    learner.reward_scale = float(reward_scale)
