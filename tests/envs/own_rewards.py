"""Rewards as a user's installed package would have them; workers import this module by its name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import mk_lightning as mk


@dataclass(frozen=True)
class Advance(mk.Reward):
    """Pixels that the agent moves to the right: a match's return is where it ends less where it began."""

    per_pixel: float = 1.0

    def __call__(self, before: mk.Fight, after: mk.Fight, full_health: int) -> float:
        return self.per_pixel * (after.variables["x_position"] - before.variables["x_position"])


class Weighted(mk.Reward):
    """A sum of others, and a price of each env_step in full bars of health."""

    def __init__(self, parts: Sequence[mk.Reward], weights: dict[str, float] | None = None, price: float = 0) -> None:
        self.parts = parts
        self.weights = weights
        self.price = price

    def __call__(self, before: mk.Fight, after: mk.Fight, full_health: int) -> float:
        return sum(part(before, after, full_health) for part in self.parts) - self.price * full_health


class Broken(mk.Reward):
    """Raises, or returns what is no number of game units."""

    def __init__(self, by: str = "raising") -> None:
        self.by = by

    def __call__(self, before: mk.Fight, after: mk.Fight, full_health: int) -> float:
        if self.by == "raising":
            return 1 / (after.health - after.health)
        other: Any = {"nan": float("nan"), "text": "3", "nothing": None, "list": [1.0], "huge": 1e30}
        return other[self.by]


class Forgetful(mk.Reward):
    """Does not keep what it was made with."""

    def __init__(self, bonus: float = 1.0) -> None:
        self._bonus = bonus

    def __call__(self, before: mk.Fight, after: mk.Fight, full_health: int) -> float:
        return self._bonus


class Idle(mk.Reward):
    """Says nothing of what an env_step is worth."""
