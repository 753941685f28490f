"""One call is the command line's run, bit for bit; each continues the other's."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import yaml

import mk_lightning as mk
from mk_lightning.cli.main import main
from tests.test_parity import assert_equal, left

BASE = "checkpoints/dojo-base.ckpt"
CHALLENGING = ["VeryEasy.Heron-06", "VeryHard.Grapnel-07"]
TINY: dict[str, Any] = {
    "checkpoint": {"every_env_steps": 64},
    "model": {
        "learning_rate": {
            "class_path": "mk_lightning.Linear",
            "init_args": {"start": 3e-4, "end": 3e-5, "env_steps": 192},
        }
    },
    "data": {
        "epsilon": {"class_path": "mk_lightning.Linear", "init_args": {"start": 0.2, "end": 0.02, "env_steps": 128}},
        "max_env_steps": 192,
        "warmup_env_steps": 64,
        "recording": {"env_steps": 64},
        "env": {"max_env_steps": 40},
        "evaluation": {"every": 96, "matches": 1, "test_matches": 1},
    },
}
"""An overlay: two epochs of twelve learner_steps, matches cut off; lengths that a shorter run does not change."""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("tiny.yaml").write_text(yaml.safe_dump(TINY))
    return tmp_path


def by_call(env_steps: int, **options: Any) -> mk.FineTuned:
    recipe = ["recommended", "tiny.yaml"]
    return mk.finetune(BASE, challenging=CHALLENGING, recipe=recipe, env_steps=env_steps, run_dir="run", **options)


def by_command(env_steps: int, *words: str) -> None:
    configs = [f"configs/dojo/{name}.yaml" for name in ("finetune", "recommended")]
    given = [word for config in (*configs, "tiny.yaml") for word in ("-c", config)]
    given += ["--run_dir=run", "--trainer.logger=false", f"--data.challenging_states={CHALLENGING}"]
    main(["fit", *given, f"--data.max_env_steps={env_steps}", *words])


@pytest.fixture(scope="module")
def commanded(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("commanded")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        Path("tiny.yaml").write_text(yaml.safe_dump(TINY))
        by_command(192)
    return left(folder)


def test_call_is_the_command(commanded: dict[str, Any], folder: Path) -> None:
    result = by_call(192)
    assert_equal(left(folder), commanded)
    assert result.run_dir == Path("run")
    assert result.checkpoint == Path("run/checkpoints/best.ckpt")
    assert result.comparison.before.policy == BASE
    assert list(result.comparison.before.groups["challenging"]) == CHALLENGING
    assert result.table().row_count == 8
    assert "</html>" in result.report().read_text()
    again = by_call(192, resume=True)
    assert again.comparison.after == result.comparison.after
    assert sorted(path.name for path in folder.iterdir()) == ["run", "tiny.yaml"]
    config = yaml.safe_load(Path("run/config.yaml").read_text())
    assert config["data"]["challenging_states"] == CHALLENGING
    assert config["model"]["init_from"] == BASE


@pytest.mark.parametrize("first", ["call", "command"])
def test_either_resumes_the_other_s(first: str, commanded: dict[str, Any], folder: Path) -> None:
    if first == "call":
        by_call(96)
        main(["fit", "-c", "run/config.yaml", "--ckpt_path=last", "--data.max_env_steps=192", "--trainer.logger=false"])
    else:
        by_command(96)
        by_call(192, resume=True)
    assert_equal(left(folder), commanded)


def test_a_user_s_game_takes_the_dojo_s_recipe(folder: Path) -> None:
    game = copy.deepcopy(yaml.safe_load((Path(mk.__file__).parent / "games/dojo/game.yaml").read_text()))
    assert game["id"] == "Dojo-Genesis-v0"
    names = [file.stem for file in mk_files("mk2", ["ewc"])]
    assert names == ["finetune", "ewc"]
    assert "mk2" in str(mk_files("mk2", ["ewc"])[1])


def mk_files(game: str, recipes: list[str]) -> list[Path]:
    from mk_lightning.workflows.recipe import config_files

    return config_files(game, recipes)


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"recipe": "recomended"}, "no recipe 'recomended' for Dojo-Genesis-v0; did you mean 'recommended'?"),
        ({"recipe": ["ewc", "nowhere.yaml"]}, "no recipe 'nowhere.yaml' for Dojo-Genesis-v0"),
        ({"game": "dojoo"}, "dojoo"),
        ({"challenging": "VeryHard.Nobody"}, "VeryHard.Nobody"),
        ({"original": CHALLENGING, "challenging": CHALLENGING}, "is both in"),
        ({"env_steps": 0}, "max_env_steps must be between 1 and"),
        ({"env_steps": "many"}, "max_env_steps"),
        ({"checkpoint": "nowhere.ckpt"}, "no checkpoint nowhere.ckpt"),
        ({"run_dir": ""}, "run_dir must name a directory"),
        ({"seed": -1}, "seed"),
    ],
)  # fmt: skip
def test_a_mistake_is_one_line_and_leaves_nothing(options: dict[str, Any], complaint: str, folder: Path) -> None:
    checkpoint = options.pop("checkpoint", BASE)
    with pytest.raises(mk.UserError, match=complaint) as error:
        mk.finetune(checkpoint, **{"run_dir": "run"} | options)
    assert "\n" not in str(error.value)
    assert [path.name for path in folder.iterdir()] == ["tiny.yaml"]
