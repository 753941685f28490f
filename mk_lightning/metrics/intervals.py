"""Confidence intervals."""

from __future__ import annotations

from collections.abc import Sequence
from math import comb
from statistics import NormalDist


def wilson_interval(wins: float, matches: float, confidence: float = 0.95) -> tuple[float, float]:
    """The score interval of a proportion (Wilson 1927, J. Am. Stat. Assoc. 22, 209-212).

    Args:
        wins: matches won.
        matches: matches played; with none the interval is all of [0, 1].
        confidence: coverage.

    Returns:
        The lower and the upper end, within [0, 1].
    """
    if matches == 0:
        return 0.0, 1.0
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    share, spread = wins / matches, z * z / matches
    middle = (share + spread / 2) / (1 + spread)
    half = z / (1 + spread) * ((share * (1 - share) + spread / 4) / matches) ** 0.5
    return max(0.0, middle - half), min(1.0, middle + half)


def paired_interval(
    both: int, only_after: int, only_before: int, neither: int, confidence: float = 0.95
) -> tuple[float, float]:
    """The interval of the change of a win rate when the same matches are played before and after.

    Wilson's intervals of both rates, squared and added with the correlation of the pairs (Newcombe 1998, Stat. Med. 17,
    2635-2650, method 10). It stays sensible where a rate is 0 or 1, as the usual one of McNemar's test does not.

    Args:
        both: matches won before and after.
        only_after: matches lost before and won after.
        only_before: matches won before and lost after.
        neither: matches lost before and after.
        confidence: coverage.

    Returns:
        The lower and the upper end of (rate after - rate before), within [-1, 1]; all of it without matches.
    """
    matches = both + only_after + only_before + neither
    if matches == 0:
        return -1.0, 1.0
    after, before = (both + only_after) / matches, (both + only_before) / matches
    after_low, after_high = wilson_interval(both + only_after, matches, confidence)
    before_low, before_high = wilson_interval(both + only_before, matches, confidence)
    phi = _correlation(both, only_after, only_before, neither)
    down, up = (after - after_low, before_high - before), (after_high - after, before - before_low)
    low, high = (max(0.0, a * a - 2 * phi * a * b + b * b) ** 0.5 for a, b in (down, up))
    change = after - before
    return max(-1.0, change - low), min(1.0, change + high)


def sign_test(gained: int, lost: int) -> float:
    """How likely pairs turn at least as one-sidedly when either way is equally likely: the exact McNemar test.

    Args:
        gained: pairs that turned one way.
        lost: pairs that turned the other way.

    Returns:
        The two-sided p-value, from 0 to 1.
    """
    turned = gained + lost
    tail = sum(comb(turned, k) for k in range(min(gained, lost) + 1))
    return min(1.0, float(2 * tail / 2**turned))


def mean_interval(changes: Sequence[float], intervals: Sequence[tuple[float, float]]) -> tuple[float, float]:
    """The interval of the mean of independent changes, from each one's own: distances squared and added.

    The method of variance estimates recovery (Zou & Donner 2008, Stat. Med. 27, 1693-1702).

    Args:
        changes: estimates, at least one.
        intervals: of each.

    Returns:
        The lower and the upper end.
    """
    mean = sum(changes) / len(changes)
    low = sum((change - end) ** 2 for change, (end, _) in zip(changes, intervals, strict=True)) ** 0.5
    high = sum((end - change) ** 2 for change, (_, end) in zip(changes, intervals, strict=True)) ** 0.5
    return mean - low / len(changes), mean + high / len(changes)


def _correlation(both: int, only_after: int, only_before: int, neither: int) -> float:
    """Of the pairs, with Newcombe's continuity correction towards 0; 0 where a rate does not vary."""
    spread = (both + only_after) * (only_before + neither) * (both + only_before) * (only_after + neither)
    if spread == 0:
        return 0.0
    cross = both * neither - only_after * only_before
    if cross > 0:
        return float(max(0.0, cross - (both + only_after + only_before + neither) / 2) / spread**0.5)
    return float(cross / spread**0.5)
