"""Distillation from the base policy: cloning it on what it played, kickstarting from it on what is new."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

import torch
from pytorch_lightning import Callback, LightningModule, Trainer

from mk_lightning.callbacks.methods.added_gradient import add_gradient, gradient_share, learning_parameters, norm
from mk_lightning.callbacks.methods.base import FineTuningMethod, q_network
from mk_lightning.data.datamodule import ExperienceDataModule
from mk_lightning.data.rank_states import own_part, with_others
from mk_lightning.data.settings import MAX_BATCH
from mk_lightning.data.settings_checks import require_originals
from mk_lightning.experience.base_dataset import Rehearsal
from mk_lightning.experience.random_streams import RandomStream
from mk_lightning.experience.transition import Batch
from mk_lightning.learning.losses import Distance, distillation_loss
from mk_lightning.schedules import Schedule, as_schedule, bounds
from mk_lightning.utils.errors import UserError, check_between, check_positive
from mk_lightning.utils.network_copies import bare_copy
from mk_lightning.utils.ranks import Ranks
from mk_lightning.utils.trainer_checks import log_is_due


class Distillation(FineTuningMethod, ABC):
    """Adds the gradient of `weight * distillation_loss(Q, base policy's Q)` to every learner_step's.

    Args:
        weight: of the loss beside the TD loss: number or schedule over env_steps.
        distance: `kl` or `mse`, see `distillation_loss`.
        temperature: of the softmax of `kl`, learning units.
        batch_size: observations per learner_step; they cost a forward and a backward pass.

    Raises:
        UserError: an argument out of range.
    """

    name: str
    """Of its figures in the log."""

    def __init__(
        self, weight: Schedule | float = 0.1, distance: Distance = "kl", temperature: float = 0.1, batch_size: int = 8
    ) -> None:
        owner = self._name
        self.weight = as_schedule(weight, f"{owner}: weight")
        if bounds(self.weight)[0] < 0:
            raise UserError(f"{owner}: weight must not be negative, got {bounds(self.weight)[0]}")
        check_positive(f"{owner}: temperature", temperature)
        check_between(f"{owner}: batch_size", batch_size, 1, MAX_BATCH)
        self.distance = distance
        self.temperature = temperature
        self.batch_size = batch_size
        self._batch: Batch | None = None

    @property
    def requires_initial_state(self) -> bool:
        """The base policy is that of the start."""
        return True

    @abstractmethod
    def base_values(self, pl_module: LightningModule, batch: Batch) -> tuple[torch.Tensor, torch.Tensor]:
        """Observations (B, 4, 84, 84) uint8 and the base policy's Q-values of them, (B, actions), for a batch."""

    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, batch: Batch, batch_idx: int) -> None:
        """Note the batch of the coming learner_step."""
        self._batch = batch

    def on_before_optimizer_step(
        self, trainer: Trainer, pl_module: LightningModule, optimizer: torch.optim.Optimizer
    ) -> None:
        """Add the gradient."""
        assert self._batch is not None
        progress, due = self._batch.progress, log_is_due(trainer)
        weight = self.weight.over(progress.run_env_steps)(progress.env_steps)
        if weight == 0:
            if due:
                pl_module.log_dict({f"{self.name}/weight": 0.0, f"{self.name}/gradient_share": 0.0})
            return
        observations, wanted = self.base_values(pl_module, self._batch)
        loss = distillation_loss(q_network(pl_module)(observations), wanted, self.distance, self.temperature)
        parameters = learning_parameters(pl_module)
        own = norm(p.grad for p in parameters.values()) if due else 0.0
        added = add_gradient(trainer, parameters, weight * loss)
        if due:
            pl_module.log_dict(
                {
                    f"{self.name}/loss": loss.detach(),
                    f"{self.name}/weight": weight,
                    f"{self.name}/gradient_share": gradient_share(norm(added), own),
                }
            )


