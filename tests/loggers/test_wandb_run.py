from __future__ import annotations

import json
import os
import signal
import sys
import time
from pathlib import Path

import pytest
import wandb

from mk_lightning.evaluation.clips import Clip
from mk_lightning.evaluation.compare import Comparison
from mk_lightning.evaluation.evaluation import Evaluation
from mk_lightning.games.catalog import load_game
from mk_lightning.loggers.wandb_run import OUTCOME, WandbRun
from tests.evaluation.records import record
from tests.loggers import wandb_file
from tests.test_resume import fit

GAME = load_game("dojo")
A, B = "VeryEasy.Bramble-01", "Hard.Heron-06"
CONFIG = {
    "model": {"q_limit": 16, "learning_rate": {"class_path": "Linear"}},
    "run_dir": "runs/x",
    "ckpt_path": None,
}
VALIDATION = {
    f"val/{figure}/{name}": float(number)
    for number, (figure, name) in enumerate(
        (figure, name)
        for figure in ("win_rate", "win_rate_low", "win_rate_high", "return", "env_steps")
        for name in (A, B, "all")
    )
}


@pytest.fixture(autouse=True)
def no_key(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """As on a machine that has never seen W&B."""
    for name in [name for name in os.environ if name.startswith("WANDB_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("NETRC", str(tmp_path / "no-netrc"))


def evaluation(won: int, policy: str) -> Evaluation:
    records = [record([0, 1], state, n, won=n < won) for n in range(10) for state in (A, B)]
    return Evaluation.of(
        records, GAME, policy=policy, epsilon=0.0, env={}, groups={"original": [A], "challenging": [B]}
    )


def begun(folder: Path, *, resumed: bool = False, **options: object) -> WandbRun:
    run = WandbRun(**options)  # type: ignore[arg-type]
    run.begin(folder, "fit", CONFIG, resumed=resumed)
    return run


def test_rows_stand_over_env_steps_and_a_validation_makes_a_table(tmp_path: Path) -> None:
    run = begun(tmp_path / "x")
    run.log_metrics({"loss": 0.5, "env_steps": 320.0, "epoch": 0}, 9)
    run.log_metrics({**VALIDATION, "env_steps": 328.0, "epoch": 0}, 10)
    assert run.end() == f"W&B: wandb sync {tmp_path}/x/wandb/offline-run-*"
    found = wandb_file.one(tmp_path / "x")
    axes = [(metric.name or metric.glob_name, metric.step_metric) for metric in wandb_file.of_kind(found, "metric")]
    assert axes == [("env_steps", ""), ("*", "env_steps")]
    first, second = wandb_file.history(found)
    assert (first["_step"], first["loss"], first["env_steps"]) == (9, 0.5, 320)
    assert (second["_step"], second["env_steps"], second[f"val/return/{B}"]) == (10, 328, 10)
    assert "epoch" not in first
    (path,) = (tmp_path / "x").glob(f"wandb/offline-run-*/files/{second['val/states']['path']}")
    table = json.loads(path.read_text())
    assert table["columns"] == ["state", "win_rate", "win_rate_low", "win_rate_high", "return", "env_steps"]
    assert table["data"] == [[A, 0, 3, 6, 9, 12], [B, 1, 4, 7, 10, 13], ["all", 2, 5, 8, 11, 14]]


def test_the_whole_config_and_the_names_are_there(tmp_path: Path) -> None:
    run = begun(tmp_path / "x", project="fighters", group="seeds", tags=["try"])
    run_id = run.version
    run.end()
    found = wandb_file.one(tmp_path / "x")
    logged = wandb_file.config(found)
    assert {key: logged[key] for key in CONFIG} == CONFIG
    (about,) = wandb_file.of_kind(found, "run")
    assert (about.project, about.display_name, about.job_type, about.run_group) == ("fighters", "x", "fit", "seeds")
    assert list(about.tags) == ["try"]
    assert about.run_id == run_id == (tmp_path / "x" / "wandb" / "run_id").read_text().strip()


def test_a_resumed_run_continues_the_same_one(tmp_path: Path) -> None:
    for resumed, step in ((False, 3), (True, 7)):
        run = begun(tmp_path, resumed=resumed)
        run.log_metrics({"loss": step / 10, "env_steps": 10.0 * step}, step)
        run.end()
        time.sleep(1.1)  # W&B names the folders of runs by the second
    parts = [wandb_file.finished(path) for path in sorted(tmp_path.glob("wandb/offline-run-*/*.wandb"))]
    assert len({about.run_id for part in parts for about in wandb_file.of_kind(part, "run")}) == 1
    rows = [row for part in parts for row in wandb_file.history(part)]
    assert [(row["_step"], row["loss"]) for row in rows] == [(3, 0.3), (7, 0.7)]


def test_a_new_run_in_the_same_place_is_another_one(tmp_path: Path) -> None:
    ids = set()
    for _ in range(2):
        run = begun(tmp_path)
        ids.add(run.version)
        run.end()
    assert len(ids) == 2


def test_checkpoints_and_evaluations_are_artifacts_with_lineage(tmp_path: Path) -> None:
    """The fine-tuned checkpoint of one run is the input of the next, under the same name and digest."""
    base = tmp_path / "checkpoints" / "dojo-base.ckpt"
    best = tmp_path / "x" / "checkpoints" / "best.ckpt"
    for path in (base, best):
        path.parent.mkdir(parents=True)
        path.write_text(path.stem)
    for name in OUTCOME:
        (tmp_path / "x" / name).write_text(name)
    run = begun(tmp_path / "x")
    run.use_checkpoint(base)
    films = [("a match", [Clip("before: lost", b"first"), Clip("after: won", b"second")])]
    run.log_outcome(Comparison(evaluation(2, "base"), evaluation(9, "best")), best, films)
    run.end()
    again = begun(tmp_path / "x-test")
    again.use_checkpoint(best)
    again.log_evaluation(evaluation(9, "best"), [tmp_path / "x" / "after.json"])
    again.end()

    found = wandb_file.one(tmp_path / "x")
    artifacts = {artifact.name: artifact for artifact in wandb_file.of_kind(found, "artifact")}
    assert artifacts["dojo-base"].use_after_commit
    assert not artifacts["x-best"].use_after_commit
    assert "best" in artifacts["x-best"].aliases
    assert sorted(entry.path for entry in artifacts["x-outcome"].manifest.contents) == sorted(OUTCOME)
    later = {
        artifact.name: artifact for artifact in wandb_file.of_kind(wandb_file.one(tmp_path / "x-test"), "artifact")
    }
    assert later["x-best"].use_after_commit
    assert later["x-best"].digest == artifacts["x-best"].digest
    assert later["x-test-epsilon-0"].type == "evaluation"

    (row,) = wandb_file.history(found)
    assert row["report"]["_type"] == "html-file"
    (media,) = (tmp_path / "x").glob("wandb/offline-run-*/files")
    clips = [row[f"clips/a match, {caption}"] for caption in ("before: lost", "after: won")]
    assert [(media / clip["path"]).read_bytes() for clip in clips] == [b"first", b"second"]
    (path,) = (tmp_path / "x").glob(f"wandb/offline-run-*/files/{row['before_after']['path']}")
    assert json.loads(path.read_text())["data"][0][:5] == [A, "original", 0.2, 0.9, 0.7]
    summary = wandb_file.summary(found)
    assert (summary["before/challenging"], summary["after/challenging"]) == (0.2, 0.9)


def test_a_directory_s_name_may_have_letters_that_are_none_to_wandb(tmp_path: Path) -> None:
    result = evaluation(9, "best")
    result.write(tmp_path / "after.json")
    run = begun(tmp_path / "läufe 2")
    run.log_evaluation(result, [tmp_path / "after.json"])
    assert run.end(), "logging went on to the end"
    found = wandb_file.one(tmp_path / "läufe 2")
    assert [artifact.name for artifact in wandb_file.of_kind(found, "artifact")] == ["l-ufe-2-epsilon-0"]


@pytest.mark.parametrize("place", ["environment", "netrc"])
def test_a_server_that_cannot_be_reached_leaves_an_offline_run(
    place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    key = "0" * 40
    if place == "environment":
        monkeypatch.setenv("WANDB_API_KEY", key)
    else:
        (tmp_path / "netrc").write_text(f"machine wandb.example login user password {key}")
        monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    monkeypatch.setenv("WANDB_BASE_URL", "https://wandb.example")  # nobody is there
    wandb.teardown()  # which remembers the address it once read
    began = time.monotonic()
    run = begun(tmp_path / "x", patience=2.0)
    run.log_metrics({"loss": 0.5, "env_steps": 320.0}, 9)
    assert (run.end() or "").startswith("W&B: wandb sync")
    assert time.monotonic() - began < 30
    assert "W&B: no online run" in caplog.text
    assert wandb_file.history(wandb_file.one(tmp_path / "x"))[0]["loss"] == 0.5


def test_without_the_package_the_run_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setitem(sys.modules, "wandb", None)
    run = begun(tmp_path)
    run.use_checkpoint(tmp_path / "base.ckpt")
    run.log_metrics({"loss": 0.5, "env_steps": 320.0}, 9)
    run.log_outcome(Comparison(evaluation(2, "base"), evaluation(9, "best")), tmp_path / "best.ckpt", [])
    assert (run.end(), run.version) == ("", "")
    assert "pip install wandb" in caplog.text


def test_it_can_be_switched_off_from_outside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANDB_MODE", "disabled")
    run = begun(tmp_path)
    run.log_metrics({"loss": 0.5, "env_steps": 320.0}, 9)
    assert run.end() == ""
    assert list(tmp_path.glob("wandb/*run-*")) == []


def test_when_its_process_is_killed_the_run_goes_on(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    run = begun(tmp_path)
    for child in _children("wandb-core"):
        os.kill(child, signal.SIGKILL)
    for step in range(3):
        run.log_metrics({"loss": 0.5, "env_steps": 320.0}, step)
        time.sleep(0.3)
    assert run.end() == ""
    assert caplog.text.count("the run goes on without it") == 1
    later = begun(tmp_path / "later")
    later.log_metrics({"loss": 0.25, "env_steps": 640.0}, 1)
    assert later.end(), "the next run of this process has a new connection"


def _children(name: str) -> list[int]:
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
            if int(fields[1]) == os.getpid() and name in (folder / "cmdline").read_text():
                found.append(int(folder.name))
        except OSError:
            continue
    assert found, f"no child process {name}"
    return found


def test_an_interrupted_and_resumed_fit_logs_what_an_uninterrupted_one_does(tmp_path: Path) -> None:
    logger = ["--trainer.logger", '[{"class_path": "mk_lightning.WandbRun"}]']
    fit(tmp_path / "parts", {}, [], *logger)
    (half,) = (tmp_path / "parts" / "checkpoints").glob("*step=15.ckpt")
    fit(tmp_path / "parts", {}, [], *logger, "--ckpt_path", str(half))
    files = sorted((tmp_path / "parts").glob("wandb/offline-run-*/*.wandb"))
    whole, second = (wandb_file.history(wandb_file.finished(path)) for path in files)
    resumed = [row for row in whole if row["_step"] < 15] + second
    assert [_figures(row) for row in resumed] == [_figures(row) for row in whole]
    assert 0 < len(second) < len(whole)


def _figures(row: dict[str, object]) -> dict[str, object]:
    return {name: v for name, v in row.items() if not isinstance(v, dict) and name not in {"_timestamp", "_runtime"}}
