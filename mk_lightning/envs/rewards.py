"""The seed project's reward, as pure functions of what the RAM says."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["ROUNDS_TO_WIN", "Fight", "match_over", "match_won", "round_bonus", "step_reward"]

ROUNDS_TO_WIN = 2
"""Rounds that win a match: best of three."""


class Fight(NamedTuple):
    """The RAM variables that reward and match end depend on, at one moment."""

    health: int
    """The agent's health, 0 to full."""
    enemy_health: int
    """The opponent's health, 0 to full."""
    rounds_won: int
    """Rounds the agent has won in this match."""
    enemy_rounds_won: int
    """Rounds the opponent has won in this match."""


def round_bonus(health: int, full_health: int) -> float:
    """Return what a won round is worth: ``full ** ((health + 1) / (full + 1))``, from about 1 to ``full``."""
    return float(full_health ** ((health + 1) / (full_health + 1)))


def step_reward(before: Fight, after: Fight, full_health: int = 120) -> float:
    """Return the reward of the time between two RAM readings, in game units.

    Damage dealt minus damage taken, plus :func:`round_bonus` of the winner's health for a round won, minus it
    for a round lost. A match won without being hit earns ``4 * full_health`` (480).

    Health that rises is a new round and no damage. Should the new round's full health already stand in
    ``after`` together with the decision of the last one, the bonus is computed from ``before``, the last
    health seen in it.
    """
    reward = float(max(before.enemy_health - after.enemy_health, 0) - max(before.health - after.health, 0))
    if after.rounds_won > before.rounds_won:
        reward += round_bonus(min(before.health, after.health), full_health)
    if after.enemy_rounds_won > before.enemy_rounds_won:
        reward -= round_bonus(min(before.enemy_health, after.enemy_health), full_health)
    return reward


def match_over(fight: Fight) -> bool:
    """Return whether either side has won two rounds."""
    return fight.rounds_won >= ROUNDS_TO_WIN or fight.enemy_rounds_won >= ROUNDS_TO_WIN


def match_won(fight: Fight) -> bool:
    """Return whether the agent has won two rounds and the opponent has not."""
    return fight.rounds_won >= ROUNDS_TO_WIN > fight.enemy_rounds_won
