"""What a run logs, and what `docs/metrics.md` says of it."""

from __future__ import annotations

import csv
import re
from pathlib import Path

import pytest

from mk_lightning.callbacks.evaluation.evaluations_csv import COLUMNS
from mk_lightning.evaluation.evaluation import Evaluation
from tests.test_resume import METHODS, fit

PAGE = Path(__file__).parents[1] / "docs" / "metrics.md"
STATES = {"original": ["VeryEasy.Bramble-01"], "challenging": ["Hard.Scythe-03"]}
NOT_LOGGED = {"curriculum/phase"}
"""By a method that goes with none that draws states as well."""


def documented(section: str) -> list[str]:
    """The names in the first column of a section's tables."""
    text = PAGE.read_text().partition(f"## `{section}`")[2].partition("\n## ")[0]
    cells = re.findall(r"^\| (`.*?) \|", text, re.M)
    return [name for cell in cells for name in re.findall(r"`(.+?)`", cell)]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run with every method that logs and goes with the others."""
    run = tmp_path_factory.mktemp("metrics") / "run"
    watching = [{"class_path": "ForgettingGuard"}, {"class_path": "WeaknessTargeting", "init_args": {"every": 80}}]
    fit(run, {"rehearsal_ratio": 0.25, "recording": {"env_steps": 90}}, [*METHODS, *watching])
    return run


def test_every_metric_is_on_the_page_and_nothing_else(run: Path) -> None:
    with (run / "metrics.csv").open() as file:
        logged = list(csv.DictReader(file).fieldnames or [])
    patterns = {name: re.compile(re.sub("<.*?>", "[^/]+", re.escape(name))) for name in documented("metrics.csv")}
    missing = [name for name in logged if not any(pattern.fullmatch(name) for pattern in patterns.values())]
    assert missing == []
    gone = [name for name, pattern in patterns.items() if not any(map(pattern.fullmatch, logged))]
    assert set(gone) == NOT_LOGGED


def test_the_table_s_columns_are_on_the_page() -> None:
    assert documented("evaluations.csv") == list(COLUMNS)


def test_the_table_has_every_evaluation_and_state(run: Path) -> None:
    with (run / "evaluations.csv").open() as file:
        rows = list(csv.DictReader(file))
    expected = [("validation", state) for states in STATES.values() for state in states]
    expected = [*expected, *(("before", state) for _, state in expected), *expected * 2]
    expected += [("after", state) for states in STATES.values() for state in states]
    assert [(row["when"], row["state"]) for row in rows] == expected
    assert all(row["state"] in STATES[row["group"]] for row in rows)
    assert [row["env_steps"] for row in rows[:8:2]] == ["0", "0", "200", "360"]
    for when in ("before", "after"):
        evaluation = Evaluation.read(run / f"{when}.json")
        for row in rows:
            if row["when"] == when:
                score = evaluation.score([row["state"]])
                assert (int(row["wins"]), int(row["matches"])) == (score.wins, score.matches)
                assert float(row["mean_return"]) == pytest.approx(score.mean_return, abs=1e-4)
                assert [float(row[end]) for end in ("low", "high")] == pytest.approx(score.interval, abs=1e-4)


def test_its_validations_are_those_of_the_metrics(run: Path) -> None:
    with (run / "evaluations.csv").open() as file:
        rows = [row for row in csv.DictReader(file) if row["when"] == "validation"]
    with (run / "metrics.csv").open() as file:
        logged = [row for row in csv.DictReader(file) if row["val/win_rate/all"]]
    for state in ("VeryEasy.Bramble-01", "Hard.Scythe-03"):
        found = [(float(row["env_steps"]), float(row["mean_return"])) for row in rows if row["state"] == state]
        expected = [(float(row["env_steps"]), float(row[f"val/return/{state}"])) for row in logged]
        assert found == [pytest.approx(pair, abs=1e-3) for pair in expected]
