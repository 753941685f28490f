"""Forgetting guard: measure what a fit forgets while it goes on, and act on it."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from pytorch_lightning import Callback, LightningModule, Trainer
from pytorch_lightning.callbacks import WeightAveraging
from pytorch_lightning.trainer.states import TrainerFn

from mk_lightning.callbacks.base_validation import base_validation
from mk_lightning.callbacks.methods.base import FineTuningMethod, q_network
from mk_lightning.data.datamodule import ExperienceDataModule
from mk_lightning.metrics.match_scores import MatchScores
from mk_lightning.utils.errors import UserError

log = logging.getLogger(__name__)

KEPT = "val/kept"
"""The figure to choose the best checkpoint by."""

ROUNDING = 1e-9
"""Win rates are fractions of whole matches: what is less than this beyond the margin is a rounding error."""


def kept(original: float, base_original: float, challenging: float, margin: float) -> float:
    """The figure by which checkpoints are compared: gains count as long as the originals are kept.

    Any policy that keeps the original states, which scores 0 or more, is above any that does not, which scores below 0;
    of those that keep them the better on the challenging states is above, of those that do not the less forgetful.

    Args:
        original: mean win rate over the original states.
        base_original: the same before the fit.
        challenging: mean win rate over the challenging states.
        margin: how far below `base_original` still counts as kept.

    Returns:
        `challenging` if `original` is within the margin, else minus what is missing, between -1 and 1.
    """
    beyond = base_original - original - margin
    return challenging if beyond <= ROUNDING else -beyond


class ForgettingGuard(FineTuningMethod):
    """Compares every validation of a fit with the one before it: same states, same matches, so the base is paired.

    The forgetting of an original state is its win rate before the fit minus its win rate now (backward transfer with
    its sign changed, Lopez-Paz & Ranzato 2017, arXiv:1706.08840), so a gain on one state makes up for a loss on
    another in the mean. Mean forgetting beyond `margin` calls for `action`:

    - `warn`: a line that names the states.
    - `stop`: the line, and the fit ends after this epoch; resumed with `stop`, it has still ended.
    - `restore`: the line, and before the next learner_step the Q-network and the target network get the weights of the
      best validation so far by `val/kept`, the one before the fit included; of equals the later. Replay, schedules
      and counters go on. The optimizer starts anew, as at the start of a fit: its moments are averages of gradients
      along the way that led to forgetting, and would lead there again.

    Restoring waits for the next batch because checkpoints of this validation, which are saved after it or at the end of
    the epoch, are to hold the weights that were validated. The weights to restore are kept here and in the callback's
    state, not read from `best.ckpt`: a run that is resumed from an earlier checkpoint may find a later `best.ckpt`, and
    the best of a fit that has forgotten from its first validation on is no better than that.

    Logs `forgetting/<state>`, `forgetting/mean`, `forgetting/worst` and `val/kept`, the figure to choose the best
    checkpoint by (`monitor: val/kept`); see `kept`.

    Example:
        >>> method = ForgettingGuard(margin=0.05, action="restore")

    Args:
        margin: how much of the mean win rate over the original states may go.
        action: what to do when more has gone.

    Raises:
        UserError: the margin is out of range.
    """

    def __init__(self, margin: float = 0.05, action: Literal["warn", "stop", "restore"] = "warn") -> None:
        if not 0 <= margin < 1:
            raise UserError(f"ForgettingGuard: margin must be at least 0 and below 1, got {margin}")
        self.margin = margin
        self.action = action
        self.base: dict[str, float] = {}
        """Win rate of every evaluated state before the fit."""
        self.best: dict[str, Any] = {}
        """With `restore`: `kept`, `learner_step` and Q-network `weights` of the best validation so far."""
        self.restoring = False
        """Whether the next batch is to begin with the best weights."""
        self.stopped = False
        """Whether it has stopped the fit."""

    @property
    def requires_initial_state(self) -> bool:
        """The base's win rates are of the start."""
        return True

    def check(self, pl_module: LightningModule, data: ExperienceDataModule, callbacks: Sequence[Callback]) -> None:
        """Check that there is something to keep and something to gain, and that what is restored lasts.

        Raises:
            UserError: a group of states is empty; or weights are averaged beside `restore`.
        """
        super().check(pl_module, data, callbacks)
        for group in ("original", "challenging"):
            if group not in data.state_groups:
                raise UserError(f"ForgettingGuard: data.{group}_states is empty; {KEPT} needs both groups")
        if self.action == "restore" and any(isinstance(callback, WeightAveraging) for callback in callbacks):
            raise UserError(
                "ForgettingGuard: action restore sets the weights, and an average of weights beside it would remember "
                "what they were; take warn or stop, or leave the averaging out"
            )

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Keep the weights the fit starts from, unless a checkpoint brought better ones.

        Raises:
            UserError: it is not known what the fighter won before the fit, or which weights to go back to.
        """
        if not self.base and trainer.global_step:
            raise UserError(
                "ForgettingGuard compares with a validation before the training, and this run was begun without one: "
                "it must be there when a run begins"
            )
        if self.begins_anew(trainer):
            self.base, self.best, self.restoring, self.stopped = {}, {}, False, False
        if not self.base:
            self.base = self._win_rates(trainer, base_validation(trainer, pl_module))
        if self.action == "stop" and self.stopped:
            trainer.should_stop = True
        if self.action == "restore" and not self.best:
            if trainer.global_step:
                raise UserError(
                    "ForgettingGuard: action restore must be there when a run begins; this one's checkpoint holds no "
                    "weights to go back to"
                )
            self._keep(self._kept(self.base, _groups(trainer)), trainer, pl_module)

    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int) -> None:
        """Restore, if the last validation called for it."""
        if not self.restoring:
            return
        self.restoring = False
        if self.action != "restore":  # a run that is resumed with another action
            return
        for network in (q_network(pl_module), pl_module.target):
            network.load_state_dict(self.best["weights"])  # type: ignore[union-attr]
        for optimizer in trainer.optimizers:
            optimizer.state.clear()

    def on_validation_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Compare with the base's win rates."""
        if trainer.sanity_checking or trainer.state.fn != TrainerFn.FITTING:
            return
        rates = self._win_rates(trainer, pl_module.val_scores[0])  # type: ignore[index, arg-type]
        groups = _groups(trainer)
        forgetting = {state: self.base[state] - rates[state] for state in groups["original"]}
        mean, figure = sum(forgetting.values()) / len(forgetting), self._kept(rates, groups)
        figures = {f"forgetting/{state}": value for state, value in forgetting.items()}
        figures |= {"forgetting/mean": mean, "forgetting/worst": max(forgetting.values()), KEPT: figure}
        pl_module.log_dict(figures, sync_dist=True, rank_zero_only=True)
        if figure < 0:
            self._act(trainer, forgetting, mean, rates)
        elif self.action == "restore" and figure >= self.best["kept"]:
            self._keep(figure, trainer, pl_module)

    def state_dict(self) -> dict[str, Any]:
        """Win rates before the fit, the best weights, and what was decided and is still to be done."""
        return {
            "base": dict(self.base),
            "best": dict(self.best),
            "restoring": self.restoring,
            "stopped": self.stopped,
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Continue where `state_dict` was taken."""
        self.base, self.best = state_dict["base"], state_dict["best"]
        self.restoring, self.stopped = state_dict["restoring"], state_dict["stopped"]

    def _win_rates(self, trainer: Trainer, validation: MatchScores) -> dict[str, float]:
        scores = validation.per_state()
        missing = [state for states in _groups(trainer).values() for state in states if state not in scores]
        if missing:
            raise UserError(f"ForgettingGuard: no match of {missing[0]} in the validation; play all of its batches")
        return {state: score.win_rate for state, score in scores.items()}

    def _kept(self, rates: Mapping[str, float], groups: Mapping[str, Sequence[str]]) -> float:
        original, challenging = (_mean(rates, groups[group]) for group in ("original", "challenging"))
        return kept(original, _mean(self.base, groups["original"]), challenging, self.margin)

    def _keep(self, figure: float, trainer: Trainer, pl_module: LightningModule) -> None:
        weights = {name: tensor.detach().cpu().clone() for name, tensor in q_network(pl_module).state_dict().items()}
        self.best = {"kept": figure, "learner_step": trainer.global_step, "weights": weights}

    def _act(self, trainer: Trainer, forgetting: Mapping[str, float], mean: float, rates: Mapping[str, float]) -> None:
        lost = ", ".join(f"{s} {self.base[s]:.0%} -> {rates[s]:.0%}" for s, less in forgetting.items() if less > 0)
        line = (
            f"forgetting: {100 * mean:.0f} points of the mean win rate on the original states are gone, "
            f"margin {100 * self.margin:.0f} ({lost})"
        )
        if self.action == "stop":
            trainer.should_stop = self.stopped = True
            line += "; stopping"
        elif self.action == "restore":
            self.restoring = True
            line += f"; going back to the weights of learner_step {self.best['learner_step']}"
        log.warning(line)


def _groups(trainer: Trainer) -> dict[str, list[str]]:
    groups: dict[str, list[str]] = trainer.datamodule.state_groups  # type: ignore[attr-defined]
    return groups


def _mean(rates: Mapping[str, float], states: Sequence[str]) -> float:
    return sum(rates[state] for state in states) / len(states)
