"""Freeze layers: fine-tune the rest, or the rest first."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from pytorch_lightning import Callback, LightningModule, Trainer
from torch.nn import Parameter
from torch.optim import Optimizer

from mk_lightning.callbacks.methods.base import FineTuningMethod, q_network
from mk_lightning.callbacks.methods.parameters import matching_names
from mk_lightning.data.datamodule import ExperienceDataModule
from mk_lightning.experience.transition import Batch, Progress
from mk_lightning.utils.errors import UserError
from mk_lightning.utils.lengths import Length, check_length
from mk_lightning.utils.lightning_private import averages_by_function
from mk_lightning.utils.ranks import average

log = logging.getLogger(__name__)

START = Progress(env_steps=0, warmup_env_steps=0, run_env_steps=1)
"""Of a run of any length: what is a fraction of it is still to come."""


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
        >>> method = FreezeLayers(["convolutions"])  # the convolutional base
        >>> method = FreezeLayers(["convolutions", "features"])  # all but the heads
        >>> method = FreezeLayers(unfreeze_at={"features": 0.25, "convolutions": 0.5})  # layer by layer

    Args:
        patterns: what is frozen for the whole run.
        unfreeze_at: pattern -> env_steps, or fraction of the run, from which on what matches it learns; until then it
            is frozen. What several entries match waits for the last of them.

    Raises:
        UserError: nothing to freeze, or a length out of range.
    """

    unique = False

    def __init__(self, patterns: list[str] | None = None, unfreeze_at: dict[str, Length] | None = None) -> None:
        self.patterns = patterns or []
        self.unfreeze_at = unfreeze_at or {}
        if not (self.patterns or self.unfreeze_at):
            raise UserError("FreezeLayers: patterns is empty; name at least one, e.g. [convolutions], or unfreeze_at")
        for pattern, length in self.unfreeze_at.items():
            check_length(f"FreezeLayers: unfreeze_at of {pattern!r}", length, 0)
        self._waiting: list[str] = []
        """Of the patterns of `unfreeze_at`, those whose time has not come."""
        self._unfrozen: list[Parameter] = []
        """What learns since its time has come."""

    def check(self, pl_module: LightningModule, data: ExperienceDataModule, callbacks: Sequence[Callback]) -> None:
        """Check that every pattern matches a parameter, that something is left to learn, and that what waits gets to.

        Raises:
            UserError: one does not, a parameter is in both `patterns` and `unfreeze_at`, all are frozen at first, or
                what is to be unfrozen never would be.
        """
        super().check(pl_module, data, callbacks)
        freezers = [callback for callback in callbacks if isinstance(callback, FreezeLayers)]
        start, end = data.length.progress(0), data.length.progress(data.length.end)
        for pattern, length in self.unfreeze_at.items():
            env_steps = start.in_env_steps(length)
            if env_steps >= end.env_steps:
                raise UserError(
                    f"FreezeLayers: {pattern} would be unfrozen at {env_steps:,} env_steps, and the run ends at "
                    f"{end.env_steps:,}"
                )
            names = matching_names(q_network(pl_module), [pattern], "FreezeLayers")
            for other in freezers:
                if both := sorted(names & other.frozen_names(pl_module, end)):
                    raise UserError(
                        f"FreezeLayers: {both[0]} is to be unfrozen at {env_steps:,} env_steps, and another "
                        "FreezeLayers keeps it frozen; leave it out of one"
                    )
        frozen = set().union(*(freezer.frozen_names(pl_module, start) for freezer in (self, *freezers)))
        if all(name in frozen for name, _ in q_network(pl_module).named_parameters()):
            raise self._nothing_learns()

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Freeze, before the optimizer is built; in every stage, so that a mistake shows at once.

        How far a resumed run has come is known with its first batch; until then everything is frozen that ever is.

        Raises:
            UserError: a pattern matches no parameter, or all are frozen, or another callback would break the promise.
        """
        super().setup(trainer, pl_module, stage)
        self._check_surroundings(trainer)
        network = q_network(pl_module)
        parameters = dict(network.named_parameters())
        self._waiting, self._unfrozen = [pattern for pattern, length in self.unfreeze_at.items() if length], []
        for name in self.frozen_names(pl_module, START):
            parameters[name].requires_grad_(False)
        if not any(parameter.requires_grad for parameter in parameters.values()):
            raise self._nothing_learns()
        if stage == "fit":
            groups = {"": self.patterns}
            for pattern in self._waiting:
                groups.setdefault(f" until {_named(self.unfreeze_at[pattern])}", []).append(pattern)
            total = sum(p.numel() for p in parameters.values())
            for when, patterns in groups.items():
                if names := sorted(matching_names(network, patterns, "FreezeLayers")):
                    count = sum(parameters[name].numel() for name in names)
                    log.info(f"frozen{when}: {', '.join(names)} ({count:,} of {total:,} parameters)")

    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, batch: Batch, batch_idx: int) -> None:
        """Unfreeze what is due."""
        progress = batch.progress
        due = [p for p in self._waiting if progress.in_env_steps(self.unfreeze_at[p]) <= progress.env_steps]
        if not due:
            return
        self._waiting = [pattern for pattern in self._waiting if pattern not in due]
        network = q_network(pl_module)
        parameters = dict(network.named_parameters())
        freezers = [c for c in trainer.callbacks if isinstance(c, FreezeLayers)]  # type: ignore[attr-defined]
        frozen = set().union(*(freezer.frozen_names(pl_module, progress) for freezer in freezers))
        if unfrozen := sorted(matching_names(network, due, "FreezeLayers") - frozen):
            for name in unfrozen:
                self._unfrozen.append(parameters[name])
                parameters[name].requires_grad_(True)
            log.info(f"unfrozen at {progress.env_steps:,} env_steps: {', '.join(unfrozen)}")

    def on_before_optimizer_step(self, trainer: Trainer, pl_module: LightningModule, optimizer: Optimizer) -> None:
        """Average over the ranks the gradients of what was frozen when DDP looked for what it has to average."""
        average(trainer, [parameter.grad for parameter in self._unfrozen if parameter.grad is not None])

    def frozen_names(self, pl_module: LightningModule, progress: Progress) -> set[str]:
        """Names of the parameters that are frozen when the run has come so far.

        Raises:
            UserError: a pattern matches no parameter, or a parameter is in both `patterns` and `unfreeze_at`.
        """
        network = q_network(pl_module)
        always = matching_names(network, self.patterns, "FreezeLayers")
        waiting: set[str] = set()
        for pattern, length in self.unfreeze_at.items():
            names = matching_names(network, [pattern], "FreezeLayers")
            if both := sorted(names & always):
                raise UserError(
                    f"FreezeLayers: patterns would keep {both[0]} frozen, unfreeze_at not; leave it out of one"
                )
            if progress.in_env_steps(length) > progress.env_steps:
                waiting |= names
        return always | waiting

    def _nothing_learns(self) -> UserError:
        patterns = [*self.patterns, *self.unfreeze_at]
        return UserError(f"FreezeLayers: {patterns} freeze every parameter; nothing could learn at the start")

    def _check_surroundings(self, trainer: Trainer) -> None:
        for callback in trainer.callbacks:  # type: ignore[attr-defined]
            if averages_by_function(callback):
                raise UserError(
                    f"FreezeLayers: {type(callback).__name__} with an avg_fn may change frozen weights, as "
                    "decay * w + (1 - decay) * w rounds; use WeightAveraging without one, which is exact for equal "
                    "weights"
                )


def _named(length: Length) -> str:
    return f"{length} of the run" if isinstance(length, float) else f"{length:,} env_steps"
