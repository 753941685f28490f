"""What several seeds of one run say together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import cos, hypot, nan, pi, sin, sqrt, tan
from statistics import fmean, stdev

from mk_lightning.metrics.intervals import wilson_interval


@dataclass(frozen=True)
class PooledMean:
    """A mean over runs with its 95 % interval, which is nan of a single run.

    What varies is the run, not the match: two seeds can be thirty points apart where fifty matches tell ten. So the
    interval is Student's t over the runs.
    """

    value: float
    low: float = nan
    high: float = nan

    @classmethod
    def over_runs(cls, values: Sequence[float]) -> PooledMean:
        """Pool a figure of each run, at least one."""
        mean, n = fmean(values), len(values)
        if n == 1:
            return cls(mean)
        half = student_t(n - 1) * stdev(values) / sqrt(n)
        return cls(mean, mean - half, mean + half)

    @classmethod
    def of_rates(cls, rates: Sequence[float], matches: int) -> PooledMean:
        """Pool win rates, each of so many matches: within [0, 1], and no narrower than Wilson's of all the matches.

        Runs that agree by chance, or all win everything, would else have no spread at all.
        """
        mean = cls.over_runs(rates)
        if len(rates) == 1:
            return mean
        low, high = wilson_interval(mean.value * matches * len(rates), matches * len(rates))
        return cls(mean.value, max(0.0, min(mean.low, low)), min(1.0, max(mean.high, high)))

    def change_from(self, before: float, matches: int) -> PooledMean:
        """Return the change from a win rate of so many matches, the same for every run.

        The distances to the ends of this interval and of Wilson's are squared and added (Zou & Donner 2008, Stat. Med.
        27, 1693-1702): that rate is known no better than its matches tell.
        """
        low, high = wilson_interval(before * matches, matches)
        value = self.value - before
        return PooledMean(
            value,
            value - hypot(self.value - self.low, high - before),
            value + hypot(self.high - self.value, before - low),
        )

    @property
    def told(self) -> bool:
        """Whether the interval leaves out zero."""
        return self.low > 0 or self.high < 0


def student_t(freedom: int, confidence: float = 0.95) -> float:
    """Return how many standard errors the interval of a mean reaches to either side.

    The distribution's finite sums for whole degrees of freedom (Abramowitz & Stegun 1964, 26.7.3 and 26.7.4), inverted
    by bisection.

    Args:
        freedom: degrees of freedom, values less 1.
        confidence: coverage.
    """
    low, high = 0.0, pi / 2
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if _within(middle, freedom) < confidence else (low, middle)
    return tan(low) * sqrt(freedom)


def _within(angle: float, freedom: int) -> float:
    """Probability that |t| is below `tan(angle) * sqrt(freedom)`."""
    odd = freedom % 2
    term, total = (cos(angle), 0.0) if odd else (1.0, 0.0)
    for k in range(1 + odd, freedom, 2):
        total += term
        term *= k / (k + 1) * cos(angle) ** 2
    return 2 / pi * (angle + sin(angle) * total) if odd else sin(angle) * total
