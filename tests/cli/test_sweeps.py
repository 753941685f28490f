"""Every shipped sweep is what W&B takes, and what its agent would run is what our command line takes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from wandb.sdk.launch.sweeps.utils import create_sweep_command_args, load_sweep_config

from mk_lightning.cli.main import main

ROOT = Path(__file__).parents[2]
SWEEPS = sorted((ROOT / "configs" / "sweeps").glob("*.yaml"))


def values(parameter: dict[str, Any]) -> list[Any]:
    """The least and the most that a sweep may choose."""
    return parameter.get("values") or [parameter["min"], parameter["max"]]


def words(sweep: dict[str, Any], chosen: dict[str, Any]) -> list[str]:
    """The command that W&B's agent makes of these choices, without `env mk-lightning`."""
    args = create_sweep_command_args({"args": {name: {"value": value} for name, value in chosen.items()}})["args"]
    assert sweep["command"][:2] == ["${env}", sweep["program"]]
    return [word for part in sweep["command"][2:] for word in (args if part == "${args}" else [part])]


@pytest.mark.parametrize("path", SWEEPS, ids=lambda path: path.stem)
def test_the_agents_command_sets_what_the_sweep_chooses(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sweep = load_sweep_config(str(path))
    assert sweep is not None
    assert sweep["method"] in {"grid", "random", "bayes"}
    for end in (0, -1):
        chosen = {name: values(parameter)[end] for name, parameter in sweep["parameters"].items()}
        with pytest.raises(SystemExit) as stop:
            main([*words(sweep, chosen), "--print_config"])
        assert not stop.value.code
        config = yaml.safe_load(capsys.readouterr().out)
        for name, value in chosen.items():
            assert found(config, name.split(".")) == value


@pytest.mark.parametrize("path", SWEEPS, ids=lambda path: path.stem)
def test_the_metric_is_one_that_the_run_logs(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sweep = yaml.safe_load(path.read_text())
    with pytest.raises(SystemExit):
        main([*words(sweep, {}), "--print_config"])
    config = yaml.safe_load(capsys.readouterr().out)
    assert sweep["metric"] == {"name": config["monitor"], "goal": "maximize"}
    assert [logger["class_path"] for logger in config["trainer"]["logger"]] == ["mk_lightning.WandbRun"]


def found(config: Any, keys: list[str]) -> Any:
    """What stands under dotted keys; those of a list are its last element's."""
    for key in keys:
        config = (config[-1] if isinstance(config, list) else config)[key]
    return config
