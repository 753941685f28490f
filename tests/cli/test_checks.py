"""A key or an option that is given without a value is one line, not a traceback nor silently off."""

from __future__ import annotations

import copy
from pathlib import Path

import pytest
import yaml

from mk_lightning.cli.main import main
from mk_lightning.workflows.checks import needed_keys
from tests.test_resume import CONFIG


def refuse(words: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    with pytest.raises(SystemExit) as stop:
        main(words)
    assert stop.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    return line


def test_what_may_be_null_is_not_asked_for() -> None:
    assert {"model.q_limit", "data.overlap", "data.replay.on_disk", "data.env.num_envs", "run_dir"} <= needed_keys()
    nullable = {"model.target_every", "model.init_from", "data.replay.priorities", "data.original_states"}
    assert not nullable & needed_keys()


@pytest.mark.parametrize(
    "key", ["model.q_limit", "data.overlap", "data.replay.on_disk", "data.evaluation.every", "run_dir"]
)
def test_an_empty_key_of_a_config(key: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = copy.deepcopy(CONFIG)
    *parents, last = key.split(".")
    inner: dict = config
    for parent in parents:
        inner = inner.setdefault(parent, {})
    inner[last] = None
    path = tmp_path / "c.yaml"
    path.write_text(yaml.safe_dump(config))
    line = refuse(["fit", "-c", str(path)], capsys)
    assert line == f"mk-lightning: error: {path}: {key} is empty; give it a value, or leave the key out"


@pytest.mark.parametrize("words", [["--data.overlap", "null"], ["--data.overlap="], ["--data.overlap=null"]])
def test_an_empty_option(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    line = refuse(["fit", "-c", "configs/dojo/finetune.yaml", *words], capsys)
    assert line == "mk-lightning: error: --data.overlap is empty; give it a value, or leave it out"
