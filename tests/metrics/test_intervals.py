from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binomtest

from mk_lightning.metrics.intervals import mean_interval, paired_interval, sign_test, wilson_interval

# -- one rate ----------------------------------------------------------------------------------------------------------


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


# -- a change between pairs --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("table", [(0, 10, 0, 10), (10, 0, 10, 0), (4, 6, 4, 6), (9, 3, 3, 1), (0, 0, 0, 20)])
def test_without_correlation_it_is_that_of_two_independent_rates(table):
    """Newcombe's for independent rates, from scipy's Wilson intervals."""
    both, gained, lost, _ = table
    n = sum(table)
    after, before = both + gained, both + lost
    a, b = (binomtest(wins, n).proportion_ci(method="wilson") for wins in (after, before))
    change = (after - before) / n
    low = change - np.hypot(after / n - a.low, b.high - before / n)
    high = change + np.hypot(a.high - after / n, before / n - b.low)
    assert paired_interval(*table) == pytest.approx((max(-1, low), min(1, high)), abs=1e-12)


@pytest.mark.parametrize("table", [(30, 5, 2, 13), (0, 9, 1, 0), (7, 7, 7, 7), (2, 30, 4, 1)])
def test_turned_round_it_is_the_same_with_the_other_sign(table):
    both, gained, lost, neither = table
    low, high = paired_interval(*table)
    assert paired_interval(both, lost, gained, neither) == pytest.approx((-high, -low), abs=1e-12)


def test_pairs_that_agree_say_more_than_pairs_that_do_not():
    (low, high), (wide_low, wide_high) = paired_interval(20, 6, 2, 20), paired_interval(0, 26, 22, 0)
    assert wide_low < low < 4 / 48 < high < wide_high


def test_without_pairs_nothing_is_known_of_the_change():
    assert paired_interval(0, 0, 0, 0) == (-1.0, 1.0)


# -- pairs that turned -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("gained", "lost"), [(0, 0), (1, 0), (2, 2), (0, 6), (9, 2), (120, 80)])
def test_the_sign_test_is_scipy_s(gained, lost):
    expected = binomtest(gained, gained + lost).pvalue if gained + lost else 1.0
    assert sign_test(gained, lost) == pytest.approx(expected, rel=1e-12)


# -- a mean of changes -------------------------------------------------------------------------------------------------


def test_the_mean_of_one_is_that_one():
    assert mean_interval([0.2], [(0.1, 0.4)]) == pytest.approx((0.1, 0.4))


def test_the_mean_of_many_is_known_better_by_the_root_of_their_number():
    low, high = mean_interval([0.1] * 16, [(-0.1, 0.5)] * 16)
    assert (low, high) == pytest.approx((0.1 - 0.2 / 4, 0.1 + 0.4 / 4))
