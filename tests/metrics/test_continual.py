from __future__ import annotations

import numpy as np
import pytest

from mk_lightning.metrics.continual import backward_transfer, forgetting, forward_transfer

RATES = np.array(
    [
        [1.0, 0.1, 0.0, 0.2],
        [0.9, 0.8, 0.1, 0.2],
        [1.0, 0.6, 0.7, 0.5],
        [0.8, 0.7, 0.6, 0.9],
    ]
)
"""Columns: one that was won from the beginning, and those that rounds 1, 2 and 3 were for."""
TRAINED = {1: 1, 2: 2, 3: 3}


def test_forgetting_is_from_the_best_row_and_never_negative() -> None:
    assert forgetting(RATES) == pytest.approx([0.2, 0.1, 0.1, 0.0])
    assert (forgetting(RATES[:1]) == 0).all()


def test_backward_transfer_is_of_all_but_the_last_round() -> None:
    assert backward_transfer(RATES, TRAINED) == pytest.approx(((0.7 - 0.8) + (0.6 - 0.7)) / 2)
    assert np.isnan(backward_transfer(RATES[:2], {1: 1}))


def test_forward_transfer_is_what_others_taught_before() -> None:
    assert forward_transfer(RATES, TRAINED) == pytest.approx(((0.1 - 0.0) + (0.5 - 0.2)) / 2)
    assert np.isnan(forward_transfer(RATES, {1: 1}))
