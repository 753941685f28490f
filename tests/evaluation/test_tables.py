from __future__ import annotations

import io

from rich.console import Console

from mk_lightning.evaluation.evaluation import Evaluation
from mk_lightning.evaluation.tables import evaluation_table
from mk_lightning.games.catalog import load_game
from mk_lightning.utils.tables import TEXT_WIDTH
from tests.evaluation.records import record

A, B = "VeryEasy.Bramble-01", "Hard.Heron-06"


def test_every_figure_is_in_its_column():
    records = [
        record([0, 0], A, 0, total=10.0, rounds_won=[0, 1, 2], enemy_health=[120, 0, 0]),
        record([0, 0, 0, 0], A, 1, won=False, total=30.0, health=[120, 100, 90, 90, 90], truncated=True),
        record([0], B, 0, won=False, total=-5.0, enemy_rounds_won=[0, 1]),
    ]
    evaluation = Evaluation.of(
        records, load_game("dojo"), policy="x.ckpt", epsilon=0.05, env={}, groups={"original": [A], "challenging": [B]}
    )
    console = Console(width=TEXT_WIDTH, record=True, file=io.StringIO())
    console.print(evaluation_table(evaluation))
    text = console.export_text()
    assert "x.ckpt at epsilon 0.05" in text
    rows = {
        line.split()[1]: [cell.strip() for cell in line.split("│")[2:-1]] for line in text.splitlines() if "│" in line
    }
    assert rows[A] == ["50% [9%, 91%]", "1.0:0.0", "20 ± 10", "60:15", "3", "50%", "0%, 50%"]
    assert rows[B] == ["0% [0%, 79%]", "0.0:1.0", "-5 ± 0", "0:0", "1", "0%", "100%, 0%"]
    assert rows["original"] == rows[A]
    assert rows["all"][0] == "33% [6%, 79%]"
