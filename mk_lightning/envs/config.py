"""How matches are played: the options that one environment and many have in common."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from mk_lightning.utils.errors import check_between

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
    """

    num_envs: int = 8
    frame_skip: int = 4
    release_frames: int = 1
    max_noops: int = 30
    max_env_steps: int = 3000

    def __post_init__(self) -> None:
        check_between("data.env.num_envs", self.num_envs, 1, MAX_ENVS)
        check_between("data.env.frame_skip", self.frame_skip, 1, 60, "frames")
        check_between("data.env.release_frames", self.release_frames, 0, self.frame_skip - 1, "frames")
        check_between("data.env.max_noops", self.max_noops, 0, 3600, "frames")
        check_between("data.env.max_env_steps", self.max_env_steps, 1, 10**6, "env_steps")

    @property
    def episode_kwargs(self) -> dict[str, int]:
        """Without the number of environments: what makes a match what it is."""
        return {name: value for name, value in asdict(self).items() if name != "num_envs"}
