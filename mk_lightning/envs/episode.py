"""How a match ended."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["EpisodeResult"]


class EpisodeResult(NamedTuple):
    """The outcome of one match."""

    env_index: int
    """The environment that played it (0 when there is only one)."""
    state: str
    """Name of the save state it began from."""
    won: bool
    """Whether the agent won two rounds."""
    truncated: bool
    """Whether it was cut off by ``max_env_steps`` before either side had won."""
    episode_return: float
    """Sum of rewards, in game units (+480 for a perfect match)."""
    env_steps: int
    """Length in env_steps; no-op frames at the start do not count."""
    rounds_won: int
    """Rounds the agent won."""
    enemy_rounds_won: int
    """Rounds the opponent won."""

    def info(self) -> dict[str, str | bool | int | float]:
        """Return what environments give under ``info["match"]``; ``episode`` is what gymnasium's wrappers write."""
        return {
            "state": self.state,
            "won": self.won,
            "return": self.episode_return,
            "env_steps": self.env_steps,
            "rounds_won": self.rounds_won,
            "enemy_rounds_won": self.enemy_rounds_won,
        }
