"""The LightningModule: a dueling double DQN."""

from __future__ import annotations

import copy
import inspect
import logging
import math
from typing import Any

import torch
from pytorch_lightning import LightningModule
from pytorch_lightning.cli import OptimizerCallable

from mk_lightning.errors import Diverged, UserError, check_at_least, check_positive, shortened
from mk_lightning.evaluation.metrics import MatchScores
from mk_lightning.experience.episodes import EpisodeRecord
from mk_lightning.experience.transition import Batch
from mk_lightning.learning.checkpoint import PREFIX, load_matching, read_checkpoint
from mk_lightning.learning.losses import double_q_target, huber_loss, td_errors
from mk_lightning.learning.network import DuelingNetwork
from mk_lightning.machine import check_memory
from mk_lightning.schedules import Schedule, as_schedule, bounds

log = logging.getLogger(__name__)

TARGET_PREFIX = "target."

BYTES_PER_HIDDEN = 6 * 4 * 64 * 7 * 7
"""Of the first linear layer: weights, their copies for the target and the actor, gradient, the optimizer's moments."""


def adam(parameters: Any, fused: bool = True) -> torch.optim.Optimizer:
    """Adam with the epsilon of Rainbow (Hessel 2018): small second moments early on must not blow up the steps.

    Fused, because several passes over two million parameters and their moments are a good part of a learner_step.
    """
    return torch.optim.Adam(parameters, eps=1.5e-4, fused=fused)


