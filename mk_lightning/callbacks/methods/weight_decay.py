"""Weight decay: towards zero, or towards the weights training started from."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Literal, get_args

import torch
from pytorch_lightning import Callback, LightningModule, Trainer

from mk_lightning.callbacks.methods.added_gradient import learning_parameters
from mk_lightning.callbacks.methods.base import FineTuningMethod, q_network
from mk_lightning.callbacks.methods.freeze import FreezeLayers
from mk_lightning.callbacks.methods.parameters import matching_names
from mk_lightning.data.datamodule import ExperienceDataModule
from mk_lightning.games.names import suggestion
from mk_lightning.utils.errors import UserError
from mk_lightning.utils.trainer_checks import log_is_due

Kind = Literal["decoupled", "l2", "l2_sp"]


class WeightDecay(FineTuningMethod):
    """Pulls the Q-network's weights w towards a point, once per learner_step.

    - `decoupled`: `w *= 1 - learning_rate * rate`, beside the optimizer's step. AdamW (Loshchilov & Hutter 2019,
      arXiv:1711.05101); equal to `torch.optim.AdamW(weight_decay=rate)` bit for bit, and possible with any optimizer.
    - `l2`: `gradient += rate * w`, that of the penalty `rate / 2 * |w|**2`. Equal to
      `torch.optim.Adam(weight_decay=rate)`, but that it is clipped with the rest of the gradient.
    - `l2_sp`: `gradient += rate * (w - w0)`, that of `rate / 2 * |w - w0|**2`, with w0 the weights training started
      from (Li 2018, arXiv:1802.01483). w0 is the callback's state, so a resumed run is pulled to the same point.

    It acts after gradients are accumulated, averaged over ranks and unscaled, and before they are clipped. Parameters
    that are frozen or have no gradient are left alone, and so is the target network. Logs the penalty's value as
    `weight_decay/<kind>` with the other figures; for `decoupled` that of `l2`, which has the same weights in it.

    Example:
        >>> method = WeightDecay(1e-2)
        >>> method = WeightDecay(1e-2, "l2_sp", ["convolutions", "features"])

    Args:
        rate: strength of the pull, above 0. `decoupled`: share of a weight lost per unit of learning rate; otherwise
            gradient per distance.
        kind: `decoupled`, `l2` or `l2_sp`.
        patterns: which parameters, see `matching_names`; None takes all but biases.

    Raises:
        UserError: an argument out of range.
    """

    unique = False

    def __init__(self, rate: float, kind: Kind = "decoupled", patterns: list[str] | None = None) -> None:
        if not (math.isfinite(rate) and rate > 0):
            raise UserError(f"WeightDecay: rate must be above 0, got {rate}")
        if kind not in get_args(Kind):
            raise UserError(f"WeightDecay: there is no kind {kind!r}{suggestion(kind, get_args(Kind))}")
        if patterns is not None and not patterns:
            raise UserError("WeightDecay: patterns is empty; name at least one, or null for all but biases")
        self.rate = rate
        self.kind = kind
        self.patterns = patterns
        self._names: set[str] = set()
        """Of the parameters that decay."""
        self._start: dict[str, torch.Tensor] = {}
        """w0 by parameter name; empty but for `l2_sp`."""

    @property
    def state_key(self) -> str:
        """Several of these callbacks may each have parameters of their own."""
        return self._generate_state_key(kind=self.kind, patterns=self.patterns)

    @property
    def requires_initial_state(self) -> bool:
        """w0 is of the start."""
        return self.kind == "l2_sp"

    def check(self, pl_module: LightningModule, data: ExperienceDataModule, callbacks: Sequence[Callback]) -> None:
        """Check that something decays, and that each parameter is pulled to one point, once.

        Raises:
            UserError: a pattern matches no parameter, what would decay is frozen to the end, or another decay has it.
        """
        super().check(pl_module, data, callbacks)
        names = self.decayed_names(pl_module)
        end = data.length.progress(data.length.end)
        freezers = [callback for callback in callbacks if isinstance(callback, FreezeLayers)]
        if names <= set().union(*(freezer.frozen_names(pl_module, end) for freezer in freezers)):
            raise UserError(f"WeightDecay ({self.kind}): FreezeLayers freezes all that would decay")
        others = [callback for callback in callbacks if isinstance(callback, WeightDecay) and callback is not self]
        for other in others:
            if both := sorted(names & other.decayed_names(pl_module)):
                reason = "decays twice" if other.kind == self.kind else "is pulled to two points"
                raise UserError(
                    f"WeightDecay: {both[0]} {reason} ({self.kind} and {other.kind}); give each its own patterns"
                )

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Check, in every stage, so that a mistake shows at once.

        Raises:
            UserError: a pattern matches no parameter, or the optimizer decays weights, too.
        """
        super().setup(trainer, pl_module, stage)
        self._names = self.decayed_names(pl_module)
        if self.kind == "l2_sp":
            return
        optimizer: torch.optim.Optimizer = pl_module.configure_optimizers()  # type: ignore[assignment]
        for group in optimizer.param_groups:
            if group.get("weight_decay"):
                raise UserError(
                    f"WeightDecay: the optimizer has a weight_decay of {group['weight_decay']}, and kind {self.kind!r} "
                    "would decay the weights twice; set the optimizer's to 0 or leave this callback out"
                )

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Take the weights as w0, unless the fit goes on and has it."""
        if self.kind == "l2_sp":
            kept = {} if self.begins_anew(trainer) else self._start
            start = kept or {name: p.detach().clone() for name, p in q_network(pl_module).named_parameters()}
            self._start = {name: w0.to(pl_module.device) for name, w0 in start.items() if name in self._names}

    @torch.no_grad()
    def on_before_optimizer_step(
        self, trainer: Trainer, pl_module: LightningModule, optimizer: torch.optim.Optimizer
    ) -> None:
        """Pull."""
        learning_rates = {p: group["lr"] for group in optimizer.param_groups for p in group["params"]}
        due, squares = log_is_due(trainer), 0.0
        for name, parameter in learning_parameters(pl_module).items():
            if name not in self._names:
                continue
            away = parameter - self._start[name] if self.kind == "l2_sp" else parameter
            if due:
                squares += float(away.square().sum())
            if self.kind == "decoupled":
                parameter.mul_(1 - learning_rates[parameter] * self.rate)
            else:
                assert parameter.grad is not None
                parameter.grad.add_(away, alpha=self.rate)
        if due:
            pl_module.log(f"weight_decay/{self.kind}", self.rate / 2 * squares)

    def decayed_names(self, pl_module: LightningModule) -> set[str]:
        """Names of the parameters that decay when they learn.

        Raises:
            UserError: a pattern matches no parameter.
        """
        network = q_network(pl_module)
        if self.patterns is not None:
            return matching_names(network, self.patterns, "WeightDecay")
        return {name for name, _ in network.named_parameters() if not name.endswith("bias")}

    def state_dict(self) -> dict[str, Any]:
        """w0, in host memory."""
        return {"start": {name: w0.cpu() for name, w0 in self._start.items()}}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take the w0 of the run that is resumed."""
        self._start = state_dict["start"]
