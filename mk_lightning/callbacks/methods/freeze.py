"""Freeze layers: fine-tune the rest, or the rest first."""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence

from pytorch_lightning import Callback, LightningModule, Trainer
from pytorch_lightning.callbacks import WeightAveraging

from mk_lightning.callbacks.methods.base import FineTuningMethod, q_network
from mk_lightning.callbacks.methods.parameters import matching_names
from mk_lightning.data.datamodule import ExperienceDataModule
from mk_lightning.experience.transition import Batch
from mk_lightning.utils.errors import UserError

log = logging.getLogger(__name__)


class FreezeLayers(FineTuningMethod):
    """Keeps every parameter that matches a pattern as it is, for the whole run or for its beginning.

    Patterns are globs on the Q-network's parameter names (`convolutions.0.weight`, `features.1.bias`,
    `value.weight`, ...), names of parts (`convolutions`), which stand for all below them, names of groups
    (`first_linear`, `heads`), or `re:` and a regular expression; see `matching_names`. Which parameters are frozen is
    said when training starts. Frozen parameters get no gradient, so no optimizer touches them, weight decay included.

    - Declarative: `requires_grad` follows from the patterns and the batch's env_steps alone, so a resumed run freezes
      the same.
    - All parameters are in the optimizer from the start; one that is unfrozen begins with fresh moments.
    - A pattern that matches nothing is an error before training, not a silent nothing.
    - Freezing everything is an error, even if something would be unfrozen later.
    - Several of these callbacks add up: a parameter is frozen while any of them freezes it.

    Example:
        >>> FreezeLayers(["convolutions"])  # the convolutional base
        >>> FreezeLayers(["convolutions", "features"])  # all but the heads
        >>> FreezeLayers(unfreeze_at={"features": 24_000, "convolutions": 48_000})  # layer by layer

    Args:
        patterns: what is frozen for the whole run.
        unfreeze_at: pattern -> env_steps of the run from which on what matches it learns; until then it is frozen.
            What several entries match waits for the last of them.

    Raises:
        UserError: nothing to freeze, or negative env_steps.
    """

    unique = False

    def __init__(self, patterns: list[str] | None = None, unfreeze_at: dict[str, int] | None = None) -> None:
        self.patterns = patterns or []
        self.unfreeze_at = unfreeze_at or {}
        if not (self.patterns or self.unfreeze_at):
            raise UserError("FreezeLayers: patterns is empty; name at least one, e.g. [convolutions], or unfreeze_at")
        for pattern, env_steps in self.unfreeze_at.items():
            if env_steps < 0:
                raise UserError(
                    f"FreezeLayers: unfreeze_at of {pattern!r} must be at least 0 env_steps, got {env_steps}"
                )
        self._waiting: dict[str, float] = {}
        """Parameter -> env_steps from which on it learns, of those not unfrozen yet."""

    def check(self, pl_module: LightningModule, data: ExperienceDataModule, callbacks: Sequence[Callback]) -> None:
        """Check that every pattern matches a parameter, that something is left to learn, and that what waits gets to.

        Raises:
            UserError: one does not, a parameter is in both `patterns` and `unfreeze_at`, all are frozen at first, or
                what is to be unfrozen never would be.
        """
        super().check(pl_module, data, callbacks)
        freezers = [callback for callback in callbacks if isinstance(callback, FreezeLayers)]
        end = data.length.end
        for pattern, env_steps in self.unfreeze_at.items():
            if env_steps >= end:
                raise UserError(
                    f"FreezeLayers: {pattern} would be unfrozen at {env_steps:,} env_steps, and the run ends at {end:,}"
                )
            names = matching_names(q_network(pl_module), [pattern], "FreezeLayers")
            for other in freezers:
                if both := sorted(names & other.frozen_names(pl_module, end)):
                    raise UserError(
                        f"FreezeLayers: {both[0]} is to be unfrozen at {env_steps:,} env_steps, and another "
                        "FreezeLayers keeps it frozen; leave it out of one"
                    )
        frozen = set().union(self.frozen_names(pl_module), *(one.frozen_names(pl_module) for one in freezers))
        if all(name in frozen for name, _ in q_network(pl_module).named_parameters()):
            raise self._nothing_learns()

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Freeze, before the optimizer is built; in every stage, so that a mistake shows at once.

        How far a resumed run has come is known with its first batch; until then everything is frozen that ever is.

        Raises:
            UserError: a pattern matches no parameter, or all are frozen, or another callback or several ranks would
                break the promise.
        """
        super().setup(trainer, pl_module, stage)
        self._check_surroundings(trainer)
        parameters = dict(q_network(pl_module).named_parameters())
        frozen = {name: until for name, until in self._frozen_until(pl_module).items() if until > 0}
        for name in frozen:
            parameters[name].requires_grad_(False)
        if not any(parameter.requires_grad for parameter in parameters.values()):
            raise self._nothing_learns()
        self._waiting = {name: until for name, until in frozen.items() if until < math.inf}
        if stage == "fit":
            total = sum(p.numel() for p in parameters.values())
            for until in sorted(set(frozen.values()), reverse=True):
                names = sorted(name for name in frozen if frozen[name] == until)
                count = sum(parameters[name].numel() for name in names)
                when = "" if until == math.inf else f" until {until:,} env_steps"
                log.info(f"frozen{when}: {', '.join(names)} ({count:,} of {total:,} parameters)")

    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, batch: Batch, batch_idx: int) -> None:
        """Unfreeze what is due."""
        due = [name for name, until in self._waiting.items() if until <= batch.env_steps]
        if not due:
            return
        self._waiting = {name: until for name, until in self._waiting.items() if name not in due}
        parameters = dict(q_network(pl_module).named_parameters())
        freezers = [c for c in trainer.callbacks if isinstance(c, FreezeLayers)]  # type: ignore[attr-defined]
        frozen = set().union(*(freezer.frozen_names(pl_module, batch.env_steps) for freezer in freezers))
        if unfrozen := sorted(set(due) - frozen):
            for name in unfrozen:
                parameters[name].requires_grad_(True)
            log.info(f"unfrozen at {batch.env_steps:,} env_steps: {', '.join(unfrozen)}")

    def frozen_names(self, pl_module: LightningModule, env_steps: int = 0) -> set[str]:
        """Names of the parameters frozen after `env_steps`.

        Raises:
            UserError: a pattern matches no parameter, or a parameter is in both `patterns` and `unfreeze_at`.
        """
        return {name for name, until in self._frozen_until(pl_module).items() if until > env_steps}

    def _frozen_until(self, pl_module: LightningModule) -> dict[str, float]:
        """Parameter -> env_steps from which on it learns, infinity for never; only of those a pattern matches."""
        network = q_network(pl_module)
        until: dict[str, float] = {}
        for pattern, env_steps in self.unfreeze_at.items():
            for name in matching_names(network, [pattern], "FreezeLayers"):
                until[name] = max(env_steps, until.get(name, 0))
        always = matching_names(network, self.patterns, "FreezeLayers")
        if both := sorted(always & until.keys()):
            raise UserError(f"FreezeLayers: patterns would keep {both[0]} frozen, unfreeze_at not; leave it out of one")
        return until | dict.fromkeys(always, math.inf)

    def _nothing_learns(self) -> UserError:
        patterns = [*self.patterns, *self.unfreeze_at]
        return UserError(f"FreezeLayers: {patterns} freeze every parameter; nothing could learn at the start")

    def _check_surroundings(self, trainer: Trainer) -> None:
        if self.unfreeze_at and trainer.world_size > 1:
            raise UserError(
                f"FreezeLayers: unfreeze_at needs a single rank, this run has {trainer.world_size}: DDP registers its "
                "hooks before training, so gradients of what is unfrozen later would not be averaged; use patterns"
            )
        for callback in trainer.callbacks:  # type: ignore[attr-defined]
            if isinstance(callback, WeightAveraging) and callback._kwargs.get("avg_fn") is not None:
                raise UserError(
                    f"FreezeLayers: {type(callback).__name__} with an avg_fn may change frozen weights, as "
                    "decay * w + (1 - decay) * w rounds; use WeightAveraging without one, which is exact for equal "
                    "weights"
                )
