"""Options of callbacks by the names of their classes."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from mk_lightning.cli.main import main
from tests.cli.mistakes import Mistake, refuse

PRINT = "--print_config"
BOTH = ["fit", "-c", "dojo/finetune", "-m", "cloning", "-m", "guard"]


def callbacks(words: list[str], capsys: pytest.CaptureFixture[str]) -> dict[str, dict[str, Any]]:
    """Arguments of a command's callbacks, by the names of their classes."""
    with pytest.raises(SystemExit) as stop:
        main([*words, PRINT])
    assert not stop.value.code
    listed = yaml.safe_load(capsys.readouterr().out)["trainer"]["callbacks"]
    return {callback["class_path"].rpartition(".")[2]: callback["init_args"] for callback in listed}


def test_each_goes_to_its_own_and_leaves_the_others(capsys: pytest.CaptureFixture[str]) -> None:
    before = callbacks(BOTH, capsys)
    words = ["--Cloning.weight=0.25", "--ForgettingGuard.action", "stop", "--Cloning.temperature", "1e-1"]
    after = callbacks([*BOTH[:3], *words, *BOTH[3:]], capsys)
    assert after == {
        "Cloning": before["Cloning"] | {"weight": 0.25, "temperature": 0.1},
        "ForgettingGuard": before["ForgettingGuard"] | {"action": "stop"},
    }


def test_one_that_the_command_line_adds_is_there_once(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main([*BOTH, "--trainer.callbacks+=Kickstarting", "--Kickstarting.weight=0.5", "--Cloning.weight=0.25", PRINT])
    listed = yaml.safe_load(capsys.readouterr().out)["trainer"]["callbacks"]
    given = [(callback["class_path"].rpartition(".")[2], callback["init_args"]) for callback in listed]
    assert [name for name, _ in given] == ["Cloning", "ForgettingGuard", "Kickstarting"]
    assert (given[0][1]["weight"], given[2][1]["weight"]) == (0.25, 0.5)


def test_a_value_can_be_a_class(capsys: pytest.CaptureFixture[str]) -> None:
    value = "{class_path: Linear, init_args: {start: 0.2, end: 0.0, env_steps: 1.0}}"
    weight = callbacks([*BOTH, f"--Cloning.weight={value}"], capsys)["Cloning"]["weight"]
    assert weight["class_path"] == "mk_lightning.Linear"
    assert weight["init_args"]["start"] == 0.2


MISTAKES = {
    "no such callback": ("--Clonin.weight=1", "no Clonin in trainer.callbacks; did you mean 'Cloning'?"),
    "one that the run has not": ("--Kickstarting.weight=1", "no Kickstarting in trainer.callbacks; valid: "),
    "no such argument": ("--Cloning.wieght=1", "trainer.callbacks: no option 'wieght'; did you mean 'weight'?"),
    "another kind of value": ("--ForgettingGuard.margin=abc", "margin must be a number, got abc"),
    "out of range": ("--ForgettingGuard.margin=2", "margin must be"),
    "no value": ("--Cloning.weight", "--Cloning.weight: expected one argument"),
    "of another than the last": (
        "--trainer.callbacks.weight=1",
        "trainer.callbacks: the last one has no option 'weight'; Cloning's is --Cloning.weight",
    ),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_a_line(
    name: str, tmp_path: Any, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    word, hint = MISTAKES[name]
    assert hint in refuse(Mistake([*BOTH, word], hint), tmp_path, capfd, monkeypatch)
