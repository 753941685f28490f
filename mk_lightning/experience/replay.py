"""Experience replay that stores each frame once and builds stacks and n-step returns when it samples."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from mk_lightning.experience.sum_tree import SumTree
from mk_lightning.experience.transition import Transition
from mk_lightning.utils.errors import UserError, check_at_least, check_positive

CONTINUING, TERMINAL, TRUNCATED, NO_ACTION = 0, 1, 2, 3
"""What followed the action of a row: the match went on, ended, or was cut off; or the row is the last frame of a
match, at which no action was taken."""

COLUMNS = ("frames", "actions", "rewards", "outcomes", "ages")
"""The arrays that hold the rows."""

BYTES_PER_TRANSITION = 7_068
"""Its frame and the rest of its row; without priorities."""

MAX_AGE = 255
"""Ages saturate here: a stack looks back fewer frames than that."""


def least_capacity(num_envs: int, n_step: int, stack: int = 4) -> int:
    """The smallest capacity, transitions, with which anything can be drawn."""
    return (n_step + stack + 1) * num_envs


@dataclass(frozen=True)
class Priorities:
    """Prioritised replay (Schaul 2016, arXiv:1511.05952, section 3.3).

    Attributes:
        alpha: exponent of the priority, 0 (uniform) to 1 (proportional to |TD error|).
        beta: exponent of the importance weights, 0 (no correction) to 1 (full correction).
        epsilon: added to |TD error| so that nothing is never drawn again.
    """

    alpha: float = 0.6
    beta: float = 0.4
    epsilon: float = 1e-3

    def __post_init__(self) -> None:
        for name in ("alpha", "beta"):
            if not 0 <= getattr(self, name) <= 1:
                raise UserError(f"Priorities.{name} must be between 0 and 1, got {getattr(self, name)}")
        check_positive("Priorities.epsilon", self.epsilon)


@dataclass(frozen=True)
class Sample:
    """Drawn transitions, where they lie, and their importance weights.

    Attributes:
        transition: B n-step transitions.
        indices: (B,) int64, `row number * num_envs + env`; a place in the ring is used again, a number never is.
        weights: (B,) float32 importance weights, at most 1; ones when drawn uniformly.
    """

    transition: Transition
    indices: NDArray[np.int64]
    weights: torch.Tensor


class Replay:
    """A ring of rows, one row per vector env_step, one column per environment.

    Row t of a column holds the frame an agent saw, the action it took there, its reward and what followed. The next
    row of the column holds the next frame; after the end of a match that is the match's own last frame, marked
    `NO_ACTION`, and then the first frame of the next match (gymnasium's next-step autoreset). A stack is gathered
    from a row and the rows before it, but never from before the match began (there the first frame repeats), so
    a frame costs 7,056 bytes once.

    Args:
        capacity: transitions kept, rounded down to whole rows.
        num_envs: columns N.
        n_step: env_steps a transition spans at most.
        gamma: discount per env_step.
        stack: frames in an observation.
        priorities: draw by priority instead of uniformly.
        seed: of the stream that draws.

    Raises:
        UserError: an argument out of range.
    """

    def __init__(
        self,
        capacity: int,
        num_envs: int,
        *,
        n_step: int = 1,
        gamma: float = 0.95,
        stack: int = 4,
        frame_shape: tuple[int, int] = (84, 84),
        priorities: Priorities | None = None,
        seed: int | list[int] = 0,
    ) -> None:
        self.rows = capacity // num_envs
        self.num_envs = num_envs
        self.n_step = n_step
        self.gamma = gamma
        self.stack = stack
        self.priorities = priorities
        check_at_least("Replay.n_step", n_step, 1, "env_step")
        if not 0 <= gamma <= 1:
            raise UserError(f"Replay.gamma must be between 0 and 1, got {gamma}")
        if capacity < (least := least_capacity(num_envs, n_step, stack)):
            raise UserError(f"Replay.capacity must be at least {least} transitions, got {capacity}")
        shape = (self.rows, num_envs)
        self.frames = np.zeros((*shape, *frame_shape), np.uint8)
        self.actions = np.zeros(shape, np.uint8)
        self.rewards = np.zeros(shape, np.float32)
        self.outcomes = np.full(shape, NO_ACTION, np.uint8)
        self.ages = np.zeros(shape, np.uint8)
        self.added = 0
        """Rows ever added; row number `r` lies at `r % rows`."""
        self._rng = np.random.default_rng(seed)
        self._powers = (gamma ** np.arange(n_step + 1)).astype(np.float32)
        self._tree = SumTree(self.rows * num_envs) if priorities else None
        self._max_priority = 1.0

    def __len__(self) -> int:
        """Transitions held, those not yet or no more sampleable included."""
        return min(self.added, self.rows) * self.num_envs

    @property
    def nbytes(self) -> int:
        """Memory held, bytes."""
        rows = sum(getattr(self, name).nbytes for name in COLUMNS)
        return int(rows + (self._tree.nodes.nbytes if self._tree else 0))

    def add(
        self,
        frames: NDArray[np.uint8],
        actions: NDArray[np.int64],
        rewards: NDArray[np.float32],
        outcomes: NDArray[np.uint8],
    ) -> None:
        """Add one row.

        Args:
            frames: (N, 84, 84) uint8, what each environment showed when its action was chosen.
            actions: (N,) int64.
            rewards: (N,) float32, learning units.
            outcomes: (N,) uint8, `CONTINUING`, `TERMINAL`, `TRUNCATED`, or `NO_ACTION` for the last frame of a match.
        """
        row, last = self.added % self.rows, (self.added - 1) % self.rows
        if self.added == 0:
            ages = np.zeros(self.num_envs, np.uint8)
        else:
            older = np.minimum(self.ages[last].astype(np.int64) + 1, MAX_AGE)
            ages = np.where(self.outcomes[last] == NO_ACTION, 0, older).astype(np.uint8)
        self.frames[row] = frames
        self.actions[row] = actions
        self.rewards[row] = rewards
        self.outcomes[row] = outcomes
        self.ages[row] = ages
        self.added += 1
        if self._tree:
            self._move_window(self._tree)

    def sampleable(self) -> range:
        """Numbers of the rows that may be drawn: their stack and their n-step successor are both in the ring."""
        # The row to be overwritten next is `added - rows`; the rows whose stack reaches back to it go with it.
        first = max(0, self.added - self.rows + self.stack - 1)
        return range(first, max(first, self.added - self.n_step))

    def sample(self, batch_size: int) -> Sample:
        """Draw B transitions, with replacement.

        Raises:
            UserError: nothing can be drawn yet.
        """
        window = self.sampleable()
        if not len(window):
            raise UserError(f"nothing to draw yet: {self.added} rows added, {self.n_step + 1} needed")
        if self._tree and self.priorities:
            indices, weights = self._draw_by_priority(self._tree, self.priorities, batch_size)
        else:
            indices, weights = self._draw_uniformly(window, batch_size), np.ones(batch_size, np.float32)
        return Sample(self.gather(indices), indices, torch.from_numpy(weights))

    def gather(self, indices: NDArray[np.int64]) -> Transition:
        """The transitions that start at `indices`, (B,) int64 as in `Sample`."""
        rows, envs = np.divmod(indices % (self.rows * self.num_envs), self.num_envs)
        ahead = (rows[:, None] + np.arange(self.n_step)) % self.rows
        outcomes = self.outcomes[ahead, envs[:, None]]
        ends = (outcomes == TERMINAL) | (outcomes == TRUNCATED)
        # Steps really taken: up to and including the first end, else all n.
        taken = np.where(ends.any(1), ends.argmax(1) + 1, self.n_step)
        within = np.arange(self.n_step) < taken[:, None]
        rewards = (self.rewards[ahead, envs[:, None]] * self._powers[:-1] * within).sum(1, dtype=np.float32)
        last = outcomes[np.arange(len(indices)), taken - 1]
        discounts = np.where(last == TERMINAL, np.float32(0), self._powers[taken])
        return Transition(
            self._stack(rows, envs),
            torch.from_numpy(self.actions[rows, envs].astype(np.int64)),
            torch.from_numpy(rewards),
            torch.from_numpy(discounts),
            self._stack((rows + taken) % self.rows, envs),
        )

    def update_priorities(self, indices: NDArray[np.int64], td_errors: NDArray[np.float32]) -> None:
        """Set priorities from |TD error| (B,), but for rows that left the window since they were drawn."""
        if not (self._tree and self.priorities):
            return
        priorities = (np.abs(td_errors.astype(np.float64)) + self.priorities.epsilon) ** self.priorities.alpha
        self._max_priority = max(self._max_priority, float(priorities.max()))
        indices, first = np.unique(indices, return_index=True)
        held = indices >= self.sampleable().start * self.num_envs
        if held.any():
            self._tree.set(indices[held] % self._tree.size, priorities[first][held])

    def state_dict(self) -> dict[str, Any]:
        """Everything but the rows themselves (see `segments.py`), as tensors and plain Python."""
        state: dict[str, Any] = {
            "added": self.added,
            "shape": [self.rows, self.num_envs],
            "rng": self._rng.bit_generator.state,
            "max_priority": self._max_priority,
        }
        if self._tree:
            leaves = self._tree.get(np.arange(self._tree.size))
            state["priorities"] = torch.from_numpy(leaves)
        return state

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore `state_dict`; the rows are read back by `segments.py`.

        Raises:
            UserError: the checkpoint's replay has another capacity, number of environments or way of drawing.
        """
        if state["shape"] != [self.rows, self.num_envs]:
            seen, want = state["shape"], [self.rows, self.num_envs]
            raise UserError(f"the checkpoint's replay has {seen} rows x environments, this run's config {want}")
        if ("priorities" in state) != (self._tree is not None):
            raise UserError("the checkpoint's replay and this run's config differ in ReplaySettings.priorities")
        self.added = state["added"]
        self._rng.bit_generator.state = state["rng"]
        self._max_priority = state["max_priority"]
        if self._tree:
            self._tree.set(np.arange(self._tree.size), state["priorities"].numpy())

    def _stack(self, rows: NDArray[np.int64], envs: NDArray[np.int64]) -> torch.Tensor:
        """(B, stack, 84, 84) uint8, newest last; before the match's first frame that frame repeats.

        Channels last in memory, as a convolution wants them: interleaving bytes costs less than it would numbers.
        """
        back = np.minimum(np.arange(self.stack - 1, -1, -1), self.ages[rows, envs][:, None])
        stacks = np.empty((len(rows), *self.frames.shape[2:], self.stack), np.uint8)
        for stack, newest_last, env in zip(stacks, (rows[:, None] - back) % self.rows, envs, strict=True):
            cv2.merge([self.frames[row, env] for row in newest_last], dst=stack)
        return torch.from_numpy(stacks).permute(0, 3, 1, 2)

    def _draw_uniformly(self, window: range, batch_size: int) -> NDArray[np.int64]:
        """Draw indices and redraw those at which no action was taken (one row a match)."""
        drawn = np.empty(0, np.int64)
        while len(drawn) < batch_size:
            missing = batch_size - len(drawn)
            numbers = self._rng.integers(window.start, window.stop, missing)
            envs = self._rng.integers(0, self.num_envs, missing)
            kept = self.outcomes[numbers % self.rows, envs] != NO_ACTION
            drawn = np.concatenate([drawn, numbers[kept] * self.num_envs + envs[kept]])
        return drawn

    def _draw_by_priority(
        self, tree: SumTree, priorities: Priorities, batch_size: int
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Stratified draw: one index from each of B equal shares of the total priority."""
        window = self.sampleable()
        shares = (np.arange(batch_size) + self._rng.random(batch_size)) / batch_size
        places = tree.find(shares * tree.total)
        probabilities = tree.get(places) / tree.total
        weights = (len(window) * self.num_envs * probabilities) ** -priorities.beta
        oldest = window.start * self.num_envs
        indices = oldest + (places - oldest) % tree.size
        return indices, (weights / weights.max()).astype(np.float32)

    def _move_window(self, tree: SumTree) -> None:
        """Give the row that became sampleable the highest priority seen, and take it from the one that ceased to be."""
        window = self.sampleable()
        columns = np.arange(self.num_envs)
        if len(window):
            row = (window.stop - 1) % self.rows
            first = np.where(self.outcomes[row] == NO_ACTION, 0.0, self._max_priority)
            tree.set(row * self.num_envs + columns, first)
        if window.start > 0:
            gone = (window.start - 1) % self.rows
            tree.set(gone * self.num_envs + columns, np.zeros(self.num_envs))
