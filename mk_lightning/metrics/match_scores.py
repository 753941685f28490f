"""Matches as a torchmetrics Metric: per state."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import torch
from torchmetrics import Metric

from mk_lightning.envs.episode import EpisodeResult
from mk_lightning.metrics.state_score import StateScore


class MatchScores(Metric):
    """Wins, returns and lengths of matches per state.

    Every rank of a run gets all matches of an evaluation, so nothing is summed over ranks: the sums would be of other
    bits than those of one process.

    Args:
        groups: names of the states that may come up, by the group's name.
    """

    full_state_update = False
    sums: torch.Tensor

    def __init__(self, groups: Mapping[str, Sequence[str]], **kwargs: Any) -> None:
        super().__init__(**{"sync_on_compute": False} | kwargs)
        self.groups = groups
        self.states = [state for states in groups.values() for state in states]
        # float64: counts stay exact and the order of matches does not show in the means.
        self.add_state("sums", torch.zeros(len(self.states), 4, dtype=torch.float64), dist_reduce_fx="sum")

    def update(self, results: Iterable[EpisodeResult]) -> None:
        """Take in matches."""
        for result in results:
            row = [float(result.won), 1.0, result.episode_return, float(result.env_steps)]
            self.sums[self.states.index(result.state)] += torch.tensor(row, dtype=torch.float64, device=self.device)

    def compute(self) -> torch.Tensor:
        """Wins, matches, sum of returns, sum of env_steps per state, (states, 4) float64."""
        return self.sums

    def per_state(self) -> dict[str, StateScore]:
        """The score of each state of which a match was seen."""
        sums = self.compute().cpu()
        return {state: _score(row) for state, row in zip(self.states, sums, strict=True) if row[1] > 0}

    def over(self, states: Sequence[str]) -> StateScore | None:
        """The score of a group of states together; None when no match of theirs was seen."""
        total = self.compute().cpu()[[self.states.index(state) for state in states]].sum(0)
        return _score(total) if total[1] > 0 else None

    def metrics(self, prefix: str) -> dict[str, float]:
        """Return what to log: `<prefix>/<kind>/<name>` for every state and group of which a match was seen, and `all`.

        Args:
            prefix: of the names.
        """
        groups = {"all": self.states, **self.groups}
        named = self.per_state()
        named |= {group: total for group, states in groups.items() if (total := self.over(states))}
        metrics: dict[str, float] = {}
        for name, score in named.items():
            low, high = score.interval
            metrics |= {
                f"{prefix}/win_rate/{name}": score.win_rate,
                f"{prefix}/win_rate_low/{name}": low,
                f"{prefix}/win_rate_high/{name}": high,
                f"{prefix}/return/{name}": score.mean_return,
                f"{prefix}/env_steps/{name}": score.mean_env_steps,
            }
        return metrics


def _score(sums: torch.Tensor) -> StateScore:
    wins, matches, returns, env_steps = sums.tolist()
    return StateScore(int(wins), int(matches), returns / matches, env_steps / matches)
