"""One match in numbers: result, damage, and how it was fought."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from mk_lightning.experience.episodes import EpisodeRecord
from mk_lightning.games.game import Game


@dataclass(frozen=True)
class Match:
    """A row of `matches.csv`; its first three columns are the seed project's.

    Shares are of the match's env_steps. What the game's RAM does not tell is None.
    """

    episode: int
    """Its number in the evaluation, from 1."""
    reward: float
    """Its return, game units."""
    won: bool
    state: str
    seed: int
    truncated: bool
    """Cut off before either side had won."""
    rounds_won: int
    enemy_rounds_won: int
    rounds_on_time: int
    """Rounds that the clock decided: neither side's health was gone."""
    perfect: bool
    """Won without losing any health."""
    env_steps: int
    damage_dealt: int
    """RAM units, all rounds together."""
    damage_taken: int
    attacking: float
    """Share of decisions that press an attack button."""
    guarding: float | None
    """Share of decisions that hold the guard."""
    distance: float | None
    """Mean distance between the fighters, pixels."""
    closing: float | None
    """Share in which the agent presses towards the enemy, less the share in which it presses away."""


def summarise(record: EpisodeRecord, game: Game, episode: int) -> Match:
    """The numbers of a match that was played.

    Args:
        record: the match, with its trace.
        game: says what the actions press.
        episode: its number.
    """
    result, trace = record.result, record.trace
    actions, variables = trace.actions, trace.variables
    health, enemy = variables["health"], variables["enemy_health"]
    dealt, taken = _lost(enemy), _lost(health)
    held = [set(game.action_buttons(action)) for action in game.actions]
    distance = closing = None
    if "x_position" in variables and "enemy_x_position" in variables:
        gap = variables["enemy_x_position"] - variables["x_position"]
        distance = float(np.abs(gap).mean())
        pressed = np.array([("RIGHT" in buttons) - ("LEFT" in buttons) for buttons in held])[actions]
        closing = float((pressed * np.sign(gap[:-1])).mean())
    return Match(
        episode=episode,
        reward=result.episode_return,
        won=result.won,
        state=result.state,
        seed=record.spec.seed,
        truncated=result.truncated,
        rounds_won=result.rounds_won,
        enemy_rounds_won=result.enemy_rounds_won,
        rounds_on_time=_rounds_on_time(variables),
        perfect=result.won and taken == 0,
        env_steps=result.env_steps,
        damage_dealt=dealt,
        damage_taken=taken,
        attacking=_share(held, actions, game.attack_buttons),
        guarding=_share(held, actions, game.guard_buttons) if game.guard_buttons else None,
        distance=distance,
        closing=closing,
    )


def _lost(health: NDArray[np.int32]) -> int:
    """All that was lost; what comes back, at the start of a round, does not count."""
    return int(-np.minimum(np.diff(health), 0).sum())


def _rounds_on_time(variables: dict[str, NDArray[np.int32]]) -> int:
    """Rounds that end while both still have health.

    The loser's 0 may stand for a while after the round is counted, and the round may be counted a while after the blow:
    so a round begins when both have health again, and what counts is the least that either had in it.
    """
    rounds = variables["rounds_won"] + variables["enemy_rounds_won"]
    alive = np.minimum(variables["health"], variables["enemy_health"]) > 0
    ends = (np.flatnonzero(np.diff(rounds) > 0) + 2).tolist()
    on_time = 0
    for start, end in pairwise([0, *ends]):
        fought = alive[start:end]
        on_time += bool(fought.any() and fought[fought.argmax() :].all())
    return on_time


def _share(held: list[set[str]], actions: NDArray[np.uint16], buttons: tuple[str, ...]) -> float:
    presses = np.array([not pressed.isdisjoint(buttons) for pressed in held])
    return float(presses[actions].mean())
