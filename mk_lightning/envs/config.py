"""How matches are played: the options that one environment and many have in common."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from mk_lightning.envs.reward_checks import DEFAULT_REWARD, described
from mk_lightning.envs.rewards import DamageReward, Reward
from mk_lightning.utils.errors import UserError, check_between, shortened

MAX_ENVS = 1024
"""Processes; more would be a slip of the keyboard, and starting them would stop the machine."""


@dataclass(frozen=True)
class EnvConfig:
    """How matches are played, in training and in evaluation alike.

    Attributes:
        num_envs: environments in training, a process each; at most 1,024.
        frame_skip: frames per env_step, 1 to 60.
        release_frames: frames at the end of an env_step in which the attack buttons are released; fewer than
            `frame_skip`.
        max_noops: most frames without input at the start of a match, 0 to 3,600; with random actions where the game
            has no `seed_variable`, or its matches would differ in nothing else.
        max_env_steps: env_steps after which a match is cut off, 1 to 1,000,000.
        reward: what an env_step is worth, game units.

    Raises:
        UserError: one is out of its range; the message names it, its value and a valid one.

    Example:
        >>> EnvConfig(num_envs=2, frame_skip=8).episode_options
        {'frame_skip': 8, 'release_frames': 1, 'max_noops': 30, 'max_env_steps': 3000}
    """

    num_envs: int = 8
    frame_skip: int = 4
    release_frames: int = 1
    max_noops: int = 30
    max_env_steps: int = 3000
    reward: Reward = field(default_factory=DamageReward)

    def __post_init__(self) -> None:
        check_between("EnvConfig.num_envs", self.num_envs, 1, MAX_ENVS)
        check_between("EnvConfig.frame_skip", self.frame_skip, 1, 60, "frames")
        check_between("EnvConfig.release_frames", self.release_frames, 0, self.frame_skip - 1, "frames")
        check_between("EnvConfig.max_noops", self.max_noops, 0, 3600, "frames")
        check_between("EnvConfig.max_env_steps", self.max_env_steps, 1, 10**6, "env_steps")
        if not isinstance(self.reward, Reward):
            raise UserError(f"EnvConfig.reward must be a Reward, such as DamageReward(), got {shortened(self.reward)}")
        described(self.reward)  # which checks that files can note it

    @property
    def episode_options(self) -> dict[str, int | str]:
        """What makes a match what it is, as files note it: all but the number of environments.

        The reward only where it is not the default, as in files from before there was another.
        """
        options: dict[str, int | str] = {
            "frame_skip": self.frame_skip,
            "release_frames": self.release_frames,
            "max_noops": self.max_noops,
            "max_env_steps": self.max_env_steps,
        }
        reward = described(self.reward)
        return options if reward == DEFAULT_REWARD else options | {"reward": reward}


def with_default_reward(options: Mapping[str, object]) -> dict[str, object]:
    """Return what a file notes of matches, with the reward that goes without saying, for a comparison."""
    return {"reward": DEFAULT_REWARD, **options}
