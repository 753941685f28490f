"""What the replay hands to the learner."""

from __future__ import annotations

from typing import NamedTuple, Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from mk_lightning.envs.episode import EpisodeResult
from mk_lightning.utils.lengths import Length, in_env_steps


class Transition(NamedTuple):
    """A batch of B n-step transitions.

    `discount_t` is gamma**k over the k env_steps really taken: 0 when a terminal lies within them, gamma**k when they
    end in a truncation, whose `s_t` is the episode's own last observation. So n-step returns, terminals and
    truncations need no special case in a loss: the target is `r_t + discount_t * value(s_t)`.
    """

    s_tm1: torch.Tensor
    """Observation before the action, (B, 4, 84, 84) uint8, newest frame last."""
    a_tm1: torch.Tensor
    """Action taken, (B,) int64."""
    r_t: torch.Tensor
    """Sum of the k rewards, discounted, in learning units (game units / reward_scale), (B,) float32."""
    discount_t: torch.Tensor
    """Weight of the value of `s_t`, (B,) float32."""
    s_t: torch.Tensor
    """Observation k env_steps later, (B, 4, 84, 84) uint8."""


class PrioritySource(Protocol):
    """Whatever draws batches by priority, and learns from the learner what the priorities are."""

    def update_priorities(self, indices: NDArray[np.int64], td_errors: NDArray[np.float32]) -> None:
        """Take in |TD error| (K,), learning units, of the rows at `indices` (K,)."""


class Progress(NamedTuple):
    """How far a run has come: what schedules, phases and intervals go by."""

    env_steps: int
    """Collected so far, those of the warm-up among them."""
    warmup_env_steps: int
    """Collected before the first learner_step's."""
    run_env_steps: int
    """Length of the run, without its warm-up: what 1.0 of the run is."""

    def in_env_steps(self, length: Length) -> int:
        """The length of a part of the run, env_steps."""
        return in_env_steps(length, self.run_env_steps)


class Batch(NamedTuple):
    """A batch with what surrounds it: where it came from, how much each row counts, and the run's counters."""

    transition: Transition
    weights: torch.Tensor
    """Importance weights, (B,) float32; ones when the replay draws uniformly."""
    indices: NDArray[np.int64]
    """Positions of the first K rows in the replay, (K,); the others, if any, come from the base policy's play. No
    tensor, for those Lightning copies to the run's device and precision."""
    source: PrioritySource
    """Where the batch comes from; the learner gives it the TD errors of the rows at `indices`."""
    progress: Progress
    """How far the run had come when the batch was drawn."""
    stats: dict[str, float]
    """The collector's figures to log with this batch (epsilon, recent win rate and return)."""
    finished: tuple[EpisodeResult, ...]
    """The training matches that ended since the batch before, in the order in which they did."""

    @property
    def env_steps(self) -> int:
        """env_steps collected when the batch was drawn."""
        return self.progress.env_steps
