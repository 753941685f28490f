"""Weakness targeting: train most on what is lost most."""

from __future__ import annotations

import logging
import math
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any

from pytorch_lightning import Callback, LightningModule, Trainer

from mk_lightning.callbacks.methods.base import FineTuningMethod
from mk_lightning.callbacks.methods.curriculum import Curriculum
from mk_lightning.data.datamodule import ExperienceDataModule
from mk_lightning.experience.transition import Batch
from mk_lightning.utils.errors import UserError, check_between
from mk_lightning.utils.lengths import Length, check_length
from mk_lightning.utils.trainer_checks import log_is_due

log = logging.getLogger(__name__)


def loss_probabilities(recent: Mapping[str, Sequence[bool]], floor: float) -> dict[str, float]:
    """Probability of each state, in proportion to `floor + (1 - floor) * (lost + 1) / (matches + 2)`.

    The fraction is the mean of the loss rate's posterior under a Beta(1, 1) prior: 1/2 for a state not met yet, and
    never quite 0 or 1. With `floor` 0 it is the linear case of prioritised fictitious self-play (Vinyals 2019,
    doi:10.1038/s41586-019-1724-z), which draws an opponent in proportion to `(1 - win rate)**p`.

    Args:
        recent: whether each of a state's last matches was won, by state.
        floor: weight of a state that is never lost, as a share of that of one that is always lost.
    """
    weights = {state: floor + (1 - floor) * (len(won) - sum(won) + 1) / (len(won) + 2) for state, won in recent.items()}
    total = math.fsum(weights.values())
    return {state: weight / total for state, weight in weights.items()}


class WeaknessTargeting(FineTuningMethod):
    """Draws training matches in proportion to how often their states are lost; see `loss_probabilities`.

    It chooses among the DataModule's `train_states`, all equally likely at first; of a single one it plays all matches,
    and says so. A match that is cut off is not won
    and counts as lost. Training matches are played with exploration, so they are lost more often than in a validation.

    - New probabilities take effect with each environment's next match.
    - With several ranks, the matches of all count.
    - The matches that count and the probabilities are part of the checkpoint.

    Logs `weakness/<state>`, the state's probability.

    Example:
        >>> method = WeaknessTargeting(floor=0.2, matches=20, every=4000)

    Args:
        floor: weight of a state that is never lost, as a share of that of one that is always lost.
        matches: last training matches of each state that count.
        every: length between two computations of the probabilities, env_steps or a fraction of the run.

    Raises:
        UserError: a number out of range.
    """

    def __init__(self, floor: float = 0.2, matches: int = 20, every: Length = 4000) -> None:
        if not 0 <= floor < 1:
            raise UserError(f"WeaknessTargeting: floor must be at least 0 and below 1, got {floor}")
        check_between("WeaknessTargeting: matches", matches, 1, 10**5)
        check_length("WeaknessTargeting: every", every)
        self.floor = floor
        self.matches = matches
        self.every = every
        self.recent: dict[str, deque[bool]] = {}
        """Whether each of a state's last matches was won, oldest first, by state."""
        self.probabilities: dict[str, float] = {}
        """Probability of each state at present."""
        self.computed = 0
        """env_steps at which the probabilities were last computed."""

    def check(self, pl_module: LightningModule, data: ExperienceDataModule, callbacks: Sequence[Callback]) -> None:
        """Check that nothing else chooses.

        Raises:
            UserError: the DataModule's `train_states` have weights of their own, or there is a Curriculum.
        """
        super().check(pl_module, data, callbacks)
        if any(isinstance(callback, Curriculum) for callback in callbacks):
            raise UserError("Curriculum and WeaknessTargeting both choose the training states; leave one out")
        states = data.train_states
        if max(states.values()) - min(states.values()) > 1e-9:
            raise UserError(
                "WeaknessTargeting sets the weights itself; give ExperienceDataModule.train_states as a list, "
                "without any"
            )

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Begin with equal probabilities, or with those of the checkpoint.

        Setting those of the checkpoint again, which the environments know, changes nothing.
        """
        data: ExperienceDataModule = trainer.datamodule  # type: ignore[attr-defined]
        states = data.train_states
        if len(states) == 1:
            log.info(f"WeaknessTargeting has nothing to choose: every training match is of {next(iter(states))}")
        if self.begins_anew(trainer):
            self.recent, self.probabilities, self.computed = {}, {}, 0
        self.recent = {state: deque(self.recent.get(state, ()), maxlen=self.matches) for state in states}
        if self.probabilities.keys() != states.keys():
            self.probabilities = dict(states)
        data.set_train_states(self.probabilities)

    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, batch: Batch, batch_idx: int) -> None:
        """Log the probabilities."""
        if log_is_due(trainer):
            pl_module.log_dict({f"weakness/{state}": share for state, share in self.probabilities.items()})

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Batch, batch_idx: int
    ) -> None:
        """Count the matches and set new probabilities when it is time.

        At the end of a batch and not at its start: by then the learner has written the batch's TD errors, which the
        loader takes in when it synchronizes.
        """
        for result in batch.finished:
            if result.state in self.recent:  # a match under way when a run is resumed may be of another
                self.recent[result.state].append(result.won)
        if batch.env_steps - self.computed < batch.progress.in_env_steps(self.every):
            return
        self.computed = batch.env_steps
        probabilities = loss_probabilities(self.recent, self.floor)
        if probabilities != self.probabilities:
            self.probabilities = probabilities
            data: ExperienceDataModule = trainer.datamodule  # type: ignore[attr-defined]
            data.set_train_states(probabilities)

    def state_dict(self) -> dict[str, Any]:
        """The matches that count, the probabilities, and when they were computed."""
        return {
            "recent": {state: list(won) for state, won in self.recent.items()},
            "probabilities": dict(self.probabilities),
            "computed": self.computed,
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Continue where `state_dict` was taken."""
        self.recent = {state: deque(won, maxlen=self.matches) for state, won in state_dict["recent"].items()}
        self.probabilities = dict(state_dict["probabilities"])
        self.computed = state_dict["computed"]
