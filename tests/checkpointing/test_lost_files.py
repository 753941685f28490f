"""A run continues with files missing, moved or truncated: what can be saved is, and nothing is overwritten."""

from __future__ import annotations

import copy
import csv
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from benchmarks._whole_run import differences, everything
from mk_lightning.cli.main import main
from mk_lightning.networks.checkpoint import read_checkpoint
from tests.test_resume import CONFIG

DATA: dict[str, Any] = {"rehearsal_ratio": 0.25, "recording": {"env_steps": 90}}
HALF, WHOLE = {"max_env_steps": 160}, {"max_env_steps": 320}


def command(run: Path, data: dict[str, Any], *words: str, **trainer: Any) -> list[str]:
    config: dict[str, Any] = copy.deepcopy(CONFIG)
    config["data"] |= data
    config["trainer"]["callbacks"] = []
    config["trainer"] |= trainer
    path = run.with_suffix(".yaml")
    path.write_text(yaml.safe_dump(config))
    return ["fit", "-c", str(path), "--run_dir", str(run), *words]


def fit(run: Path, data: dict[str, Any], *words: str, **trainer: Any) -> None:
    main(command(run, data, *words, **trainer))


def refused(run: Path, data: dict[str, Any], *words: str) -> None:
    with pytest.raises(SystemExit) as stop:
        fit(run, data, *words)
    assert stop.value.code == 2


