"""Settings of the DataModule, grouped as they stand in a config; each checks itself."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field

from mk_lightning.errors import UserError, check_at_least
from mk_lightning.experience.replay import Priorities


@dataclass(frozen=True)
class EnvSettings:
    """How matches are played, in training and in evaluation alike.

    Attributes:
        num_envs: environments in training, a process each.
        frame_skip: frames per env_step.
        release_frames: frames at the end of an env_step in which the attack buttons are released.
        max_noops: most frames without input at the start of a match.
        max_env_steps: env_steps after which a match is cut off.
    """

    num_envs: int = 8
    frame_skip: int = 4
    release_frames: int = 1
    max_noops: int = 30
    max_env_steps: int = 1800

    def __post_init__(self) -> None:
        check_at_least("data.env.num_envs", self.num_envs, 1)
        check_at_least("data.env.frame_skip", self.frame_skip, 1)
        check_at_least("data.env.release_frames", self.release_frames, 0)
        check_at_least("data.env.max_noops", self.max_noops, 0)
        check_at_least("data.env.max_env_steps", self.max_env_steps, 1)

    @property
    def of_a_match(self) -> dict[str, int]:
        """Without the number of environments: what makes a match what it is."""
        return {name: value for name, value in asdict(self).items() if name != "num_envs"}


@dataclass(frozen=True)
class ReplaySettings:
    """What is kept and how it is drawn.

    Attributes:
        capacity: transitions kept, about 7.1 kB each.
        n_step: env_steps a transition spans.
        gamma: discount per env_step.
        batch_size: transitions per learner_step.
        priorities: draw by TD error; null draws uniformly.
        on_disk: keep it on disk, too, in the run's directory; off, a resumed run begins with an empty one.
    """

    capacity: int = 100_000
    n_step: int = 3
    gamma: float = 0.97
    batch_size: int = 32
    priorities: Priorities | None = None
    on_disk: bool = True

    def __post_init__(self) -> None:
        check_at_least("data.replay.capacity", self.capacity, 1)
        check_at_least("data.replay.n_step", self.n_step, 1)
        check_at_least("data.replay.batch_size", self.batch_size, 1)
        if not 0 <= self.gamma <= 1:
            raise UserError(f"data.replay.gamma must be between 0 and 1, got {self.gamma}")


@dataclass(frozen=True)
class RecordingSettings:
    """How the base policy's play on the original states is recorded, for the methods that look back at it.

    Attributes:
        env_steps: how many to record, about 7.2 kB each.
        epsilon: probability of a random action.
        folder: where the recording is kept, and read from if it is there; null takes the run's own `recording`.
    """

    env_steps: int = 16_000
    epsilon: float = 0.05
    folder: str | None = None

    def __post_init__(self) -> None:
        check_at_least("data.recording.env_steps", self.env_steps, 1)
        if not 0 <= self.epsilon <= 1:
            raise UserError(f"data.recording.epsilon must be between 0 and 1, got {self.epsilon}")


@dataclass(frozen=True)
class EvaluationSettings:
    """When and how whole matches are played to measure the policy.

    Match m of a state has the same seed for every policy, so policies are compared on the same matches. The matches
    of a test are never those of a validation, by which the best checkpoint is chosen.

    Attributes:
        every: env_steps between validations; an epoch of training.
        matches: matches per state in a validation.
        test_matches: matches per state in a test, and before and after a fit.
        mixed: draw the state of each test match at random instead of playing the same number on each; their number in
            all stays, and which state each is on is the same for every policy.
        num_envs: environments matches are played in, a process each, at most one per match. It changes how long an
            evaluation takes, not its matches.
        epsilon: probability of a random action in a validation, and before and after a fit.
        test_epsilons: the same in a test, which plays all its matches once for each.
    """

    every: int = 48_000
    matches: int = 10
    test_matches: int = 50
    mixed: bool = False
    num_envs: int = 16
    epsilon: float = 0.0
    test_epsilons: list[float] = field(default_factory=lambda: [0.0, 0.05])

    def __post_init__(self) -> None:
        check_at_least("data.evaluation.every", self.every, 1)
        check_at_least("data.evaluation.matches", self.matches, 1)
        check_at_least("data.evaluation.test_matches", self.test_matches, 1)
        check_at_least("data.evaluation.num_envs", self.num_envs, 1)
        if not self.test_epsilons:
            raise UserError("data.evaluation.test_epsilons must name at least one exploration rate, e.g. [0.0]")
        for epsilon in (self.epsilon, *self.test_epsilons):
            if not 0 <= epsilon <= 1:
                raise UserError(f"data.evaluation: an epsilon must be between 0 and 1, got {epsilon}")
