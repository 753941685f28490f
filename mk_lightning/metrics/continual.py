"""What a row of fine-tunings kept and gained: the matrix of continual learning and the figures that are read off it.

Row i of `rates` (rounds + 1, states) holds the win rates after round i; row 0 is of the policy that all began with.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

Rates = NDArray[np.float64]


def forgetting(rates: Rates) -> Rates:
    """What each state lost from its best row to the last, (states,); 0 where the last row is the best.

    Chaudhry 2018 (arXiv:1801.10112, equation 3), with the last row among those that the maximum is taken over, so that
    what was gained last is not counted as negative.
    """
    lost: Rates = rates.max(axis=0) - rates[-1]
    return lost


def backward_transfer(rates: Rates, trained: Mapping[int, int]) -> float:
    """How states fare at the end beside right after the round that was for them, the mean over states.

    Lopez-Paz & Ranzato 2017 (arXiv:1706.08840, equation 3). Negative where they are forgotten.

    Args:
        rates: the matrix.
        trained: row after the round that each state was first trained in, by its column; those of the last round have
            no later row and are left out. nan if there are no others.
    """
    last = len(rates) - 1
    changes = [rates[-1, state] - rates[row, state] for state, row in trained.items() if row < last]
    return float(np.mean(changes)) if changes else float("nan")


def forward_transfer(rates: Rates, trained: Mapping[int, int]) -> float:
    """How much states had gained before the round that was for them, by what others taught, the mean over states.

    Lopez-Paz & Ranzato 2017 (arXiv:1706.08840, equation 4), beside the first policy in place of one drawn at random.

    Args:
        rates: the matrix.
        trained: row after the round that each state was first trained in, by its column; those of the first round had
            none before it and are left out. nan if there are no others.
    """
    changes = [rates[row - 1, state] - rates[0, state] for state, row in trained.items() if row > 1]
    return float(np.mean(changes)) if changes else float("nan")
