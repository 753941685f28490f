"""Schedules: pure functions of env_steps, for the learning rate and exploration.

A schedule holds no state, so a resumed run reads the same value as an uninterrupted one. Where a config takes a
schedule it takes a plain number as well, which is the constant schedule. Lengths are in env_steps or fractions of the
run; of which run, `Schedule.over` says.
"""

from __future__ import annotations

import copy
import math
from abc import ABC, abstractmethod
from typing import ClassVar, Self

from mk_lightning.utils.errors import UserError
from mk_lightning.utils.lengths import Length, check_length, in_env_steps


class Schedule(ABC):
    """A value for every point of a run, given in env_steps.

    Subclass it for one of your own, and name its class in a config. `__call__` is all that it needs.

    Attributes:
        lengths: names of the attributes that are lengths, in env_steps or as fractions of the run. By the time a run
            calls the schedule they are in env_steps.
    """

    lengths: ClassVar[tuple[str, ...]] = ()

    def over(self, run_env_steps: int) -> Self:
        """Return the schedule of a run: fractions of it become env_steps.

        Args:
            run_env_steps: length of the run, without its warm-up.

        Raises:
            UserError: one of `lengths` is out of range.
        """
        schedule = copy.copy(self)
        for name in self.lengths:
            check_length(f"{type(self).__name__}: {name}", length := getattr(self, name))
            setattr(schedule, name, in_env_steps(length, run_env_steps))
        return schedule

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
        env_steps: length of the slope, env_steps or a fraction of the run.

    Examples:
        >>> Linear(0.2, 0.02, 64_000)(32_000), Linear(0.2, 0.02, 0.5).over(128_000)(32_000)
        (0.11, 0.11)
    """

    lengths = ("env_steps",)

    def __init__(self, start: float, end: float, env_steps: Length) -> None:
        self.start = _finite("Linear: start", start)
        self.end = _finite("Linear: end", end)
        self.env_steps = _length("Linear: env_steps", env_steps)

    def __call__(self, env_steps: int) -> float:
        """`start + (end - start) * min(1, env_steps / length)`."""
        return self.start + (self.end - self.start) * min(1.0, env_steps / _whole(self.env_steps))


class Exponential(Schedule):
    """From `start` to `end` by a constant factor per env_step over `env_steps`, then `end`.

    Args:
        start: value at 0 env_steps, above 0.
        end: value from `env_steps` on, above 0.
        env_steps: length of the decay, env_steps or a fraction of the run.
    """

    lengths = ("env_steps",)

    def __init__(self, start: float, end: float, env_steps: Length) -> None:
        self.start = _positive("Exponential: start", start)
        self.end = _positive("Exponential: end", end)
        self.env_steps = _length("Exponential: env_steps", env_steps)

    def __call__(self, env_steps: int) -> float:
        """`start * (end / start) ** min(1, env_steps / length)`."""
        return float(self.start * (self.end / self.start) ** min(1.0, env_steps / _whole(self.env_steps)))


class Cyclical(Schedule):
    """A triangle wave: `low` to `high` and back in every `period` (Smith 2017, arXiv:1506.01186, "triangular").

    Args:
        low: value at 0 env_steps and after every whole period.
        high: value in the middle of a period.
        period: length of one rise and fall, env_steps or a fraction of the run.
    """

    lengths = ("period",)

    def __init__(self, low: float, high: float, period: Length) -> None:
        self.low = _finite("Cyclical: low", low)
        self.high = _finite("Cyclical: high", high)
        if self.low > self.high:
            raise UserError(f"Cyclical: low {low} is above high {high}; swap them")
        self.period = _length("Cyclical: period", period)

    def __call__(self, env_steps: int) -> float:
        """`low + (high - low) * (1 - |2 * phase - 1|)` with `phase` in [0, 1)."""
        period = _whole(self.period)
        phase = (env_steps % period) / period
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
    values = [v for k, v in vars(schedule).items() if k in names] if known else [first_value(schedule)]
    return min(values), max(values)


def first_value(schedule: Schedule) -> float:
    """The value at 0 env_steps, which is the same in a run of any length."""
    return schedule.over(1)(0)


def _finite(name: str, value: float) -> float:
    if not math.isfinite(value):
        raise UserError(f"{name} must be a finite number, got {value}")
    return float(value)


def _positive(name: str, value: float) -> float:
    if not (math.isfinite(value) and value > 0):
        raise UserError(f"{name} must be above 0, got {value}")
    return float(value)


def _length(name: str, length: Length) -> Length:
    check_length(name, length)
    return length


def _whole(length: Length) -> int:
    """A length in env_steps.

    Raises:
        UserError: it is a fraction still; the message says how to say of which run.
    """
    if isinstance(length, float):
        raise UserError(f"the schedule's length is {length} of a run; schedule.over(run_env_steps) says of which")
    return length
