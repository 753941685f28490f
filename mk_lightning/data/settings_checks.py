"""Checks of the DataModule: its numbers, against each other, and the game's files, before anything is started."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence

from mk_lightning.data.run_length import RunLength
from mk_lightning.data.settings import MAX_ENV_STEPS, ExperienceSettings
from mk_lightning.envs.reward_checks import check_for_workers
from mk_lightning.experience.match_seeds import MAX_SEED
from mk_lightning.experience.replay import least_capacity
from mk_lightning.schedules import bounds
from mk_lightning.utils.errors import UserError, check_between, check_positive
from mk_lightning.utils.lengths import check_length, in_env_steps

log = logging.getLogger(__name__)


def check_groups(groups: Mapping[str, Sequence[str]]) -> None:
    """Check that there are states to evaluate, and none is in both groups.

    Args:
        groups: states, by the group's name.

    Raises:
        UserError: it is otherwise.
    """
    if not groups:
        raise UserError(
            "ExperienceDataModule.original_states and ExperienceDataModule.challenging_states are both empty: name a "
            "state in one"
        )
    if twice := set(groups.get("original", ())) & set(groups.get("challenging", ())):
        raise UserError(
            f"{min(twice)} is both in ExperienceDataModule.original_states and in "
            "ExperienceDataModule.challenging_states"
        )


def check_experience(data: ExperienceSettings) -> None:
    """Check that the DataModule's numbers are in their ranges and fit each other, and that states and ROM are there.

    The ROM is last, so that a config can be mended before anybody has one.

    Raises:
        UserError: a number does not fit; the message names the nearest that would, where there is one. Or workers
            cannot be given the reward.
        GameError: a state's file is none, or the ROM is missing or another.
    """
    check_between("ExperienceDataModule.max_env_steps", data.max_env_steps, 1, MAX_ENV_STEPS, "env_steps")
    if isinstance(data.warmup_env_steps, float):
        check_length("ExperienceDataModule.warmup_env_steps", data.warmup_env_steps, 0)
    else:
        check_between("ExperienceDataModule.warmup_env_steps", data.warmup_env_steps, 0, MAX_ENV_STEPS, "env_steps")
    check_shares(data)
    n_step, capacity, batch_size = data.replay.n_step, data.replay.capacity, data.replay.batch_size
    # These are asked for here and not when training starts, which is after a whole evaluation.
    if capacity < (least := least_capacity(data.env.num_envs, n_step)):
        raise UserError(
            f"ReplaySettings.capacity must be at least {max(least, batch_size)} transitions for {data.env.num_envs} "
            f"environments and a batch of {batch_size}, got {capacity}"
        )
    if batch_size > capacity:
        raise UserError(
            f"ReplaySettings.batch_size must be at most ReplaySettings.capacity ({capacity}), got {batch_size}"
        )
    low, high = bounds(data.epsilon)
    if not 0 <= low <= high <= 1:
        raise UserError(f"ExperienceDataModule.epsilon must stay between 0 and 1, got {low if low < 0 else high}")
    if not 0 <= data.rehearsal_ratio < 1:
        raise UserError(
            f"ExperienceDataModule.rehearsal_ratio must be at least 0 and below 1, got {data.rehearsal_ratio}"
        )
    if data.rehearsal_ratio and not 0 < data.rehearsed < batch_size:
        nearest_ratio = min(max(1, data.rehearsed), batch_size - 1) / batch_size
        raise UserError(
            f"ExperienceDataModule.rehearsal_ratio {data.rehearsal_ratio} of a batch of {batch_size} leaves no "
            f"transition on one side; nearest: {nearest_ratio:g}"
        )
    if data.rehearsal_ratio:
        require_originals(data, "ExperienceDataModule.rehearsal_ratio")
    check_positive("ExperienceDataModule.reward_scale", data.reward_scale)
    check_for_workers(data.env.reward)
    check_between("ExperienceDataModule.seed", data.seed, 0, MAX_SEED)
    for state in dict.fromkeys((*data.evaluation_states, *data.train_states)):
        data.game.state_bytes(state)  # a file that is no state is told here, not by an emulator
    data.game.rom_path()


def whole_length(data: ExperienceSettings) -> RunLength:
    """The length of the run, rounded to what all ranks can play."""
    per_step, warmup = data.env_steps_per_learner_step, _whole_warmup(data)
    return RunLength.nearest(data.max_env_steps, data.evaluation.every, per_step, warmup)


def _whole_warmup(data: ExperienceSettings) -> int:
    """env_steps of the warm-up, the same for every environment; a fraction of the run is no less than is needed."""
    env_steps, num_envs = data.warmup_env_steps, data.num_envs
    if isinstance(env_steps, float):
        env_steps = max(in_env_steps(env_steps, data.max_env_steps), _first_batch(data) - collected_at_once(data))
    return -(-env_steps // num_envs) * num_envs


def _first_batch(data: ExperienceSettings) -> int:
    """env_steps of which a transition can be drawn by every rank."""
    return (data.replay.n_step + 1) * data.num_envs


def collected_at_once(data: ExperienceSettings) -> int:
    """The most env_steps that are collected for a learner_step: whole vector env_steps, all ranks together."""
    return -(-data.env_steps_per_learner_step // data.num_envs) * data.num_envs


def pace(data: ExperienceSettings) -> str | None:
    """A line that says how environments and learner_steps keep pace, or None where each learner_step has its own."""
    per_step, num_envs = data.env_steps_per_learner_step, data.num_envs
    if per_step % num_envs == 0:
        return None
    return (
        f"{num_envs} environments are stepped together, and a learner_step is due every {per_step} env_steps: some "
        f"learner_steps have {collected_at_once(data)} new env_steps and some {per_step // num_envs * num_envs}, "
        f"{per_step} on average"
    )


def tell_pace(data: ExperienceSettings) -> None:
    """Log what the lengths were rounded to, and what `pace` says."""
    for said in filter(None, (data.length.rounding(data.max_env_steps, data.evaluation.every), pace(data))):
        log.info(said)


def check_shares(data: ExperienceSettings) -> None:
    """Check that the ranks, or the only one, have collected enough to draw from when the first learner_step is due.

    Raises:
        UserError: they have not; the message names the nearest number that would do.
    """
    per_step = data.env_steps_per_learner_step
    check_between("ExperienceDataModule.env_steps_per_learner_step", per_step, 1, MAX_ENV_STEPS, "env_steps")
    if _whole_warmup(data) < (least := _first_batch(data) - collected_at_once(data)):
        raise UserError(
            f"ExperienceDataModule.warmup_env_steps must be at least {least}, or there is no transition of "
            f"{data.replay.n_step} env_steps to draw at first, got {data.warmup_env_steps}"
        )


def require_originals(data: ExperienceSettings, owner: str) -> None:
    """Check that the base policy's play can be recorded.

    Raises:
        UserError: there are no original states; the message says that `owner` needs them.
    """
    if not data.state_groups.get("original"):
        raise UserError(f"{owner} needs the base policy's play, but ExperienceDataModule.original_states is empty")
