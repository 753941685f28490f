"""The report of `forgetting.py`: raw numbers, table, figure and text that says what they say."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import matplotlib
import numpy as np
import yaml
from _report import machine
from numpy.typing import NDArray

from mk_lightning.evaluation.evaluation import Evaluation
from mk_lightning.evaluation.intervals import wilson_interval
from mk_lightning.evaluation.metrics import StateScore
from mk_lightning.evaluation.report.metrics import read_series

matplotlib.use("Agg")
from matplotlib import pyplot

TESTED = "tested.json"
"""In a run's directory: the evaluation of the checkpoint that it hands over."""
RESAMPLES = 10_000
GROUPS = ("original", "challenging")
COLUMNS = ("arm", "seed", "state", "group", "when", "matches", "win_rate", "mean_return", "env_steps")


@dataclass(frozen=True)
class Run:
    """One arm with one seed."""

    arm: str
    seed: int
    env_steps: int
    """Length of the fit, without the warm-up."""
    seconds: float
    """Wall time of the fit, validations included."""
    at_once: int
    """Runs that shared the machine."""
    machine: str
    """What it ran on."""
    groups: dict[str, str]
    """Group of each state."""
    before: dict[str, StateScore]
    after: dict[str, StateScore]
    curve: dict[str, list[tuple[float, float]]]
    """By group: env_steps and win rate of each validation."""

    @classmethod
    def of(cls, arm: str, seed: int, run: Path, base: Path, at_once: int) -> Run:
        """Sum up a finished run; `base` is the file with what the base fighter did in the same test."""
        after = Evaluation.read(run / TESTED)
        return cls(
            arm=arm,
            seed=seed,
            env_steps=yaml.safe_load((run / "config.yaml").read_text())["data"]["max_env_steps"],
            seconds=json.loads((run / "seconds.json").read_text())["fit"],
            at_once=at_once,
            machine=machine(),
            groups={state: group for group, states in after.groups.items() for state in states},
            before={state: StateScore(**score) for state, score in json.loads(base.read_text())["states"].items()},
            after=after.scores(),
            curve=read_series(run / "metrics.csv", {group: f"val/win_rate/{group}" for group in GROUPS}),
        )

    def __str__(self) -> str:
        original, challenging = (self.rate(self.after, group).mean() for group in GROUPS)
        return f"{self.arm}, seed {self.seed}: original {original:.1%}, challenging {challenging:.1%}"

    def write(self, path: Path) -> None:
        """Write it as JSON: small enough to be kept for good."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(asdict(self), indent=1) + "\n")

    @classmethod
    def read(cls, path: Path) -> Run:
        """Read what `write` wrote."""
        content = json.loads(path.read_text())
        for when in ("before", "after"):
            content[when] = {state: StateScore(**score) for state, score in content[when].items()}
        return cls(**content)

    def rate(self, scores: dict[str, StateScore], group: str) -> NDArray[np.float64]:
        """Win rates of a group's states."""
        states = [state for state, of in self.groups.items() if of == group]
        return np.array([scores[state].win_rate for state in states])


Interval = tuple[float, float]


@dataclass(frozen=True)
class Figures:
    """An arm's means over seeds and states, as shares of matches won, with 95 % intervals."""

    seeds: int
    original: float
    original_interval: Interval
    challenging: float
    challenging_interval: Interval
    worst_original: float
    worst_original_interval: Interval
    forgetting: float
    gain: float
    minutes: float


def write_report(runs: Sequence[Run], folder: Path) -> dict[str, float | int | str]:
    """Write `forgetting.csv`, `.md` and `.png` into `folder`; returns the figures by arm."""
    folder.mkdir(parents=True, exist_ok=True)
    _write_csv(runs, folder / "forgetting.csv")
    arms = list(dict.fromkeys(run.arm for run in runs))
    rows = {arm: _figures([run for run in runs if run.arm == arm]) for arm in arms}
    _draw(runs, arms, folder / "forgetting.png")
    (folder / "forgetting.md").write_text(_text(rows, runs))
    flat: dict[str, float | int | str] = {"env_steps": runs[0].env_steps}
    for arm, row in rows.items():
        flat |= {f"{arm}_{name}": value for name, value in vars(row).items() if not isinstance(value, tuple)}
    return flat


def _figures(runs: Sequence[Run]) -> Figures:
    """Bootstrap intervals of the means, over seeds and matches; Wilson for the weakest state."""
    original, challenging = (np.array([run.rate(run.after, group) for run in runs]) for group in GROUPS)
    known, weak = (np.array([run.rate(run.before, group) for run in runs]) for group in GROUPS)
    matches = next(iter(runs[0].after.values())).matches
    return Figures(
        seeds=len(runs),
        original=float(original.mean()),
        original_interval=_interval(original, matches),
        challenging=float(challenging.mean()),
        challenging_interval=_interval(challenging, matches),
        worst_original=float(original.mean(0).min()),
        worst_original_interval=_wilson(original, matches),
        forgetting=float((known - original).mean()),
        gain=float((challenging - weak).mean()),
        minutes=float(np.mean([run.seconds for run in runs]) / 60),
    )


def _interval(rates: NDArray[np.float64], matches: int) -> Interval:
    """Of the mean of rates (seeds, states): seeds are drawn anew, and each state's matches from its win rate."""
    rng = np.random.default_rng(0)
    drawn = rates[rng.integers(0, len(rates), (RESAMPLES, len(rates)))]
    means = (rng.binomial(matches, drawn) / matches).mean((1, 2))
    low, high = np.quantile(means, [0.025, 0.975])
    return float(low), float(high)