def contents(run: Path) -> dict[str, bytes]:
    return {str(path.relative_to(run)): path.read_bytes() for path in run.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint to start from, so that its play can be recorded again."""
    run = tmp_path_factory.mktemp("base") / "base"
    fit(run, HALF)
    return run / "checkpoints" / "best.ckpt"


@pytest.fixture(scope="module")
def half(base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that trained for one of its two epochs."""
    run = tmp_path_factory.mktemp("half") / "run"
    fit(run, DATA | HALF, "--model.init_from", str(base))
    return run


@pytest.fixture(scope="module")
def whole(base: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What the same run leaves that was never stopped."""
    run = tmp_path_factory.mktemp("whole") / "run"
    fit(run, DATA | WHOLE, "--model.init_from", str(base))
    return everything(run)


@pytest.fixture
def run(half: Path, tmp_path: Path) -> Path:
    """A copy of the half run, at another place."""
    return shutil.copytree(half, tmp_path / "run")


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def go_on(run: Path, base: Path, *words: str) -> dict[str, Any]:
    fit(run, DATA | WHOLE, "--model.init_from", str(base), *words)
    return everything(run)


def lose_the_newest(run: Path) -> None:
    """And damage what is written again: a copy of what is elsewhere, the locks, and the results."""
    (run / "checkpoints/last.ckpt").unlink()
    (run / "before.json").unlink()
    cut(run / "before.csv")
    for path in (
        *run.glob(".*lock"),
        *(run / name for name in ("after.json", "evaluations.csv", "report.html", "config.yaml")),
    ):
        path.unlink()


def damage_what_is_kept_twice(run: Path) -> None:
    cut(run / "checkpoints/last.ckpt")
    cut(run / "before.json")
    shutil.rmtree(run / "recording")


DAMAGES: dict[str, tuple[Callable[[Path], object], str, tuple[str, ...]]] = {
    "gone": (lose_the_newest, "last", ("going on from", "before.json")),
    "cut": (
        damage_what_is_kept_twice,
        "auto",
        ("previous.ckpt, the newest whole one", "is restored from", "best.ckpt is recorded again"),
    ),
}
"""What happens to files, from where the run goes on, and what is said of it; it ends as one that was left alone."""


@pytest.mark.parametrize("damage", DAMAGES)
def test_what_is_lost_is_made_up_for(
    damage: str, run: Path, base: Path, whole: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    harm, choice, said = DAMAGES[damage]
    harm(run)
    assert differences(go_on(run, base, "--ckpt_path", choice), whole) == []
    for part in said:
        assert part in caplog.text


@pytest.mark.parametrize("ended", [False, True])
def test_a_run_without_a_checkpoint_to_go_on_from_is_left_as_it_is(
    ended: bool, run: Path, base: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One that was interrupted, and one that `runs --clean` has left."""
    for name in ("checkpoints/last.ckpt", "checkpoints/previous.ckpt", *([] if ended else ["before_after.json"])):
        (run / name).unlink()
    before = contents(run)
    for choice in ("last", "auto"):
        refused(run, DATA | WHOLE, "--model.init_from", str(base), "--ckpt_path", choice)
        said = capsys.readouterr().err.splitlines()[-1]
        what = "is finished and its last.ckpt was removed" if ended else "has lost last.ckpt and previous.ckpt"
        assert f"{run} {what}" in said
        assert f"{run}/checkpoints/best.ckpt is left: start another fit from its weights" in said
        assert contents(run) == before


def test_results_without_any_checkpoint_are_not_written_over(run: Path, base: Path) -> None:
    shutil.rmtree(run / "checkpoints")
    before = contents(run)
    fit(run, DATA | HALF, "--model.init_from", str(base), "--ckpt_path", "last")
    assert contents(run) == before
    assert (run.with_name("run-2") / "report.html").is_file()


def test_a_best_checkpoint_that_is_lost_is_taken_from_where_the_run_was(run: Path, half: Path, base: Path) -> None:
    (run / "checkpoints" / "best.ckpt").unlink()
    (run / "report.html").unlink()
    fit(run, DATA | HALF, "--model.init_from", str(base), "--ckpt_path", "last")
    assert (run / "checkpoints" / "best.ckpt").read_bytes() == (half / "checkpoints" / "best.ckpt").read_bytes()


def test_a_best_checkpoint_that_is_lost_is_chosen_anew(
    run: Path, half: Path, base: Path, caplog: pytest.LogCaptureFixture, request: pytest.FixtureRequest
) -> None:
    away = half.rename(half.with_name("away"))
    request.addfinalizer(lambda: away.rename(half))
    (run / "checkpoints" / "best.ckpt").unlink()
    (run / "report.html").unlink()
    fit(run, DATA | HALF, "--model.init_from", str(base), "--ckpt_path", "last")  # trained already: no validation comes
    assert "the weights at the end take its place" in caplog.text
    best, last = (read_checkpoint(run / "checkpoints" / f"{name}.ckpt") for name in ("best", "last"))
    assert all(bool((last["state_dict"][name] == weights).all()) for name, weights in best["state_dict"].items())


def test_metrics_that_are_lost_are_told(run: Path, base: Path, caplog: pytest.LogCaptureFixture) -> None:
    metrics = run / "metrics.csv"
    rows = len(metrics.read_text().splitlines()) - 2  # without the header and the test after the fit
    cut(metrics)
    go_on(run, base, "--ckpt_path", "last")
    assert f"of the {rows} rows that were written; the rest is lost" in caplog.text
    assert [row for row in csv.DictReader(metrics.read_text().splitlines()) if row["step"] == "19"]


def test_a_replay_that_is_lost_is_taken_from_where_the_run_was(run: Path, base: Path, whole: dict[str, Any]) -> None:
    """A run that was copied: what the copy has lost the other has, and it stays as it is."""
    shutil.rmtree(run / "replay")
    fit(run, DATA | WHOLE, "--model.init_from", str(base), "--ckpt_path", "last")
    assert (run / "metrics.csv").read_text() == whole["metrics"]


def test_a_replay_that_is_lost_is_refused_and_can_be_done_without(
    half: Path,
    run: Path,
    base: Path,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
    request: pytest.FixtureRequest,
) -> None:
    away = half.rename(half.with_name("away"))
    request.addfinalizer(lambda: away.rename(half))
    for path in sorted((run / "replay").iterdir())[:-1]:  # what either checkpoint needs
        path.unlink()
    before = contents(run)
    words = ("--model.init_from", str(base), "--ckpt_path", "last")
    refused(run, DATA | WHOLE, *words)
    assert "which is missing; --data.replay.on_disk false goes on without it" in capsys.readouterr().err
    assert contents(run) == before
    fit(run, DATA | WHOLE, *words, "--data.replay.on_disk", "false")
    assert "it will not be the run that it would have been" in caplog.text
    assert read_checkpoint(run / "checkpoints" / "last.ckpt")["global_step"] == 20


def test_a_run_that_is_finished_is_left_as_it_is(run: Path, base: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = contents(run)
    for choice in ("last", "auto"):
        with pytest.raises(SystemExit) as stop:
            fit(run, DATA | HALF, "--model.init_from", str(base), "--ckpt_path", choice)
        assert stop.value.code == 0
        said = capsys.readouterr().out
        assert f"{run} is finished after 160 env_steps, nothing is played" in said
        assert (run / "before_after.txt").read_text() in said
    assert contents(run) == before


@pytest.mark.parametrize("every", ["160", "1.0"])
def test_a_finished_run_is_the_same_however_its_options_are_written(
    every: str, run: Path, base: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (run.parent / "link.ckpt").symlink_to(base)
    words = (
        "--model.init_from",
        str(run.parent / "link.ckpt"),
        "--ckpt_path",
        "last",
        "--data.game",
        "Dojo-Genesis-v0",
    )
    with pytest.raises(SystemExit) as stop:
        fit(run, DATA | HALF, *words, "--data.evaluation.every", every)
    assert stop.value.code == 0
    assert "is finished after 160 env_steps, nothing is played" in capsys.readouterr().out


def test_a_copy_without_its_newest_checkpoint_is_not_taken_for_the_run_that_it_was_made_of(
    half: Path, run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = contents(half)
    (run / "checkpoints" / "last.ckpt").unlink()
    with pytest.raises(SystemExit) as stop:
        main(["fit", "-c", str(run / "config.yaml"), "--ckpt_path", "last", "--data.max_env_steps", "320"])
    assert stop.value.code == 2
    assert f"--ckpt_path {run}/checkpoints/previous.ckpt" in capsys.readouterr().err.splitlines()[-1]
    assert contents(half) == before


@pytest.mark.parametrize(
    ("option", "said"),
    [
        ("--seed_everything=4", "seed_everything of the checkpoint is 3, this config's 4"),
        ("--data.replay.capacity=110", "capacity"),
        ("--model.learning_rate=1e-6", "is finished with model.learning_rate"),
        ("--trainer.gradient_clip_val=5", "is finished with trainer.gradient_clip_val 10.0, and this command has 5"),
    ],
)
def test_a_finished_run_is_not_resumed_as_another(
    option: str, said: str, run: Path, base: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = contents(run)
    refused(run, DATA | HALF, "--model.init_from", str(base), "--ckpt_path", "last", option)
    told = capsys.readouterr()
    assert said in told.err.splitlines()[-1]
    assert "mean of" not in told.out, "no table of a run that was not asked for"
    assert contents(run) == before


def test_one_command_begins_a_run_and_goes_on_with_it(tmp_path: Path, base: Path, whole: dict[str, Any]) -> None:
    run = tmp_path / "run"
    fit(run, DATA | HALF, "--model.init_from", str(base), "--ckpt_path", "auto")
    assert differences(go_on(run, base, "--ckpt_path", "auto"), whole) == []
    assert [path.name for path in tmp_path.glob("run*/")] == ["run"]


def test_checkpoints_of_the_user_s_own_can_be_resumed_from_wherever_they_lie(tmp_path: Path) -> None:
    """A metric in a file's name makes folders, and another disk may hold them; the run's own are saved in between."""
    run, elsewhere = tmp_path / "run", tmp_path / "elsewhere"
    common = {"every_n_train_steps": 4, "save_top_k": -1, "enable_version_counter": False}
    callbacks = [
        {"class_path": "ModelCheckpoint", "init_args": common | {"filename": "{step}-{val/return/all:.2f}"}},
        {
            "class_path": "ModelCheckpoint",
            "init_args": common | {"every_n_train_steps": 8, "filename": "{step}", "dirpath": str(elsewhere)},
        },
    ]
    words = ("--checkpoint.every_env_steps", "24")
    fit(run, WHOLE, *words, callbacks=callbacks)
    expected = everything(run)
    named = [path for path in run.rglob("*.ckpt") if "step=8-" in str(path)]
    assert len(named) == 1
    assert named[0].parent.parent.parent == run / "checkpoints"
    for checkpoint in (*named, elsewhere / "step=8.ckpt"):
        fit(run, WHOLE, *words, "--ckpt_path", str(checkpoint), callbacks=callbacks)
        assert differences(everything(run), expected) == []
    assert [path.name for path in tmp_path.glob("run*/")] == ["run"]


@pytest.mark.parametrize(
    ("option", "said"),
    [
        ("--data.evaluation.test_matches=2", "are not those of this config's evaluation settings (test_matches,"),
        ("--data.evaluation.test_seed=3", "are not those of this config's evaluation settings (test_matches,"),
        ("--data.evaluation.epsilon=0.5", "data.evaluation.epsilon was 0.0 in the matches before the fit"),
        ("--data.env.max_env_steps=30", "data.env.max_env_steps was 15 in the matches before the fit"),
    ],
)
def test_matches_after_the_fit_that_could_not_be_compared_are_refused_before_it_goes_on(
    option: str, said: str, run: Path, base: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = (run / "metrics.csv").read_bytes()
    refused(run, DATA | WHOLE, "--model.init_from", str(base), "--ckpt_path", "last", option)
    assert said in capsys.readouterr().err.splitlines()[-1]
    assert (run / "metrics.csv").read_bytes() == before
