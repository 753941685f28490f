"""What has come of a ladder, and what its next round is for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import isnan
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.table import Table

from mk_lightning.evaluation.compare import how_many
from mk_lightning.evaluation.next_round import LOST_BELOW
from mk_lightning.metrics.continual import backward_transfer, forgetting, forward_transfer
from mk_lightning.utils.documents import read_json
from mk_lightning.utils.errors import UserError
from mk_lightning.utils.run_files import BEST, CHECKPOINTS
from mk_lightning.utils.tables import WholeTable

RECORD = "ladder.json"


@dataclass(frozen=True)
class Round:
    """One fine-tuning.

    Attributes:
        number: from 1.
        challenging: states that it was for.
        original: states that it was to keep.
        env_steps: it trained for.
        kept: whether the ladder goes on with what came of it.
        why: in words, with the figures of its own test matches.
        run_dir: its directory, in the ladder's.
    """

    number: int
    challenging: list[str]
    original: list[str]
    env_steps: int
    kept: bool
    why: str
    run_dir: str


@dataclass
class Climb:
    """A ladder as far as it has come.

    Attributes:
        folder: its directory.
        arguments: what it was asked for.
        rounds: all of them, in order.
        rows: win rate of every state in the ladder's own matches: of the first policy, and after each round kept.
        returns: mean return of every state in the same matches, game units.
        ended: why, in words; empty while it has not.
    """

    folder: Path
    arguments: dict[str, Any]
    rounds: list[Round] = field(default_factory=list)
    rows: list[list[float]] = field(default_factory=list)
    returns: list[list[float]] = field(default_factory=list)
    ended: str = ""

    @classmethod
    def read(cls, folder: Path) -> Climb:
        """Read a ladder's directory.

        Raises:
            UserError: its record is missing or damaged.
        """
        content = read_json(folder / RECORD, "ladder")
        try:
            rounds = [Round(**one) for one in content["rounds"]]
            return cls(folder, content["arguments"], rounds, content["rows"], content["returns"], content["ended"])
        except (KeyError, TypeError) as error:
            raise UserError(f"{folder / RECORD} is not the record of a ladder: {error}") from None

    @property
    def states(self) -> list[str]:
        """All that it is about."""
        states: list[str] = self.arguments["states"]
        return states

    @property
    def checkpoint(self) -> Path:
        """Of the policy that the kept rounds have made."""
        kept = [one for one in self.rounds if one.kept]
        return self.folder / kept[-1].run_dir / CHECKPOINTS / BEST if kept else Path(self.arguments["checkpoint"])

    @property
    def matrix(self) -> NDArray[np.float64]:
        """Win rates, (kept rounds + 1, states)."""
        return np.array(self.rows)

    def lost(self) -> list[str]:
        """States below the target, those nearest to being won first, by win rate and then by mean return."""
        nearest = sorted(zip(self.rows[-1], self.returns[-1], self.states, strict=True), reverse=True)
        return [state for rate, _, state in nearest if rate < self.arguments["target"]]

    def next_challenging(self) -> list[str]:
        """The states that the next round is for; empty where there are none, or all have resisted this policy.

        What failed together is tried one by one before the ladder gives up.
        """
        lost = self.lost()
        failed: list[set[str]] = []
        for one in self.rounds:
            failed = [] if one.kept else [*failed, set(one.challenging)]
        fresh = [state for state in lost if not any(state in states for states in failed)]
        if fresh:
            return fresh[: self.arguments["at_once"]]
        return next(([state] for state in lost if {state} not in failed), [])

    def original(self, challenging: Sequence[str]) -> list[str]:
        """The states that a round is to keep: what is won more often than lost, and not what it is for."""
        return [
            state
            for state, rate in zip(self.states, self.rows[-1], strict=True)
            if rate >= LOST_BELOW and state not in challenging
        ]

    def why_end(self) -> str:
        """Why there is no next round, in words; empty if there is one."""
        asked, lost = self.arguments, self.lost()
        spent = sum(one.env_steps for one in self.rounds)
        if not lost:
            return f"every state is won in {asked['target']:.0%} of the matches or more"
        if not self.next_challenging():
            return (
                f"{', '.join(lost)} resisted: try more env_steps for a round, an easier tier of the same opponents "
                "first, or another recipe"
            )
        if len(self.rounds) >= asked["rounds"]:
            return f"{asked['rounds']} rounds were asked for"
        if asked["budget"] is not None and spent + asked["env_steps"] > asked["budget"]:
            return f"{spent:,} of {asked['budget']:,} env_steps are spent, and a round takes {asked['env_steps']:,}"
        return ""

    def figures(self) -> dict[str, float]:
        """What it has come to: win rates at the end, and the figures of continual learning, those that there are."""
        if not self.rows:
            return {}
        matrix, trained = self.matrix, self._trained()
        figures: dict[str, float] = {
            "rounds": len(self.rounds),
            "kept": len(self.rows) - 1,
            "env_steps": sum(one.env_steps for one in self.rounds),
            "average_first": float(matrix[0].mean()),
            "average_final": float(matrix[-1].mean()),
            "worst_final": float(matrix[-1].min()),
            "forgetting_mean": float(forgetting(matrix).mean()),
            "backward_transfer": backward_transfer(matrix, trained),
            "forward_transfer": forward_transfer(matrix, trained),
        }
        return {name: value for name, value in figures.items() if not isnan(value)}

    def table(self) -> Table:
        """The matrix: a row per state, a column per policy; what a round was for in bold."""
        table = WholeTable(title=f"win rate of {how_many([self.arguments['matches']])}")
        table.add_column("state")
        table.add_column("first", justify="right")
        kept = [one for one in self.rounds if one.kept]
        for one in kept:
            table.add_column(f"round {one.number}", justify="right")
        for column, state in enumerate(self.states):
            cells = [f"{self.rows[0][column]:.0%}"]
            for one, row in zip(kept, self.rows[1:], strict=True):
                cells.append(f"[bold]{row[column]:.0%}[/]" if state in one.challenging else f"{row[column]:.0%}")
            table.add_row(state, *cells)
        table.add_section()
        table.add_row("mean", *(f"{fmean(row):.0%}" for row in self.rows))
        return table

    def __rich__(self) -> Table:
        """The table, for `rich.print`."""
        return self.table()

    def _trained(self) -> dict[int, int]:
        """Row after the round that each state was first trained in, by its column."""
        trained: dict[int, int] = {}
        for row, one in enumerate((one for one in self.rounds if one.kept), start=1):
            for state in one.challenging:
                trained.setdefault(self.states.index(state), row)
        return trained
