"""One policy's evaluation, for the console."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean, pstdev
from typing import Protocol

from rich.markup import escape
from rich.table import Table

from mk_lightning.evaluation.match import Match
from mk_lightning.metrics.intervals import wilson_interval
from mk_lightning.utils.tables import WholeTable

COLUMNS = ("state", "win rate", "rounds", "return", "damage", "env_steps", "perfect", "clock, cut")


class Evaluated(Protocol):
    """What a table shows of an `Evaluation`, which shows itself by one."""

    @property
    def policy(self) -> str:
        """Where the policy came from, for people."""

    @property
    def epsilon(self) -> float:
        """Probability of a random action."""

    @property
    def groups(self) -> dict[str, list[str]]:
        """States by group."""

    @property
    def matches(self) -> list[Match]:
        """Every match."""

    def of_state(self, state: str) -> list[Match]:
        """The matches of a state."""


def evaluation_table(evaluation: Evaluated) -> Table:
    """Means of a match, for each state, each group, and all.

    Rounds are won:lost, the return with its standard deviation, damage dealt:taken; perfect matches, rounds that the
    clock decided, and matches that were cut off, in per cent.
    """
    table = WholeTable(title=f"{escape(evaluation.policy)} at epsilon {evaluation.epsilon:g} [Wilson 95 % interval]")
    for name in COLUMNS:
        table.add_column(name, justify="left" if name == "state" else "right")
    for group, states in evaluation.groups.items():
        for state in states:
            table.add_row(state, *_cells(evaluation.of_state(state)))
        together = [match for match in evaluation.matches if match.state in states]
        table.add_row(group, *_cells(together), style="bold", end_section=True)
    if len(evaluation.groups) > 1:
        table.add_row("all", *_cells(evaluation.matches), style="bold")
    return table


def _cells(matches: Sequence[Match]) -> tuple[str, ...]:
    won = sum(match.won for match in matches)
    low, high = wilson_interval(won, len(matches))
    returns = [match.reward for match in matches]
    rounds = sum(match.rounds_won + match.enemy_rounds_won for match in matches)
    return (
        f"{won / len(matches):.0%} [{low:.0%}, {high:.0%}]",
        f"{fmean(match.rounds_won for match in matches):.1f}:{fmean(match.enemy_rounds_won for match in matches):.1f}",
        f"{fmean(returns):.0f} ± {pstdev(returns):.0f}",
        f"{fmean(match.damage_dealt for match in matches):.0f}:{fmean(match.damage_taken for match in matches):.0f}",
        f"{fmean(match.env_steps for match in matches):.0f}",
        f"{fmean(match.perfect for match in matches):.0%}",
        f"{sum(match.rounds_on_time for match in matches) / max(rounds, 1):.0%}, "
        f"{fmean(match.truncated for match in matches):.0%}",
    )
