"""Configs by name, and what is said of their order."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from mk_lightning.cli.config_names import config_files
from mk_lightning.cli.main import main
from mk_lightning.utils.files import as_named
from tests.cli.mistakes import copy_of_the_dojo


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("names", "files"),
    [
        (["dojo/finetune", "cloning"], ["configs/dojo/finetune.yaml", "configs/dojo/cloning.yaml"]),
        (["configs/mk2/finetune.yaml", "guard"], ["configs/mk2/finetune.yaml", "configs/mk2/guard.yaml"]),
        (["recommended", "dojo/finetune"], ["configs/dojo/recommended.yaml", "configs/dojo/finetune.yaml"]),
        (["dojo/finetune", "logger/wandb"], ["configs/dojo/finetune.yaml", "configs/logger/wandb.yaml"]),
        (["dojo/finetune", "clonin", "x.yaml"], ["configs/dojo/finetune.yaml", "clonin", "x.yaml"]),
        (["cloning"], ["cloning"]),
        (["mine/whole.yaml", "own", "cloning"], ["mine/whole.yaml", "mine/own.yaml", "configs/dojo/cloning.yaml"]),
    ],
)
def test_a_name_is_found(names: list[str], files: list[str]) -> None:
    Path("mine").mkdir()
    Path("mine/whole.yaml").write_text("data: {game: dojo}")
    Path("mine/own.yaml").write_text("{}")
    assert [as_named(file) for file in config_files(names)] == files


def test_a_file_of_the_user_s_own_comes_before_a_name(folder: Path) -> None:
    Path("cloning").write_text("{}")
    assert config_files(["dojo/finetune", "cloning"])[1] == Path("cloning")


def test_a_game_of_one_s_own_has_overlays_of_its_own_only(folder: Path) -> None:
    copy_of_the_dojo(folder, lambda text: text.replace("Dojo-Genesis-v0", "Mine-Genesis-v0"))
    Path("whole.yaml").write_text("data: {game: game/game.yaml}")
    assert config_files(["whole.yaml", "cloning"])[1] == Path("cloning")


def printed(capsys: pytest.CaptureFixture[str], *words: str) -> dict:
    with pytest.raises(SystemExit) as stop:
        main(["fit", *words, "--print_config"])
    assert not stop.value.code
    return yaml.safe_load(capsys.readouterr().out)


def test_they_make_the_config_that_their_paths_make(capsys: pytest.CaptureFixture[str]) -> None:
    paths = ["-c", "configs/dojo/finetune.yaml", "-c", "configs/dojo/rehearsal.yaml", "-c", "configs/dojo/guard.yaml"]
    expected = printed(capsys, *paths)
    assert printed(capsys, "-c", "dojo/finetune", "-m", "rehearsal", "-m", "guard") == expected
    assert printed(capsys, "-cdojo/finetune", "-mrehearsal", "--config=guard") == expected
    assert len(expected["trainer"]["callbacks"]) == 1


def test_what_an_overlay_changes_of_another_is_said(
    capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    printed(capsys, "-c", "dojo/finetune", "-m", "lr-conservative", "-m", "lr-cyclical")
    said = "configs/dojo/lr-cyclical.yaml changes what configs/dojo/lr-conservative.yaml says of model.learning_rate"
    assert [record.getMessage() for record in caplog.records] == [said]
    caplog.clear()
    printed(capsys, "-c", "dojo/finetune", "-m", "cloning", "-m", "ewc", "-m", "rehearsal")  # each adds what is its own
    assert not caplog.records


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ["-m", "recommended", "-c", "dojo/finetune"],
            "configs/dojo/finetune.yaml is a whole config and takes monitor, data.evaluation.matches of "
            "configs/dojo/recommended.yaml back: give it before its overlays",
        ),
        (["-c", "dojo/finetune", "-m", "clonin"], "no config clonin; did you mean 'cloning'?"),
        (["-c", "doj/finetune"], "no config doj/finetune; did you mean 'dojo/finetune'?"),
        (["-m", "cloning"], "a name goes with its game's config, such as -c dojo/finetune -c cloning"),
    ],
)
def test_what_cannot_be_is_one_line(words: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main(["fit", *words])
    assert stop.value.code == 2
    assert message in capsys.readouterr().err.splitlines()[-1]
