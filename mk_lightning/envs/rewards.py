"""What an env_step is worth, and when a match is over: by what the RAM says."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import NamedTuple

__all__ = ["DamageReward", "Fight", "Reward", "ScoreReward", "damage", "match_over", "match_won", "round_bonus"]


class Fight(NamedTuple):
    """What the RAM says at one moment."""

    health: int
    """The agent's health, 0 to full."""
    enemy_health: int
    """The opponent's health, 0 to full."""
    rounds_won: int
    """Rounds the agent has won in this match."""
    enemy_rounds_won: int
    """Rounds the opponent has won in this match."""
    variables: Mapping[str, int] = MappingProxyType({})
    """Every variable of the game, these four among them."""

    @classmethod
    def of(cls, variables: Mapping[str, int]) -> Fight:
        """Read it out of a game's variables."""
        return cls(
            variables["health"],
            variables["enemy_health"],
            variables["rounds_won"],
            variables["enemy_rounds_won"],
            variables,
        )


class Reward(ABC):
    """What an env_step is worth: ``EnvConfig(reward=...)``, or ``data.env.reward`` in a config.

    It is a function of its arguments: it keeps no state from one env_step to the next and draws no random numbers, or a
    match that is played again, after a worker has died or a run is resumed, would be another. It is pickled for the
    worker processes, which import its class by name.

    Each argument of its ``__init__`` stands under the same name on the object, as a frozen dataclass has it, and is a
    number, text, None, another reward, or a list or mapping of them: by class and arguments two rewards are the same.

    Example:
        >>> from dataclasses import dataclass
        >>> @dataclass(frozen=True)
        ... class HitReward(Reward):
        ...     hit: float = 1.0
        ...
        ...     def __call__(self, before: Fight, after: Fight, full_health: int) -> float:
        ...         return self.hit * (after.enemy_health < before.enemy_health)
        >>> HitReward(hit=2.0)(Fight(120, 120, 0, 0), Fight(120, 113, 0, 0), full_health=120)
        2.0
    """

    @abstractmethod
    def __call__(self, before: Fight, after: Fight, full_health: int) -> float:
        """Return the reward of the time between two RAM readings, in game units.

        Args:
            before: at the end of the env_step before, or at the start of the match.
            after: at the end of this env_step.
            full_health: what a full bar of health stands for, RAM units.
        """

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and vars(other) == vars(self)

    def __hash__(self) -> int:
        return hash(type(self))


@dataclass(frozen=True, eq=False)  # the parser can print the defaults of dataclasses alone
class DamageReward(Reward):
    """The seed project's: damage dealt minus damage taken, and a bonus for each round.

    Example:
        >>> DamageReward()(Fight(120, 120, 0, 0), Fight(115, 113, 0, 0), full_health=120)
        2.0
    """

    def __call__(self, before: Fight, after: Fight, full_health: int) -> float:
        """Return the reward of the time between two RAM readings, in game units.

        Damage dealt minus damage taken, plus :func:`round_bonus` of the winner's health for a round won, minus it
        for a round lost. A match won without being hit earns ``4 * full_health`` (480).

        Health that rises is a new round and no damage. Should the new round's full health already stand in
        ``after`` together with the decision of the last one, the bonus is computed from ``before``, the last
        health seen in it.
        """
        reward = damage(before, after)
        if after.rounds_won > before.rounds_won:
            reward += round_bonus(min(before.health, after.health), full_health)
        if after.enemy_rounds_won > before.enemy_rounds_won:
            reward -= round_bonus(min(before.enemy_health, after.enemy_health), full_health)
        return reward


@dataclass(frozen=True, eq=False)  # as above
class ScoreReward(Reward):
    """Damage dealt minus damage taken, and nothing else: the difference of the scores where hits are counted.

    Example:
        >>> ScoreReward()(Fight(100, 2, 0, 0), Fight(99, 0, 1, 0), full_health=100)
        1.0
    """

    def __call__(self, before: Fight, after: Fight, full_health: int) -> float:
        """Return the reward of the time between two RAM readings, in game units."""
        return damage(before, after)


def damage(before: Fight, after: Fight) -> float:
    """Return the damage dealt minus the damage taken between two RAM readings; health that rises is a new round."""
    return float(max(before.enemy_health - after.enemy_health, 0) - max(before.health - after.health, 0))


def round_bonus(health: int, full_health: int) -> float:
    """Return what a won round is worth: ``full ** ((health + 1) / (full + 1))``, from about 1 to ``full``."""
    return float(full_health ** ((health + 1) / (full_health + 1)))


def match_over(fight: Fight, rounds_to_win: int) -> bool:
    """Return whether either side has won the match's rounds."""
    return fight.rounds_won >= rounds_to_win or fight.enemy_rounds_won >= rounds_to_win


def match_won(fight: Fight, rounds_to_win: int) -> bool:
    """Return whether the agent has won the match's rounds and the opponent has not."""
    return fight.rounds_won >= rounds_to_win > fight.enemy_rounds_won
