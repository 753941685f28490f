from __future__ import annotations

import math

import pytest

from mk_lightning.schedules import Constant, Cyclical, Exponential, Linear, Schedule, as_schedule, bounds
from mk_lightning.utils.errors import UserError


def test_constant():
    assert [Constant(0.3)(t) for t in (0, 1, 10**9)] == [0.3] * 3


def test_linear():
    schedule = Linear(1.0, 0.2, 400)
    assert [schedule(t) for t in (0, 100, 200, 400, 401, 10**9)] == pytest.approx([1, 0.8, 0.6, 0.2, 0.2, 0.2])
    assert Linear(0.0, 5.0, 10)(3) == pytest.approx(1.5)


def test_exponential():
    """Equal factors over equal times: a quarter of the way is the fourth root of the whole ratio."""
    schedule = Exponential(1.0, 1e-4, 400)
    assert [schedule(t) for t in (0, 100, 200, 300, 400, 10**9)] == pytest.approx([1, 1e-1, 1e-2, 1e-3, 1e-4, 1e-4])
    assert schedule(57) == pytest.approx(math.exp(57 / 400 * math.log(1e-4)))


def test_cyclical():
    schedule = Cyclical(0.1, 0.5, 80)
    wave = [0.1, 0.3, 0.5, 0.3]
    assert [schedule(t) for t in range(0, 240, 20)] == pytest.approx(wave * 3)
    assert schedule(10) == pytest.approx(0.2)


def test_cyclical_of_odd_and_of_least_period():
    assert [Cyclical(0.0, 1.0, 5)(t) for t in range(6)] == pytest.approx([0, 0.4, 0.8, 0.8, 0.4, 0])
    assert [Cyclical(0.0, 1.0, 1)(t) for t in range(3)] == [0, 0, 0]


def test_a_number_is_the_constant_schedule_and_a_schedule_itself():
    assert as_schedule(0.25)(7) == 0.25
    linear = Linear(1, 0, 10)
    assert as_schedule(linear) is linear


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        (Constant(0.3), (0.3, 0.3)),
        (Linear(0.2, 0.9, 50), (0.2, 0.9)),
        (Linear(0.9, -0.2, 50), (-0.2, 0.9)),
        (Exponential(1e-3, 1e-5, 50), (1e-5, 1e-3)),
        (Cyclical(0.1, 0.4, 50), (0.1, 0.4)),
    ],
)
def test_bounds_are_what_the_schedule_reaches(schedule, expected):
    values = [schedule(t) for t in range(0, 60)]
    assert bounds(schedule) == expected == pytest.approx((min(values), max(values)))


class Steps(Schedule):
    """A user's own."""

    def __call__(self, env_steps: int) -> float:
        return 0.5 ** (env_steps // 100)


def test_of_a_users_own_schedule_the_first_value_is_known():
    assert bounds(Steps()) == (1.0, 1.0)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Constant(math.nan), "value must be a finite number, got nan"),
        (lambda: Linear(math.inf, 0, 10), "start must be a finite number, got inf"),
        (lambda: Linear(1, 0, 0), "env_steps must be at least 1 env_step, got 0"),
        (lambda: Linear(1, 0, -5), "env_steps must be at least 1 env_step, got -5"),
        (lambda: Exponential(1, 0, 10), "end must be above 0, got 0"),
        (lambda: Exponential(-1, 1, 10), "start must be above 0, got -1"),
        (lambda: Exponential(math.inf, 1, 10), "start must be above 0, got inf"),
        (lambda: Exponential(1, 1, 0), "env_steps must be at least 1 env_step, got 0"),
        (lambda: Cyclical(0.5, 0.1, 10), "low 0.5 is above high 0.1; swap them"),
        (lambda: Cyclical(0.1, 0.5, 0), "period must be at least 1 env_step, got 0"),
    ],
)
def test_refuses(make, message):
    with pytest.raises(UserError, match=message):
        make()