def _wilson(rates: NDArray[np.float64], matches: int) -> Interval:
    """Of the weakest state's win rate, all seeds' matches together."""
    weakest = rates[:, rates.mean(0).argmin()]
    return wilson_interval(round(float(weakest.sum()) * matches), matches * len(rates))


def _write_csv(runs: Sequence[Run], path: Path) -> None:
    with path.open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        for run in runs:
            for state, group in run.groups.items():
                for when, scores, steps in (("before", run.before, 0), ("after", run.after, run.env_steps)):
                    score = scores[state]
                    shown = (f"{score.win_rate:.4f}", f"{score.mean_return:.2f}")
                    writer.writerow((run.arm, run.seed, state, group, when, score.matches, *shown, steps))


def _draw(runs: Sequence[Run], arms: Sequence[str], path: Path) -> None:
    """A picture per arm: validation win rate over env_steps, both groups, each seed thin and their mean bold."""
    columns = 4
    lines = -(-len(arms) // columns)
    figure, axes = pyplot.subplots(lines, columns, figsize=(12, 2.4 * lines), sharex=True, sharey=True, squeeze=False)
    for axis in axes.flat[len(arms) :]:
        axis.set_visible(False)
    for axis, arm in zip(axes.flat, arms, strict=False):
        for group, colour in (("original", "tab:blue"), ("challenging", "tab:orange")):
            curves = [run.curve[group] for run in runs if run.arm == arm]
            for curve in curves:
                axis.plot(*zip(*curve, strict=True), color=colour, linewidth=0.6, alpha=0.5)
            shortest = min(len(curve) for curve in curves)
            mean = np.mean([curve[:shortest] for curve in curves], axis=0)
            axis.plot(mean[:, 0], mean[:, 1], color=colour, linewidth=2, label=group)
        axis.set_title(arm, fontsize=9)
        axis.set_ylim(-0.02, 1.02)
        axis.grid(alpha=0.3)
        axis.xaxis.set_major_formatter(lambda value, _: f"{value / 1000:.0f}k")
    axes[0, 0].legend(fontsize=8, loc="lower right")
    figure.supxlabel("env_steps", fontsize=9)
    figure.supylabel("win rate in validation", fontsize=9)
    figure.tight_layout()
    figure.savefig(path, dpi=120)
    pyplot.close(figure)


def _text(rows: dict[str, Figures], runs: Sequence[Run]) -> str:
    first = runs[0]
    matches = next(iter(first.after.values())).matches
    before = {group: float(first.rate(first.before, group).mean()) for group in GROUPS}
    lines = [
        "# Forgetting",
        "",
        "Written by `benchmarks/forgetting.py`; do not edit. Raw numbers: [forgetting.csv](forgetting.csv).",
        "",
        f"Each arm fine-tunes the shipped fighter for {first.env_steps:,} env_steps; {matches} test matches a state,",
        "never used to choose anything. The base wins "
        f"{before['original']:.0%} on the original states and {before['challenging']:.0%} on the challenging ones.",
        "Intervals are 95 %: bootstrap over seeds and matches; Wilson for the worst original state.",
        "Forgetting and gain are changes in points of win rate, means over seeds; minutes are of the fit, "
        f"{first.at_once} at once.",
        "",
        "| arm | seeds | original | challenging | worst original | forgetting | gain | minutes |",
        "|---|--:|--:|--:|--:|--:|--:|--:|",
    ]
    for arm, row in rows.items():
        lines.append(
            f"| {arm} | {row.seeds} | {_range(row.original, row.original_interval)} "
            f"| {_range(row.challenging, row.challenging_interval)} "
            f"| {_range(row.worst_original, row.worst_original_interval)} "
            f"| {100 * row.forgetting:.0f} | {100 * row.gain:+.0f} | {row.minutes:.0f} |"
        )
    lines += [
        "",
        "![Win rate over env_steps](forgetting.png)",
        "",
        *_verdicts(rows),
        "",
        f"Measured on: {'; '.join(sorted({run.machine for run in runs}))}.",
        "",
    ]
    return "\n".join(lines)


def _verdicts(rows: dict[str, Figures]) -> list[str]:
    """For each arm, what it cost and brought, and whether its intervals tell it from plain fine-tuning."""
    none, lines = rows.get("none"), ["## Arm by arm", ""]
    for arm, row in rows.items():
        said = f"- `{arm}` {_lost(row.forgetting)} the original states and {_gained(row.gain)} the challenging ones"
        if none is not None and arm != "none":
            original = _beside(row.original, row.original_interval, none.original, none.original_interval)
            challenging = _beside(
                row.challenging, row.challenging_interval, none.challenging, none.challenging_interval
            )
            said += f". Beside `none`: original {original}; challenging {challenging}"
        lines.append(f"{said}.")
    return lines


def _lost(forgetting: float) -> str:
    points = round(100 * forgetting)
    return f"loses {points} points on" if points > 0 else "loses nothing on"


def _gained(gain: float) -> str:
    points = round(100 * gain)
    return f"gains {points} points on" if points > 0 else f"gains nothing ({points} points) on"


def _beside(mine: float, interval: Interval, theirs: float, their_interval: Interval) -> str:
    change = f"{100 * (mine - theirs):+.0f} points"
    if interval[0] > their_interval[1]:
        return f"{change}, better"
    if interval[1] < their_interval[0]:
        return f"{change}, worse"
    return f"{change}, the intervals overlap"


def _range(mean: float, interval: Interval) -> str:
    return f"{mean:.0%} [{interval[0]:.0%}, {interval[1]:.0%}]"