class DuelingDoubleDQN(LightningModule):
    """Learns Q-values from the replay's batches; scores the matches that the loaders play.

    The module holds no environment: loading a checkpoint starts no emulator.

    Args:
        num_actions: actions of the game's table; the CLI takes it from the data.
        hidden: width of the fully connected layer; as wide as fits into the machine's memory.
        learning_rate: number or schedule over env_steps. It is the only source of the rate: it is set before every
            learner_step, so it holds after a checkpoint is loaded, too.
        learning_rate_warmup: env_steps from the first learner_step on (from `data.warmup_env_steps`) over which a share
            that rises from 0 to 1 in a straight line is taken of it; 0 does without.
        optimizer: builds the optimizer from parameters; leave its `lr` out.
        huber_delta: TD error (learning units) beyond which the loss is linear.
        target_every: learner_steps between hard updates of the target network.
        target_tau: share of the online network mixed into the target network after each learner_step (soft update).
            Give this or `target_every`.
        q_limit: Q-value (learning units) beyond which learning has diverged and the run is stopped. A perfect match is
            worth 480 game units, divided by `data.reward_scale`.
        init_from: checkpoint whose Q-network the run starts from.
        init_strict: refuse a checkpoint of which not every parameter matches.

    Raises:
        UserError: an argument out of range, or a checkpoint that does not match.
    """

    def __init__(
        self,
        num_actions: int = 26,
        hidden: int = 512,
        learning_rate: Schedule | float = 1e-4,
        learning_rate_warmup: int = 0,
        optimizer: OptimizerCallable = adam,
        huber_delta: float = 1.0,
        target_every: int | None = 500,
        target_tau: float | None = None,
        q_limit: float = 1000.0,
        init_from: str | None = None,
        init_strict: bool = True,
    ) -> None:
        super().__init__()
        self.learning_rate = as_schedule(learning_rate, "model.learning_rate")
        if bounds(self.learning_rate)[0] < 0:
            raise UserError(f"model.learning_rate must not be negative, got {bounds(self.learning_rate)[0]}")
        check_at_least("model.learning_rate_warmup", learning_rate_warmup, 0, "env_steps")
        self.learning_rate_warmup = learning_rate_warmup
        check_at_least("model.hidden", hidden, 1)
        check_memory("model.hidden", hidden, BYTES_PER_HIDDEN)
        check_positive("model.huber_delta", huber_delta)
        if (target_every is None) == (target_tau is None):
            raise UserError(
                "give model.target_every (hard updates) or model.target_tau (soft updates) and set the other to null, "
                f"got {target_every} and {target_tau}"
            )
        if target_every is not None and target_every < 1:
            raise UserError(f"model.target_every must be at least 1 learner_step, got {target_every}")
        if target_tau is not None and not 0 < target_tau <= 1:
            raise UserError(f"model.target_tau must be above 0 and at most 1, got {target_tau}")
        check_positive("model.q_limit", q_limit)
        self.q_limit = q_limit
        self.optimizer = optimizer
        self.huber_delta = huber_delta
        self.target_every = target_every
        self.target_tau = target_tau
        self.online = DuelingNetwork(num_actions, hidden=hidden)
        self._check_optimizer()
        if init_from is not None:
            self._init_from(init_from, init_strict)
        self.target = copy.deepcopy(self.online).requires_grad_(False)
        self._moments: dict[str, Any] | None = None
        """Of the optimizer, at the end of the last fit."""
        self.env_steps = 0
        """Env_steps collected when the newest batch was drawn; a checkpoint brings its own."""
        self.val_scores: list[MatchScores] = []
        """One for each validation loader, filled by the last validation."""
        self.test_scores: list[MatchScores] = []
        """One for each exploration rate tested, filled by the last test."""

    # -- learning ----------------------------------------------------------------------------------------------------

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """The optimizer over the Q-network.

        Raises:
            UserError: it would unscale gradients of mixed precision by itself, after they are clipped and methods have
                added theirs.
        """
        mixed = self._trainer is not None and "mixed" in str(self.trainer.precision)
        if mixed and self.optimizer is adam:
            return adam(self.online.parameters(), fused=False)
        optimizer = self.optimizer(self.online.parameters())
        if mixed and getattr(optimizer, "_step_supports_amp_scaling", False):
            raise UserError(
                f"model.optimizer: with trainer.precision {self.trainer.precision} it must not be fused, for methods "
                "add to gradients that are unscaled; set fused to false"
            )
        return optimizer

    def on_train_start(self) -> None:
        """Give the optimizer the moments of the fit before, if this one goes on with the same Trainer.

        Lightning makes the optimizer anew for each fit.
        """
        if self._moments is not None and self.trainer.global_step and self.trainer.ckpt_path is None:
            self.trainer.optimizers[0].load_state_dict(self._moments)
        self._moments = None

    def on_train_end(self) -> None:
        """Keep the optimizer's moments."""
        self._moments = self.trainer.optimizers[0].state_dict()

    def on_train_batch_start(self, batch: Batch, batch_idx: int) -> None:
        """Set the learning rate of this learner_step."""
        self.env_steps = batch.env_steps
        rate = self.learning_rate(batch.env_steps)
        learnt = max(0, batch.env_steps - getattr(self._data, "warmup_env_steps", 0))
        if learnt < self.learning_rate_warmup:
            rate *= learnt / self.learning_rate_warmup
        for group in self.trainer.optimizers[0].param_groups:
            group["lr"] = rate

    def training_step(self, batch: Batch, batch_idx: int) -> torch.Tensor:
        """The weighted Huber loss of a batch; |TD errors| go into the batch's slot.

        Raises:
            Diverged: a Q-value or the loss is not finite, or a Q-value is beyond `q_limit`.
        """
        step = batch.transition
        q_tm1 = self.online(step.s_tm1)
        with torch.no_grad():
            target = double_q_target(step.r_t, step.discount_t, self.online(step.s_t), self.target(step.s_t))
        errors = td_errors(q_tm1, step.a_tm1, target)
        batch.td_errors[:] = errors.detach().abs().float().cpu().numpy()
        loss = huber_loss(errors, batch.weights, self.huber_delta)
        self._check_values(q_tm1, loss)
        if self._log_every and (self.global_step + 1) % self._log_every == 0:
            self.log_dict(
                {
                    "loss": loss.detach(),
                    "q_value": q_tm1.detach().mean(),
                    "td_error": float(batch.td_errors.mean()),
                    "learning_rate": self.trainer.optimizers[0].param_groups[0]["lr"],
                    **batch.stats,
                }
            )
        return loss

    def optimizer_step(self, *args: Any, **kwargs: Any) -> None:
        """Step, then update the target network; here, because accumulated batches make one step."""
        super().optimizer_step(*args, **kwargs)
        if self.target_tau is not None:
            _mix(self.target, self.online, self.target_tau)
        elif self.target_every is not None and (self.global_step + 1) % self.target_every == 0:
            _mix(self.target, self.online, 1.0)

    # -- evaluation --------------------------------------------------------------------------------------------------

    def on_validation_epoch_start(self) -> None:
        """Start the scores anew."""
        self.val_scores = [self._new_scores()]

    def validation_step(self, batch: list[EpisodeRecord], batch_idx: int) -> None:
        """Score matches."""
        self.val_scores[0].update(record.result for record in batch)

    def on_validation_epoch_end(self) -> None:
        """Log win rates, returns and lengths under `val/`."""
        self._log_scores("val", self.val_scores[0])

    def on_test_epoch_start(self) -> None:
        """Start the scores anew."""
        self.test_scores = [self._new_scores() for _ in self._data.test_epsilons]

    def test_step(self, batch: list[EpisodeRecord], batch_idx: int, dataloader_idx: int = 0) -> None:
        """Score matches."""
        self.test_scores[dataloader_idx].update(record.result for record in batch)

    def on_test_epoch_end(self) -> None:
        """Log win rates, returns and lengths under `test/epsilon_<rate>/`."""
        for epsilon, scores in zip(self._data.test_epsilons, self.test_scores, strict=True):
            self._log_scores(f"test/epsilon_{epsilon:g}", scores)

    def predict_step(self, batch: list[EpisodeRecord], batch_idx: int) -> list[EpisodeRecord]:
        """Hand the matches on."""
        return batch

    # -- checkpoints -------------------------------------------------------------------------------------------------

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Note architecture and env_steps; a weights-only checkpoint gets the Q-network alone.

        Raises:
            Diverged: a weight is not finite, and the checkpoint would take the place of a good one.
        """
        if not all(bool(parameter.isfinite().all()) for parameter in self.online.parameters()):
            raise self._diverged("a weight of the Q-network is not finite")
        checkpoint["network"] = {"num_actions": self.online.num_actions, "hidden": self.online.value.in_features}
        checkpoint["env_steps"] = self.env_steps
        if "optimizer_states" not in checkpoint:
            weights = checkpoint["state_dict"]
            checkpoint["state_dict"] = {k: v for k, v in weights.items() if not k.startswith(TARGET_PREFIX)}
            # Lightning saves the DataModule's state in any case: emulators, priorities, names of replay segments.
            checkpoint.pop(type(self._data).__qualname__, None)

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Take the env_steps, and fill a missing target network from the Q-network.

        Raises:
            UserError: the checkpoint's network has another shape.
        """
        mine = {"num_actions": self.online.num_actions, "hidden": self.online.value.in_features}
        theirs = checkpoint.get("network", mine)
        if theirs != mine:
            raise UserError(f"the checkpoint's network is {shortened(theirs)}, this config's {mine}")
        self.env_steps = checkpoint.get("env_steps", 0)
        weights = checkpoint["state_dict"]
        online = {k: v for k, v in weights.items() if k.startswith(PREFIX)}
        checkpoint["state_dict"] = {TARGET_PREFIX + k.removeprefix(PREFIX): v for k, v in online.items()} | weights

    # -- private -----------------------------------------------------------------------------------------------------

    @property
    def _log_every(self) -> int:
        steps: int = self.trainer.log_every_n_steps  # type: ignore[attr-defined]
        return steps

    @property
    def _data(self) -> Any:
        """The ExperienceDataModule: it knows the states and how they are to be evaluated."""
        return self.trainer.datamodule  # type: ignore[attr-defined]

    def _check_values(self, q_values: torch.Tensor, loss: torch.Tensor) -> None:
        largest = float(q_values.detach().abs().amax())
        if not (largest <= self.q_limit and math.isfinite(loss.item())):  # a comparison with nan is false
            raise self._diverged(
                f"a Q-value of {largest:g} (model.q_limit is {self.q_limit:g}) and a loss of {loss.item():g}"
            )

    def _diverged(self, what: str) -> Diverged:
        return Diverged(
            f"learning diverged at learner_step {self.global_step:,}: {what}; lower model.learning_rate, or let the "
            "target network follow more slowly (a higher model.target_every)"
        )

    def _check_optimizer(self) -> None:
        try:
            optimizer = self.configure_optimizers()
        except (TypeError, ValueError) as error:
            raise UserError(f"model.optimizer: {error}") from None
        default = inspect.signature(type(optimizer)).parameters["lr"].default
        if optimizer.defaults["lr"] != default:
            raise UserError(
                f"the optimizer's lr {optimizer.defaults['lr']} would be overwritten; set model.learning_rate instead"
            )

    def _init_from(self, path: str, strict: bool) -> None:
        report = load_matching(self.online, read_checkpoint(path)["state_dict"])
        if strict and not report.complete:
            raise UserError(f"{path} does not fit the network ({report}); model.init_strict=false takes what fits")
        log.info(f"initialised from {path}: {report}")

    def _new_scores(self) -> MatchScores:
        return MatchScores(self._data.evaluation_states).to(self.device)

    def _log_scores(self, prefix: str, scores: MatchScores) -> None:
        figures: dict[str, float] = {"env_steps": float(self.env_steps)}
        named = scores.per_state()
        groups = {"all": self._data.evaluation_states, **self._data.state_groups}
        named |= {group: total for group, states in groups.items() if (total := scores.over(states))}
        for name, score in named.items():
            low, high = score.interval
            figures |= {
                f"{prefix}/win_rate/{name}": score.win_rate,
                f"{prefix}/win_rate_low/{name}": low,
                f"{prefix}/win_rate_high/{name}": high,
                f"{prefix}/return/{name}": score.mean_return,
                f"{prefix}/env_steps/{name}": score.mean_env_steps,
            }
        self.log_dict(figures, rank_zero_only=True)


@torch.no_grad()
def _mix(target: torch.nn.Module, online: torch.nn.Module, share: float) -> None:
    """`target += share * (online - target)`; a share of 1 copies."""
    for mine, theirs in zip(target.parameters(), online.parameters(), strict=True):
        mine.lerp_(theirs, share)
