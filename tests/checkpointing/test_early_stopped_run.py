"""A run that EarlyStopping ended says so, and is finished for a job that starts it again."""

from __future__ import annotations

import copy
import csv
from pathlib import Path
from typing import Any

import pytest
import yaml

from mk_lightning.cli.main import main
from tests.test_resume import CONFIG

STOPPING = {
    "class_path": "EarlyStopping",
    "init_args": {"monitor": "val/win_rate/all", "mode": "max", "patience": 1},
}
"""No match of these is won."""


def test_run_that_early_stopping_ended_is_finished(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config: dict[str, Any] = copy.deepcopy(CONFIG)
    config["data"]["max_env_steps"] = 960
    config["trainer"]["callbacks"] = [STOPPING]
    (tmp_path / "c.yaml").write_text(yaml.safe_dump(config))
    run = tmp_path / "run"
    words = ["fit", "-c", str(tmp_path / "c.yaml"), "--run_dir", str(run), "--ckpt_path", "auto"]
    main(words)
    assert "EarlyStopping ended the fit after epoch 2 of 6" in capsys.readouterr().out
    steps = [row["step"] for row in csv.DictReader((run / "metrics.csv").read_text().splitlines())]
    with pytest.raises(SystemExit) as stop:
        main(words)
    assert stop.value.code == 0
    said = capsys.readouterr().out
    assert f"{run} is finished after 320 env_steps (EarlyStopping: Monitored metric" in said
    assert "without EarlyStopping in trainer.callbacks it is trained on" in said
    (run / "report.html").unlink()
    main(words)
    assert (run / "report.html").is_file()
    again = [row["step"] for row in csv.DictReader((run / "metrics.csv").read_text().splitlines())]
    assert again[: len(steps)] == steps
    assert set(again) == set(steps), "no learner_step was added"
