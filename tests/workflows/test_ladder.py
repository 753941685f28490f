"""Round after round, until every state is won or one resists; the same call goes on."""

from __future__ import annotations

import json
import logging
import os
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

import mk_lightning as mk
from mk_lightning.checkpointing.lock import RunLock
from mk_lightning.cli.main import main
from mk_lightning.evaluation.evaluation import Evaluation
from mk_lightning.utils.files import sha256

BASE = "checkpoints/dojo-base.ckpt"
WON, LOST = "VeryEasy.Ember-04", "VeryHard.Kestrel-05"
TINY = """
data:
  max_env_steps: 64
  warmup_env_steps: 64
  recording: {env_steps: 100, epsilon: 0.05}
  env: {num_envs: 2, max_env_steps: 280}
  replay: {capacity: 2000, batch_size: 8}
  evaluation: {every: 1.0, matches: 1, test_matches: 1, num_envs: 2}
"""
"""Matches that are won end within the 280 env_steps; one that is lost would take 650."""
TAUGHT = """
trainer:
  callbacks+:
    - class_path: tests.workflows.teacher.Teacher
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("ladders")
    (folder / "taught.yaml").write_text(TINY + TAUGHT)
    return folder


@pytest.fixture(autouse=True)
def here(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)


def climbed(name: str, recipe: str = "taught.yaml", **options: object) -> mk.Climb:
    given = {"states": [WON, LOST], "matches": 1, "recipe": ["recommended", recipe], "rounds": 3, "run_dir": name}
    return mk.ladder(BASE, **given | options)  # type: ignore[arg-type]


def contents(run: Path) -> dict[str, tuple[float, int]]:
    return {str(path): (path.stat().st_mtime, path.stat().st_size) for path in run.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def climb(folder: Path) -> mk.Climb:
    """A ladder whose first round is taught what it is for."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        stopped = climbed("ladder", budget=10)
        assert stopped.ended == "0 of 10 env_steps are spent, and a round takes 64"
        assert not stopped.rounds
        return climbed("ladder", budget=1000)


def test_it_ends_when_every_state_is_won(climb: mk.Climb, folder: Path) -> None:
    assert climb.ended == "every state is won in 90% of the matches or more"
    assert climb.rows == [[1.0, 0.0], [1.0, 1.0]]
    (round_,) = climb.rounds
    assert (round_.kept, round_.challenging, round_.original, round_.env_steps) == (True, [LOST], [WON], 64)
    figures = climb.figures()
    assert (figures["average_final"], figures["worst_final"], figures["forgetting_mean"]) == (1.0, 1.0, 0.0)


def test_its_directory_says_all(climb: mk.Climb, folder: Path) -> None:
    run = folder / "ladder"
    measured = Evaluation.read(run / "round-1.json")
    assert measured.sha256 == sha256(climb.checkpoint) == sha256(run / "round-1/checkpoints/best.ckpt")
    page = (run / "ladder.html").read_text()
    assert LOST in page
    assert "50% → 100% in 1 rounds" in page
    assert 'href="round-1/report.html"' in page
    assert json.loads((run / "ladder.json").read_text())["figures"]["kept"] == 1


def test_the_rounds_matches_are_not_those_that_chose(climb: mk.Climb, folder: Path) -> None:
    chose, judged = (Evaluation.read(folder / "ladder" / name) for name in ("round-0.json", "round-1/before.json"))
    assert not {match.seed for match in chose.matches} & {match.seed for match in judged.matches}


def test_the_same_call_only_reads_a_ladder_that_has_ended(climb: mk.Climb, folder: Path) -> None:
    before = contents(folder / "ladder")
    again = climbed("ladder", budget=1000)
    assert (again.rows, again.rounds, again.ended) == (climb.rows, climb.rounds, climb.ended)
    assert contents(folder / "ladder") == before


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"at_once": 1}, "is a ladder with at_once 2, not 1; another run_dir begins one"),
        ({"seed": 3}, "is a ladder with seed 1, not 3"),
        ({"states": [WON]}, "states must name at least two, got VeryEasy.Ember-04"),
        ({"target": 1.5}, "target must be between 0.01 and 1, got 1.5"),
        ({"rounds": 0}, "rounds must be at least 1, got 0"),
        ({"env_steps": 0}, "env_steps must be at least 1, got 0"),
        ({"name": "ladder/round-1"}, "has files but no ladder.json: another run_dir begins a ladder"),
    ],
)
def test_what_cannot_be_is_refused(climb: mk.Climb, options: dict[str, object], message: str) -> None:
    given: dict[str, Any] = {"name": "ladder"} | options
    with pytest.raises(mk.UserError, match=message):
        climbed(**given)


def test_one_process_writes_a_ladder_and_any_reads_it(climb: mk.Climb, folder: Path) -> None:
    lock = RunLock(folder / "ladder")
    assert climbed("ladder", budget=1000).ended == climb.ended
    with pytest.raises(mk.UserError, match=f"ladder is being written by process {os.getpid()}"):
        climbed("ladder", budget=2000)
    lock.release()


def test_killed_before_its_first_measurement_was_recorded_it_goes_on(climb: mk.Climb, folder: Path) -> None:
    """What there is after `round-0.json` and before the row that is made of it."""
    run = folder / "killed"
    run.mkdir()
    record = json.loads((folder / "ladder/ladder.json").read_text())
    record |= {"rounds": [], "rows": [], "returns": [], "ended": "", "figures": {}}
    (run / "ladder.json").write_text(json.dumps(record))
    shutil.copy2(folder / "ladder/round-0.json", run)
    again = climbed("killed", budget=10)
    assert again.rows == climb.rows[:1]
    assert (run / "round-0.json").stat().st_mtime == (folder / "ladder/round-0.json").stat().st_mtime


def test_a_policy_that_wins_nothing_is_told(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "mk_lightning")
    with pytest.raises(mk.UserError, match=r"rehearsal_ratio needs .*original_states is empty$"):
        climbed("nothing", states=[LOST, "VeryHard.Grapnel-07"])
    assert "to keep: nothing, for the policy wins none yet" in caplog.text


def test_states_that_resist_end_it(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """From the command line; a round of eight learner_steps gains nothing."""
    (folder / "cut.yaml").write_text(TINY)
    words = ["-c", "configs/dojo/finetune.yaml", "-c", "configs/dojo/recommended.yaml", "-c", "cut.yaml"]
    options = ["--states", WON, LOST, "--matches", "1", "--budget", "1k", "--run_dir", "resisted"]
    main(["ladder", *words, *options])
    out = capsys.readouterr().out
    run = folder / "resisted/round-1"
    config = yaml.safe_load((run / "config.yaml").read_text())["data"]
    assert (config["recording"]["env_steps"], config["evaluation"]["test_matches"]) == (64, 1)
    assert f"ended: {LOST} resisted: try more env_steps for a round" in out
    assert "challenging 0% -> 0%, original 100% -> 100%: no gain: not kept" in out
    assert f"best policy: {BASE}" in out
    assert "WANDB_RUN_GROUP" not in os.environ
