"""How a policy fights, beside how often it wins."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mk_lightning.evaluation.evaluation import Evaluation
from mk_lightning.evaluation.match import Match


@dataclass(frozen=True)
class Behaviour:
    """Means over matches; None where there is nothing to take the mean of."""

    actions: NDArray[np.float64]
    """Share of each row of the action table, (actions,)."""
    attacking: float
    """Share of decisions that press an attack button."""
    guarding: float | None
    """Share of decisions that hold the guard."""
    distance: float | None
    """Between the fighters, pixels."""
    closing: float | None
    """Share of decisions that press towards the enemy, less the share that press away."""
    damage_dealt: float
    """RAM units a match."""
    damage_taken: float
    perfect: float
    """Share of the matches."""
    on_time: float
    """Share of the rounds that the clock decided."""
    truncated: float
    """Share of the matches."""
    env_steps_won: float | None
    """Length of a match that is won, env_steps."""
    env_steps_lost: float | None

    @classmethod
    def of(cls, evaluation: Evaluation, states: Sequence[str]) -> Behaviour:
        """Of the matches of some states."""
        matches = [match for match in evaluation.matches if match.state in states]
        counts = np.sum([evaluation.action_counts[state] for state in states], axis=0)
        rounds = sum(match.rounds_won + match.enemy_rounds_won for match in matches)
        return cls(
            actions=counts / counts.sum(),
            attacking=float(np.mean([match.attacking for match in matches])),
            guarding=_mean(matches, lambda match: match.guarding),
            distance=_mean(matches, lambda match: match.distance),
            closing=_mean(matches, lambda match: match.closing),
            damage_dealt=float(np.mean([match.damage_dealt for match in matches])),
            damage_taken=float(np.mean([match.damage_taken for match in matches])),
            perfect=float(np.mean([match.perfect for match in matches])),
            on_time=sum(match.rounds_on_time for match in matches) / max(rounds, 1),
            truncated=float(np.mean([match.truncated for match in matches])),
            env_steps_won=_mean(matches, lambda match: match.env_steps if match.won else None),
            env_steps_lost=_mean(matches, lambda match: None if match.won else match.env_steps),
        )

    def described(self) -> dict[str, str]:
        """Each figure for people, by name; empty where it is not known."""
        return {
            "decisions that attack": _percent(self.attacking),
            "decisions that guard": _percent(self.guarding),
            "distance kept, px": _whole(self.distance),
            "decisions that close in, net": _percent(self.closing),
            "damage dealt a match": _whole(self.damage_dealt),
            "damage taken a match": _whole(self.damage_taken),
            "env_steps to win": _whole(self.env_steps_won),
            "env_steps to lose": _whole(self.env_steps_lost),
            "perfect matches": _percent(self.perfect),
            "rounds decided by the clock": _percent(self.on_time),
            "matches cut off": _percent(self.truncated),
        }


def side_by_side(before: Evaluation, after: Evaluation) -> dict[str, tuple[str, str]]:
    """Each figure before and after, for people, by name; "none" where it is known of one side alone."""
    one, other = (Behaviour.of(evaluation, before.states).described() for evaluation in (before, after))
    return {name: (one[name] or "none", other[name] or "none") for name in one if one[name] or other[name]}


def js_divergence(p: ArrayLike, q: ArrayLike) -> float:
    """The Jensen-Shannon divergence of two distributions, bits (Lin 1991, IEEE Trans. Inf. Theory 37, 145-151).

    Args:
        p: (K,) shares that sum to 1.
        q: the same.

    Returns:
        0 when they are equal, 1 when nothing has a share in both.
    """
    first, second = np.asarray(p, np.float64), np.asarray(q, np.float64)
    return max(0.0, _entropy((first + second) / 2) - (_entropy(first) + _entropy(second)) / 2)


def _entropy(shares: NDArray[np.float64]) -> float:
    some = shares[shares > 0]
    return float(-(some * np.log2(some)).sum())


def _mean(matches: Sequence[Match], figure: Callable[[Match], float | None]) -> float | None:
    known = [value for match in matches if (value := figure(match)) is not None]
    return float(np.mean(known)) if known else None


def _percent(share: float | None) -> str:
    return "" if share is None else f"{share:.0%}"


def _whole(number: float | None) -> str:
    return "" if number is None else f"{number:.0f}"