class Cloning(Distillation):
    """Keeps the Q-values close to the base policy's on what the base policy played.

    The observations are drawn from the recording of its play on the original states (`RecordingSettings`), with the
    Q-values it had then; as CLEAR does for a policy (Rolnick 2019, arXiv:1811.11682, section 3.2).
    """

    name = "cloning"
    _rehearsal: Rehearsal | None = None
    _ranks = Ranks()
    _restored: dict[str, Any] | None = None

    def check(self, pl_module: LightningModule, data: ExperienceDataModule, callbacks: Sequence[Callback]) -> None:
        """Check that there is something to record.

        Raises:
            UserError: there are no original states.
        """
        super().check(pl_module, data, callbacks)
        require_originals(data, self._name)

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Open the recording, which is made if there is none."""
        data: Any = trainer.datamodule  # type: ignore[attr-defined]
        state = None if self.begins_anew(trainer) else self._restored or self.state_dict()
        self._rehearsal, self._restored = data.rehearsal(RandomStream.DISTILLATION), None
        self._ranks = Ranks.of(trainer)
        if state:
            self._rehearsal.load_state_dict(own_part(self._ranks, state))

    def base_values(self, pl_module: LightningModule, batch: Batch) -> tuple[torch.Tensor, torch.Tensor]:
        """Draw from the recording."""
        assert self._rehearsal is not None
        drawn = self._rehearsal.sample(self.batch_size)
        return drawn.transition.s_tm1.to(pl_module.device), drawn.q_values.to(pl_module.device)

    def state_dict(self) -> dict[str, Any]:
        """Where every rank's stream of draws stands."""
        return with_others(self._ranks, self._rehearsal.state_dict(), ["rng"]) if self._rehearsal is not None else {}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Keep it until training starts."""
        self._restored = state_dict or None


class Kickstarting(Distillation):
    """Keeps the Q-values close to the base policy's on what is played now, in the challenging states, too.

    The base network, the weights training starts from, values some of each batch's observations, none of them rehearsed
    (Schmitt 2018, arXiv:1803.03835; for Q-values QDagger, Agarwal 2022, arXiv:2206.01626). Let the weight decay: the
    base is a help only until it is surpassed.
    """

    name = "kickstarting"
    _base: torch.nn.Module | None = None
    _restored: dict[str, torch.Tensor] | None = None
    _rehearsed = 0
    """Transitions at the end of each batch that were not played in this run."""

    def check(self, pl_module: LightningModule, data: ExperienceDataModule, callbacks: Sequence[Callback]) -> None:
        """Check that a batch has as many observations.

        Raises:
            UserError: it has fewer.
        """
        super().check(pl_module, data, callbacks)
        if self.batch_size > (most := data.replay.batch_size - data.rehearsed):
            raise UserError(
                f"{self._name}: batch_size must be at most {most}, what a batch has of the run's own play, "
                f"got {self.batch_size}"
            )

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Copy the network training starts from, or keep the one it started from."""
        data = trainer.datamodule  # type: ignore[attr-defined]
        self._rehearsed = data.rehearsed if isinstance(data, ExperienceDataModule) else 0
        if self._base is None or self._restored is not None or self.begins_anew(trainer):
            self._base = bare_copy(q_network(pl_module)).requires_grad_(False)
        if self._restored is not None and self._base is not None:
            self._base.load_state_dict(self._restored)
            self._restored = None

    def base_values(self, pl_module: LightningModule, batch: Batch) -> tuple[torch.Tensor, torch.Tensor]:
        """Value observations of the batch, evenly spaced: drawn by priority, they are in the order of their age."""
        assert self._base is not None
        played = len(batch.transition.s_tm1) - self._rehearsed
        observations = batch.transition.s_tm1[torch.arange(self.batch_size) * played // self.batch_size]
        with torch.no_grad():
            return observations, self._base(observations)

    def state_dict(self) -> dict[str, Any]:
        """The base network's weights."""
        return {"base": {k: v.cpu() for k, v in self._base.state_dict().items()}} if self._base is not None else {}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Keep them until training starts."""
        self._restored = state_dict.get("base")
