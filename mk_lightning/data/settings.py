"""Settings of the DataModule, grouped as they stand in a config; each checks itself."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, Protocol

from mk_lightning.data.run_length import RunLength
from mk_lightning.envs.config import MAX_ENVS, EnvConfig
from mk_lightning.experience.match_seeds import MAX_TEST_SEED
from mk_lightning.experience.replay import BYTES_PER_TRANSITION, Priorities
from mk_lightning.games.game import Game
from mk_lightning.schedules import Schedule
from mk_lightning.utils.errors import UserError, check_at_least, check_between
from mk_lightning.utils.lengths import Length, check_length
from mk_lightning.utils.memory import check_memory
from mk_lightning.utils.ranks import Ranks

MAX_BATCH = 16_384
"""Transitions: a batch of them is 0.9 GB of frames."""
MAX_N_STEP = 100
"""env_steps, six seconds of a match; the warm-up and the replay must hold as many of every environment."""
MAX_MATCHES = 10_000
"""Matches per state, which measure a win rate to a point."""
MAX_ENV_STEPS = 10**12
"""env_steps of a run; a machine of today plays as many in years."""


@dataclass(frozen=True)
class ReplaySettings:
    """What is kept and how it is drawn.

    Attributes:
        capacity: transitions kept, about 7.1 kB each; as many as fit into the machine's memory.
        n_step: env_steps a transition spans, 1 to 100.
        gamma: discount per env_step.
        batch_size: transitions per learner_step, at most 16,384 and no more than `capacity`.
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
        check_at_least("ReplaySettings.capacity", self.capacity, 1)
        check_between("ReplaySettings.n_step", self.n_step, 1, MAX_N_STEP, "env_steps")
        check_memory("ReplaySettings.capacity", self.capacity, BYTES_PER_TRANSITION)
        if not 1 <= self.batch_size <= MAX_BATCH:
            most = min(MAX_BATCH, self.capacity)
            check_between("ReplaySettings.batch_size", self.batch_size, 1, most, "transitions")
        check_between("ReplaySettings.gamma", self.gamma, 0, 1)


@dataclass(frozen=True)
class RecordingSettings:
    """How the base policy's play on the original states is recorded, for the methods that look back at it.

    Attributes:
        env_steps: how many to record, about 7.2 kB each; as many as fit into the machine's memory.
        epsilon: probability of a random action.
        folder: where the recording is kept, and read from if it is there; null takes the run's own `recording`.
    """

    env_steps: int = 16_000
    epsilon: float = 0.05
    folder: str | None = None

    def __post_init__(self) -> None:
        check_at_least("RecordingSettings.env_steps", self.env_steps, 1)
        check_memory("RecordingSettings.env_steps", self.env_steps, BYTES_PER_TRANSITION)
        check_between("RecordingSettings.epsilon", self.epsilon, 0, 1)


@dataclass(frozen=True)
class EvaluationSettings:
    """When and how whole matches are played to measure the policy.

    Match m of a state has the same seed for every policy, so policies are compared on the same matches. The matches
    of a test are never those of a validation, by which the best checkpoint is chosen.

    Attributes:
        every: length between validations, an epoch of training: env_steps or a fraction of the run; rounded so that
            a run has a whole number of them.
        matches: matches per state in a validation, at most 10,000.
        test_matches: matches per state in a test, and before and after a fit, at most 10,000.
        test_seed: of the test matches, 0 to 1,000; another number gives others. Those of a validation stay.
        mixed: draw the state of each test match at random instead of playing the same number on each; their number in
            all stays, and which state each is on is the same for every policy.
        num_envs: environments matches are played in, a process each, at most one per match. It changes how long an
            evaluation takes, not its matches; at most 1,024.
        epsilon: probability of a random action in a validation, and before and after a fit.
        test_epsilons: the same in a test, which plays all its matches once for each; each named once.
        lost_originals: what a fit does that starts from a policy which loses original states, by its matches before:
            warn, or stop.
    """

    every: Length = 0.25
    matches: int = 10
    test_matches: int = 50
    test_seed: int = 0
    mixed: bool = False
    num_envs: int = 16
    epsilon: float = 0.0
    test_epsilons: list[float] = field(default_factory=lambda: [0.0, 0.05])
    lost_originals: Literal["warn", "stop"] = "warn"

    def __post_init__(self) -> None:
        check_length("EvaluationSettings.every", self.every)
        check_between("EvaluationSettings.matches", self.matches, 1, MAX_MATCHES)
        check_between("EvaluationSettings.test_matches", self.test_matches, 1, MAX_MATCHES)
        check_between("EvaluationSettings.test_seed", self.test_seed, 0, MAX_TEST_SEED)
        check_between("EvaluationSettings.num_envs", self.num_envs, 1, MAX_ENVS)
        check_between("EvaluationSettings.epsilon", self.epsilon, 0, 1)
        if not self.test_epsilons:
            raise UserError("EvaluationSettings.test_epsilons must name at least one exploration rate, e.g. [0.0]")
        for epsilon in self.test_epsilons:
            check_between("each of EvaluationSettings.test_epsilons", epsilon, 0, 1)
        if self.lost_originals not in ("warn", "stop"):
            raise UserError(f"EvaluationSettings.lost_originals must be warn or stop, got {self.lost_originals!r}")
        names = [f"{epsilon:g}" for epsilon in self.test_epsilons]  # as a test names its files
        if twice := [name for name in names if names.count(name) > 1]:
            raise UserError(f"EvaluationSettings.test_epsilons names {twice[0]} twice; leave one out")


class ExperienceSettings(Protocol):
    """What an `ExperienceDataModule` was told, for the functions that it calls; its docstring says what each means."""

    game: Game
    state_groups: dict[str, list[str]]
    evaluation_states: list[str]
    train_states: dict[str, float]
    max_env_steps: int
    warmup_env_steps: Length
    env_steps_per_learner_step: int
    epsilon: Schedule
    reward_scale: float
    rehearsal_ratio: float
    overlap: bool
    actor_on_device: bool
    seed: int
    env: EnvConfig
    replay: ReplaySettings
    recording: RecordingSettings
    evaluation: EvaluationSettings
    length: RunLength
    ranks: Ranks

    @property
    def num_envs(self) -> int:
        """Training environments of all ranks."""

    @property
    def rehearsed(self) -> int:
        """How many transitions of a batch come from the recording."""
