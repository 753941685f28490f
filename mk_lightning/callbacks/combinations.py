"""Checks of a run's methods, alone and together, before anything is played or written."""

from __future__ import annotations

from collections.abc import Sequence

from pytorch_lightning import Callback

from mk_lightning.callbacks.curriculum import Curriculum
from mk_lightning.callbacks.distillation import Cloning, Kickstarting
from mk_lightning.callbacks.ewc import ElasticWeightConsolidation
from mk_lightning.callbacks.freeze import FreezeLayers
from mk_lightning.callbacks.guard import ForgettingGuard
from mk_lightning.callbacks.weakness import WeaknessTargeting
from mk_lightning.callbacks.weight_decay import WeightDecay
from mk_lightning.errors import UserError
from mk_lightning.experience import ExperienceDataModule
from mk_lightning.learning.module import DuelingDoubleDQN

ONCE = (Cloning, Curriculum, ElasticWeightConsolidation, ForgettingGuard, Kickstarting, WeaknessTargeting)
"""Methods of which a second would fight with the first, or count twice what one could count with a higher number."""


def check_methods(callbacks: Sequence[Callback], model: DuelingDoubleDQN, data: ExperienceDataModule) -> None:
    """See that every method can do its work, and that none undoes another's.

    Raises:
        UserError: a method does not fit the network or the states; or the methods cancel each other.
    """
    frozen: set[str] = set()
    for callback in callbacks:
        if isinstance(callback, FreezeLayers):
            frozen |= callback.frozen_names(model, data.max_env_steps + data.warmup_env_steps)
        elif isinstance(callback, (Curriculum, ForgettingGuard, WeaknessTargeting)):
            callback.check(data)
    for kind in ONCE:
        if sum(isinstance(callback, kind) for callback in callbacks) > 1:
            raise UserError(f"{kind.__name__} is there twice; leave one out")
    if _has(callbacks, Curriculum) and _has(callbacks, WeaknessTargeting):
        raise UserError("Curriculum and WeaknessTargeting both choose the training states; leave one out")
    decays = [callback for callback in callbacks if isinstance(callback, WeightDecay)]
    _check_decays(decays, model, frozen)
    if not data.state_groups.get("original"):
        needs = [name for name, needed in _needing_the_recording(callbacks, data) if needed]
        if needs:
            raise UserError(f"{needs[0]} needs the base policy's play, but data.original_states is empty")


def _check_decays(decays: Sequence[WeightDecay], model: DuelingDoubleDQN, frozen: set[str]) -> None:
    seen: dict[str, WeightDecay] = {}
    for decay in decays:
        names = decay.decayed_names(model)
        if names <= frozen:
            raise UserError(f"WeightDecay ({decay.kind}): FreezeLayers freezes all that would decay")
        for name in sorted(names):
            if name in seen:
                other = seen[name].kind
                reason = "decays twice" if other == decay.kind else "is pulled to two points"
                raise UserError(f"WeightDecay: {name} {reason} ({other} and {decay.kind}); give each its own patterns")
            seen[name] = decay


def _needing_the_recording(callbacks: Sequence[Callback], data: ExperienceDataModule) -> list[tuple[str, bool]]:
    return [
        ("data.rehearsal_ratio", data.rehearsal_ratio > 0),
        ("Cloning", _has(callbacks, Cloning)),
        (
            "ElasticWeightConsolidation",
            any(isinstance(c, ElasticWeightConsolidation) and c.estimate for c in callbacks),
        ),
    ]


def _has(callbacks: Sequence[Callback], kind: type[Callback]) -> bool:
    return any(isinstance(callback, kind) for callback in callbacks)
