"""Random streams of replay rows, and a naive replay that keeps whole matches as lists.

Data are identifiable: a frame holds its own row and environment, the action is the step within the match, the reward
ten times that plus the environment, so a wrong index shows.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from mk_lightning.experience.replay import CONTINUING, NO_ACTION, TERMINAL, TRUNCATED, Replay

FRAME_SHAPE = (2, 2)


def frame(row: int, env: int) -> np.ndarray:
    """A frame that no other row shows: its own number, spread over four bytes."""
    return np.array([row * 64 + env], "<u4").view(np.uint8).reshape(FRAME_SHAPE)


@dataclass
class Match:
    """One match as lists."""

    first_row: int
    frames: list = field(default_factory=list)
    actions: list = field(default_factory=list)
    rewards: list = field(default_factory=list)
    end: int = CONTINUING

    def stack(self, t: int, depth: int = 4) -> np.ndarray:
        return np.stack([self.frames[max(0, t - k)] for k in reversed(range(depth))])

    def transition(self, t: int, n_step: int, gamma: float):
        """(s_tm1, a_tm1, r_t, discount_t, s_t), one env_step at a time."""
        total, k = 0.0, 0
        while k < n_step and t + k < len(self.actions):
            total += gamma**k * self.rewards[t + k]
            k += 1
        over = t + k == len(self.actions) and self.end != CONTINUING
        discount = 0.0 if over and self.end == TERMINAL else gamma**k
        return self.stack(t), self.actions[t], total, discount, self.stack(t + k)


class Stream:
    """Rows of `num_envs` environments whose matches end at random, also kept as lists of matches."""

    def __init__(self, num_envs: int, seed: int, end_rate: float = 0.2) -> None:
        self.num_envs = num_envs
        self.end_rate = end_rate
        self.rows = 0
        self.matches: list[list[Match]] = [[] for _ in range(num_envs)]
        self._rng = np.random.default_rng(seed)
        self._ended = [True] * num_envs

    def feed(self, replay: Replay, rows: int) -> None:
        """Add the next rows of the stream."""
        for _ in range(rows):
            replay.add(*self.row())

    def row(self):
        columns = [self._column(env) for env in range(self.num_envs)]
        self.rows += 1
        frames, actions, rewards, outcomes = zip(*columns, strict=True)
        return np.stack(frames), np.array(actions), np.array(rewards, np.float32), np.array(outcomes, np.uint8)

    def _column(self, env: int):
        matches, shown = self.matches[env], frame(self.rows, env)
        if not matches or (matches[-1].end != CONTINUING and self._ended[env]):
            matches.append(Match(self.rows))
            self._ended[env] = False
        match = matches[-1]
        match.frames.append(shown)
        if match.end != CONTINUING:  # its last frame: whatever action was sent is not one
            self._ended[env] = True
            return shown, 99, 0.0, NO_ACTION
        step = len(match.actions)
        match.actions.append(step)
        match.rewards.append(10.0 * step + env)
        if self._rng.random() < self.end_rate:
            match.end = int(self._rng.choice([TERMINAL, TRUNCATED]))
        return shown, step, match.rewards[-1], match.end

    def find(self, row: int, env: int):
        """The match and the step within it of a row; a step beyond the last action is the match's last frame."""
        match = next(m for m in reversed(self.matches[env]) if m.first_row <= row)
        return match, row - match.first_row

    def acted(self, row: int, env: int) -> bool:
        match, step = self.find(row, env)
        return step < len(match.actions)
