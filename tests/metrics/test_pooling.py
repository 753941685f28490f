from __future__ import annotations

from math import isnan

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
    less = pooled.less(1.0)
    assert (less.value, less.high, less.told) == (0.0, 0.0, False)
