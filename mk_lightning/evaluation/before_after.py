"""The before/after table: win rate per state before and after a fit, with what the groups gained or lost."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from mk_lightning.evaluation.compare import how_many, in_points
from mk_lightning.metrics.state_score import StateScore
from mk_lightning.utils.files import write_text
from mk_lightning.utils.tables import TEXT_WIDTH, WholeTable


@dataclass(frozen=True)
class BeforeAfterScores:
    """Scores of the same matches before and after a fit.

    Attributes:
        groups: states by group, e.g. `original` and `challenging`.
        before: score per state.
        after: score per state.
    """

    groups: Mapping[str, Sequence[str]]
    before: Mapping[str, StateScore]
    after: Mapping[str, StateScore]

    def gain(self, group: str) -> float:
        """Mean win rate over a group's states, after minus before."""
        states = self.groups[group]
        return sum(self.after[s].win_rate - self.before[s].win_rate for s in states) / len(states)

    def as_dict(self) -> dict[str, Any]:
        """`states`: a list of `{state, group, before, after}`, each score as the fields of a `StateScore`."""
        return {
            "states": [
                {
                    "state": state,
                    "group": group,
                    "before": asdict(self.before[state]),
                    "after": asdict(self.after[state]),
                }
                for group, states in self.groups.items()
                for state in states
            ]
        }

    def table(self) -> Table:
        """The table for the console."""
        played = how_many(score.matches for score in self.before.values())
        table = WholeTable(title=f"win rate of {played}, before and after [Wilson 95 % interval]")
        for name in ("state", "group", "before", "after", "change", "return", "return after"):
            table.add_column(name, justify="left" if name in {"state", "group"} else "right")
        for group, states in self.groups.items():
            for state in states:
                b, a = self.before[state], self.after[state]
                table.add_row(
                    state, group, _percent(b), _percent(a), in_points(a.win_rate - b.win_rate),
                    f"{b.mean_return:.0f}", f"{a.mean_return:.0f}",
                )  # fmt: skip
            rates = [sum(scores[s].win_rate for s in states) / len(states) for scores in (self.before, self.after)]
            table.add_row(
                f"mean of {len(states)}", group, *(f"{r:.0%}" for r in rates), in_points(self.gain(group)), "", "",
                style="bold", end_section=True,
            )  # fmt: skip
        return table

    def write(self, folder: Path) -> None:
        """Write `before_after.json` and `before_after.txt` into `folder`."""
        write_text(folder / "before_after.json", json.dumps(self.as_dict(), indent=2) + "\n")
        text = io.StringIO()
        Console(file=text, width=TEXT_WIDTH).print(self.table())
        write_text(folder / "before_after.txt", text.getvalue())


def score_table(groups: Mapping[str, Sequence[str]], scores: Mapping[str, StateScore], title: str) -> Table:
    """One policy's scores per state, for the console."""
    table = WholeTable(title=title)
    for name in ("state", "group", "win rate", "mean return", "env_steps a match"):
        table.add_column(name, justify="left" if name in {"state", "group"} else "right")
    for group, states in groups.items():
        for state in states:
            s = scores[state]
            table.add_row(state, group, _percent(s), f"{s.mean_return:.0f}", f"{s.mean_env_steps:.0f}")
    return table


def _percent(score: StateScore) -> str:
    low, high = score.interval
    return f"{score.win_rate:.0%} [{low:.0%}, {high:.0%}]"
