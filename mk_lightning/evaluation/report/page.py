"""The page: what changed, in words first, then in pictures."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import mk_lightning
from mk_lightning.evaluation.answers import answers
from mk_lightning.evaluation.behaviour import side_by_side
from mk_lightning.evaluation.clips import SECONDS, Films
from mk_lightning.evaluation.compare import Change, Comparison, how_many, in_points
from mk_lightning.evaluation.report import charts
from mk_lightning.evaluation.report.head import RunConfig, next_lines, run_facts
from mk_lightning.evaluation.report.metrics import read_series
from mk_lightning.evaluation.report.template import render
from mk_lightning.utils.files import write_text

VERSIONS = ("torch", "pytorch-lightning", "stable-retro", "gymnasium", "numpy")


def write_report(
    path: Path, comparison: Comparison, films: Films, *, metrics: Path | None = None, config: Path | None = None
) -> None:
    """Write `path`, one HTML file that needs no other and no network.

    Args:
        path: file to write.
        comparison: what the page is about.
        films: of its matches.
        metrics: `metrics.csv` of the run between the two, for its learning curves.
        config: of that run.
    """
    before, after, known = comparison.before, comparison.after, RunConfig.read(config)
    page = render(
        "page.html.j2",
        title=f"{before.game}: before and after",
        headline=_headline(comparison),
        subtitle=f"{before.game}, {after.policy} beside {before.policy}, epsilon {before.epsilon:g}",
        facts=run_facts(config.parent, known) if config else {},
        steps=next_lines(config.parent, after) if config else [],
        answers=answers(comparison),
        win_rates=charts.win_rates(before, after),
        changes=_changes(comparison),
        played=how_many(score.matches for score in before.scores().values()),
        curves=_curves(comparison, metrics, known.trained) if metrics else [],
        actions=charts.actions(before, after),
        behaviour=_behaviour(comparison),
        positions=charts.moved(before, after) if all(any(e.positions.values()) for e in (before, after)) else "",
        versions=_versions(),
        films=films,
        seconds=SECONDS,
        config=config.read_text(encoding="utf-8") if config else "",
    )
    write_text(path, page)


def _headline(comparison: Comparison) -> str:
    groups = comparison.before.groups
    names = [name for name in ("challenging", "original") if name in groups]
    if not names:
        return f"Win rate {_moved(comparison.over(comparison.before.states))}"
    return ", ".join(f"{name} states {_moved(comparison.over(groups[name]))}" for name in names).capitalize()


def _moved(change: Change) -> str:
    return f"{change.before:.0%} → {change.after:.0%} ({change.verdict})"


def _changes(comparison: Comparison) -> list[dict[str, Any]]:
    rows = []
    for group, states in comparison.before.groups.items():
        rows += [_row(state, comparison.state(state), mean=False) for state in states]
        rows.append(_row(f"mean of {group}", comparison.over(states), mean=True))
    return rows


def _row(name: str, change: Change, *, mean: bool) -> dict[str, Any]:
    low, high = change.interval
    return {
        "name": name,
        "before": f"{change.before:.0%}",
        "after": f"{change.after:.0%}",
        "points": f"{in_points(change.change)} [{in_points(low)}, {in_points(high)}]",
        "verdict": change.verdict,
        "mean": mean,
    }


def _curves(comparison: Comparison, metrics: Path, trained: Sequence[str]) -> list[dict[str, str]]:
    """Charts of the validations, beside which those of what is trained on have the training matches."""
    groups = comparison.before.groups
    training = {"training": "train/win_rate"}
    figures = [("Win rate by group in validations", {name: f"val/win_rate/{name}" for name in groups} | training)]
    for name, states in groups.items():
        if len(states) > 1:  # or it is the group's line again
            columns = {state: f"val/win_rate/{state}" for state in states}
            beside = training if tuple(trained) == (name,) else {}
            figures.append((f"Win rate of the {name} states in validations", columns | beside))
    on = f" on {', '.join(trained)} states" if trained else ""
    drawn = []
    for caption, columns in figures:
        if series := read_series(metrics, columns):
            if "training" in series:
                caption += f", and of the last training matches{on} (played with exploration)"
            drawn.append({"svg": charts.curves(series, "win rate"), "caption": caption})
    return drawn


def _behaviour(comparison: Comparison) -> list[dict[str, str]]:
    figures = side_by_side(comparison.before, comparison.after)
    return [{"name": name, "before": before, "after": after} for name, (before, after) in figures.items()]


def _versions() -> str:
    packages = ", ".join(f"{name} {version(name)}" for name in VERSIONS)
    return f"mk_lightning {mk_lightning.__version__}, {packages}, Python {platform.python_version()}"
