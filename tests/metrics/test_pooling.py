from __future__ import annotations

from math import isnan

import numpy as np
import pytest
from scipy import stats

from mk_lightning.metrics.intervals import wilson_interval
from mk_lightning.metrics.pooling import PooledMean, student_t


@pytest.mark.parametrize("freedom", [1, 2, 3, 4, 5, 9, 10, 30, 101])
@pytest.mark.parametrize("confidence", [0.5, 0.95, 0.99])
def test_student_s_t_equals_scipy_s(freedom: int, confidence: float) -> None:
    assert student_t(freedom, confidence) == pytest.approx(stats.t.ppf((1 + confidence) / 2, freedom))


def test_the_interval_of_a_mean_equals_scipy_s() -> None:
    values = [0.9, 0.7, 0.85]
    pooled = PooledMean.over_runs(values)
    low, high = stats.t.interval(0.95, 2, loc=sum(values) / 3, scale=stats.sem(values))
    assert (pooled.low, pooled.high) == pytest.approx((low, high))
    assert pooled.told


def test_a_single_run_has_no_interval() -> None:
    pooled = PooledMean.over_runs([0.4])
    assert pooled.value == 0.4
    assert isnan(pooled.low)
    assert not pooled.told


def test_rates_that_agree_are_no_narrower_than_their_matches() -> None:
    pooled = PooledMean.of_rates([1.0, 1.0], 10)
    assert (pooled.low, pooled.high) == (wilson_interval(20, 20)[0], 1.0)
    change = pooled.change_from(1.0, 10)
    assert change.value == 0.0
    assert change.high == pytest.approx(1.0 - wilson_interval(10, 10)[0])
    assert not change.told


@pytest.mark.parametrize(("runs", "matches"), [(3, 150), (5, 150), (10, 30)])
def test_of_equal_fighters_it_tells_of_a_change_in_no_more_than_5_of_100(runs: int, matches: int) -> None:
    """Each run plays its matches, the base the same number of them once."""
    rng = np.random.default_rng(0)
    told = 0
    for _ in range(2_000):
        rates = rng.binomial(matches, 0.4, runs) / matches
        told += (
            PooledMean.of_rates(list(rates), matches).change_from(rng.binomial(matches, 0.4) / matches, matches).told
        )
    assert told / 2_000 < 0.055
