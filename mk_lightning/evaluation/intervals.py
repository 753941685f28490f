"""Confidence intervals."""

from __future__ import annotations

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
