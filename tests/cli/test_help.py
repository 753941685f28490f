"""`--help` of Lightning's commands: all options, our own first, and examples that work."""

from __future__ import annotations

import re
import shlex

import pytest
import yaml

from mk_lightning.cli.help import ABOUT, TITLES
from mk_lightning.cli.main import main


def printed(words: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    with pytest.raises(SystemExit) as stop:
        main(words)
    assert not stop.value.code
    return capsys.readouterr().out


def leaves(config: dict[str, object], prefix: str = "") -> set[str]:
    """Names of the options of a config; a class and its arguments are one."""
    names: set[str] = set()
    for key, value in config.items():
        nested = isinstance(value, dict) and "class_path" not in value
        names |= leaves(value, f"{prefix}{key}.") if nested else {f"{prefix}{key}"}  # type: ignore[arg-type]
    return names


@pytest.mark.parametrize("command", ABOUT)
def test_every_option_is_shown_once_and_lightning_s_last(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    text = printed([command, "--help"], capsys)
    assert text.startswith(f"usage: mk-lightning {command} -c CONFIG [-c OVERLAY ...] [--OPTION VALUE ...]\n\n")
    options = re.findall(r"^  (?:-\w \w+, )?--([\w.]+)", text, re.M)
    assert len(options) == len(set(options))
    assert leaves(yaml.safe_load(printed([command, "--print_config"], capsys))) <= set(options)
    titles = [line for line in text.splitlines() if line in TITLES.values()]
    assert titles == list(TITLES.values())
    assert "pytorch_lightning.callbacks" not in text
    assert max(map(len, text.splitlines())) < 120


EXAMPLES = [example for _, examples in ABOUT.values() for example in examples if "runs/" not in example.split("-m")[0]]


@pytest.mark.parametrize("example", EXAMPLES)
def test_examples_can_be_given(example: str, capsys: pytest.CaptureFixture[str]) -> None:
    config = yaml.safe_load(printed([*shlex.split(example), "--print_config"], capsys))
    assert config["data"]["game"] == "Dojo-Genesis-v0"
