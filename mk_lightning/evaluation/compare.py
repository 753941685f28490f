"""What changed between two policies that played the same matches."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from rich.markup import escape
from rich.table import Table

from mk_lightning.envs.config import with_default_reward
from mk_lightning.evaluation.evaluation import Evaluation
from mk_lightning.metrics.intervals import mean_interval, paired_interval, sign_test
from mk_lightning.utils.errors import UserError, shortened
from mk_lightning.utils.tables import WholeTable

ROUNDING = 1e-9
"""Points of a hundred by which a sum of floating-point numbers may miss what it stands for."""

Verdict = Literal["better", "same within noise", "worse", "too few matches to tell"]
NOISE = 0.05
"""How often a verdict may be one of better and worse though neither is."""
SAME = 0.3
"""A change of a win rate that must have shown before two policies are called the same."""


@dataclass(frozen=True)
class Change:
    """What became of a win rate, or of the mean of several."""

    before: float
    after: float
    interval: tuple[float, float]
    """95 % interval of `after - before`."""
    gained: int
    """Matches lost before and won after."""
    lost: int
    """Matches won before and lost after."""

    @classmethod
    def of_pairs(cls, both: int, gained: int, lost: int, neither: int) -> Change:
        """Of one state: matches won before and after, only after, only before, and never."""
        matches = both + gained + lost + neither
        interval = paired_interval(both, gained, lost, neither)
        return cls((both + lost) / matches, (both + gained) / matches, interval, gained, lost)

    @classmethod
    def mean(cls, changes: Sequence[Change]) -> Change:
        """Of the mean of several states' win rates."""
        return cls(
            before=sum(change.before for change in changes) / len(changes),
            after=sum(change.after for change in changes) / len(changes),
            interval=mean_interval([change.change for change in changes], [change.interval for change in changes]),
            gained=sum(change.gained for change in changes),
            lost=sum(change.lost for change in changes),
        )

    @property
    def change(self) -> float:
        """`after - before`."""
        return self.after - self.before

    @property
    def verdict(self) -> Verdict:
        """Better or worse when the whole interval says so, and the matches that turned, counted, do too.

        With few matches the interval alone would be wrong too often: they are too few to tell. So are they where it
        has 0 in it and a change of `SAME` as well; only what leaves out that is the same within noise.
        """
        low, high = self.interval
        if low <= 0 <= high:
            return "same within noise" if max(-low, high) < SAME else "too few matches to tell"
        if sign_test(self.gained, self.lost) > NOISE:
            return "too few matches to tell"
        return "better" if low > 0 else "worse"

    def __str__(self) -> str:
        low, high = self.interval
        return (
            f"{self.before:.0%} -> {self.after:.0%} "
            f"({in_points(self.change)} points [{in_points(low)}, {in_points(high)}]): {self.verdict}"
        )


@dataclass(frozen=True)
class Comparison:
    """Two evaluations of the same matches.

    Raises:
        UserError: they are not of the same matches; the message says what differs.
    """

    before: Evaluation
    after: Evaluation

    def __post_init__(self) -> None:
        before, after = self.before, self.after
        for what, mine, theirs in (
            ("game", [before.game], [after.game]),
            ("action", before.actions, after.actions),
            ("exploration rate", [before.epsilon], [after.epsilon]),
            ("environment", _options(before), _options(after)),
            ("state", sorted(before.states), sorted(after.states)),
            ("match", _matches(before), _matches(after)),
        ):
            if mine != theirs:
                raise UserError(
                    f"{before.policy} and {after.policy} cannot be compared, they did not play the same: "
                    f"{what} {shortened(_only(mine, theirs))} beside {shortened(_only(theirs, mine))}"
                )

    def state(self, state: str) -> Change:
        """The change of one state's win rate; its matches are paired by seed."""
        won = {match.seed: match.won for match in self.before.of_state(state)}
        pairs = [(won[match.seed], match.won) for match in self.after.of_state(state)]
        turns = ((True, True), (False, True), (True, False), (False, False))
        return Change.of_pairs(*(pairs.count(turn) for turn in turns))

    def over(self, states: Sequence[str]) -> Change:
        """The change of the mean of some states' win rates."""
        return Change.mean([self.state(state) for state in states])

    def table(self) -> Table:
        """Return win rates per state and group, with the interval of the change and the verdict."""
        before, after = self.before, self.after
        played = how_many(score.matches for score in before.scores().values())
        table = WholeTable(
            title=f"{escape(after.policy)} beside {escape(before.policy)}: {played}, change [95 % interval]"
        )
        for name in ("state", "group", "before", "after", "change, points", "verdict"):
            table.add_column(name, justify="left" if name in {"state", "group", "verdict"} else "right")
        for group, states in before.groups.items():
            for state in states:
                table.add_row(state, group, *_cells(self.state(state)))
            table.add_row(f"mean of {len(states)}", group, *_cells(self.over(states)), style="bold", end_section=True)
        table.add_row("mean of all", "", *_cells(self.over(before.states)), style="bold")
        return table

    def __rich__(self) -> Table:
        """The table, for `rich.print`."""
        return self.table()

    def lost(self, points: float) -> list[str]:
        """What has been lost, for a gate: a line for each group and each state that is worse by more than `points`.

        The mean of the original states counts as it is (of all states where no group is so called); of a single state
        counts only what the interval is sure of, as one of many may well look worse by chance.

        Args:
            points: of a hundred.
        """
        most = points + ROUNDING
        groups = self.before.groups
        name = "original" if "original" in groups else "all"
        mean = self.over(groups.get(name, self.before.states))
        lines = [f"{name}: {mean}"] if -100 * mean.change > most else []
        for state in self.before.states:
            change = self.state(state)
            if -100 * change.interval[1] > most:
                lines.append(f"{state}: {change}")
        return lines


def _matches(evaluation: Evaluation) -> list[str]:
    return sorted(f"{match.state} seed {match.seed}" for match in evaluation.matches)


def _options(evaluation: Evaluation) -> list[str]:
    return [f"{name} {value}" for name, value in sorted(with_default_reward(evaluation.env).items())]


def _only(mine: Sequence[object], theirs: Sequence[object]) -> object:
    """The first of mine that theirs does not have."""
    return next((one for one in mine if one not in theirs), "none")


def _cells(change: Change) -> tuple[str, ...]:
    low, high = change.interval
    changed = f"{in_points(change.change)} [{in_points(low)}, {in_points(high)}]"
    return f"{change.before:.0%}", f"{change.after:.0%}", changed, change.verdict


def how_many(matches: Iterable[int]) -> str:
    """How many matches were played, in words.

    Args:
        matches: their number on each state.
    """
    numbers = list(matches)
    if min(numbers) < max(numbers):
        return f"{sum(numbers)} matches on {len(numbers)} states"
    return f"{numbers[0]} match{'' if numbers[0] == 1 else 'es'} a state"


def in_points(change: float) -> str:
    """A change of a win rate in whole points of a hundred, with its sign.

    What is a half but for floating point is rounded as a half, or +42 and +43 would stand for the same.
    """
    return f"{round(100 * change, 6):+.0f}"
