"""Checks of the DataModule's numbers against each other, before anything is started."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from lightning_utilities.core.rank_zero import rank_zero_only

from mk_lightning.errors import UserError, check_between, check_positive
from mk_lightning.experience.replay import least_capacity
from mk_lightning.experience.settings import MOST_ENV_STEPS
from mk_lightning.schedules import bounds

if TYPE_CHECKING:
    from pytorch_lightning import Trainer

    from mk_lightning.experience.datamodule import ExperienceDataModule

MOST_SEED = 2**32 - 1
"""NumPy's and Lightning's."""


def check_groups(groups: Mapping[str, Sequence[str]]) -> None:
    """See that there are states to evaluate, and none is in both groups.

    Args:
        groups: states, by the group's name.

    Raises:
        UserError: it is otherwise.
    """
    if not groups:
        raise UserError("data.original_states and data.challenging_states are both empty: name a state in one")
    if twice := set(groups.get("original", ())) & set(groups.get("challenging", ())):
        raise UserError(f"{min(twice)} is both in data.original_states and in data.challenging_states")


def check_experience(data: ExperienceDataModule) -> None:
    """See that the DataModule's numbers are in their ranges and fit each other.

    Raises:
        UserError: one does not; the message names the nearest that would, where there is one.
    """
    check_between("data.max_env_steps", data.max_env_steps, 1, MOST_ENV_STEPS, "env_steps")
    if data.max_env_steps % data.evaluation.every:
        every = data.evaluation.every
        nearest = max(1, round(data.max_env_steps / every)) * every
        raise UserError(
            f"data.max_env_steps must be a multiple of data.evaluation.every ({every}), "
            f"got {data.max_env_steps}; nearest: {nearest}"
        )
    check_between("data.warmup_env_steps", data.warmup_env_steps, 0, MOST_ENV_STEPS, "env_steps")
    per_step, num_envs = data.env_steps_per_learner_step, data.env.num_envs
    if per_step < 1 or per_step % num_envs:
        nearest = max(1, round(per_step / num_envs)) * num_envs
        raise UserError(
            f"data.env_steps_per_learner_step must be a multiple of data.env.num_envs ({num_envs}), "
            f"got {per_step}; nearest: {nearest}"
        )
    if data.evaluation.every % per_step:
        nearest = max(1, round(data.evaluation.every / per_step)) * per_step
        raise UserError(
            f"data.evaluation.every must be a multiple of data.env_steps_per_learner_step ({per_step}), "
            f"got {data.evaluation.every}; nearest: {nearest}"
        )
    # Both are asked for here and not when training starts, which is after a whole evaluation.
    n_step, capacity = data.replay.n_step, data.replay.capacity
    if capacity < (least := least_capacity(num_envs, n_step)):
        raise UserError(
            f"data.replay.capacity must be at least {least} transitions for {num_envs} environments, got {capacity}"
        )
    if data.replay.batch_size > capacity:
        raise UserError(
            f"data.replay.batch_size must be at most data.replay.capacity ({capacity}), got {data.replay.batch_size}"
        )
    if data.warmup_env_steps < (least := (n_step + 1) * num_envs - per_step):
        raise UserError(
            f"data.warmup_env_steps must be at least {least}, or there is no transition of {n_step} env_steps to "
            f"draw at first, got {data.warmup_env_steps}"
        )
    low, high = bounds(data.epsilon)
    if not 0 <= low <= high <= 1:
        raise UserError(f"data.epsilon must stay between 0 and 1, got {low if low < 0 else high}")
    if not 0 <= data.rehearsal_ratio < 1:
        raise UserError(f"data.rehearsal_ratio must be at least 0 and below 1, got {data.rehearsal_ratio}")
    if data.rehearsal_ratio and not 0 < data.rehearsed < data.replay.batch_size:
        raise UserError(
            f"data.rehearsal_ratio {data.rehearsal_ratio} of a batch of {data.replay.batch_size} leaves no "
            "transition on one side"
        )
    if data.rehearsal_ratio:
        require_originals(data, "data.rehearsal_ratio")
    check_positive("data.reward_scale", data.reward_scale)
    check_between("seed_everything", data.seed, 0, MOST_SEED)


def check_one_process(trainer: Trainer | None) -> None:
    """See that the experience is one process's, and let Lightning log from it.

    Raises:
        UserError: the Trainer has several ranks.
    """
    if trainer is None:
        return
    if trainer.world_size > 1:
        raise UserError(
            f"ExperienceDataModule: a run is one process with one device, this Trainer has {trainer.world_size} ranks; "
            "set devices=1 and num_nodes=1, and start runs side by side, each with its own seed and default_root_dir"
        )
    # By a launcher's RANK or SLURM_PROCID Lightning may take it for another rank, whose loggers write nothing.
    rank_zero_only.rank = 0  # type: ignore[attr-defined]


def require_originals(data: ExperienceDataModule, owner: str) -> None:
    """See that the base policy's play can be recorded.

    Raises:
        UserError: there are no original states; the message says that `owner` needs them.
    """
    if not data.state_groups.get("original"):
        raise UserError(f"{owner} needs the base policy's play, but data.original_states is empty")
