"""A sum tree: draw indices in proportion to their priorities, in O(log n), a batch at a time."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


class SumTree:
    """Priorities of `size` leaves, with their prefix sums in a binary tree of float64.

    Args:
        size: number of leaves.

    Attributes:
        nodes: (2 * capacity,) float64; node 1 is the root, leaf i is node `capacity + i`.
    """

    def __init__(self, size: int) -> None:
        self.size = size
        self.capacity = 1 << max(1, (size - 1).bit_length())
        self.nodes = np.zeros(2 * self.capacity, np.float64)

    @property
    def total(self) -> float:
        """Sum of all priorities."""
        return float(self.nodes[1])

    def get(self, indices: NDArray[np.int64]) -> NDArray[np.float64]:
        """Priorities of the leaves `indices`."""
        return self.nodes[self.capacity + indices]

    def set(self, indices: NDArray[np.int64], priorities: NDArray[np.float64]) -> None:
        """Set the leaves `indices` (each at most once) and mend the sums above them."""
        nodes = self.capacity + indices
        self.nodes[nodes] = priorities
        while nodes[0] > 1:
            nodes = np.unique(nodes >> 1)
            # Sums are recomputed from both children rather than adjusted by a difference, so rounding never piles up.
            self.nodes[nodes] = self.nodes[2 * nodes] + self.nodes[2 * nodes + 1]

    def find(self, targets: NDArray[np.float64]) -> NDArray[np.int64]:
        """The leaf at which the running sum of priorities first exceeds each target in [0, total)."""
        nodes = np.ones(len(targets), np.int64)
        targets = targets.copy()
        while nodes[0] < self.capacity:
            left = nodes << 1
            below = self.nodes[left]
            # A right child without priority is never entered, even if rounding puts the target at the very end.
            right = (targets >= below) & (self.nodes[left + 1] > 0)
            targets -= np.where(right, below, 0.0)
            nodes = left + right
        return nodes - self.capacity
