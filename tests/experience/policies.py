"""Policies whose actions say what they saw."""

from __future__ import annotations

import numpy as np

NUM_ACTIONS = 26


class Fingerprint:
    """An action computed from every frame of the stack and its position; keeps what it was shown."""

    def __init__(self) -> None:
        self.seen: list[np.ndarray] = []

    def __call__(self, stacks: np.ndarray) -> np.ndarray:
        self.seen.extend(stack.copy() for stack in stacks)
        return fingerprints(stacks)


class Always:
    """One action."""

    def __init__(self, action: int) -> None:
        self.action = action

    def __call__(self, stacks: np.ndarray) -> np.ndarray:
        return np.full(len(stacks), self.action, np.int64)


def fingerprints(stacks: np.ndarray) -> np.ndarray:
    """(B,) actions of (B, 4, 84, 84) stacks."""
    sums = stacks.reshape(*stacks.shape[:2], -1).sum(2, dtype=np.int64)
    return sums @ np.array([1, 3, 7, 11]) % NUM_ACTIONS
