"""Checks of the options that one environment and many have in common."""

from __future__ import annotations

from mk_lightning.utils.errors import UserError

__all__ = ["check_env_options"]


def check_env_options(frame_skip: int, release_frames: int, max_noops: int, max_env_steps: int) -> None:
    """Check the options of :class:`~mk_lightning.envs.FightingEnv`.

    Raises:
        UserError: one is out of its range; the message names it, its value and a valid one.
    """
    if frame_skip < 1:
        raise UserError(f"frame_skip must be 1 frame or more, not {frame_skip}")
    if not 0 <= release_frames < frame_skip:
        raise UserError(
            f"release_frames must be 0 to {frame_skip - 1} (fewer than frame_skip, {frame_skip}), not {release_frames}"
        )
    if max_noops < 0:
        raise UserError(f"max_noops must be 0 frames or more, not {max_noops}")
    if max_env_steps < 1:
        raise UserError(f"max_env_steps must be 1 env_step or more, not {max_env_steps}")
