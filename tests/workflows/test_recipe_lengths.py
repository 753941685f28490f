"""Every shipped overlay means the same part of a run whatever its length."""

from __future__ import annotations

from typing import Any

import pytest

from mk_lightning.callbacks.methods.curriculum import Curriculum
from mk_lightning.callbacks.methods.freeze import FreezeLayers
from mk_lightning.learning.optimizer import due_rate
from mk_lightning.schedules import Schedule
from mk_lightning.utils.files import SHIPPED
from mk_lightning.workflows.recipe import Recipe, read_recipe
from tests.cli.test_shipped_runs import RUNS
from tests.standin import mk2_standin

CONFIGS = {game: SHIPPED / "configs" / game for game in ("dojo", "mk2")}
RECIPES = [(game, names) for game, names in RUNS if names != "pretrain"] + [("mk2", "finetune recommended")]
"""Overlays that go together, as they are laid over one another there."""
SHARES = (0.0, 0.3, 0.5, 0.9, 1.0)


@pytest.fixture(scope="module")
def games(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """What makes a recipe of each game readable here."""
    return {"dojo": {}, "mk2": {"data.game": str(mk2_standin(tmp_path_factory.mktemp("mk2")))}}


def in_force(recipe: Recipe, share: float) -> dict[str, Any]:
    """What acts when a share of a run's learning is done: rates, weights, frozen layers, the phase of a curriculum."""
    length, model = recipe.data.length, recipe.model
    progress = length.progress(length.warmup_env_steps + round(share * length.env_steps))
    schedules = {
        f"{type(callback).__name__}.{name}": value
        for callback in recipe.callbacks
        for name, value in vars(callback).items()
        if isinstance(value, Schedule)
    }
    values: dict[str, Any] = {
        name: schedule.over(length.env_steps)(progress.env_steps)
        for name, schedule in {**schedules, "epsilon": recipe.data.epsilon}.items()
    }
    values["rate"] = due_rate(model.learning_rate, model.learning_rate_warmup, progress)
    for callback in recipe.callbacks:
        if isinstance(callback, FreezeLayers):
            values["frozen"] = callback.frozen_names(model, progress)
        if isinstance(callback, Curriculum):
            callback.phase, callback.began = 0, 0
            for env_steps in range(0, progress.env_steps + 1, 8):
                phase = callback.next_phase(length.progress(env_steps))
                if phase != callback.phase:
                    callback.enter(phase, env_steps)
            values["phase"] = callback.phase
    return values


def test_no_overlay_is_left_out() -> None:
    tried = {(game, name) for game, names in RECIPES for name in names.split()}
    assert tried >= {(game, file.stem) for game, folder in CONFIGS.items() for file in folder.glob("*.yaml")} - {
        (game, "pretrain") for game in CONFIGS
    }


@pytest.mark.parametrize(("game", "names"), RECIPES)
def test_a_tenth_of_a_run_is_the_run_ten_times_as_fast(game: str, names: str, games: dict[str, dict[str, Any]]) -> None:
    files = [CONFIGS[game] / f"{name}.yaml" for name in names.split() if "/" not in name]
    whole = read_recipe(files, games[game], begins=False)
    tenth = read_recipe(files, {**games[game], "data.max_env_steps": whole.data.max_env_steps // 10}, begins=False)
    assert tenth.data.length.epochs == whole.data.length.epochs
    assert tenth.data.length.env_steps == pytest.approx(whole.data.length.env_steps / 10, rel=1e-2)
    for share in SHARES:
        asked, got = in_force(whole, share), in_force(tenth, share)
        assert got == {
            name: value if isinstance(value, set) else pytest.approx(value, rel=2e-2) for name, value in asked.items()
        }
