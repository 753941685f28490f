"""What a policy did from a state, in numbers."""

from __future__ import annotations

from dataclasses import dataclass

from mk_lightning.metrics.intervals import wilson_interval


@dataclass(frozen=True)
class StateScore:
    """What a policy did from one state, or from a group of states."""

    wins: int
    matches: int
    mean_return: float
    """Game units a match."""
    mean_env_steps: float
    """Length of a match, env_steps."""

    @property
    def win_rate(self) -> float:
        """Matches won of matches played."""
        return self.wins / self.matches

    @property
    def interval(self) -> tuple[float, float]:
        """Wilson 95 % interval of the win rate."""
        return wilson_interval(self.wins, self.matches)
