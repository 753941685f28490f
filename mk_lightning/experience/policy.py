"""What a policy is: a function from stacked frames to actions."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray


class Policy(Protocol):
    """Chooses the greedy action for each observation; exploration is added by whoever plays."""

    def __call__(self, stacks: NDArray[np.uint8]) -> NDArray[np.int64]:
        """Actions (B,) int64 for observations (B, 4, 84, 84) uint8."""
