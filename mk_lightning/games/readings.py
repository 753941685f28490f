"""From a console's memory to a game's variables: what ``game.yaml`` computes of them, and rounds that it counts."""

from __future__ import annotations

from collections.abc import Mapping

from mk_lightning.games.formulas import compute
from mk_lightning.games.game import Game

__all__ = ["read_variables"]


def read_variables(game: Game, memory: dict[str, int], before: Mapping[str, int] | None) -> dict[str, int]:
    """Return a game's variables, computed from what is in memory.

    A health is never below 0: some games take the last hit off in full.

    Args:
        game: which game.
        memory: the RAM variables' values; changed in place.
        before: the variables after the last env_step; None at the start of a match.

    Raises:
        GameError: a value is too large for 64 bits.
    """
    if game.formulas:
        memory.update({name: compute(formula, memory) for name, formula in game.formulas.items()})
    for name in ("health", "enemy_health"):
        if memory[name] < 0:
            memory[name] = 0
    if game.counts_knockouts:
        memory["rounds_won"], memory["enemy_rounds_won"] = _rounds(game, memory, before)
    return memory


def _rounds(game: Game, now: Mapping[str, int], before: Mapping[str, int] | None) -> tuple[int, int]:
    """Count the rounds that each side has won.

    A round is under way while both stand and the clock runs. When it no longer is, the side with more health has won
    it; with as much on both sides it counts for both, so that a draw ends a match, too.
    """
    if before is None:
        return 0, 0
    won, lost = before["rounds_won"], before["enemy_rounds_won"]
    if _under_way(game, before) and not _under_way(game, now):
        won += now["health"] >= now["enemy_health"]
        lost += now["enemy_health"] >= now["health"]
    return won, lost


def _under_way(game: Game, variables: Mapping[str, int]) -> bool:
    timed_out = "clock" in game.formulas and variables["clock"] <= 0  # a RAM variable so named may be anything
    return variables["health"] > 0 and variables["enemy_health"] > 0 and not timed_out
