"""The Dockerfile, which no test can build: what it names is there, and its command is one."""

from __future__ import annotations

import json
import re
import tomllib
from fnmatch import fnmatch
from pathlib import Path

import pytest
import yaml

from mk_lightning.cli.main import main

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "Dockerfile").read_text()
LINES = [line.split(" ", 1) for line in TEXT.splitlines() if line and not line.startswith("#")]


def of(instruction: str) -> list[str]:
    """What follows an instruction, wherever it is given."""
    return [words for name, words in LINES if name == instruction]


def test_what_is_copied_is_there_and_all_that_the_package_is_made_of() -> None:
    copied = [word for words in of("COPY") for word in words.split()[:-1]]
    assert all((ROOT / path).exists() for path in copied)
    ignored = (ROOT / ".dockerignore").read_text().split()
    assert not [path for path in copied for pattern in ignored if fnmatch(path, pattern)]
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    links = [
        path.resolve().relative_to(ROOT) for path in (ROOT / "mk_lightning/shipped").iterdir() if path.is_symlink()
    ]
    assert {"pyproject.toml", "mk_lightning", project["readme"], *map(str, links)} <= set(copied)


def test_it_installs_the_exact_versions() -> None:
    (command,) = of("RUN")
    (file,) = re.findall(r"-c (\S+)", command)
    assert (ROOT / file).is_file()
    assert file in " ".join(of("COPY"))
    assert of("FROM") == ["python:3.11-slim"]


def test_its_command_is_one_and_plays_the_demo(capsys: pytest.CaptureFixture[str]) -> None:
    (entry,), (words,) = (json.loads(of("ENTRYPOINT")[0]), [json.loads(of("CMD")[0])])
    assert entry in tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]
    with pytest.raises(SystemExit) as stop:
        main([*words, "--print_config"])
    assert not stop.value.code
    mine = yaml.safe_load(capsys.readouterr().out)
    (demo,) = re.findall(r"\$\(BIN\)/mk-lightning (fit .*)", (ROOT / "Makefile").read_text())
    with pytest.raises(SystemExit):
        main([*demo.split(), "--print_config"])
    assert mine == yaml.safe_load(capsys.readouterr().out)


def test_the_readme_says_the_commands_of_its_first_lines() -> None:
    readme = (ROOT / "README.md").read_text()
    commands = re.findall(r"^#   (docker .*)$", TEXT, re.M)
    assert [command.split()[1] for command in commands] == ["build", "run"]
    assert all(command in readme for command in commands)
