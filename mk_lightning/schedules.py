"""Schedules: pure functions of env_steps, for the learning rate and exploration.

A schedule holds no state, so a resumed run reads the same value as an uninterrupted one. Where a config takes a
schedule it takes a plain number as well, which is the constant schedule.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod

from mk_lightning.utils.errors import UserError, check_at_least


class Schedule(ABC):
    """A value for every point of a run, given in env_steps."""

    @abstractmethod
    def __call__(self, env_steps: int) -> float:
        """The value after `env_steps` env_steps of the run."""


class Constant(Schedule):
    """The same value throughout; written in a config as a plain number."""

    def __init__(self, value: float) -> None:
        self.value = _finite("value", value)

    def __call__(self, env_steps: int) -> float:
        """The value."""
        return self.value


class Linear(Schedule):
    """From `start` to `end` in a straight line over `env_steps`, then `end`.

    Args:
        start: value at 0 env_steps.
        end: value from `env_steps` on.
        env_steps: length of the slope, env_steps.
    """

    def __init__(self, start: float, end: float, env_steps: int) -> None:
        self.start = _finite("Linear: start", start)
        self.end = _finite("Linear: end", end)
        self.env_steps = _length("Linear: env_steps", env_steps)

    def __call__(self, env_steps: int) -> float:
        """`start + (end - start) * min(1, env_steps / length)`."""
        return self.start + (self.end - self.start) * min(1.0, env_steps / self.env_steps)


class Exponential(Schedule):
    """From `start` to `end` by a constant factor per env_step over `env_steps`, then `end`.

    Args:
        start: value at 0 env_steps, above 0.
        end: value from `env_steps` on, above 0.
        env_steps: length of the decay, env_steps.
    """

    def __init__(self, start: float, end: float, env_steps: int) -> None:
        self.start = _positive("Exponential: start", start)
        self.end = _positive("Exponential: end", end)
        self.env_steps = _length("Exponential: env_steps", env_steps)

    def __call__(self, env_steps: int) -> float:
        """`start * (end / start) ** min(1, env_steps / length)`."""
        return float(self.start * (self.end / self.start) ** min(1.0, env_steps / self.env_steps))


class Cyclical(Schedule):
    """A triangle wave: `low` to `high` and back in every `period` (Smith 2017, arXiv:1506.01186, "triangular").

    Args:
        low: value at 0 env_steps and after every whole period.
        high: value in the middle of a period.
        period: length of one rise and fall, env_steps.
    """

    def __init__(self, low: float, high: float, period: int) -> None:
        self.low = _finite("Cyclical: low", low)
        self.high = _finite("Cyclical: high", high)
        if self.low > self.high:
            raise UserError(f"Cyclical: low {low} is above high {high}; swap them")
        self.period = _length("Cyclical: period", period)

    def __call__(self, env_steps: int) -> float:
        """`low + (high - low) * (1 - |2 * phase - 1|)` with `phase` in [0, 1)."""
        phase = (env_steps % self.period) / self.period
        return self.low + (self.high - self.low) * (1.0 - abs(2.0 * phase - 1.0))


def as_schedule(value: Schedule | float, name: str = "value") -> Schedule:
    """A schedule as it is; a number as the constant schedule.

    Raises:
        UserError: the number is not finite; the message calls it `name`.
    """
    return value if isinstance(value, Schedule) else Constant(_finite(name, value))


def bounds(schedule: Schedule) -> tuple[float, float]:
    """The lowest and the highest value a schedule can take, to validate a config before a run.

    Of a class from elsewhere only the first value is known.
    """
    known = type(schedule).__module__ == __name__
    names = {"value", "start", "end", "low", "high"}
    values = [v for k, v in vars(schedule).items() if k in names] if known else [schedule(0)]
    return min(values), max(values)


def _finite(name: str, value: float) -> float:
    if not math.isfinite(value):
        raise UserError(f"{name} must be a finite number, got {value}")
    return float(value)


def _positive(name: str, value: float) -> float:
    if not (math.isfinite(value) and value > 0):
        raise UserError(f"{name} must be above 0, got {value}")
    return float(value)


def _length(name: str, value: int) -> int:
    check_at_least(name, value, 1, "env_step")
    return int(value)
