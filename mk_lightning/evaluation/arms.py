"""Arms side by side: what runs that differ in their seed alone have kept and gained together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import isnan
from statistics import fmean
from typing import Any, Literal

from rich.markup import escape
from rich.table import Table

from mk_lightning.evaluation.compare import ROUNDING, SAME, Comparison, how_many, in_points
from mk_lightning.evaluation.compare import Verdict as MatchVerdict
from mk_lightning.metrics.pooling import PooledMean
from mk_lightning.utils.errors import UserError
from mk_lightning.utils.tables import WholeTable

KEPT = 0.05
"""Of the original states' mean win rate, what an arm may lose and still stand among those that kept them."""

INTERVALS = (
    "Intervals are 95 %, over the seeds of an arm (Student's t); those of a single seed are of its matches alone."
)

Verdict = MatchVerdict | Literal["too few seeds to tell"]


@dataclass(frozen=True)
class ArmRun:
    """A run of an arm.

    Attributes:
        source: its directory or evaluation, for people.
        seed: of the run, where it is known.
        comparison: of the same matches before and after.
        config: of the run, by the names of options; without its seed and directory.
    """

    source: str
    seed: int | None
    comparison: Comparison
    config: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Outcome:
    """What became of some states' mean win rate in an arm.

    Attributes:
        before: mean over the runs.
        after: the same, with the interval of the runs, which is nan of a single one.
        change: after less before, with its interval: over runs, or of a single one's matches.
        verdict: of the change.
    """

    before: float
    after: PooledMean
    change: PooledMean
    verdict: Verdict

    def in_points(self) -> str:
        """The change in points of a hundred, with its interval."""
        change = self.change
        return f"{in_points(change.value)} [{in_points(change.low)}, {in_points(change.high)}]"


@dataclass(frozen=True)
class Arm:
    """Runs that differ in their seed alone."""

    name: str
    runs: Sequence[ArmRun]

    def over(self, states: Sequence[str]) -> Outcome:
        """Pool the mean win rate of some states over the runs."""
        changes = [run.comparison.over(states) for run in self.runs]
        before = fmean(change.before for change in changes)
        matches = sum(self.runs[0].comparison.after.score([state]).matches for state in states)
        after = PooledMean.of_rates([change.after for change in changes], matches)
        if len(self.runs) == 1:
            (one,) = changes
            return Outcome(before, after, PooledMean(one.change, *one.interval), one.verdict)
        change = after.change_from(before, matches)
        return Outcome(before, after, change, _verdict(change))


@dataclass(frozen=True)
class Arms:
    """Arms that played the same matches.

    Attributes:
        arms: those that kept the original states first, of them those that gained most.

    Raises:
        UserError: they did not play the same matches, or their groups are not the same.
    """

    arms: Sequence[Arm]

    def __post_init__(self) -> None:
        first, *others = [run for arm in self.arms for run in arm.runs]
        for other in others:
            Comparison(first.comparison.after, other.comparison.after)
            one, two = (run.comparison.before.groups for run in (first, other))
            if {name: set(states) for name, states in one.items()} != {n: set(states) for n, states in two.items()}:
                raise UserError(
                    f"{first.source} and {other.source} cannot be compared, their groups of states differ: {one} "
                    f"beside {two}"
                )
        object.__setattr__(self, "arms", sorted(self.arms, key=self._rank))

    @property
    def groups(self) -> Mapping[str, Sequence[str]]:
        """States by group."""
        return self.arms[0].runs[0].comparison.before.groups

    @property
    def order(self) -> str:
        """How the arms are sorted, in words."""
        if not {"original", "challenging"} <= set(self.groups):
            return "those that gained most first"
        return f"those that lost {100 * KEPT:g} points of the original states or less first, by what they gained"

    @property
    def counted(self) -> str:
        """How many arms of how many runs, in words."""
        arms, runs = len(self.arms), sum(len(arm.runs) for arm in self.arms)
        return f"{arms} arm{'s' * (arms > 1)} of {runs} run{'s' * (runs > 1)}"

    @property
    def played(self) -> str:
        """How many matches each run played, in words."""
        return how_many(score.matches for score in self.arms[0].runs[0].comparison.after.scores().values())

    def table(self) -> Table:
        """Return a row per arm: win rate, change with its interval and verdict, of each group."""
        table = WholeTable(title=f"{self.counted}, {self.played}; {self.order}", caption=INTERVALS)
        table.add_column("arm")
        table.add_column("seeds", justify="right")
        for group in self.groups:
            table.add_column(group, justify="right")
            table.add_column("change, points", justify="right")
            table.add_column("verdict")
        for arm in self.arms:
            cells = []
            for states in self.groups.values():
                found = arm.over(states)
                cells += [f"{found.before:.0%} -> {found.after.value:.0%}", found.in_points(), found.verdict]
            table.add_row(escape(arm.name), str(len(arm.runs)), *cells)
        return table

    def __rich__(self) -> Table:
        """The table, for `rich.print`."""
        return self.table()

    def differences(self) -> dict[str, list[Any]]:
        """Options of the config in which the arms differ: the value in each of them, None where it has none."""
        configs = [arm.runs[0].config for arm in self.arms]
        names = dict.fromkeys(name for config in configs for name in config)
        values = {name: [config.get(name) for config in configs] for name in names}
        return {name: each for name, each in values.items() if any(value != each[0] for value in each)}

    def lost(self, points: float) -> list[str]:
        """What each run has lost, for a gate: see `Comparison.lost`.

        Args:
            points: of a hundred.
        """
        return [
            f"{run.source}: {line}" for arm in self.arms for run in arm.runs for line in run.comparison.lost(points)
        ]

    def _rank(self, arm: Arm) -> tuple[bool, float]:
        groups = self.groups
        if not {"original", "challenging"} <= set(groups):
            return False, -arm.over([state for states in groups.values() for state in states]).change.value
        forgot = -arm.over(groups["original"]).change.value > KEPT + ROUNDING
        return forgot, -arm.over(groups["challenging"]).change.value


def _verdict(change: PooledMean) -> Verdict:
    """Of a change that is pooled over runs."""
    if change.told:
        return "better" if change.value > 0 else "worse"
    assert not isnan(change.low)
    return "same within noise" if max(-change.low, change.high) < SAME else "too few seeds to tell"
