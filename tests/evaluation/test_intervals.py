from __future__ import annotations

import pytest
from scipy.stats import binomtest

from mk_lightning.evaluation.intervals import wilson_interval


@pytest.mark.parametrize("confidence", [0.8, 0.95, 0.99])
@pytest.mark.parametrize(
    ("wins", "matches"), [(0, 1), (1, 1), (0, 50), (50, 50), (49, 50), (3, 7), (25, 50), (1, 1000)]
)
def test_equals_scipy(wins, matches, confidence):
    expected = binomtest(wins, matches).proportion_ci(confidence, method="wilson")
    assert wilson_interval(wins, matches, confidence) == pytest.approx((expected.low, expected.high), abs=1e-12)


def test_95_percent_is_the_default():
    assert wilson_interval(3, 7) == wilson_interval(3, 7, 0.95)


def test_without_matches_nothing_is_known():
    assert wilson_interval(0, 0) == (0.0, 1.0)


@pytest.mark.parametrize("matches", [1, 7, 50, 333])
def test_stays_within_0_and_1(matches):
    assert wilson_interval(0, matches)[0] >= 0
    assert wilson_interval(matches, matches)[1] <= 1
