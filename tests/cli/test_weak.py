from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from mk_lightning.cli.main import main
from mk_lightning.evaluation.evaluation import Evaluation
from mk_lightning.experience.match_seeds import first_test_seed
from mk_lightning.games.catalog import load_game
from tests.cli.mistakes import copy_of_the_dojo
from tests.evaluation.records import record
from tests.evaluation.test_compare import BEFORE, A, B, C

SHORT = ["--data.env.num_envs=1", "--data.env.max_env_steps=20", "--data.evaluation.matches=1"]


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
    assert data == {"original_states": [A, B], "challenging_states": [C], "evaluation": {"test_seed": 0}}


@pytest.mark.parametrize(("test_seed", "unused"), [(0, 1), (1, 2), (1000, 0)])
def test_other_matches_measure_than_those_that_chose(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, test_seed: int, unused: int
) -> None:
    """States that were chosen for being lost would else look better afterwards by chance alone."""
    monkeypatch.chdir(tmp_path)
    moved = [replace(match, seed=match.seed + first_test_seed(test_seed)) for match in BEFORE.matches]
    replace(BEFORE, matches=moved).write(tmp_path / "before.json")
    main(["weak", "before.json"])
    assert yaml.safe_load(Path("weak.yaml").read_text())["data"]["evaluation"] == {"test_seed": unused}


def test_the_weakest_comes_first(before: str) -> None:
    main(["weak", before, "--below", "0.8", "--out", "mine.yaml"])
    assert yaml.safe_load(Path("mine.yaml").read_text())["data"]["challenging_states"] == [C, B]


def test_a_config_takes_the_file(before: str, capsys: pytest.CaptureFixture[str]) -> None:
    main(["weak", before])
    main(["validate", "-c", "configs/dojo/pretrain.yaml", "-c", "weak.yaml", *SHORT])
    out = capsys.readouterr().out
    assert all(state in out for state in (A, B, C))


def test_a_game_of_ones_own_takes_it_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its evaluations know it by an id that is no shipped game's."""
    monkeypatch.chdir(tmp_path)
    copy_of_the_dojo(tmp_path, lambda text: text.replace("Dojo-Genesis-v0", "Mine-Genesis-v0"))
    ember, heron = "VeryEasy.Ember-04", "VeryEasy.Heron-06"
    records = [record([0], state, seed, won=state == ember) for seed in range(10) for state in (ember, heron)]
    settings = {"policy": "x.ckpt", "epsilon": 0.0, "env": {}, "groups": {"all": [ember, heron]}}
    Evaluation.of(records, load_game("game/game.yaml"), **settings).write(tmp_path / "mine.json")  # type: ignore[arg-type]
    main(["weak", "mine.json"])
    words = ["validate", "-c", "configs/dojo/pretrain.yaml", "--data.game", "game/game.yaml", "-c", "weak.yaml"]
    main([*words, "--data.train_states", "null", *SHORT])
    assert Path("runs/dojo-pretrain-validate/metrics.csv").is_file()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--below", "0.05"], f"no state is won less than 5%; the weakest is {C} with 10%"),
        (["--below", "60"], "--below must be above 0 and at most 1, got 60"),
        (["--out", "nowhere/weak.yaml"], "--out nowhere/weak.yaml cannot be made: nowhere is no directory"),
        (["--out", "./before.json"], "--out before.json would replace what is read from there; name another file"),
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
