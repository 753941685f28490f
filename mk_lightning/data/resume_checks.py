"""What a run that is resumed must have in common with the one that wrote the checkpoint."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from mk_lightning.data.rank_states import OTHERS
from mk_lightning.data.settings import ExperienceSettings
from mk_lightning.envs.reward_checks import DEFAULT_REWARD, described
from mk_lightning.experience.replay import Replay
from mk_lightning.experience.segments import Segments, check_segments
from mk_lightning.utils.errors import UserError, shortened

REWARD = "data.env.reward"
CLASSES = {
    "data": "ExperienceDataModule", "data.env": "EnvConfig", "data.replay": "ReplaySettings",
    "data.evaluation": "EvaluationSettings",
}  # fmt: skip
"""What has the arguments that a checkpoint notes by their place in a config."""

log = logging.getLogger(__name__)


def common(data: ExperienceSettings) -> dict[str, Any]:
    """Return the DataModule's options that may not change, by name; plain Python.

    Its others may: a checkpoint's replay and emulators can go on with another `n_step` or more env_steps. Recording,
    network, optimizer, averaging and methods have checks of their own.
    """
    return {
        "data.game": data.game.id,
        "seed_everything": data.seed,
        "data.env.num_envs": data.env.num_envs,
        "data.env.frame_skip": data.env.frame_skip,
        "data.env.release_frames": data.env.release_frames,
        REWARD: described(data.env.reward),
        "data.reward_scale": data.reward_scale,
        "data.replay.capacity": data.replay.capacity,
        "data.replay.priorities": data.replay.priorities is not None,
        "data.original_states": list(data.state_groups.get("original", ())),
        "data.challenging_states": list(data.state_groups.get("challenging", ())),
        "data.train_states": dict(data.train_states),
        "data.evaluation.every": data.length.every,
        "data.env_steps_per_learner_step": data.env_steps_per_learner_step,
    }


def _argument(name: str) -> str:
    place, _, argument = name.rpartition(".")
    return f"{CLASSES[place]}.{argument}" if place else name


def restore_replay(
    replay: Replay, state: Mapping[str, Any], segments: Segments, warmup_env_steps: int, *, required: bool
) -> None:
    """Fill a replay as it was, or say what becomes of a run without it.

    Args:
        replay: is filled.
        state: what a DataModule left in a checkpoint.
        segments: where the rows are.
        warmup_env_steps: of this run.
        required: whether the run must not go on without its rows, if they were kept.

    Raises:
        UserError: a segment is missing or damaged.
    """
    reason = "was not kept on disk (ReplaySettings.on_disk is false)"
    if state["segments"] is not None:
        try:
            segments.load(replay, state["segments"])
            replay.load_state_dict(state["replay"])
            return
        except UserError as error:
            if required:
                raise
            reason = f"cannot be read ({error})"
    log.warning(
        f"this run's replay {reason}: {warmup_env_steps:,} env_steps are played before learning goes on, "
        "and it will not be the run that it would have been without a stop"
    )


def _longer(max_env_steps: int, epoch: object) -> str:
    """The end of a message that says how a run is extended by epochs as long as it had, or nothing."""
    if type(epoch) is not int or epoch < 1:
        return ""
    env_steps = max(1, round(max_env_steps / epoch)) * epoch
    return (
        f"; ExperienceDataModule.max_env_steps={env_steps} and EvaluationSettings.every={epoch} "
        "go on with epochs as long"
    )


def check_resumable(data: ExperienceSettings, state: object) -> None:
    """Check that a run can go on from what a DataModule left in a checkpoint, before an emulator starts.

    Args:
        data: of this run.
        state: of the other's, as its `state_dict` returned it.

    Raises:
        UserError: it cannot; the message names the option and both values.
    """
    if not isinstance(state, Mapping) or not isinstance(replay := state.get("replay"), Mapping):
        raise UserError("the checkpoint has no replay, a fit cannot be resumed from it; use DuelingDoubleDQN.init_from")
    for part in (state, *state.get(OTHERS, ())):
        check_segments(part.get("segments"))
    mine = common(data)
    found = state.get("common")
    # Checkpoints from before there was another reward do not name it.
    theirs = {REWARD: DEFAULT_REWARD, **(found if isinstance(found, Mapping) else {})}
    for name, value in theirs.items():
        if name in mine and mine[name] != value:
            fraction = name == "data.evaluation.every" and isinstance(data.evaluation.every, float)
            longer = _longer(data.max_env_steps, value) if fraction else ""
            raise UserError(
                f"{_argument(name)} of the checkpoint is {shortened(value)}, this config's {shortened(mine[name])}: a "
                f"run is resumed with the config it had; for another, start one with DuelingDoubleDQN.init_from{longer}"
            )
    found = state.get("recorded")
    recorded: Mapping[str, Any] = found if isinstance(found, Mapping) else {}
    for name, value in (("env_steps", data.recording.env_steps), ("epsilon", data.recording.epsilon)):
        if recorded and recorded.get(name) != value:
            raise UserError(
                f"RecordingSettings.{name} of the checkpoint's recording is {shortened(recorded.get(name))}, this "
                f"config's {value}: the base policy cannot be recorded again, a run is resumed with the config it had"
            )
    if (count := 1 + len(state.get(OTHERS, ()))) != data.ranks.count:
        raise UserError(
            f"the checkpoint is of a run on {count} rank{'s' * (count > 1)}, this one has {data.ranks.count}, and each "
            f"rank has a replay and emulators of its own: resume with trainer.devices {count} (or that many over all "
            "nodes), or start another fit from its weights with DuelingDoubleDQN.init_from"
        )
    if data.rehearsed and not recorded:
        raise UserError(
            f"ExperienceDataModule.rehearsal_ratio is {data.rehearsal_ratio:g}, but the checkpoint's run began "
            "without a recording of the base policy's play: resume with 0, or start a run with "
            "DuelingDoubleDQN.init_from"
        )
    shape = [data.replay.capacity // data.env.num_envs, data.env.num_envs]
    if replay.get("shape") != shape:  # a checkpoint from before `common` was kept
        raise UserError(
            f"the checkpoint's replay has {replay.get('shape')} rows x environments, this run's config {shape}; "
            "ReplaySettings.capacity and EnvConfig.num_envs must be what they were"
        )
    if ("priorities" in replay) != (data.replay.priorities is not None):
        raise UserError("the checkpoint's replay and this run's config differ in ReplaySettings.priorities")
