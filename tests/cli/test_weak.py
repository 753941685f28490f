from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from mk_lightning.cli import main
from tests.evaluation.test_compare import BEFORE, A, B, C


@pytest.fixture
def before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.chdir(tmp_path)
    BEFORE.write(tmp_path / "before.json")
    return "before.json"


def test_weak_states_become_the_challenging_ones(before: str, capsys: pytest.CaptureFixture[str]) -> None:
    main(["weak", before])
    out = capsys.readouterr().out
    assert f"{C}  10% [" in out
    assert A not in out
    data = yaml.safe_load(Path("weak.yaml").read_text())["data"]
    assert data == {"game": "Dojo-Genesis-v0", "original_states": [A, B], "challenging_states": [C]}


def test_the_weakest_comes_first(before: str) -> None:
    main(["weak", before, "--below", "0.8", "--out", "mine.yaml"])
    assert yaml.safe_load(Path("mine.yaml").read_text())["data"]["challenging_states"] == [C, B]


def test_a_config_takes_the_file(before: str, capsys: pytest.CaptureFixture[str]) -> None:
    main(["weak", before])
    short = ["--data.env.num_envs=1", "--data.env.max_env_steps=20", "--data.evaluation.matches=1"]
    main(["validate", "-c", "configs/dojo/pretrain.yaml", "-c", "weak.yaml", *short])
    out = capsys.readouterr().out
    assert all(state in out for state in (A, B, C))


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--below", "0.05"], f"no state is won less than 5%; the weakest is {C} with 10%"),
        (["--below", "60"], "--below must be above 0 and at most 1, got 60"),
        (["--out", "nowhere/weak.yaml"], "cannot write nowhere/weak.yaml"),
        (["--belw", "0.5"], "unrecognized arguments"),
    ],
)
def test_mistakes_are_one_line_and_write_nothing(
    before: str, words: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stop:
        main(["weak", before, *words])
    error = capsys.readouterr().err
    assert stop.value.code == 2
    assert message in error
    assert error.count("\n") == 1
    assert not Path("weak.yaml").exists()
