from __future__ import annotations

import io
import json

import pytest
from rich.console import Console

from mk_lightning.evaluation.before_after import BeforeAfterScores, score_table
from mk_lightning.evaluation.compare import how_many
from mk_lightning.metrics.state_score import StateScore

GROUPS = {"original": ["a-01", "b-02"], "challenging": ["c-05", "d-06", "e-07"]}
BEFORE = {
    "a-01": StateScore(10, 10, 300.0, 250.0),
    "b-02": StateScore(9, 10, 250.5, 260.0),
    "c-05": StateScore(1, 10, -200.0, 400.0),
    "d-06": StateScore(0, 10, -250.0, 410.0),
    "e-07": StateScore(2, 10, -100.0, 420.0),
}
AFTER = {
    "a-01": StateScore(8, 10, 200.0, 240.0),
    "b-02": StateScore(9, 10, 260.5, 250.0),
    "c-05": StateScore(7, 10, 20.0, 300.0),
    "d-06": StateScore(5, 10, -25.0, 310.0),
    "e-07": StateScore(6, 10, 10.0, 320.0),
}
RESULT = BeforeAfterScores(GROUPS, BEFORE, AFTER)


def test_gain_is_the_difference_of_the_mean_win_rates():
    assert RESULT.gain("original") == pytest.approx((0.8 + 0.9) / 2 - (1.0 + 0.9) / 2)
    assert RESULT.gain("challenging") == pytest.approx(1.8 / 3 - 0.3 / 3)


def test_the_file_holds_every_state_with_its_group(tmp_path):
    RESULT.write(tmp_path)
    states = json.loads((tmp_path / "before_after.json").read_text())["states"]
    assert [(s["state"], s["group"]) for s in states] == [(s, g) for g, names in GROUPS.items() for s in names]
    for entry in states:
        for when, scores in (("before", BEFORE), ("after", AFTER)):
            score = scores[entry["state"]]
            assert (
                entry[when].items()
                >= {
                    "wins": score.wins,
                    "matches": score.matches,
                    "mean_return": score.mean_return,
                }.items()
            )


def test_the_table_says_what_changed(tmp_path):
    RESULT.write(tmp_path)
    text = (tmp_path / "before_after.txt").read_text()
    rows = {line.split()[1]: line for line in text.splitlines() if line.startswith("│")}
    assert "100% [72%, 100%]" in rows["a-01"]
    assert "80% [49%, 94%]" in rows["a-01"]
    assert "-20" in rows["a-01"]
    assert "+60" in rows["c-05"]
    means = [line for line in text.splitlines() if "mean of" in line]
    assert [cell.strip() for cell in means[0].split("│")[1:6]] == ["mean of 2", "original", "95%", "85%", "-10"]
    assert [cell.strip() for cell in means[1].split("│")[1:6]] == ["mean of 3", "challenging", "10%", "60%", "+50"]


def test_the_table_of_one_policy():
    console = Console(width=120, record=True, file=io.StringIO())
    console.print(score_table(GROUPS, AFTER, "a title"))
    rows = {line.split()[1]: line for line in console.export_text().splitlines() if line.startswith("│")}
    assert set(rows) == set(AFTER)
    assert [cell.strip() for cell in rows["d-06"].split("│")[1:-1]] == [
        "d-06", "challenging", "50% [24%, 76%]", "-25", "310",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("matches", "words"),
    [([10, 10], "10 matches a state"), ([1], "1 match a state"), ([3, 1], "4 matches on 2 states")],
)
def test_how_many_matches_were_played(matches, words):
    assert how_many(matches) == words
