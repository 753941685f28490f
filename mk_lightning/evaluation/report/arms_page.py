"""The page of several arms: one table, a scatter of kept against gained, and every state."""

from __future__ import annotations

from pathlib import Path
from statistics import fmean
from typing import Any

from mk_lightning.evaluation.arms import INTERVALS, Arm, Arms
from mk_lightning.evaluation.report import charts
from mk_lightning.evaluation.report.template import render
from mk_lightning.utils.errors import shortened
from mk_lightning.utils.files import write_text


def write_arms_page(path: Path, arms: Arms) -> None:
    """Write `path`, one HTML file that needs no network.

    Args:
        path: file to write.
        arms: what the page is about.
    """
    groups = arms.groups
    evaluation = arms.arms[0].runs[0].comparison.after
    both = {"original", "challenging"} <= set(groups)
    text = render(
        "arms.html.j2",
        title=f"{evaluation.game}: {arms.counted}",
        headline=f"{arms.counted} side by side",
        subtitle=f"{evaluation.game}, epsilon {evaluation.epsilon:g}, {arms.played}; {arms.order}.",
        groups=list(groups),
        arms=[_row(arm, arms) for arm in arms.arms],
        intervals=INTERVALS,
        scatter=charts.scatter(_dots(arms)) if both else "",
        states=[
            {"name": state, "group": group, "cells": [_rate(arm, state) for arm in arms.arms]}
            for group, states in groups.items()
            for state in states
        ],
        differences={
            name: [shortened(value, 120) if value is not None else "" for value in values]
            for name, values in arms.differences().items()
        },
    )
    write_text(path, text)


def _row(arm: Arm, arms: Arms) -> dict[str, Any]:
    cells = []
    for states in arms.groups.values():
        found = arm.over(states)
        cells += [
            {"shown": f"{found.before:.0%} → {found.after.value:.0%}", "verdict": ""},
            {"shown": found.in_points(), "verdict": ""},
            {"shown": found.verdict, "verdict": found.verdict},
        ]
    seeds = [str(run.seed) for run in arm.runs if run.seed is not None]
    return {
        "name": arm.name,
        "seeds": ", ".join(seeds) or str(len(arm.runs)),
        "sources": [run.source for run in arm.runs],
        "cells": cells,
    }


def _rate(arm: Arm, state: str) -> dict[str, str]:
    rates = [run.comparison.after.score([state]).win_rate for run in arm.runs]
    each = ", ".join(f"{rate:.0%}" for rate in rates)
    return {"rate": f"{fmean(rates):.3f}", "shown": f"{fmean(rates):.0%}", "each": each}


def _dots(arms: Arms) -> list[charts.Dot]:
    """What each arm kept and gained, points of a hundred."""
    dots = []
    for arm in arms.arms:
        gained, kept = (arm.over(arms.groups[group]).change for group in ("challenging", "original"))
        ends = [100 * end for end in (gained.value, gained.low, gained.high, kept.value, kept.low, kept.high)]
        dots.append(charts.Dot(arm.name, (ends[0], ends[1], ends[2]), (ends[3], ends[4], ends[5])))
    return dots
