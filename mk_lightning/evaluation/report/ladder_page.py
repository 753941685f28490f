"""The page of a ladder: its matrix of rounds by states."""

from __future__ import annotations

from pathlib import Path
from statistics import fmean
from typing import Any

from mk_lightning.evaluation.climb import Climb
from mk_lightning.evaluation.report.template import render
from mk_lightning.utils.files import write_text

FIGURES = {
    "average_final": "mean win rate at the end",
    "worst_final": "lowest win rate at the end",
    "forgetting_mean": "forgetting",
    "backward_transfer": "backward transfer",
    "forward_transfer": "forward transfer",
}


def write_ladder_page(path: Path, climb: Climb) -> None:
    """Write `path`, one HTML file that needs no network.

    Args:
        path: file to write, in the ladder's directory.
        climb: the ladder.
    """
    kept = [one for one in climb.rounds if one.kept]
    first, last = fmean(climb.rows[0]), fmean(climb.rows[-1])
    figures = climb.figures()
    text = render(
        "ladder.html.j2",
        title=f"{climb.arguments['game']}: ladder",
        headline=f"Win rate over {len(climb.states)} states {first:.0%} → {last:.0%} in {len(climb.rounds)} rounds",
        subtitle=f"From {climb.arguments['checkpoint']}; {climb.ended or 'not ended yet'}.",
        columns=["first", *(f"round {one.number}" for one in kept)],
        rows=[
            *(
                _row(state, [row[column] for row in climb.rows], [state in one.challenging for one in kept])
                for column, state in enumerate(climb.states)
            ),
            _row("mean", [fmean(row) for row in climb.rows], [False] * len(kept), mean=True),
        ],
        played=f"{climb.arguments['matches']} matches of each state, the same after every round.",
        rounds=climb.rounds,
        figures=[(shown, f"{figures[name]:+.1%}".lstrip("+")) for name, shown in FIGURES.items() if name in figures],
    )
    write_text(path, text)


def _row(name: str, rates: list[float], challenging: list[bool], *, mean: bool = False) -> dict[str, Any]:
    cells = [
        {"rate": f"{rate:.3f}", "shown": f"{rate:.0%}", "challenging": for_it}
        for rate, for_it in zip(rates, [False, *challenging], strict=True)
    ]
    return {"name": name, "cells": cells, "mean": mean}
