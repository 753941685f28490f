"""The report of `forgetting.py`: raw numbers, table, figure and text that says what they say."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import astuple
from math import isnan
from pathlib import Path

import matplotlib
import numpy as np
from _forgetting_runs import GROUPS, Arm, Run

from mk_lightning.metrics.intervals import wilson_interval
from mk_lightning.metrics.pooling import PooledMean

matplotlib.use("Agg")
from matplotlib import pyplot

COLUMNS = ("arm", "seed", "state", "group", "when", "matches", "win_rate", "mean_return", "env_steps")
PLAIN, RECIPE = "none", "recommended"
"""The arms that the dojo and the recipe are judged by."""
FORGETS = 0.15
"""What plain fine-tuning loses on the original states, at least, if there is anything to hold on to."""
KEEPS = 0.05
"""What the recipe loses there, at most."""
REACHES = 0.85
"""What the recipe wins on the challenging states, at least."""
ENOUGH = 3
"""Seeds before anything is said of an arm."""


def write_report(runs: Sequence[Run], parts: Mapping[str, Sequence[str]], folder: Path) -> dict[str, float | int | str]:
    """Write `forgetting.csv`, `.md` and `.png` into `folder`; returns the figures by arm.

    Args:
        runs: finished, arm by arm.
        parts: overlays and options of every arm, also of those of which no run is finished.
        folder: where the report goes.
    """
    folder.mkdir(parents=True, exist_ok=True)
    _write_csv(runs, folder / "forgetting.csv")
    arms = {name: Arm([run for run in runs if run.arm == name]) for name in dict.fromkeys(run.arm for run in runs)}
    _draw(arms, folder / "forgetting.png")
    (folder / "forgetting.md").write_text(_text(arms, parts))
    figures: dict[str, float | int | str] = dict(runs[0].setting)
    for name, arm in arms.items():
        figures[f"{name}_seeds"] = len(arm.runs)
        for group in GROUPS:
            for end, value in zip(("", "_low", "_high"), astuple(arm.rate(group)), strict=True):
                if not isnan(value):
                    figures[f"{name}_{group}{end}"] = value
        figures |= {f"{name}_worst_original": arm.worst_original, f"{name}_minutes": arm.minutes}
    return figures


def _write_csv(runs: Sequence[Run], path: Path) -> None:
    """A row per arm, seed, state and time; env_steps are those of the checkpoint, none before."""
    with path.open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        for run in runs:
            for state, group in run.groups.items():
                for when, scores, steps in (("before", run.before, 0), ("after", run.after, run.env_steps)):
                    score = scores[state]
                    shown = (f"{score.win_rate:.4f}", f"{score.mean_return:.2f}")
                    writer.writerow((run.arm, run.seed, state, group, when, score.matches, *shown, steps))


def _draw(arms: Mapping[str, Arm], path: Path) -> None:
    """A picture per arm: validation win rate over env_steps, both groups, each seed thin and their mean bold.

    A dot on a seed's line is the validation whose checkpoint was tested.
    """
    columns = min(4, len(arms))
    lines = -(-len(arms) // columns)
    figure, axes = pyplot.subplots(
        lines, columns, figsize=(3 * columns + 0.5, 2.4 * lines + 0.4), sharex=True, sharey=True, squeeze=False,
        layout="constrained",
    )  # fmt: skip
    for axis in axes.flat[len(arms) :]:
        axis.set_visible(False)
    for axis in axes.flat[max(0, len(arms) - columns) : len(arms)]:
        axis.xaxis.set_tick_params(labelbottom=True)  # shared axes have none above a picture that is not there
    for axis, (name, arm) in zip(axes.flat, arms.items(), strict=False):
        for group, colour in (("original", "tab:blue"), ("challenging", "tab:orange")):
            curves = [run.curve[group] for run in arm.runs]
            for run, curve in zip(arm.runs, curves, strict=True):
                axis.plot(*zip(*curve, strict=True), color=colour, linewidth=0.6, alpha=0.6)
                steps, rate = min(curve, key=lambda point: abs(point[0] - run.env_steps))
                axis.plot(steps, rate, ".", color=colour)
            shortest = min(len(curve) for curve in curves)
            mean = np.mean([curve[:shortest] for curve in curves], axis=0)
            axis.plot(mean[:, 0], mean[:, 1], color=colour, linewidth=2, label=group)
        axis.set_title(name, fontsize=9)
        axis.set_ylim(-0.02, 1.02)
        axis.grid(alpha=0.3)
        axis.xaxis.set_major_formatter(lambda value, _: f"{value / 1000:.0f}k")
    axes[0, 0].legend(fontsize=8, loc="lower right")
    figure.supxlabel("env_steps", fontsize=9)
    figure.supylabel("win rate in validation", fontsize=9)
    figure.savefig(path, dpi=120)
    pyplot.close(figure)


def _text(arms: Mapping[str, Arm], parts: Mapping[str, Sequence[str]]) -> str:
    runs = [run for arm in arms.values() for run in arm.runs]
    first = runs[0]
    at_once = " or ".join(str(n) for n in sorted({run.at_once for run in runs}))
    choices = {
        choice: ", ".join(f"`{name}`" for name, arm in arms.items() if arm.runs[0].chosen_by == choice)
        for choice in dict.fromkeys(run.chosen_by for run in runs)
    }
    chosen = ", or ".join(f"{choice} ({names})" for choice, names in choices.items())
    lines = [
        "# Forgetting",
        "",
        "Written by `benchmarks/forgetting.py`; do not edit. Raw numbers: [forgetting.csv](forgetting.csv).",
        "",
        f"Each arm fine-tunes the shipped fighter for {first.setting['env_steps']:,} env_steps. The checkpoint that a",
        f"run hands over plays {first.setting['matches']} test matches a state, the same as the base. Nothing was",
        "chosen by them; the configs were made by looking at other matches, some of them of runs with seeds 1 and 2.",
        f"A run hands over the checkpoint whose validation has the highest {chosen}.",
        "",
        "Win rates are means over states and seeds [95 % interval: Student's t over the seeds, and at least Wilson's",
        "of the matches]. Forgetting and gain are the changes from the base, in points. The worst original state is",
        f"each seed's own: the mean over seeds, and the lowest. Minutes are of a fit, {at_once} at once, and rough: a",
        "machine does not always run alike. What a method costs, side by side, is in the [results](index.md).",
        "",
        "| arm | seeds | original | challenging | worst original | lowest | forgetting | gain | minutes |",
        "|---|--:|--:|--:|--:|---|--:|--:|--:|",
        _base_row(first),
    ]
    for name, arm in arms.items():
        lowest, state, seed = min((*run.worst_original, run.seed) for run in arm.runs)
        lines.append(
            f"| {name} | {len(arm.runs)} | {rate_range(arm.rate('original'))} | {rate_range(arm.rate('challenging'))} "
            f"| {arm.worst_original:.1%} | {lowest:.0%}, {state}, seed {seed} "
            f"| {points(-arm.change('original').value)} | {points(arm.change('challenging').value)} "
            f"| {arm.minutes:.0f} |"
        )
    named = ", ".join(f"`{name}`" for name in parts if name not in arms)
    return "\n".join(
        [
            *lines,
            "",
            *([f"Not measured yet: {named}.", ""] if named else []),
            "![Win rate over env_steps](forgetting.png)",
            "",
            "Win rates in validation, few matches each; a dot is the validation whose checkpoint was tested.",
            "",
            *_promises(arms),
            *_arm_by_arm(arms, parts),
            f"Measured on: {'; '.join(sorted({run.machine for run in runs}))}.",
            "",
        ]
    )


def _base_row(run: Run) -> str:
    shown = []
    for group in GROUPS:
        scores = [run.before[state] for state, of in run.groups.items() if of == group]
        won, played = sum(score.wins for score in scores), sum(score.matches for score in scores)
        shown.append(rate_range(PooledMean(won / played, *wilson_interval(won, played))))
    return f"| the base | | {' | '.join(shown)} | {run.rate(run.before, 'original').min():.1%} | | | | |"


def _promises(arms: Mapping[str, Arm]) -> list[str]:
    """Whether plain fine-tuning forgets and the recipe does not, by the means over seeds before they are rounded."""
    lines = ["## Plain fine-tuning and the recipe", ""]
    promises: tuple[tuple[str, str, str, Callable[[Arm], bool]], ...] = (
        (PLAIN, "original", f"loses at least {FORGETS:.0%}", lambda arm: -arm.change("original").value >= FORGETS),
        (RECIPE, "original", f"loses at most {KEEPS:.0%}", lambda arm: -arm.change("original").value <= KEEPS),
        (RECIPE, "challenging", f"wins at least {REACHES:.0%}", lambda arm: arm.rate("challenging").value >= REACHES),
    )
    for name, group, what, judge in promises:
        if name in arms:
            arm = arms[name]
            if len(arm.runs) < ENOUGH:
                verdict = f"open, {len(arm.runs)} of {ENOUGH} seeds"
            else:
                verdict = "yes" if judge(arm) else "no"
            seeds = ", ".join(f"{run.rate(run.after, group).mean():.1%}" for run in arm.runs)
            lines.append(f"- `{name}` {what} on the {group} states: **{verdict}** (it wins {seeds}, seed by seed).")
    return [*lines, ""]


def _arm_by_arm(arms: Mapping[str, Arm], parts: Mapping[str, Sequence[str]]) -> list[str]:
    """For each arm, what it cost and brought, and whether that can be told from plain fine-tuning."""
    lines = [
        "## Arm by arm",
        "",
        "Beside the base, the verdict on a seed is of its matches, one by one. Beside plain fine-tuning the seeds are",
        "compared, each with its like: with three of them only what is large and steady is told from chance. In",
        "brackets stand the overlays, from `configs/dojo/`, and options that an arm adds to `finetune.yaml`.",
        "",
    ]
    for name, arm in arms.items():
        added = ", ".join(f"`{part}`" for part in parts[name]) or "nothing"
        if len(arm.runs) < ENOUGH:
            lines.append(f"- `{name}` ({added}): {len(arm.runs)} of {ENOUGH} seeds, too few to say.")
            continue
        said = "; ".join(f"{group} {_changed(arm, group)}" for group in GROUPS)
        if name != PLAIN and PLAIN in arms:
            compared = "; ".join(f"{group} {beside(arm.beside(arms[PLAIN], group))}" for group in GROUPS)
            said += f". Beside `{PLAIN}`: {compared}"
        lines.append(f"- `{name}` ({added}): {said}.")
    return [*lines, ""]


def _changed(arm: Arm, group: str) -> str:
    change = arm.change(group)
    counts = Counter(run.verdicts[group] for run in arm.runs)
    seeds = ", ".join(f"{verdict} with {count} of {len(arm.runs)} seeds" for verdict, count in counts.items())
    return f"{points(change.value)} points {_interval(change)}, {seeds}"


def beside(more: Sequence[float]) -> str:
    if len(more) < ENOUGH:
        return f"{len(more)} seeds in common, too few to say"
    mean = PooledMean.over_runs(more)
    said = f"{points(mean.value)} points {_interval(mean)}"
    if mean.told:
        return f"{said}, {'better' if mean.value > 0 else 'worse'}"
    ahead = sum(value > 0 for value in more)
    return f"{said}, ahead with {ahead} of {len(more)} seeds, not told from chance"


def points(change: float) -> str:
    """In points of a hundred, with a sign unless it is zero."""
    rounded = round(100 * change, 1)
    return f"{rounded:+.1f}" if rounded else "0.0"


def _interval(mean: PooledMean) -> str:
    return f"[{points(mean.low)}, {points(mean.high)}]"


def rate_range(mean: PooledMean) -> str:
    if isnan(mean.low):
        return f"{mean.value:.1%}"
    return f"{mean.value:.1%} [{mean.low:.0%}, {mean.high:.0%}]"
